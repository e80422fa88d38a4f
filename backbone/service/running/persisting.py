"""One half of a link's exchange in trouble with its transport: it is tried again, and the other half goes on."""

import asyncio
import random

from backbone.service.endpoint import Endpoint
from backbone.service.links.progress import over, troubled
from backbone.service.running.loops import Running, event_or
from backbone.service.running.pausing import PERSON_SECONDS_MAX, pause_after
from backbone.store import links
from backbone.store.engine import Connection
from channels.base import ChannelError, ChannelUnavailable

REOPENED_SECONDS = 300.0
"""A channel in trouble that is older is opened anew: somebody may have corrected its settings."""


class Persisting:
    """Around each try of one loop to use the channel."""

    def __init__(
        self, ep: Endpoint, running: Running, loop: str, reopen: asyncio.Event, *, stops: bool = False
    ) -> None:
        """``reopen`` is set when the link is to be opened anew. A loop that ``stops`` does not try again for long what
        was refused for good: a server that said no does not want to be asked every minute.
        """
        self._ep = ep
        self._running = running
        self._loop = loop
        self._reopen = reopen
        self._stops = stops
        self._opened_at = asyncio.get_running_loop().time()

    async def failed(self, error: ChannelError) -> None:
        """Show why, and return when it is worth another try: after a pause, or when a command asks for something.

        A command, and a channel that has been in trouble for long, get one that is opened anew: then this does not
        return.
        """
        running, pause = self._running, self._pause(error)
        running.troubles[self._loop] = str(error)
        running.pauses[self._loop] = pause
        self._ep.log.warning("trouble", half=self._loop, reason=str(error), again_in_seconds=round(pause, 1))
        await self._show()
        await event_or(running.asked, pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
        age = asyncio.get_running_loop().time() - self._opened_at
        if running.asked.is_set() or age >= REOPENED_SECONDS:
            self._reopen.set()
            await asyncio.Event().wait()

    async def worked(self) -> None:
        """It is over, if there was anything."""
        self._running.pauses.pop(self._loop, None)
        if self._running.troubles.pop(self._loop, None) is not None:
            await self._show()

    def _pause(self, error: ChannelError) -> float:
        if self._stops and not isinstance(error, ChannelUnavailable):
            return PERSON_SECONDS_MAX
        return pause_after([error], self._running.pauses.get(self._loop, 0.0), served_seconds=0.0)

    async def _show(self) -> None:
        """What other parts of the link have to say stays."""
        before, self._running.shown = self._running.shown, self._running.halves

        def change(tx: Connection) -> None:
            if self._running.shown:
                troubled(tx, self._ep.row, self._running.shown)
            elif links.get(tx, self._ep.row).reason == before:
                over(tx, self._ep.row)

        await self._ep.store.run(change)
