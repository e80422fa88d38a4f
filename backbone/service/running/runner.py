"""Running a node's links, for ever or until they rest: one task each, in one group.

What a link does at its stage stands in ``serving``; what it does with its partner in ``exchanging``. What fails for a
reason outside is tried again, ever more slowly, and shown in ``status``.
"""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from backbone.errors import UsageError
from backbone.replication.link import Phase
from backbone.service.logs import logger
from backbone.service.node import Node, write_anchor
from backbone.service.running import waking
from backbone.service.running.loops import Running, event_or
from backbone.service.running.serving import run_link
from backbone.service.watching import alarms
from backbone.store import links
from backbone.store.links import LinkRow

ANCHOR_SECONDS = 60.0
"""How far the store may get ahead of its anchor: a younger backup is caught by the partner's evidence."""
REST_SECONDS = 0.3
"""A link rests when none of its loops had anything to do for so long."""

GARBAGE_THRESHOLDS = (300_000, 50, 100)
"""Our values hold no cycles; looking for some among all that is being applied took half of the time."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a link has come, for a person who watches."""

    link: str
    state: str
    captured: int
    sent: int
    acknowledged: int
    received: int
    applied: int
    holding: bool = False
    """After an unclean start, until the partner has answered or a time has passed."""


async def run(node: Node, stop: asyncio.Event) -> None:
    """All links until ``stop`` is set. Ends in order: what is under way is finished or will be found again."""
    async with _links(node, None) as running:
        log = logger(node=node.name)
        log.info("running", links=[one.name for one in running])
        await stop.wait()
        log.info("stopping")


async def sync(
    node: Node,
    names: Sequence[str],
    progress: Callable[[Progress], None] = lambda _: None,
    *,
    timeout_seconds: float = 3600.0,
    until: Callable[[], Awaitable[bool]] | None = None,
) -> bool:
    """Links until they rest, or until ``until`` says so; ``False`` when the time was over before, or in trouble."""
    async with _links(node, names) as running:
        try:
            async with asyncio.timeout(timeout_seconds):
                await _watch(node, running, progress, until)
        except TimeoutError:
            return False
        return not any(one.trouble for one in running)


async def _watch(
    node: Node,
    running: Sequence[Running],
    progress: Callable[[Progress], None],
    until: Callable[[], Awaitable[bool]] | None,
) -> None:
    quiet = 0
    while quiet < 3 or until is not None:
        await asyncio.sleep(REST_SECONDS / 3)
        holding = False
        for one in running:
            seen = await node.store.read(lambda tx, n=one.name: _progress(tx, n))  # type: ignore[misc]
            holding |= seen.holding
            progress(seen)
        rest = not holding and all(one.rests for one in running)
        quiet = quiet + 1 if rest else 0
        if until is not None and await until():
            return


def _progress(tx: Any, name: str) -> Progress:
    row = links.by_name(tx, name)
    assert row is not None
    if row.peer is None:
        return Progress(name, row.state, 0, 0, 0, 0, 0)
    state = links.state(tx, row.id)
    out, into = state.out["c"], state.into["c"]
    return Progress(name, row.state, row.clock, out.last, out.applied, into.recv, into.applied,
                    state.phase is Phase.HOLD)  # fmt: skip


@contextlib.asynccontextmanager
async def _links(node: Node, names: Sequence[str] | None) -> AsyncIterator[list[Running]]:
    """The loops of these links (all: ``None``) run while the block does."""
    rows = await node.store.read(links.every)
    known = {row.name for row in rows}
    for name in names or ():
        if name not in known:
            raise UsageError(f"there is no link {name!r}; there are {', '.join(sorted(known)) or 'none yet'}")
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    async with asyncio.TaskGroup() as group:
        loops = _Loops(node, names, group)
        loops.begin(rows)
        try:
            with waking.listening(node.folder.wake, loops.wake):
                yield loops.running
        finally:
            for task in loops.tasks:
                task.cancel()


class _Loops:
    """The tasks of a process that runs links: one for each link, the anchor's, the alarms', the look for new links."""

    def __init__(self, node: Node, names: Sequence[str] | None, group: asyncio.TaskGroup) -> None:
        self.running: list[Running] = []
        self.tasks = [group.create_task(_note(node))]
        self._node = node
        self._names = names
        self._group = group
        self._knocked = asyncio.Event()
        if names is None:
            self.tasks += [group.create_task(loop) for loop in (self._look_for_more(), alarms.watch(node))]

    def begin(self, rows: Sequence[LinkRow]) -> None:
        """Run those of these links that are wanted and do not run yet."""
        begun = {one.name for one in self.running}
        for row in rows:
            if row.name not in begun and (not self._names or row.name in self._names):
                self.running.append(Running(row.name))
                self.tasks.append(self._group.create_task(run_link(self._node, row.id, self.running[-1])))

    def wake(self) -> None:
        """Somebody knocked."""
        self._knocked.set()
        for one in self.running:
            one.wake()

    async def _look_for_more(self) -> None:
        while True:
            self._knocked.clear()
            self.begin(await self._node.store.read(links.every))
            await event_or(self._knocked, self._node.config.node.poll_seconds)


async def _note(node: Node) -> None:
    while True:
        await asyncio.sleep(ANCHOR_SECONDS)
        await asyncio.to_thread(write_anchor, node)
