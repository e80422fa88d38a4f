"""What a person asks the service for: a row in the store, carried out by whoever runs the node.

If nobody does, the command runs the node itself until it is done; else it waits for the process that does.
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

LOOK_SECONDS = 0.2
"""How often the answer is looked for."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to the service. ``settled`` tells, beyond the answer, whether its effects are there."""

    link: str
    kind: str
    arguments: Mapping[str, Any]
    settled: "Callable[[Connection], bool]" = lambda _: True
    linger: bool = True
    """Run on, when it is us who run, until what follows from it has left."""


def ask(place: Here, request: Request, timeout: float) -> dict[str, Any]:
    """The answer. Raises ``UsageError`` where the link is not active, ``Unreachable`` when the time is over."""
    from backbone.store.lock import LockHeld

    item = place.run(lambda node: _put(node, request))
    try:
        return place.run(lambda node: _run_until(node, request, item, timeout), exclusive=True)
    except LockHeld:
        typer.echo("another process runs this node; waiting for it", err=True)
    return place.run(lambda node: _wait_for(node, request, item, timeout))


async def _put(node: "Node", request: Request) -> int:
    from backbone.store import lists

    row = link_named(node, request.link)
    if row.state != "active":
        raise UsageError(f"link {row.name} is {row.state}, not active: nobody would answer; see backbone status")
    return await node.store.run(lambda tx: lists.ask(tx, row.id, request.kind, request.arguments, time.time()))


async def _answer(node: "Node", request: Request, item: int) -> dict[str, Any] | None:
    import json

    from backbone.store import lists

    def look(tx: "Connection") -> dict[str, Any] | None:
        row = lists.request_item(tx, item)
        assert row is not None
        found: dict[str, Any] = json.loads(row.result or "{}")
        return found if row.state == "done" and (found.get("problem") or request.settled(tx)) else None

    return await node.store.read(look)


async def _run_until(node: "Node", request: Request, item: int, seconds: float) -> dict[str, Any]:
    from backbone.service import runner

    async def answered() -> bool:
        return await _answer(node, request, item) is not None

    end = time.monotonic() + seconds
    await runner.sync(node, [request.link], timeout_seconds=seconds, until=answered)
    found = await _answer(node, request, item)
    if found is None:
        raise _late(node, request, seconds)
    if request.linger:
        await runner.sync(node, [request.link], timeout_seconds=max(1.0, end - time.monotonic()))
    return found


async def _wait_for(node: "Node", request: Request, item: int, seconds: float) -> dict[str, Any]:
    import asyncio

    end = time.monotonic() + seconds
    while (found := await _answer(node, request, item)) is None:
        if time.monotonic() > end:
            raise _late(node, request, seconds)
        await asyncio.sleep(LOOK_SECONDS)
    return found


def _late(node: "Node", request: Request, seconds: float) -> BackboneError:
    why = link_named(node, request.link).reason or "is the partner's node running?"
    return Unreachable(f"no answer in {seconds:g} s: {why} The question stays asked; backbone status shows more")
