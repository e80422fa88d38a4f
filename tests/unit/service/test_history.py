"""How much of an issue's history arrives: the steps in the partner's journal, with their times."""

import pytest

from backbone.model import Cell
from backbone.replication.history import History
from backbone.store import links
from tests.unit.service.pair import Pair, run

TITLE, DESCRIPTION, STATUS = Cell("title"), Cell("description"), Cell("status")
BORN = "2026-01-02T00:00:00Z"
TIMES = ("2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z", "2026-01-05T00:00:00Z")


def steps(pair: Pair) -> list[tuple[str, object]]:
    """When and to what the title changed in Bob's tracker."""
    edits = pair.bob.tracker._state.edits_of("1", 0)
    return [(edit.at, edit.cells[TITLE]) for edit in edits if TITLE in edit.cells]


def live(pair: Pair) -> None:
    """Alice's issue, edited three times before anybody looks."""
    local = pair.alice.tracker.create({TITLE: "first", DESCRIPTION: "x"}, "ann", BORN)
    for at, author in zip(TIMES, ("ann", "joe", "ann"), strict=True):
        pair.alice.tracker.edit(local, {TITLE: f"as of {at[8:10]}", STATUS: "open"}, author, at)


async def begun(pair: Pair, history: History) -> None:
    """The link has seen all that there was before."""
    pair.alice.ep.history = history
    await pair.settle()


EVERY = [(BORN, "first"), *((at, f"as of {at[8:10]}") for at in TIMES)]


@pytest.mark.parametrize("history", [History.EVERY, History.ALL])
def test_updates_that_are_captured_together_travel_one_by_one(history: History) -> None:
    async def story(pair: Pair) -> None:
        await begun(pair, history)
        live(pair)
        await pair.settle()
        assert steps(pair) == EVERY

    run(story)


def test_or_only_what_they_led_to() -> None:
    async def story(pair: Pair) -> None:
        await begun(pair, History.LAST)
        live(pair)
        await pair.settle()
        assert steps(pair) == [(BORN, "as of 05")]
        assert pair.cells(pair.bob)[STATUS] == "open"
        pair.alice.tracker.edit("1", {TITLE: "later"}, "ann", TIMES[2])
        await pair.settle()
        assert steps(pair)[1:] == [(TIMES[2], "later")]

    run(story)


@pytest.mark.parametrize(
    ("history", "arrived"), [(History.EVERY, [(BORN, "as of 05")]), (History.ALL, EVERY)], ids=["every", "all"]
)
def test_an_issue_that_is_older_than_the_link(history: History, arrived: list[tuple[str, object]]) -> None:
    async def story(pair: Pair) -> None:
        live(pair)
        await begun(pair, history)
        assert steps(pair) == arrived
        assert pair.alice.store.read_now(lambda tx: links.get(tx, 1).populated)
        assert pair.aside(pair.bob) == []

    run(story)


def test_an_issue_whose_journal_does_not_begin_with_it_comes_as_it_stands() -> None:
    async def story(pair: Pair) -> None:
        live(pair)
        held = pair.alice.tracker._state.issues["1"]
        held.numbers = held.numbers[1:]
        await begun(pair, History.ALL)
        assert steps(pair) == [(BORN, "as of 05")]

    run(story)
