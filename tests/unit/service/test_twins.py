"""Issues that both trackers had before the link: paired, never doubled, nothing lost, nothing guessed."""

from collections.abc import Awaitable, Callable
from typing import Any

from backbone.model import Cell
from backbone.replication.twins import Pairing
from backbone.store import lists
from tests.simulation import promises
from tests.simulation.node import Node
from tests.unit.service.pair import Pair, run
from tests.unit.service.test_resting import count

TITLE, STATUS, KEY = Cell("title"), Cell("status"), Cell("description")
BY_KEY = Pairing("description")


def told(story: Callable[[Pair], Awaitable[None]], pairing: Pairing = BY_KEY) -> None:
    """Bob pairs from the beginning."""

    async def paired(pair: Pair) -> None:
        pair.bob.pairing = pairing
        await pair.bob.open()
        await story(pair)

    run(paired)


def make(node: Node, key: str, title: str, **fields: Any) -> str:
    cells = {Cell(name): value for name, value in fields.items()}
    return node.tracker.create({KEY: key, TITLE: title, **cells}, node.name)


def conflicts(node: Node) -> list[tuple[str, str | None]]:
    """Field and lost value."""
    rows = node.store.read_now(lambda tx: lists.conflicts(tx, 1, everything=True))
    return sorted((row.field, str(lists.value_of(row.lost))) for row in rows)


def test_an_issue_that_both_have_is_paired_and_the_others_are_made() -> None:
    async def story(pair: Pair) -> None:
        make(pair.alice, "K-1", "ours", status="open")
        make(pair.alice, "K-2", "only alice's")
        make(pair.bob, "K-9", "only bob's")
        make(pair.bob, " k-1 ", "theirs", priority="high")
        await pair.settle()
        assert (count(pair.alice), count(pair.bob)) == (3, 3)
        shown = {str(i.cells[KEY]).strip().upper(): i.cells for i in promises._issues(pair.bob)}
        assert shown.keys() == {"K-1", "K-2", "K-9"}
        assert (shown["K-1"][TITLE], shown["K-1"][STATUS], shown["K-1"][Cell("priority")]) == ("ours", "open", "high")
        assert promises._issues(pair.bob)[1].local == "2"
        assert conflicts(pair.bob) == [("description", " k-1 "), ("title", "theirs")]
        assert promises.finally_(pair.world) == []

    told(story)
