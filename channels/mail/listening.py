"""An ear on the mailbox: a connection of its own that waits in IDLE (RFC 2177), so that fetching never waits for it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

from channels.base import ChannelError
from channels.mail.imap import Imap
from channels.mail.limits import IDLE_SECONDS, RECONNECT_SECONDS, RECONNECT_SECONDS_MAX


class Ear:
    """Wakes when mail arrives, or a timer ends. Never raises what a server does wrong: then only the timer is left."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Imap]],
        folder: str,
        poll_seconds: float,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._connect = connect
        self._folder = folder
        self._poll = poll_seconds
        self._idle = idle_seconds
        self._imap: Imap | None = None
        self._closed = asyncio.Event()
        self._heard = 0
        self._failures = 0
        self._again_at = 0.0

    async def listen(self) -> None:
        """Begin, so that nothing that comes from now on is missed; if it cannot be, the timer does it."""
        if self._imap is not None or self._closed.is_set() or self._now() < self._again_at:
            return
        try:
            imap = await self._connect()
        except ChannelError:
            self._failed()
            return
        self._imap = imap
        try:
            await imap.select(await imap.name_of(self._folder), writing=False)
            self._heard = imap.news
        except ChannelError:
            self._let_go()

    async def wait(self) -> None:
        """Until something may have arrived, or the ear was closed."""
        end = self._now() + self._poll
        while (imap := self._imap) is not None and "IDLE" in imap.capabilities and (left := end - self._now()) > 0:
            with suppress(ChannelError):  # then it is not alive
                await imap.idle(min(self._idle, left), self._heard)
            if not imap.alive:
                # What came while nobody listened is looked for at once, and after the next connection.
                self._let_go()
                return
            self._failures = 0
            if imap.news != self._heard:
                self._heard = imap.news
                return
        if self._imap is None:
            end = min(end, max(self._again_at, self._now()))
        with suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                await self._closed.wait()

    async def close(self) -> None:
        """Ends ``wait`` too."""
        self._closed.set()
        if self._imap is not None:
            self._imap.drop()

    def _failed(self) -> None:
        self._failures += 1
        pause = min(RECONNECT_SECONDS * 2 ** min(self._failures - 1, 10), RECONNECT_SECONDS_MAX)
        self._again_at = self._now() + pause * random.uniform(0.5, 1)  # noqa: S311 - so that not all come at once

    def _let_go(self) -> None:
        imap, self._imap = self._imap, None
        if imap is not None:
            imap.drop()
        self._failed()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
