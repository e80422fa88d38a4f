"""A link that goes one way: to keep a copy, to gather many trackers in one, to move house."""

from backbone.model import Cell
from backbone.replication.agreement import Agreement, Direction
from backbone.replication.mapping import Rules, Translation
from tests.simulation import promises
from tests.simulation.node import AGREEMENT, RULES
from tests.unit.service.pair import Pair, issue, run
from tests.unit.service.test_resting import texts
from tests.unit.service.test_scope import scope

TITLE = Cell("title")


def one_way(pair: Pair) -> None:
    """From alice to bob."""
    agreement = Agreement.parse(AGREEMENT, "agreement").one_way(Direction.TO_SLAVE)
    for node in (pair.alice, pair.bob):
        node.ep.agreement = agreement
        node.ep.translation = Translation(agreement, Rules.parse(RULES, "rules"), node.name, side=node.side)


def test_the_receiving_side_keeps_what_it_writes_until_the_other_changes_it() -> None:
    async def story(pair: Pair) -> None:
        one_way(pair)
        issue(pair, "one", status="new")
        pair.alice.tracker.comment("1", "hello", "alice")
        await pair.settle()
        pair.bob.tracker.edit("1", {TITLE: "mine", Cell("status"): "open"}, "bob")
        pair.bob.tracker.comment("1", "a note", "bob")
        pair.bob.tracker.create({TITLE: "own", Cell("description"): "own"}, "bob")
        await pair.settle()
        assert (pair.title(pair.alice), texts(pair, pair.alice)) == ("one", ["hello"])
        assert len(promises._issues(pair.alice)) == 1
        assert pair.bob.state().out["c"].last == 0
        assert (pair.title(pair.bob), texts(pair, pair.bob)) == ("mine", ["a note", "hello"])
        pair.alice.tracker.edit("1", {TITLE: "two"}, "alice")
        await pair.settle()
        assert (pair.title(pair.bob), pair.cells(pair.bob)[Cell("status")]) == ("two", "open")

    run(story)


def test_a_copy_that_nobody_may_edit_is_put_back() -> None:
    async def story(pair: Pair) -> None:
        one_way(pair)
        scope(pair.bob, types=[{"when": "!issue.here", "type": "read_only"}])
        issue(pair, "one", status="new")
        await pair.settle()
        pair.bob.tracker.edit("1", {TITLE: "mine"}, "bob")
        await pair.settle()
        assert pair.title(pair.bob) == "one"
        assert [kind for kind, _ in pair.aside(pair.bob)] == ["read-only"]

    run(story)


def test_a_partner_that_writes_the_wrong_way_is_refused() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "one", status="new")
        await pair.settle()
        agreement = Agreement.parse(AGREEMENT, "agreement").one_way(Direction.TO_SLAVE)
        pair.alice.ep.agreement = agreement
        pair.bob.tracker.edit("1", {TITLE: "mine"}, "bob")
        await pair.settle()
        assert pair.title(pair.alice) == "one"
        ((kind, reason),) = pair.aside(pair.alice)
        assert (kind, "only we may write" in reason) == ("issue", True)

    run(story)
