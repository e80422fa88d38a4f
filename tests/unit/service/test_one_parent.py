"""A relation that holds one target: what people do at once on both sides, and how it ends."""

import pytest

from backbone.model import Cell
from tests.simulation import promises
from tests.simulation.node import Node
from tests.unit.service.pair import Pair, issue, run
from tests.unit.service.test_rules import put

PARENT = "duplicate_of"


def agreed(*nodes: Node) -> None:
    """In the trackers of these nodes the shared relation holds one target."""
    for node in nodes:
        put(node, fields={"depends": {"local": PARENT}})


def parents(node: Node, title: str, field: str = PARENT) -> set[str]:
    issues = {one.local: one for one in promises._issues(node)}
    called = {local: str(one.cells[Cell("title")]).strip() for local, one in issues.items()}
    (found,) = [one for local, one in issues.items() if called[local] == title]
    return {called[cell.element] for cell in found.cells if cell.field == field}


def family(pair: Pair) -> None:
    for title in ("child", "first", "second", "third"):
        issue(pair, title)


def move(node: Node, *, away: str = "", to: str, field: str = PARENT) -> None:
    """A person moves the child, which is issue 1 on both sides."""
    gone = {Cell(field, away): None} if away else {}
    node.tracker.edit("1", {**gone, Cell(field, to): True}, node.name)


def same(pair: Pair) -> set[str]:
    """The child's parents, the same on both sides; all is quiet and kept."""
    assert parents(pair.alice, "child") == parents(pair.bob, "child")
    assert promises.finally_(pair.world) == []
    return parents(pair.alice, "child")


@pytest.mark.parametrize("first", [0, 1])
def test_both_move_it_at_once_and_the_newer_parent_stands_on_both_sides(first: int) -> None:
    async def story(pair: Pair) -> None:
        agreed(pair.alice, pair.bob)
        family(pair)
        await pair.settle()
        one, other = pair.world.nodes[first], pair.world.nodes[1 - first]
        for number in range(5):  # so that the other's is the newer
            other.tracker.edit("2", {Cell("title"): f"first {number}"}, other.name)
            await pair.world._act(other, "capture")
        other.tracker.edit("2", {Cell("title"): "first"}, other.name)
        move(one, to="2")
        move(other, to="3")
        await pair.settle()
        assert same(pair) == {"second"}
        assert pair.aside(pair.alice) == pair.aside(pair.bob) == []
        move(pair.alice, away="3", to="4")
        await pair.settle()
        assert same(pair) == {"third"}
        pair.bob.tracker.edit("1", {Cell(PARENT, "4"): None}, "bob")
        await pair.settle()
        assert same(pair) == set()

    run(story)


@pytest.mark.parametrize("there", [0, 1])
def test_a_second_parent_where_there_is_room_takes_the_place_of_the_first(there: int) -> None:
    async def story(pair: Pair) -> None:
        single, many = pair.world.nodes[1 - there], pair.world.nodes[there]
        agreed(single)
        family(pair)
        await pair.settle()
        move(many, to="2", field="depends")
        await pair.settle()
        assert (parents(single, "child"), parents(many, "child", "depends")) == ({"first"}, {"first"})
        move(many, to="3", field="depends")
        await pair.settle()
        assert (parents(single, "child"), parents(many, "child", "depends")) == ({"second"}, {"second"})
        move(single, away="3", to="4")
        await pair.settle()
        assert (parents(single, "child"), parents(many, "child", "depends")) == ({"third"}, {"third"})
        assert pair.aside(pair.alice) == pair.aside(pair.bob) == []

    run(story)


def test_a_circle_that_both_close_at_once_is_shown_to_both_and_can_be_opened() -> None:
    async def story(pair: Pair) -> None:
        agreed(pair.alice, pair.bob)
        family(pair)
        await pair.settle()
        move(pair.alice, to="2")
        pair.bob.tracker.edit("2", {Cell(PARENT, "1"): True}, "bob")
        await pair.settle()
        assert same(pair) == {"first"}
        assert parents(pair.alice, "first") == parents(pair.bob, "first") == {"child"}
        pair.alice.tracker.edit("2", {Cell(PARENT, "1"): None}, "alice")
        await pair.settle()
        assert same(pair) == {"first"}
        assert parents(pair.alice, "first") == parents(pair.bob, "first") == set()

    run(story)
