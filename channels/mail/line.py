"""One connection to the submission server (RFC 6409). The one place that imports aiosmtplib.

After anything but a clean answer it is dropped: what a server thinks after a broken conversation is not worth knowing.
"""

import asyncio
import ssl
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

import aiosmtplib

from channels.base import ChannelError, ChannelRefused, ChannelUnavailable
from channels.mail import trouble
from channels.mail.limits import BYTES_PER_SECOND, CLOSE_SECONDS
from channels.mail.oauth import Credentials, Proof
from channels.mail.settings import Server

T = TypeVar("T")


class Stale(ChannelUnavailable):
    """A connection that had rested was closed by the server before it took anything."""


class Line:
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
                raise Stale(error.message) from error
            raise trouble.sender(error.code, error.message, self._server.place, sender) from error
        except ChannelUnavailable as error:
            if self._used:
                raise Stale(str(error)) from error
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
