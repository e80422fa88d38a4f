"""Rules of a link over whole nodes: what stays outside, what only one side may write, comments that rules make."""

from typing import Any

from backbone.model import COMMENT, Cell
from backbone.replication.agreement import Agreement
from backbone.replication.mapping import Rules, Translation
from backbone.service.healing.scrubbing import scrub
from tests.simulation.node import AGREEMENT, RULES, Node
from tests.unit.service.pair import Pair, issue, run


def put(
    node: Node, *, terms: dict[str, Any] | None = None, fields: dict[str, Any] | None = None, **tables: Any
) -> None:
    """Another link's file, or another agreement, for a node at work. ``fields`` are put over the usual ones."""
    agreement = Agreement.parse({"fields": {**AGREEMENT["fields"], **(terms or {})}}, "agreement")
    rules = Rules.parse({"fields": {**RULES["fields"], **(fields or {})}, **tables}, "links/peer.toml")
    node.ep.agreement = agreement
    node.ep.translation = Translation(agreement, rules, node.name, side=node.side)


def comment(pair: Pair, node: Node, text: str) -> None:
    node.tracker.edit("1", {Cell(COMMENT, f"+{text}"): {"text": text, "author": "alice", "created": ""}}, "alice")


def comments(pair: Pair, node: Node) -> list[str]:
    return [str(v["text"]) for c, v in pair.cells(node).items() if c.field == COMMENT and isinstance(v, dict)]


async def drift(node: Node) -> tuple[str, ...]:
    return (await scrub(node.ep)).drift


def test_an_issue_of_the_partners_comes_with_all_it_has_when_it_is_wanted() -> None:
    async def story(pair: Pair) -> None:
        put(pair.bob, only_if=[{"agreed": "status", "values": ["open"]}])
        issue(pair, "it leaks", status="new")
        await pair.settle()
        pair.alice.tracker.edit("1", {Cell("labels", "ui"): True}, "alice")
        comment(pair, pair.alice, "hello")
        await pair.settle()
        assert await pair.bob.tracker.issues(None, 10) == []
        assert pair.aside(pair.bob) == []
        pair.alice.tracker.edit("1", {Cell("status"): "open"}, "alice")
        await pair.settle()
        cells = pair.cells(pair.bob)
        assert (cells[Cell("title")], cells[Cell("labels", "ui")]) == ("it leaks", True)
        assert [text.rsplit("\n")[-1] for text in comments(pair, pair.bob)] == ["hello"]
        assert await drift(pair.bob) == ()

    run(story)


def test_an_issue_of_ours_leaves_with_all_it_has_when_it_may() -> None:
    async def story(pair: Pair) -> None:
        put(pair.alice, only_if=[{"local": "labels", "values": ["share"]}])
        issue(pair, "it leaks", status="new")
        comment(pair, pair.alice, "hello")
        await pair.settle()
        assert await pair.bob.tracker.issues(None, 10) == []
        assert await drift(pair.alice) == ()
        pair.alice.tracker.edit("1", {Cell("labels", "share"): True}, "alice")
        await pair.settle()
        assert pair.title(pair.bob) == "it leaks"
        assert len(comments(pair, pair.bob)) == 1
        assert await drift(pair.alice) == await drift(pair.bob) == ()

    run(story)


def test_a_condition_that_is_added_later_is_no_drift() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "it leaks", status="new")
        await pair.settle()
        put(pair.alice, only_if=[{"local": "labels", "values": ["share"]}])
        assert await drift(pair.alice) == ()
        pair.alice.tracker.edit("1", {Cell("title"): "it drips"}, "alice")
        await pair.settle()
        assert pair.title(pair.bob) == "it drips"

    run(story)


def test_what_only_the_other_side_may_write_stays_here_and_is_refused_there() -> None:
    async def story(pair: Pair) -> None:
        terms = {"status": {"type": "choice", "policy": "slave", "direction": "to_slave"}}
        put(pair.alice, terms=terms)
        put(pair.bob, terms=terms)
        issue(pair, "it leaks", status="new")
        await pair.settle()
        pair.bob.tracker.edit("1", {Cell("status"): "closed"}, "bob")
        await pair.settle()
        assert pair.cells(pair.alice)[Cell("status")] == "new"
        assert await drift(pair.bob) == ()
        put(pair.bob)
        pair.bob.tracker.edit("1", {Cell("status"): "open"}, "bob")
        await pair.settle()
        assert pair.aside(pair.alice) == [("issue", "the peer wrote status, which by the agreement only we may write")]

    run(story)


def test_a_field_without_a_place_becomes_comments_that_stay_here() -> None:
    async def story(pair: Pair) -> None:
        put(pair.bob, fields={"status": {"as_comment": "They say:"}}, comments={"if_none": "From Alice"})
        issue(pair, "it leaks", status="new")
        await pair.settle()
        pair.alice.tracker.edit("1", {Cell("status"): "open"}, "alice")
        await pair.settle()
        assert sorted(comments(pair, pair.bob)) == ["They say:\n\nnew", "They say:\n\nopen"]
        assert comments(pair, pair.alice) == []
        assert await drift(pair.bob) == await drift(pair.alice) == ()

    run(story)


def test_a_text_of_several_fields_follows_what_the_partner_changes_in_one_of_them() -> None:
    async def story(pair: Pair) -> None:
        parts = [{"local": "status", "heading": "Status"}, {"local": "priority", "heading": "Priority"}]
        put(pair.alice, fields={"description": {"concatenate": parts}})
        put(pair.bob)
        issue(pair, "it leaks", status="new", priority="low")
        await pair.settle()
        text = Cell("description")
        assert pair.cells(pair.bob)[text] == "Status\n\nnew\n\nPriority\n\nlow"
        pair.bob.tracker.edit("1", {Cell("status"): "open"}, "bob")
        await pair.settle()
        assert pair.cells(pair.bob)[text] == "Status\n\nopen\n\nPriority\n\nlow"
        assert await drift(pair.alice) == await drift(pair.bob) == ()

    run(story)


def test_labels_that_are_written_otherwise_here_are_no_echo_and_can_be_taken_off() -> None:
    async def story(pair: Pair) -> None:
        put(pair.bob, fields={"labels": {"local": "labels", "allowed_characters": "a-z-", "replace_with": "-"}})
        issue(pair, "it leaks")
        pair.alice.tracker.edit("1", {Cell("labels", "needs work"): True}, "alice")
        await pair.settle()
        assert pair.cells(pair.bob)[Cell("labels", "needs-work")] is True
        assert Cell("labels", "needs-work") not in pair.cells(pair.alice)
        pair.bob.tracker.edit("1", {Cell("labels", "needs-work"): None}, "bob")
        await pair.settle()
        assert Cell("labels", "needs work") not in pair.cells(pair.alice)
        assert await drift(pair.alice) == await drift(pair.bob) == ()

    run(story)
