"""The node that a command works on, opened for looking, or alone."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from backbone.errors import BackboneError, UsageError

if TYPE_CHECKING:
    from backbone.service.node import Node
    from backbone.store.engine import Connection
    from backbone.store.links import LinkRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Here:
    """What stands before every command."""

    path: Path
    debug: bool = False


def here(context: typer.Context) -> Here:
    """The node's folder and what else was said before the command."""
    found = context.find_object(Here)
    assert found is not None, "the callback of the root made it"
    return found


def opened(context: typer.Context, work: "Callable[[Node], Awaitable[T]]", *, exclusive: bool = False) -> T:
    """``work`` on the open node, to its end. ``exclusive`` takes the node's lock: see ``open_node``."""
    import asyncio

    return asyncio.run(with_node(here(context).path, work, exclusive=exclusive))


async def with_node(path: Path, work: "Callable[[Node], Awaitable[T]]", *, exclusive: bool) -> T:
    """As ``opened``, within a running loop. Warnings of the service go to standard error."""
    import asyncio
    import logging

    from backbone.service import logs
    from backbone.service.node import open_node

    logs.configure(level=logging.ERROR)
    failed: BaseException
    async with open_node(path, exclusive=exclusive) as node:
        try:
            return await work(node)
        except (BackboneError, asyncio.CancelledError) as error:
            # Ours to report, not a crash: the node is closed in order first, or its next start would be unclean.
            failed = error
    raise failed


def looked(context: typer.Context, look: "Callable[[Connection], T]") -> T:
    """``look`` on one consistent picture of the store."""

    async def read(node: "Node") -> T:
        return await node.store.read(look)

    return opened(context, read)


def link_named(tx: "Connection", name: str) -> "LinkRow":
    """A link of this node. Raises ``UsageError``, with the names there are."""
    from backbone.store import links

    row = links.by_name(tx, name)
    if row is None:
        known = ", ".join(one.name for one in links.every(tx))
        raise UsageError(f"there is no link {name!r}; there are: {known}" if known else "this node has no link yet")
    return row
