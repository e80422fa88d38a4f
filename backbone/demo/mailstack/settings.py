"""How a stack is set up: values from which the servers' files are written."""

import random
import socket
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

HOST = "127.0.0.1"
PORT_FIRST, PORT_LAST = 12_000, 32_000
"""Below what Linux gives to outgoing connections: a port stays ours while its server is stopped for a moment."""

Certificate = Literal["server", "stranger", "elsewhere", "expired"]
"""What the servers show: the right one, one that a CA unknown to us signed, one for another host, an old one."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the servers listen, on 127.0.0.1."""

    smtp: int
    """Submission; STARTTLS is required (RFC 6409)."""
    smtps: int
    """Submission over implicit TLS (RFC 8314)."""
    imap: int
    """STARTTLS."""
    imaps: int
    """Implicit TLS."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a test may want otherwise."""

    message_bytes_max: int = 25 * 1024 * 1024
    """What Postfix announces and takes."""
    certificate: Certificate = "server"
    client_certificate: bool = False
    """Whether a client must show one that the own CA signed."""
    mechanisms: tuple[str, ...] = ("plain", "login", "xoauth2", "oauthbearer")
    folders: tuple[str, ...] = field(default=())
    """What each mailbox has besides INBOX from the beginning."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything is. Unix sockets lie below ``run`` and ``spool``, so the folder's path must be short."""

    folder: Path

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    @property
    def private(self) -> Path:
        """The sockets by which Postfix speaks to Dovecot and to the policy."""
        return self.spool / "private"

    @property
    def postfix(self) -> Path:
        return self.folder / "postfix"

    @property
    def dovecot(self) -> Path:
        return self.folder / "dovecot.conf"

    @property
    def tls(self) -> Path:
        return self.folder / "tls"

    @property
    def users(self) -> Path:
        return self.folder / "users"

    @property
    def homes(self) -> Path:
        return self.folder / "homes"

    @property
    def tokens(self) -> Path:
        """The key with which Dovecot checks an OAuth2 token."""
        return self.folder / "tokens"

    @property
    def log(self) -> Path:
        return self.folder / "log"


def free_ports() -> Ports:
    """Four that nobody listens on at this moment."""
    with ExitStack() as held:
        found: list[int] = []
        while len(found) < 4:
            port = random.randrange(PORT_FIRST, PORT_LAST)  # noqa: S311 - no secret
            listener = held.enter_context(socket.socket())
            try:
                listener.bind((HOST, port))
            except OSError:
                continue
            found.append(port)
    return Ports(*found)
