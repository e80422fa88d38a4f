"""What makes two sides differ, and what finds it."""

import json
from typing import Any

from backbone.model import Cell
from backbone.replication.merge import Register, Stamp
from backbone.store import links, lists
from backbone.store.engine import Connection
from backbone.store.shadows import Book
from tests.simulation.node import Node
from tests.unit.service.pair import Pair


async def audited(pair: Pair, node: Node) -> dict[str, Any]:
    """What an audit by that node finds."""
    item = await pair.ask(node, "audit")
    for _ in range(4):
        await pair.settle()
        row = node.store.read_now(lambda tx: lists.request_item(tx, item))
        assert row is not None
        if row.state == "done":
            result: dict[str, Any] = json.loads(row.result)
            return result
    raise AssertionError("no answer")


def lose(node: Node, local: str, cell: Cell, value: str) -> None:
    """The tracker shows an older value again, and no journal tells of it."""
    held = node.tracker._state.issues[local]
    held.cells = {**held.cells, cell: value}


def spoil(pair: Pair, node: Node, cell: Cell, value: str, stamp: Stamp) -> None:
    """A register of an issue that is not what the merge would have made it."""

    def change(tx: Connection) -> None:
        book = Book(tx, 1)
        book.load_locals([("issue", "1")])
        known = book.by_local("issue", "1")
        assert known is not None
        image = book.load_whole(known.gid)[cell].image
        book.put(known.gid, {cell: Register(stamp, stamp, value, image)})
        book.flush(0.0)

    node.store.run_now(change)
    for one in (pair.alice, pair.bob):
        one.store.run_now(lambda tx: links.saw_number(tx, 1, stamp.newest))
