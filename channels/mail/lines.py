"""The connections to one account's submission server, shared by all links of this process that send from it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from channels.mail.line import Line
from channels.mail.settings import Server


class Lines:
    """Those of one account. Made by ``lines_of``."""

    def __init__(self) -> None:
        self._users = 0
        self._busy = 0
        self._freed = asyncio.Event()
        self._resting: list[Line] = []

    @asynccontextmanager
    async def place(self, most: int) -> AsyncIterator[None]:
        """Wait until fewer than ``most`` are at work, and be one of them."""
        while self._busy >= most:
            self._freed.clear()
            await self._freed.wait()
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._freed.set()

    def rested(self) -> Line | None:
        """Take the one that rested least."""
        return self._resting.pop() if self._resting else None

    def rest(self, line: Line) -> None:
        """Let it wait for the next mail of any link."""
        self._resting.append(line)

    def enter(self) -> None:
        """One more link uses them."""
        self._users += 1

    async def leave(self) -> None:
        """A link needs them no more; the last one ends those that rest."""
        self._users -= 1
        if not self._users:
            resting, self._resting = self._resting, []
            for line in resting:
                await line.quit()


_accounts: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Server, Lines]]" = WeakKeyDictionary()
"""A connection belongs to the loop that made it."""


def lines_of(server: Server) -> Lines:
    """The running loop's connections to this server with this account; ``leave`` is due."""
    lines = _accounts.setdefault(asyncio.get_running_loop(), {}).setdefault(server, Lines())
    lines.enter()
    return lines
