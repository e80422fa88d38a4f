"""Where passwords come from. A secret never stands in a configuration, a log or a sentence.

``password_file``, ``password_env``, ``password_command`` and ``password_keyring`` name a place; ``token_command`` and
the table ``oauth`` give tokens instead (``oauth.py``).
"""

import importlib
import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from channels.base import ChannelError, ChannelUnavailable
from channels.mail.limits import COMMAND_SECONDS, SECRET_BYTES_MAX

KEYS = ("password_file", "password_env", "password_command", "password_keyring", "token_command", "oauth", "password")
_OAUTH = ("token_url", "client_id", "scope", "client_secret_file", "client_secret_env", "client_secret_command",
          "refresh_token_file", "refresh_token_env", "refresh_token_command")  # fmt: skip


class Secret:
    """A text that shows itself to nobody who did not ask for it by ``reveal``."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True)
class FromFile:
    path: Path

    def read(self) -> Secret:
        """The file's first line. Raises ``ChannelError`` when others may read the file too."""
        try:
            with self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise ChannelError(f"others may read the secret in {self.path}: protect it with 'chmod 600'")
                return _first_line(file.read(SECRET_BYTES_MAX), str(self.path))
        except OSError as error:
            raise ChannelError(
                f"the secret in {self.path} cannot be read ({error.strerror}): correct the path"
            ) from error


@dataclass(frozen=True, slots=True)
class FromEnvironment:
    name: str

    def read(self) -> Secret:
        value = os.environ.get(self.name)
        if not value:
            raise ChannelError(f"the environment has no {self.name}: set it for the user that runs Backbone")
        return Secret(value)


@dataclass(frozen=True, slots=True)
class FromCommand:
    """Run without a shell; the first line of what it prints."""

    command: str

    def read(self) -> Secret:
        """Blocks up to ``COMMAND_SECONDS``."""
        words = shlex.split(self.command)
        try:
            done = subprocess.run(  # noqa: S603 - the admin's own command
                words, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            sentence = f"the command {words[0]!r} for a secret did not end within {COMMAND_SECONDS:.0f} seconds"
            raise ChannelUnavailable(f"{sentence}: look whether it waits for somebody") from None
        except OSError as error:
            raise ChannelError(f"the command {words[0]!r} cannot be run ({error.strerror}): correct it") from error
        if done.returncode:
            raise ChannelError(f"the command {words[0]!r} for a secret failed ({done.returncode}): try it by hand")
        return _first_line(done.stdout[:SECRET_BYTES_MAX], f"what {words[0]!r} printed")


@dataclass(frozen=True, slots=True)
class FromKeyring:
    """``service/user`` of the system's key ring, through the package ``keyring`` where it is installed."""

    name: str

    def read(self) -> Secret:
        service, _, user = self.name.rpartition("/")
        try:
            keyring = importlib.import_module("keyring")
        except ImportError:
            raise ChannelError(
                "password_keyring needs the Python package keyring, which is not installed: "
                "install it, or use password_file or password_command"
            ) from None
        try:
            found = keyring.get_password(service, user)
        except Exception as error:  # each desktop has errors of its own
            raise ChannelError(f"the system's key ring does not answer ({type(error).__name__}): unlock it") from error
        if not isinstance(found, str) or not found:
            raise ChannelError(f"the system's key ring has nothing for {self.name}: run 'keyring set {service} {user}'")
        return Secret(found)


Password = FromFile | FromEnvironment | FromCommand | FromKeyring


@dataclass(frozen=True, slots=True)
class TokenCommand:
    """A command that prints an access token."""

    command: FromCommand


@dataclass(frozen=True, slots=True)
class OAuth:
    """Access tokens from a token URL (RFC 6749): by refresh token, or, without one, by the client's own secret."""

    token_url: str
    client_id: str
    client_secret: Password | None
    refresh_token: Password | None
    scope: str


Source = Password | TokenCommand | OAuth


def source_from(name: str, given: Mapping[str, Any]) -> Source | None:
    """The one source that a table names; ``None`` where it names none. Raises ``ChannelError``."""
    if "password" in given:
        raise ChannelError(f"{name}: a password does not belong into this file: use password_file or password_command")
    named = [key for key in KEYS if key in given]
    if len(named) > 1:
        raise ChannelError(f"{name} has {' and '.join(named)}: leave one")
    if not named:
        return None
    key = named[0]
    if key == "oauth":
        return _oauth(name, given[key])
    if key == "token_command":
        return TokenCommand(FromCommand(_text(name, key, given[key])))
    return place_of(name, given, "password")


def place_of(name: str, given: Mapping[str, Any], what: str) -> Password | None:
    """The source named by ``<what>_file``, ``<what>_env``, ``<what>_command`` or ``<what>_keyring``."""
    for ending in ("file", "env", "command", "keyring"):
        if (key := f"{what}_{ending}") in given:
            value = _text(name, key, given[key])
            if ending == "file":
                return FromFile(Path(value).expanduser())
            if ending == "env":
                return FromEnvironment(value)
            return FromCommand(value) if ending == "command" else FromKeyring(value)
    return None


def _oauth(name: str, given: object) -> OAuth:
    if not isinstance(given, Mapping) or (unknown := [key for key in given if key not in _OAUTH]):
        which = f"no {unknown[0]!r}; it" if isinstance(given, Mapping) else "to be a table, which"
        raise ChannelError(f"{name}.oauth has {which} knows {', '.join(_OAUTH)}")
    secret, refresh = place_of(name, given, "client_secret"), place_of(name, given, "refresh_token")
    if secret is None and refresh is None:
        raise ChannelError(f"{name}.oauth lacks refresh_token_file or client_secret_file: add what the provider gave")
    url = _text(name, "oauth.token_url", given.get("token_url"))
    if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise ChannelError(f"{name}.oauth.token_url must begin with https://: correct it")
    client = _text(name, "oauth.client_id", given.get("client_id"))
    return OAuth(url, client, secret, refresh, _text(name, "oauth.scope", given.get("scope", " ")).strip())


def _text(name: str, key: str, value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ChannelError(f"{name}: {key} must be a text: correct it in the link's file")
    if key.endswith("_command"):
        try:
            if not shlex.split(value):
                raise ValueError
        except ValueError:
            raise ChannelError(f"{name}: {key} is no command line: look at its quotation marks") from None
    return value


def _first_line(data: bytes, where: str) -> Secret:
    try:
        text = data.decode("utf-8").split("\n", 1)[0].rstrip("\r")
    except UnicodeDecodeError:
        raise ChannelError(f"the secret in {where} is not UTF-8 text: write it anew") from None
    if not text or "\0" in text:
        raise ChannelError(f"the secret in {where} is empty or no text: write it into the first line")
    return Secret(text)
