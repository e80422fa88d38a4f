"""Which issues take part: nothing out of scope leaves, and what leaves or comes back does so as the file says."""

from typing import Any

from backbone.model import COMMENT, Cell
from backbone.replication.agreement import Agreement
from backbone.replication.scope.judging import Scope
from backbone.replication.scope.rules import ScopeRules
from backbone.service.healing.scrubbing import scrub
from tests.simulation import promises
from tests.simulation.node import AGREEMENT, Node
from tests.unit.service.pair import Pair, issue, run
from tests.unit.service.test_resting import by_hand, count, texts

STATUS = Cell("status")
TITLE = Cell("title")


def scope(node: Node, **rules: Any) -> None:
    """The node's file says this of the scope, from now on."""
    agreement = Agreement.parse(AGREEMENT, "agreement")
    node.ep.scope = Scope(ScopeRules.model_validate(rules), agreement, node.name, node.side)


def edit(node: Node, **fields: str | None) -> None:
    node.tracker.edit("1", {Cell(name): value for name, value in fields.items()}, node.name)


def test_an_issue_out_of_scope_never_leaves_and_enters_with_all_it_has() -> None:
    async def story(pair: Pair) -> None:
        scope(pair.alice, issues='issue.status == "open"')
        issue(pair, "one", status="new")
        pair.alice.tracker.comment("1", "hello", "alice")
        await pair.settle()
        edit(pair.alice, title="two")
        await pair.settle()
        assert count(pair.bob) == 0
        assert pair.alice.state().out["c"].last == 0
        edit(pair.alice, status="open")
        await pair.settle()
        assert (pair.title(pair.bob), texts(pair, pair.bob)) == ("two", ["hello"])
        assert promises.finally_(pair.world) == []

    run(story)


def test_an_issue_that_leaves_is_frozen_and_joined_when_it_comes_back() -> None:
    async def story(pair: Pair) -> None:
        scope(pair.alice, issues='issue.status != "closed"')
        issue(pair, "one", status="new")
        await pair.settle()
        edit(pair.alice, status="closed")
        edit(pair.alice, title="secret")
        await pair.settle()
        pair.bob.tracker.comment("1", "from bob", "bob")
        await pair.settle()
        assert (pair.title(pair.bob), pair.cells(pair.bob)[STATUS]) == ("one", "new")
        assert texts(pair, pair.alice) == []
        edit(pair.alice, status="open")
        await pair.settle()
        assert (pair.title(pair.bob), pair.cells(pair.bob)[STATUS]) == ("secret", "open")
        assert texts(pair, pair.alice) == ["from bob"]
        assert promises.finally_(pair.world) == []

    run(story)


def test_what_was_done_in_scope_leaves_though_the_issue_left_in_the_same_breath() -> None:
    async def story(pair: Pair) -> None:
        scope(pair.alice, issues='issue.status != "closed"')
        issue(pair, "one", status="new")
        await pair.settle()
        pair.alice.tracker.comment("1", "done", "alice")
        edit(pair.alice, title="last word")
        edit(pair.alice, status="closed", title="not this")
        await pair.settle()
        assert (pair.title(pair.bob), pair.cells(pair.bob)[STATUS]) == ("last word", "new")
        assert texts(pair, pair.bob) == ["done"]

    run(story)


def test_an_issue_that_leaves_can_be_closed_at_the_partners() -> None:
    async def story(pair: Pair) -> None:
        scope(pair.alice, issues='issue.priority != "low"', leaving="close", close_with={"status": "closed"})
        issue(pair, "one", status="new", priority="high")
        await pair.settle()
        edit(pair.alice, priority="low", title="secret")
        await pair.settle()
        assert (pair.title(pair.bob), pair.cells(pair.bob)[STATUS]) == ("one", "closed")
        assert pair.cells(pair.alice)[STATUS] == "new"
        assert (await scrub(pair.alice.ep)).drift == ()
        edit(pair.alice, priority="high")
        await pair.settle()
        assert (pair.title(pair.bob), pair.cells(pair.bob)[STATUS]) == ("secret", "new")
        assert promises.finally_(pair.world) == []

    run(story)


def test_an_issue_that_leaves_can_be_unlinked_until_somebody_adds_it() -> None:
    async def story(pair: Pair) -> None:
        scope(pair.alice, issues='issue.status != "closed"', leaving="unlink")
        issue(pair, "one", status="new")
        await pair.settle()
        edit(pair.alice, status="closed")
        await pair.settle()
        edit(pair.alice, status="open", title="two")
        await pair.settle()
        assert pair.title(pair.bob) == "one"
        assert await by_hand(pair, pair.alice, "add") == ""
        assert pair.title(pair.bob) == "two"
        edit(pair.alice, status="closed")
        await pair.settle()
        assert pair.cells(pair.bob)[STATUS] == "closed"
        assert promises.finally_(pair.world) == []

    run(story)


def test_the_trackers_own_query_says_what_takes_part() -> None:
    async def story(pair: Pair) -> None:
        scope(pair.alice, query="labels=share")
        issue(pair, "one", status="new")
        await pair.settle()
        assert count(pair.bob) == 0
        pair.alice.tracker.edit("1", {Cell("labels", "share"): True}, "alice")
        await pair.settle()
        assert pair.title(pair.bob) == "one"
        pair.alice.tracker.edit("1", {Cell("labels", "share"): None, TITLE: "secret"}, "alice")
        await pair.settle()
        pair.bob.tracker.comment("1", "from bob", "bob")
        await pair.settle()
        assert (pair.title(pair.bob), texts(pair, pair.alice)) == ("one", [])
        pair.alice.tracker.edit("1", {Cell("labels", "share"): True}, "alice")
        await pair.settle()
        assert (pair.title(pair.bob), texts(pair, pair.alice)) == ("secret", ["from bob"])
        assert promises.finally_(pair.world) == []

    run(story)


def test_old_issues_stay_outside_until_somebody_edits_them() -> None:
    async def story(pair: Pair) -> None:
        scope(pair.alice, since="2026-01-01")
        for title, at in (("old", "2025-01-01T00:00:00Z"), ("new", "2026-02-01T00:00:00Z")):
            pair.alice.tracker.create({TITLE: title, Cell("description"): title}, "alice", at)
        await pair.settle()
        assert [i.cells[TITLE] for i in promises._issues(pair.bob)] == ["new"]
        edit(pair.alice, status="open")
        await pair.settle()
        assert sorted(str(i.cells[TITLE]) for i in promises._issues(pair.bob)) == ["new", "old"]

    run(story)


def test_a_read_only_issue_is_put_back_and_reported() -> None:
    async def story(pair: Pair) -> None:
        scope(pair.bob, types=[{"when": "!issue.here", "type": "read_only"}])
        issue(pair, " one ", status="new")
        await pair.settle()
        edit(pair.bob, title="mine", status="closed")
        pair.bob.tracker.edit("1", {Cell("labels", "own"): True}, "bob")
        pair.bob.tracker.comment("1", "an internal word", "bob")
        await pair.settle()
        assert (pair.title(pair.bob), pair.cells(pair.bob)[STATUS]) == ("one", "new")
        assert pair.cells(pair.bob).get(Cell("labels", "own")) is None
        assert (pair.title(pair.alice), pair.cells(pair.alice)[STATUS]) == (" one ", "new")
        assert (texts(pair, pair.alice), texts(pair, pair.bob)) == ([], ["an internal word"])
        reasons = sorted(reason for kind, reason in pair.aside(pair.bob) if kind == "read-only")
        assert reasons[0].startswith("1: bob changed labels") or reasons[0].startswith("1: slave changed")
        assert any("title to 'mine'" in reason and "put back" in reason for reason in reasons)
        edit(pair.alice, title="theirs")
        await pair.settle()
        assert pair.title(pair.bob) == "theirs"

    run(story)


def test_a_comment_of_the_partners_in_a_read_only_issue_is_put_back() -> None:
    async def story(pair: Pair) -> None:
        scope(pair.bob, types=[{"when": "!issue.here", "type": "read_only"}])
        issue(pair, "one")
        pair.alice.tracker.comment("1", "hello", "alice")
        await pair.settle()
        (cell,) = [c for c in pair.cells(pair.bob) if c.field == COMMENT]
        pair.bob.tracker.edit_comment("1", cell.element, "forged", "bob")
        await pair.settle()
        assert (texts(pair, pair.alice), texts(pair, pair.bob)) == (["hello"], ["hello"])
        (cell,) = [c for c in pair.cells(pair.bob) if c.field == COMMENT]
        pair.bob.tracker.remove_comment("1", cell.element, "bob")
        await pair.settle()
        assert (texts(pair, pair.alice), texts(pair, pair.bob)) == (["hello"], ["hello"])

    run(story)


def test_update_only_makes_nothing_of_the_partners_and_sends_what_began_here() -> None:
    async def story(pair: Pair) -> None:
        scope(pair.bob, types=[{"when": "true", "type": "update_only"}])
        issue(pair, "one")
        pair.bob.tracker.create({TITLE: "two", Cell("description"): "two"}, "bob")
        await pair.settle()
        assert [i.cells[TITLE] for i in promises._issues(pair.bob)] == ["two"]
        assert sorted(str(i.cells[TITLE]) for i in promises._issues(pair.alice)) == ["one", "two"]
        pair.alice.tracker.edit("2", {TITLE: "three"}, "alice")
        await pair.settle()
        assert pair.title(pair.bob) == "three"

    run(story)


def test_an_issue_of_the_partners_that_is_skipped_is_made_when_it_is_wanted() -> None:
    async def story(pair: Pair) -> None:
        scope(pair.bob, types=[{"when": 'issue.status == "new"', "type": "skipped"}])
        issue(pair, "one", status="new")
        await pair.settle()
        assert count(pair.bob) == 0
        edit(pair.alice, status="open")
        await pair.settle()
        assert (pair.title(pair.bob), pair.cells(pair.bob)[STATUS]) == ("one", "open")

    run(story)


def test_an_expression_that_cannot_be_evaluated_keeps_the_issue_here_and_is_reported() -> None:
    agreement = Agreement.parse({"fields": {"title": {"type": "text"}}}, "agreement")
    rules = ScopeRules(issues='issue.title == "" || issue.title == "x" || int(issue.title) > 3')

    async def told(pair: Pair) -> None:
        pair.alice.ep.scope = Scope(rules, agreement)
        pair.bob.ep.scope = Scope(
            ScopeRules.model_validate({"types": [{"when": rules.issues, "type": "full"}]}), agreement
        )
        issue(pair, "one")
        await pair.settle()
        assert count(pair.bob) == 0
        ((kind, reason),) = pair.aside(pair.alice)
        assert (kind, reason.startswith("1: [scope]: it cannot be evaluated")) == ("outbound", True)
        pair.bob.tracker.create({TITLE: "word", Cell("description"): "word"}, "bob")
        pair.bob.ep.scope = Scope(ScopeRules(), agreement)
        await pair.settle()
        assert count(pair.alice) == 2

    run(told)


def test_an_issue_that_was_added_by_hand_takes_part_whatever_the_scope_says() -> None:
    async def story(pair: Pair) -> None:
        scope(pair.alice, issues='issue.status == "open"')
        issue(pair, "one", status="new")
        await pair.settle()
        assert await by_hand(pair, pair.alice, "add") == ""
        edit(pair.alice, title="two")
        await pair.settle()
        assert pair.title(pair.bob) == "two"
        assert promises.finally_(pair.world) == []

    run(story)
