"""Edits of both sides at the same time: one value stands on both, the other is on a list, and can be taken."""

import pytest

from backbone.model import Cell
from backbone.store import lists
from tests.unit.service.pair import Pair, issue, run


async def _both(pair: Pair, field: str, ours: str, theirs: str) -> None:
    """Both edit one field without knowing of each other."""
    issue(pair, "fine", status="new", estimate="0")
    await pair.settle()
    pair.alice.tracker.edit("1", {Cell(field): ours}, "alice")
    pair.bob.tracker.edit("1", {Cell(field): theirs}, "bob")
    await pair.settle()


@pytest.mark.parametrize(
    ("field", "ours", "theirs", "stands"),
    [("description", "a", "b", "a"), ("status", "open", "closed", "closed"), ("estimate", "10", "20", "10")],
)
def test_the_policy_decides_the_same_on_both_sides(field: str, ours: str, theirs: str, stands: str) -> None:
    async def story(pair: Pair) -> None:
        await _both(pair, field, ours, theirs)
        assert pair.cells(pair.alice)[Cell(field)] == pair.cells(pair.bob)[Cell(field)] == stands
        for node in (pair.alice, pair.bob):
            (record,) = node.store.read_now(lambda tx: lists.conflicts(tx, 1, everything=True))
            assert lists.value_of(record.lost) == (theirs if stands == ours else ours)
            assert record.state == ("open" if field == "estimate" else "settled")

    run(story)


def test_the_losing_value_can_be_taken_after_all_and_travels() -> None:
    async def story(pair: Pair) -> None:
        await _both(pair, "status", "open", "closed")
        (record,) = pair.alice.store.read_now(lambda tx: lists.conflicts(tx, 1, everything=True))
        await pair.ask(pair.alice, "take", item=record.id)
        await pair.settle()
        assert pair.cells(pair.alice)[Cell("status")] == pair.cells(pair.bob)[Cell("status")] == "open"
        assert pair.alice.store.read_now(lambda tx: lists.conflicts(tx, 1, everything=True))[0].state == "taken"

    run(story)


def test_the_same_value_on_both_sides_is_no_conflict() -> None:
    async def story(pair: Pair) -> None:
        await _both(pair, "status", "open", "open")
        assert pair.alice.store.read_now(lambda tx: lists.conflicts(tx, 1, everything=True)) == []

    run(story)


@pytest.mark.parametrize("last", ["20", "10"])
def test_a_later_value_that_replaces_the_common_one_unawares_is_on_both_lists_once(last: str) -> None:
    """Bob said what alice said, too; before she heard of it she went on."""

    async def story(pair: Pair) -> None:
        issue(pair, "fine", estimate="0")
        await pair.settle()
        pair.bob.tracker.edit("1", {Cell("estimate"): "10"}, "bob")
        for value in ("10", "20", "30", last):
            pair.alice.tracker.edit("1", {Cell("estimate"): value}, "alice")
        await pair.settle()
        assert [pair.cells(node)[Cell("estimate")] for node in pair.world.nodes] == [last, last]
        (there,) = pair.bob.store.read_now(lambda tx: lists.conflicts(tx, 1, everything=True))
        assert (lists.value_of(there.lost), lists.value_of(there.stands), there.lost_here) == ("10", "20", 1)
        here = pair.alice.store.read_now(lambda tx: lists.conflicts(tx, 1, everything=True))
        assert [lists.value_of(record.lost) for record in here] == ([] if last == "10" else ["10"])

    run(story)
