"""One change costs the same, however many issues are known."""

from collections import Counter

import pytest

from backbone.model import Cell
from tests.bench.counting import CountedTracker, counted, differing
from tests.unit.service.pair import Pair, issue, run

FEW, MANY = 20, 500
BATCH = 10
"""So many issues go in one message: the outbox and the inbox grow with what is known, too."""


def cost(known: int, *, comment: bool = False) -> dict[str, Counter[str]]:
    """What one change by Alice costs both nodes when so many issues are known, by node."""
    costs: dict[str, Counter[str]] = {"alice": Counter(), "bob": Counter()}

    async def story(pair: Pair) -> None:
        for number in range(known):
            issue(pair, f"issue {number}")
            if number % BATCH == BATCH - 1:
                await pair.settle()
        for name, node in (("alice", pair.alice), ("bob", pair.bob)):
            node.ep.tracker = CountedTracker(node.ep.tracker, costs[name])
        with counted(pair.alice.store, costs["alice"]), counted(pair.bob.store, costs["bob"]):
            if comment:
                pair.alice.tracker.comment("7", "it is so", "alice")
            else:
                pair.alice.tracker.edit("7", {Cell("title"): "renamed"}, "alice")
            await pair.settle()
        shown = pair.cells(pair.bob, 6)
        assert shown.get(Cell("title")) == ("issue 6" if comment else "renamed")
        assert comment == any(cell.field == "comment" for cell in shown)

    run(story)
    return costs


@pytest.mark.parametrize("comment", [False, True], ids=["field", "comment"])
@pytest.mark.parametrize("node", ["alice", "bob"])
def test_one_change_costs_the_same_whatever_is_known(node: str, comment: bool) -> None:
    few, many = cost(FEW, comment=comment)[node], cost(MANY, comment=comment)[node]
    assert differing(few, many) == []
    assert few["sql.statements"] > 0
    assert few["sql.steps"] > 0


@pytest.mark.parametrize(("node", "statements"), [("alice", 3), ("bob", 6)])
def test_where_no_other_link_shares_the_tracker_nobody_asks_for_kin_issue_by_issue(node: str, statements: int) -> None:
    """The figures are those of the time before several links could share a tracker."""
    found = [edits(number)[node]["sql.statements"] for number in (BATCH, 3 * BATCH)]
    assert 0 < found[1] - found[0] <= 2 * BATCH * statements


def edits(number: int) -> dict[str, Counter[str]]:
    """What it costs both nodes to share edits of so many issues in one message."""
    costs: dict[str, Counter[str]] = {"alice": Counter(), "bob": Counter()}

    async def story(pair: Pair) -> None:
        for one in range(3 * BATCH):
            issue(pair, f"issue {one}")
        await pair.settle()
        with counted(pair.alice.store, costs["alice"]), counted(pair.bob.store, costs["bob"]):
            for one in range(number):
                pair.alice.tracker.edit(str(one + 1), {Cell("title"): "renamed"}, "alice")
            await pair.settle()

    run(story)
    return costs


def test_a_table_that_is_read_through_would_be_seen() -> None:
    """The counter itself: reading every name takes more steps the more there are."""
    steps = []
    for known in (FEW, MANY):
        counts: Counter[str] = Counter()

        async def story(pair: Pair, known: int = known, counts: Counter[str] = counts) -> None:
            for number in range(known):
                issue(pair, f"issue {number}")
            await pair.settle()
            with counted(pair.alice.store, counts):
                pair.alice.store.read_now(
                    lambda tx: tx.exec_driver_sql("SELECT count(seen) FROM identity").scalar_one()
                )

        run(story)
        steps.append(counts["sql.steps"])
    assert steps[1] > steps[0] + (MANY - FEW)
