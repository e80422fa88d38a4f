"""How an account logs in: with its password, or with a token that is kept until it ends (XOAUTH2)."""

import asyncio
import json
import os
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from channels.base import ChannelError, ChannelUnavailable
from channels.mail.limits import TIMEOUT_SECONDS, TOKEN_ANSWER_BYTES_MAX, TOKEN_MARGIN_SECONDS, TOKEN_SECONDS
from channels.mail.secrets import FromFile, OAuth, Secret, Source, TokenCommand
from channels.mail.trouble import shown


@dataclass(frozen=True, slots=True)
class Proof:
    """What is shown at a log-in."""

    secret: Secret
    is_token: bool


class Credentials:
    """One account's, for all of its connections. ``steady`` never jumps."""

    def __init__(self, source: Source, steady: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._steady = steady
        self._token: Secret | None = None
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def proof(self, refused: Proof | None = None) -> Proof:
        """A password is read anew each time; a token is kept, unless it is the one that was just refused.

        Raises ``ChannelError``, ``ChannelUnavailable``.
        """
        source = self._source
        if not isinstance(source, OAuth | TokenCommand):
            return Proof(await asyncio.to_thread(source.read), is_token=False)
        async with self._lock:
            stale = refused is not None and refused.secret is self._token
            token = self._token
            if token is None or stale or self._steady() >= self._until:
                fresh, seconds = await asyncio.to_thread(_token, source)
                self._token, self._until = fresh, self._steady() + seconds
                return Proof(fresh, is_token=True)
            return Proof(token, is_token=True)


def _token(source: OAuth | TokenCommand) -> tuple[Secret, float]:
    """A token and for how many seconds it may be used. Blocks."""
    if isinstance(source, TokenCommand):
        return source.command.read(), TOKEN_SECONDS
    answer = _ask(source)
    token, seconds = answer.get("access_token"), answer.get("expires_in", TOKEN_SECONDS)
    if not isinstance(token, str) or not token.isprintable() or not token.isascii():
        raise ChannelError(
            f"{source.token_url} gave no access token: compare token_url and scope with the provider's page"
        )
    _keep(source, answer.get("refresh_token"))
    usable = float(seconds) if isinstance(seconds, int | float) else TOKEN_SECONDS
    return Secret(token), max(0.0, usable - TOKEN_MARGIN_SECONDS)


def _ask(source: OAuth) -> dict[str, Any]:
    form = {"client_id": source.client_id, "grant_type": "client_credentials"}
    if source.client_secret is not None:
        form["client_secret"] = source.client_secret.read().reveal()
    if source.refresh_token is not None:
        form |= {"grant_type": "refresh_token", "refresh_token": source.refresh_token.read().reveal()}
    if source.scope:
        form["scope"] = source.scope
    request = urllib.request.Request(  # noqa: S310 - https, or this machine: looked at in the settings
        source.token_url, urllib.parse.urlencode(form).encode("ascii"), {"Accept": "application/json"}
    )
    try:
        with _opener().open(request, timeout=TIMEOUT_SECONDS) as answer:
            return _json(answer.read(TOKEN_ANSWER_BYTES_MAX))
    except urllib.error.HTTPError as error:
        with error, suppress(OSError, HTTPException):
            raise _refused(source, error.code, _json(error.read(TOKEN_ANSWER_BYTES_MAX))) from None
        raise ChannelUnavailable(f"{source.token_url} answers {error.code}: it is tried again") from None
    except (OSError, HTTPException) as error:
        reason = shown(str(getattr(error, "reason", "") or error))
        raise ChannelUnavailable(f"{source.token_url} does not answer ({reason}): it is tried again") from error


def _refused(source: OAuth, code: int, answer: dict[str, Any]) -> ChannelError:
    """RFC 6749, section 5.2: ``invalid_grant`` is a refresh token that has ended or was withdrawn."""
    if code >= 500 or code == 429:
        return ChannelUnavailable(f"{source.token_url} answers {code}: it is tried again")
    word, words = answer.get("error", ""), answer.get("error_description", "")
    said = shown(f"{word} {words}") if isinstance(word, str) and isinstance(words, str) else ""
    return ChannelError(
        f"{source.token_url} gives no token ({code} {said}): log in to the provider again for a new refresh token, "
        "and compare client_id, client secret and scope"
    )


def _json(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _keep(source: OAuth, token: object) -> None:
    """Microsoft gives a new refresh token with each answer, and the old one ends: the file gets the new one."""
    place = source.refresh_token
    if not isinstance(place, FromFile) or not isinstance(token, str) or not token.isprintable():
        return
    if token and token != place.read().reveal():
        with suppress(OSError):
            _replace(place.path, token)


def _replace(path: Path, text: str) -> None:
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected log-in would carry the secret to somebody else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_NoRedirect)
