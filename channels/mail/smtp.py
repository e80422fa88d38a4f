"""Handing mails to the submission server (RFC 6409). The one place that imports aiosmtplib.

A connection carries many mails, and rests in between. After anything but a clean answer it is dropped: what a
server thinks after a broken conversation is not worth knowing.
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import aiosmtplib

from channels.base import ChannelError, ChannelRefused, ChannelUnavailable
from channels.mail import trouble
from channels.mail.caution import Caution
from channels.mail.limits import BYTES_PER_SECOND, CLOSE_SECONDS, RESTED_SECONDS, TRUSTED_IDLE_SECONDS
from channels.mail.oauth import Credentials, Proof
from channels.mail.settings import Server, Settings
from channels.mail.throttle import throttle_of
from channels.mail.tls import context

T = TypeVar("T")


class Outgoing:
    """The sending half of a link. ``send`` may be called side by side."""

    def __init__(
        self, settings: Settings, credentials: Credentials | None, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._credentials = credentials
        self._steady = steady
        self._throttle = throttle_of(settings.smtp.user or settings.address)
        self._slots = asyncio.Semaphore(settings.connections)
        self._resting: list[_Line] = []
        self._context: ssl.SSLContext | None = None
        self._caution = Caution(steady)
        self._closed = False

    async def send(self, mail: bytes, recipient: str) -> None:
        """Returns when the server has taken responsibility (250 after the content).

        Raises ``ChannelUnavailable`` (the mail may have left all the same), ``ChannelRefused``, ``ChannelError``.
        """
        async with self._slots:
            taken = self._throttle.take(self._settings.per_hour, self._settings.per_day)
            try:
                await self._send(mail, recipient)
            except BaseException:
                self._throttle.give_back(taken)
                raise

    async def _send(self, mail: bytes, recipient: str) -> None:
        line = await self._rested() or await self._connected()
        try:
            line.fits(len(mail))
            try:
                await line.offer(self._settings.address, recipient, len(mail))
            except _Stale:
                line.drop()
                line = await self._connected()
                await line.offer(self._settings.address, recipient, len(mail))
            await line.content(mail)
        except BaseException:
            line.drop()
            raise
        line.rests_since = self._steady()
        self._resting.append(line)
        if self._closed:
            await self.close()

    async def size_max(self) -> int | None:
        """What the server announces (RFC 1870), after a log-in on a connection of its own; for ``check``."""
        line = await self._connected()
        await line.quit()
        return line.size_max

    async def close(self) -> None:
        """End the connections that rest; those at work end after their mail."""
        self._closed = True
        resting, self._resting = self._resting, []
        for line in resting:
            await line.quit()

    async def _rested(self) -> "_Line | None":
        """The connection that rested least, if it still answers."""
        while self._resting:
            line = self._resting.pop()
            rested = self._steady() - line.rests_since
            if rested < TRUSTED_IDLE_SECONDS or (rested < RESTED_SECONDS and await line.answers()):
                return line
            line.drop()
        return None

    async def _connected(self) -> "_Line":
        server = self._settings.smtp
        if self._context is None and server.security != "none":
            self._context = await asyncio.to_thread(context, server)
        line = _Line(server, self._context, self._settings.timeout_seconds)
        async with self._caution.attempt():
            try:
                await line.connect(self._credentials)
            except BaseException:
                line.drop()
                raise
        return line


class _Stale(ChannelUnavailable):
    """A connection that had rested was closed by the server before it took anything."""


class _Line:
    """One connection. Every method raises the port's errors."""

    def __init__(self, server: Server, tls: ssl.SSLContext | None, timeout_seconds: float) -> None:
        self._server = server
        self._timeout = timeout_seconds
        self._client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            timeout=timeout_seconds,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=tls,
            local_hostname="[127.0.0.1]",  # RFC 5321, section 4.1.3; a machine's own name is nobody's business
        )
        self._used = False
        self.rests_since = 0.0
        self.size_max: int | None = None

    async def connect(self, credentials: Credentials | None) -> None:
        """Connect, protect, log in."""
        try:
            async with asyncio.timeout(3 * self._timeout):
                await self._client.connect()
                await self._client.ehlo()
        except aiosmtplib.SMTPResponseException as error:
            raise trouble.greeting(error.code, error.message, self._server.place) from error
        except aiosmtplib.SMTPException as error:
            if "STARTTLS" in str(error).upper():
                words = "offers no STARTTLS: use security = 'tls' with its port, usually 465"
                raise ChannelError(f"{self._server.place} {words}") from error
            raise trouble.network(error, self._server.place) from error
        except OSError as error:
            raise trouble.network(error, self._server.place) from error
        size = self._client.esmtp_extensions.get("size", "")
        self.size_max = int(size) if size.isdigit() and int(size) else None
        if credentials is not None:
            await self._log_in(credentials)

    async def _log_in(self, credentials: Credentials) -> None:
        proof = await credentials.proof()
        error = await self._show(proof)
        if error is not None and proof.is_token and self._client.is_connected:
            error = await self._show(await credentials.proof(refused=proof))
        if error is not None:
            if error.code < 500:
                raise trouble.sending(error.code, error.message, self._server.place)
            raise trouble.login(self._server.place, self._server.user, f"{error.code} {error.message}")

    async def _show(self, proof: Proof) -> aiosmtplib.SMTPAuthenticationError | None:
        """Once, by the first way that the server knows: each further try counts as a failed one there."""
        user, text = self._server.user, proof.secret.reveal()
        ways = {"xoauth2": self._client.auth_xoauth2} if proof.is_token else {
            "plain": self._client.auth_plain, "login": self._client.auth_login
        }  # fmt: skip
        offered = [way for name, way in ways.items() if name in self._client.server_auth_methods]
        if not offered:
            wanted = " or ".join(ways).upper()
            raise ChannelError(
                f"{self._server.place} does not offer {wanted} to log in: ask the provider what it takes"
            )
        try:
            await self._bounded(offered[0](user, text))
        except aiosmtplib.SMTPAuthenticationError as error:
            return error
        return None

    def fits(self, size: int) -> None:
        """Before any byte of it is sent. Raises ``ChannelRefused``."""
        if self.size_max is not None and size > self.size_max:
            raise ChannelRefused(
                f"a mail of {size} bytes is larger than the {self.size_max} that {self._server.place} takes: "
                f"set size_max to {self.size_max} or less"
            )

    async def offer(self, sender: str, recipient: str, size: int) -> None:
        """MAIL FROM and RCPT TO."""
        options = [f"size={size}"] if self._client.supports_extension("size") else []
        try:
            await self._bounded(self._client.mail(sender, options=options))
        except aiosmtplib.SMTPResponseException as error:
            if self._used and error.code == 421:
                raise _Stale(error.message) from error
            raise trouble.sender(error.code, error.message, self._server.place, sender) from error
        except ChannelUnavailable as error:
            if self._used:
                raise _Stale(str(error)) from error
            raise
        try:
            await self._bounded(self._client.rcpt(recipient))
        except aiosmtplib.SMTPResponseException as error:
            raise trouble.recipient(error.code, error.message, self._server.place, recipient) from error

    async def content(self, mail: bytes) -> None:
        """DATA. Without an answer nobody knows whether it left: the protocol above drops a repeat."""
        try:
            await self._bounded(self._client.data(mail, timeout=None), len(mail) / BYTES_PER_SECOND)
        except aiosmtplib.SMTPResponseException as error:
            raise trouble.sending(error.code, error.message, self._server.place) from error
        self._used = True

    async def answers(self) -> bool:
        try:
            await self._bounded(self._client.noop())
        except (ChannelError, aiosmtplib.SMTPException):
            return False
        return True

    async def quit(self) -> None:
        with suppress(aiosmtplib.SMTPException, OSError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._client.quit()
        self.drop()

    def drop(self) -> None:
        """At once, whatever the server thinks."""
        if isinstance(self._client.transport, asyncio.WriteTransport):
            self._client.transport.abort()
        self._client.close()

    async def _bounded(self, waiting: Awaitable[T], patience: float = 0) -> T:
        try:
            async with asyncio.timeout(self._timeout + patience):
                return await waiting
        except aiosmtplib.SMTPResponseException:
            raise
        except (aiosmtplib.SMTPException, OSError) as error:
            raise trouble.network(error, self._server.place) from error
