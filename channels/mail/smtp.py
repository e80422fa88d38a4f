"""Handing mails to the submission server (RFC 6409): many over one connection, which rests in between."""

import asyncio
import ssl
import time
from collections.abc import Callable

from channels.mail.caution import Caution
from channels.mail.limits import RESTED_SECONDS, TRUSTED_IDLE_SECONDS
from channels.mail.line import Line, Stale
from channels.mail.lines import Lines, lines_of
from channels.mail.oauth import Credentials
from channels.mail.settings import Settings
from channels.mail.throttle import throttle_of
from channels.mail.tls import context


class Outgoing:
    """The sending half of a link. ``send`` may be called side by side."""

    def __init__(
        self, settings: Settings, credentials: Credentials | None, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._credentials = credentials
        self._steady = steady
        self._throttle = throttle_of(settings.smtp.user or settings.address)
        self._shared: Lines | None = None
        self._context: ssl.SSLContext | None = None
        self._caution = Caution(steady)
        self._closed = False

    async def send(self, mail: bytes, recipient: str) -> None:
        """Returns when the server has taken responsibility (250 after the content).

        Raises ``ChannelUnavailable`` (the mail may have left all the same), ``ChannelRefused``, ``ChannelError``.
        """
        async with self._lines().place(self._settings.connections):
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
            except Stale:
                line.drop()
                line = await self._connected()
                await line.offer(self._settings.address, recipient, len(mail))
            await line.content(mail)
        except BaseException:
            line.drop()
            raise
        line.rests_since = self._steady()
        self._lines().rest(line)
        if self._closed:
            await self.close()

    async def size_max(self) -> int | None:
        """What the server announces (RFC 1870), after a log-in on a connection of its own; for ``check``."""
        line = await self._connected()
        await line.quit()
        return line.size_max

    async def close(self) -> None:
        """End the connections that rest, unless another link uses them; those at work end after their mail."""
        self._closed = True
        shared, self._shared = self._shared, None
        if shared is not None:
            await shared.leave()

    def _lines(self) -> Lines:
        if self._shared is None:
            self._shared = lines_of(self._settings.smtp)
        return self._shared

    async def _rested(self) -> Line | None:
        """The connection that rested least, if it still answers."""
        while (line := self._lines().rested()) is not None:
            rested = self._steady() - line.rests_since
            if rested < TRUSTED_IDLE_SECONDS or (rested < RESTED_SECONDS and await line.answers()):
                return line
            line.drop()
        return None

    async def _connected(self) -> Line:
        server = self._settings.smtp
        if self._context is None and server.security != "none":
            self._context = await asyncio.to_thread(context, server)
        line = Line(server, self._context, self._settings.timeout_seconds)
        async with self._caution.attempt():
            try:
                await line.connect(self._credentials)
            except BaseException:
                line.drop()
                raise
        return line
