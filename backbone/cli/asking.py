"""What a person asks the service for: a row in the store, carried out by whoever runs the node.

If nobody does, the command runs the node itself until it is done; else it waits for the process that does.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from backbone.cli import show
from backbone.cli.here import here, link_named, with_node
from backbone.errors import BackboneError, UsageError

if TYPE_CHECKING:
    from backbone.service.node import Node
    from backbone.store.engine import Connection

T = TypeVar("T")

TIMEOUT_SECONDS = 120.0
LOOK_SECONDS = 0.2
"""How often the answer is looked for."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to the service."""

    link: str
    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


def ask(
    context: typer.Context,
    requests: Sequence[Request],
    timeout_seconds: float,
    *,
    settled: "Callable[[Connection], bool]" = lambda _: True,
    linger: bool = True,
) -> list[dict[str, Any]]:
    """The answers, in order. ``settled`` says whether the effects are there, beyond the answers.

    ``linger``: run on until what follows from it has left. Raises ``BackboneError`` when the time is over.
    """
    return asyncio.run(_ask(_Case(here(context).path, requests, timeout_seconds, settled, linger)))


@dataclass(frozen=True, slots=True)
class _Case:
    path: Path
    requests: Sequence[Request]
    seconds: float
    settled: "Callable[[Connection], bool]"
    linger: bool

    @property
    def names(self) -> list[str]:
        return sorted({request.link for request in self.requests})


async def _ask(case: _Case) -> list[dict[str, Any]]:
    from backbone.store.lock import LockHeld

    items = await with_node(case.path, lambda node: _put(node, case.requests), exclusive=False)
    try:
        return await with_node(case.path, lambda node: _run(node, case, items), exclusive=True)
    except LockHeld:
        show.remark("another process runs this node; waiting for it to answer")
    return await with_node(case.path, lambda node: _wait(node, case, items), exclusive=False)


async def _put(node: "Node", requests: Sequence[Request]) -> list[int]:
    from backbone.store import lists

    def put(tx: "Connection") -> list[int]:
        rows = [link_named(tx, request.link) for request in requests]
        for row in rows:
            if row.state != "active":
                raise UsageError(f"link {row.name} is {row.state}, not active: see `backbone link show {row.name}`")
        now = time.time()
        return [lists.ask(tx, row.id, r.kind, r.arguments, now) for row, r in zip(rows, requests, strict=True)]

    return await node.store.run(put)


async def _run(node: "Node", case: _Case, items: Sequence[int]) -> list[dict[str, Any]]:
    from backbone.service import runner

    answers: list[list[dict[str, Any]]] = []

    async def done() -> bool:
        found = await _answers(node, case, items)
        answers.extend([found] if found is not None else [])
        return found is not None

    deadline = time.monotonic() + case.seconds
    await runner.sync(node, case.names, timeout_seconds=case.seconds, until=done)
    if not answers:
        raise _late(node, case)
    if case.linger:
        await runner.sync(node, case.names, timeout_seconds=max(1.0, deadline - time.monotonic()))
    return answers[0]


async def _wait(node: "Node", case: _Case, items: Sequence[int]) -> list[dict[str, Any]]:
    try:
        async with asyncio.timeout(case.seconds):
            while True:
                found = await _answers(node, case, items)
                if found is not None:
                    return found
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        raise _late(node, case) from None


async def _answers(node: "Node", case: _Case, items: Sequence[int]) -> list[dict[str, Any]] | None:
    from backbone.store import lists

    def look(tx: "Connection") -> list[dict[str, Any]] | None:
        rows = [lists.request_item(tx, item) for item in items]
        done = [json.loads(row.result or "{}") for row in rows if row is not None and row.state == "done"]
        return done if len(done) == len(items) and case.settled(tx) else None

    return await node.store.read(look)


def _late(node: "Node", case: _Case) -> BackboneError:
    from backbone.service.status import status

    reasons = [f"link {one.name}: {one.reason}" for one in status(node.store) if one.name in case.names and one.reason]
    why = "; ".join(reasons) or "is the partner's node running?"
    return BackboneError(
        f"no answer within {case.seconds:g} s: {why} (the question stays asked; see `backbone status`)"
    )
