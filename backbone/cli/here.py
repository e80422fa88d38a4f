"""Which node a command speaks of, and how it is opened."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from backbone.errors import BackboneError, UsageError

if TYPE_CHECKING:
    from backbone.service.node import Node
    from backbone.store.links import LinkRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Here:
    """The node's folder, and whether tracebacks are wanted."""

    path: Path
    debug: bool = False

    def run(self, work: "Callable[[Node], Awaitable[T]]", *, exclusive: bool = False, wake: bool = False) -> T:
        """``work`` with the open node; ``exclusive`` for what must not run beside the service, ``wake`` for what the
        process that runs the node shall see at once.
        """
        import asyncio

        return asyncio.run(self._opened(work, exclusive=exclusive, wake=wake))

    async def _opened(self, work: "Callable[[Node], Awaitable[T]]", *, exclusive: bool, wake: bool) -> T:
        import asyncio
        import logging

        from backbone.service import logs
        from backbone.service.node import open_node
        from backbone.service.running import waking

        logs.configure(level=logging.ERROR)
        failed: BaseException
        async with open_node(self.path, exclusive=exclusive) as node:
            try:
                done = await work(node)
            except (BackboneError, asyncio.CancelledError) as error:
                # A refusal is no crash: the node is closed in order first, or its next start would be unclean.
                failed = error
            else:
                if wake:
                    waking.knock(node.folder.wake)
                return done
        raise failed


def here(context: typer.Context) -> Here:
    """What the options before the command said."""
    found = context.obj
    assert isinstance(found, Here)
    return found


def link_named(node: "Node", name: str) -> "LinkRow":
    """A link by its name. Raises ``UsageError`` with the nearest right name."""
    import difflib

    from backbone.store import links

    rows = {row.name: row for row in node.store.read_now(links.every)}
    if name not in rows:
        near = difflib.get_close_matches(name, rows, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(sorted(rows)) or 'none yet'}"
        raise UsageError(f"there is no link {name!r}{hint}")
    return rows[name]
