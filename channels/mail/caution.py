"""Not knocking again and again at a door that stays shut: after a few wrong log-ins a provider locks the account."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from channels.base import ChannelError
from channels.mail.limits import RECONNECT_SECONDS, RECONNECT_SECONDS_MAX


class Caution:
    """Around each attempt to log in to one account. ``steady`` never jumps."""

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._failures = 0
        self._again_at = 0.0
        self._why = ""

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Raises what the last attempt raised, while that waits for a person and was not long ago."""
        if self._failures and self._steady() < self._again_at:
            raise ChannelError(self._why)
        try:
            yield
        except ChannelError as error:
            if type(error) is ChannelError:
                self._failures += 1
                self._why = str(error)
                pause = RECONNECT_SECONDS * 2 ** min(self._failures - 1, 10)
                self._again_at = self._steady() + min(pause, RECONNECT_SECONDS_MAX)
            raise
        self._failures = 0
