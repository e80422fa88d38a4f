"""Nodes that run inside the test's own process, where their patience can be changed."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from backbone.model import Cell
from backbone.service.node import open_node
from backbone.service.running import pausing, runner
from backbone.service.running.waking import knock
from tests.acceptance.nodes import BOUND_SECONDS, NodeAtWork
from tests.support.mail import eventually

NEVER_SECONDS = 3600.0
_PAUSES = ("BACK_OFF_SECONDS", "BACK_OFF_SECONDS_MAX", "PERSON_SECONDS", "PERSON_SECONDS_MAX")


@asynccontextmanager
async def at_work(*nodes: NodeAtWork) -> AsyncIterator[None]:
    """All of them run while the block does."""
    stop, thresholds = asyncio.Event(), gc.get_threshold()
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for one in nodes:
            node = await stack.enter_async_context(open_node(one.folder, exclusive=True))
            group.create_task(runner.run(node, stop))
        try:
            yield
        finally:
            stop.set()
            gc.set_threshold(*thresholds)
            gc.unfreeze()


def never_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is in trouble waits until a command wakes him: what arrives meanwhile owes nothing to a retry."""
    for name in _PAUSES:
        monkeypatch.setattr(pausing, name, NEVER_SECONDS)
    monkeypatch.setattr("backbone.service.running.persisting.PERSON_SECONDS_MAX", NEVER_SECONDS)


async def says(node: NodeAtWork, words: str) -> None:
    """The node's admin reads that at its link; with no words, that nothing is wrong."""

    def look() -> bool:
        reason = node.status()["reason"]
        return words in reason if words else not reason

    await eventually(look, BOUND_SECONDS)


async def woken(*nodes: NodeAtWork) -> None:
    for one in nodes:
        await eventually(lambda node=one: knock(node.folder / "wake"), BOUND_SECONDS)  # type: ignore[misc]


async def number_of(node: NodeAtWork, title: str) -> str:
    """The number of the issue that is called so."""
    (number,) = [one.local for one in await node.tracker.issues(None, 100) if one.cells[Cell("title")] == title]
    return number
