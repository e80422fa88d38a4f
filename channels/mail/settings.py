"""What a mail channel is told: two accounts, two addresses, and how much may be sent."""

import difflib
import ipaddress
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from channels.base import ChannelError, Limits
from channels.mail import limits, secrets
from channels.mail.secrets import Source

Security = Literal["tls", "starttls", "none"]
DELETE = "delete"
"""The value of ``processed`` that means: no folder."""

_TAG = re.compile(r"[0-9a-f]{16}")
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,252}[A-Za-z0-9])?|::1")
_FOLDER = re.compile(r"[A-Za-z0-9 ._/+-]{1,200}")
_PORTS: dict[str, dict[str, int]] = {
    "smtp": {"tls": 465, "starttls": 587, "none": 25},
    "imap": {"tls": 993, "starttls": 143, "none": 143},
}
_TOP = ("kind", "tag", "address", "partner", "smtp", "imap", "per_hour", "per_day", "size_max", "poll_seconds",
        "timeout_seconds", "connections", "linger_seconds", "ack_delay_seconds", "resend_floor_seconds",
        "spool_path")  # fmt: skip
_SERVER = ("host", "port", "security", "user", *secrets.KEYS, "ca_file", "client_cert_file", "client_key_file")
_IMAP = (*_SERVER, "folder", "processed")


@dataclass(frozen=True, slots=True)
class Server:
    """A server and the account there. ``user`` is empty where nobody logs in (a relay on this machine)."""

    host: str
    port: int
    security: Security
    user: str
    secret: Source | None
    ca_file: Path | None
    client_cert_file: Path | None
    client_key_file: Path | None

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    """One link by mail."""

    tag: str
    address: str
    partner: str
    """Empty until the partner's answer to the handshake has come; nothing can be sent then."""
    smtp: Server
    imap: Server
    folder: str
    processed: str | None
    """Where confirmed mails go, with ``/`` between levels; ``None`` deletes them."""
    per_hour: int
    per_day: int
    size_max: int
    poll_seconds: float
    timeout_seconds: float
    connections: int
    spool: Path
    """The folder in which a large mail lies while it is fetched and read."""
    limits: Limits


def settings_from(given: Settings | Mapping[str, Any]) -> Settings:
    """From the words of a configuration file; docs/mail.md lists them. Raises ``ChannelError``."""
    if isinstance(given, Settings):
        return given
    table = _Table("the mail channel", given, _TOP)
    smtp_table = _Table("smtp", table.table("smtp"), _SERVER)
    imap_table = _Table("imap", table.table("imap"), _IMAP)
    smtp = _server("smtp", smtp_table, None)
    size_max = int(table.number("size_max", limits.SIZE_MAX, limits.SIZE_LEAST, 10**9))
    processed = imap_table.text("processed", "Backbone/done", _FOLDER)
    settings = Settings(
        tag=table.text("tag", None, _TAG),
        address=table.text("address", None, _ADDRESS),
        partner=table.text("partner", "", _ADDRESS),
        smtp=smtp,
        imap=_server("imap", imap_table, smtp),
        folder=imap_table.text("folder", "INBOX", _FOLDER),
        processed=None if processed == DELETE else processed,
        per_hour=int(table.number("per_hour", limits.PER_HOUR, 1, 10**6)),
        per_day=int(table.number("per_day", limits.PER_DAY, 1, 10**6)),
        size_max=size_max,
        poll_seconds=table.number("poll_seconds", limits.POLL_SECONDS, 0.01, limits.DAY_SECONDS),
        timeout_seconds=table.number("timeout_seconds", limits.TIMEOUT_SECONDS, 0.1, limits.HOUR_SECONDS),
        connections=int(table.number("connections", limits.CONNECTIONS, 1, 20)),
        spool=table.path("spool_path") or Path(tempfile.gettempdir()),
        limits=limits.limits(
            size_max,
            table.number("linger_seconds", limits.LINGER_SECONDS, 0, limits.DAY_SECONDS),
            table.number("ack_delay_seconds", limits.ACK_DELAY_SECONDS, 0, limits.DAY_SECONDS),
            table.number("resend_floor_seconds", limits.RESEND_FLOOR_SECONDS, 0.1, 7 * limits.DAY_SECONDS),
        ),
    )
    return _sensible(settings)


def _sensible(settings: Settings) -> Settings:
    if settings.address.lower() == settings.partner.lower():
        raise ChannelError(f"address and partner are both {settings.address}: each node needs a mailbox of its own")
    if not settings.imap.user:
        raise ChannelError("imap has no user: give user and a secret there, or in smtp for both")
    if settings.processed is not None and settings.processed.lower() == settings.folder.lower():
        raise ChannelError(
            f"folder and processed are both {settings.folder!r}: choose another folder for processed mail"
        )
    return settings


def _server(name: Literal["smtp", "imap"], table: "_Table", other: Server | None) -> Server:
    """``other`` lends what the table does not say: its host and certificates, and user with secret together."""
    host = table.text("host", other.host if other else None, _HOST)
    security = table.choice("security", "tls", ("tls", "starttls", "none"))
    if security == "none" and not _loopback(host):
        raise ChannelError(f"{name}.security is 'none', and {host} is another machine: use 'tls' or 'starttls'")
    user, secret = table.text("user", ""), secrets.source_from(name, table.given)
    if other is not None and not user and secret is None:
        user, secret = other.user, other.secret
    if bool(user) != (secret is not None):
        missing = "a secret (password_file, password_command, oauth …)" if user else "user"
        raise ChannelError(f"{name} lacks {missing}: add it")
    certificate, key = table.path("client_cert_file"), table.path("client_key_file")
    ca_file = table.path("ca_file")
    if other is not None and host == other.host:
        ca_file = ca_file or other.ca_file
        certificate, key = (certificate, key) if certificate else (other.client_cert_file, other.client_key_file)
    port = int(table.number("port", _PORTS[name][security], 1, 65535))
    return Server(host, port, security, user, secret, ca_file, certificate, key)


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Table:
    """A table of a configuration file, whose keys are all known. Every method raises ``ChannelError``."""

    def __init__(self, name: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
        self._name = name
        self.given = given
        for key in given:
            if key not in known:
                raise ChannelError(f"{name} has no {key!r}{_nearest(key, known)}; it knows {', '.join(sorted(known))}")

    def text(self, key: str, default: str | None, shape: re.Pattern[str] | None = None) -> str:
        value = self.given.get(key, default)
        if value is None:
            raise ChannelError(f"{self._name} lacks {key}: add it to the link's file")
        if (
            not isinstance(value, str)
            or not value.isprintable()
            or (shape and value != default and not shape.fullmatch(value))
        ):
            raise ChannelError(f"{self._name}: {value!r} cannot be the {key}: correct it in the link's file")
        return value

    def choice(self, key: str, default: Security, among: tuple[Security, ...]) -> Security:
        value = self.given.get(key, default)
        for one in among:
            if one == value:
                return one
        raise ChannelError(f"{self._name}.{key} is {value!r}: it may be {', '.join(map(repr, among))}")

    def number(self, key: str, default: float, least: float, most: float) -> float:
        value = self.given.get(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
            raise ChannelError(f"{self._name}.{key} is {value!r}: it may be a number from {least:g} to {most:g}")
        return value

    def path(self, key: str) -> Path | None:
        value = self.text(key, "")
        return Path(value).expanduser() if value else None

    def table(self, key: str) -> Mapping[str, Any]:
        value = self.given.get(key)
        if not isinstance(value, Mapping):
            raise ChannelError(f"{self._name} lacks the table {key}: give it with at least host, user and a secret")
        return value


def _nearest(word: str, among: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, list(among), n=1, cutoff=0.5)
    return f" (did you mean {found[0]!r}?)" if found else ""
