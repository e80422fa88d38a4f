"""When local edits are captured: the first after a quiet time nearly at once, those that follow together.

A mail costs seconds and counts against the provider's limit, so what changes in the meantime travels along; through a
directory the waits are too short to be noticed.
"""

import time
from collections.abc import Callable

from backbone.service.endpoint import Endpoint
from backbone.service.flow import outbound

BURST_SHARE = 1 / 40
"""Of the channel's linger: so long after the first edit of a burst we wait for the rest of it."""
NOTICED_SECONDS = 0.1
"""A shorter wait for the rest of a burst would gather nothing."""


class Gathering:
    """``outbound.capture``, held back while edits gather. ``seconds`` until it is worth another call, if any wait."""

    def __init__(self, ep: Endpoint, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.seconds: float | None = None
        self._ep = ep
        self._linger = ep.channel.limits.linger_seconds
        burst = self._linger * BURST_SHARE
        self._burst = burst if burst >= NOTICED_SECONDS else 0.0
        self._rests_until = 0.0
        self._begun_at: float | None = None

    async def capture(self) -> int:
        """As ``outbound.capture``; 0 while edits gather."""
        self.seconds = await self._wait()
        if self.seconds is not None:
            return 0
        before = await outbound.numbered(self._ep)
        done = await outbound.capture(self._ep)
        if done and await outbound.numbered(self._ep) > before:
            self._rests_until = self._clock() + self._linger
        self._begun_at = None
        return done

    async def _wait(self) -> float | None:
        now = self._clock()
        if now >= self._rests_until and not self._burst:
            return None
        if not await outbound.has_edits(self._ep):
            self._begun_at = None
            return None
        if self._begun_at is None:
            self._begun_at = now
        wait = max(self._rests_until, self._begun_at + self._burst) - now
        return wait if wait > 0 else None
