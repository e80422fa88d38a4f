"""What a person asks the service for: a row in the store, carried out by whoever runs the node.

If nobody does, the command runs the node itself until it is done; else it wakes the process that does, and waits for
it. When the time is over, the question is withdrawn: what was asked is done soon or not at all.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from backbone.cli.here import Here, link_named
from backbone.errors import BackboneError, Unreachable, UsageError

if TYPE_CHECKING:
    from backbone.service.node import Node
    from backbone.store.engine import Connection

LOOK_SECONDS = 0.05
"""How often the answer is looked for."""
TRY_SECONDS = 1.0
"""How often it is seen whether the process that ran the node is still there."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to the service. ``settled`` tells, beyond the answer, whether its effects are there."""

    link: str
    kind: str
    arguments: Mapping[str, Any]
    settled: "Callable[[Connection], bool]" = lambda _: True
    linger: bool = True
    """Run on, when it is us who run, until what follows from it has left."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that stands in the store, and how long somebody waits for its answer."""

    request: Request
    item: int
    seconds: float
    end: float

    def left(self) -> float:
        return max(0.0, self.end - time.monotonic())


def ask(place: Here, request: Request, timeout: float) -> dict[str, Any]:
    """The answer. Raises ``UsageError`` where the link is not active, ``Unreachable`` when the time is over."""
    from backbone.store.lock import LockHeld

    item = place.run(lambda node: _put(node, request, timeout), wake=True)
    asked = _Asked(request, item, timeout, time.monotonic() + timeout)
    told = False
    while True:
        try:
            return place.run(lambda node: _run_until(node, asked), exclusive=True)
        except LockHeld:
            if not told:
                typer.echo("another process runs this node; waiting for it", err=True)
        told = True
        found = place.run(lambda node: _wait_for(node, asked))
        if found is not None:
            return found


async def _put(node: "Node", request: Request, seconds: float) -> int:
    from backbone.store import lists

    row = link_named(node, request.link)
    if row.state != "active":
        raise UsageError(f"link {row.name} is {row.state}, not active: nobody would answer; see backbone status")
    now = time.time()
    arguments = {**request.arguments, "until": now + seconds}
    return await node.store.run(lambda tx: lists.ask(tx, row.id, request.kind, arguments, now))


async def _answer(node: "Node", asked: _Asked) -> dict[str, Any] | None:
    import json

    from backbone.store import lists

    def look(tx: "Connection") -> dict[str, Any] | None:
        row = lists.request_item(tx, asked.item)
        assert row is not None
        found: dict[str, Any] = json.loads(row.result or "{}")
        return found if row.state == "done" and (found.get("problem") or asked.request.settled(tx)) else None

    return await node.store.read(look)


async def _run_until(node: "Node", asked: _Asked) -> dict[str, Any]:
    """The answer, by running the node ourselves."""
    from backbone.service.running import runner

    async def answered() -> bool:
        return await _answer(node, asked) is not None

    if not await answered():
        typer.echo("no process runs this node: it runs for as long as this takes", err=True)
    link = asked.request.link
    await runner.sync(node, [link], timeout_seconds=asked.left(), until=answered)
    found = await _answer(node, asked)
    if found is None:
        raise _late(node, asked)
    if asked.request.linger:
        await runner.sync(node, [link], timeout_seconds=max(1.0, asked.left()))
    return found


async def _wait_for(node: "Node", asked: _Asked) -> dict[str, Any] | None:
    """The answer of the process that runs the node; ``None`` when it is time to see whether it still does."""
    import asyncio

    again = time.monotonic() + TRY_SECONDS
    while (found := await _answer(node, asked)) is None:
        if not asked.left():
            raise _late(node, asked)
        if time.monotonic() > again:
            return None
        await asyncio.sleep(LOOK_SECONDS)
    return found


def _late(node: "Node", asked: _Asked) -> BackboneError:
    from backbone.store import lists

    why = link_named(node, asked.request.link).reason or "is the partner's node running?"
    if node.store.run_now(lambda tx: lists.withdraw(tx, asked.item)):
        return Unreachable(f"no answer in {asked.seconds:g} s: {why} The question is withdrawn; ask it again later")
    return Unreachable(f"done, but what follows from it is not there after {asked.seconds:g} s: {why}")
