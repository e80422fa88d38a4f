"""Single issues, cut and added by hand: nothing travels meanwhile, and nothing is lost or doubled when it goes on."""

import json

import pytest

from backbone.model import ATTACHMENT, COMMENT, Cell
from backbone.replication.message import Kind, encode_record
from backbone.replication.scope.standing import announcement
from backbone.service.flow.recording import number
from backbone.service.healing.scrubbing import scrub
from backbone.store import counts, lists, standing
from tests.simulation import promises
from tests.simulation.node import Node
from tests.unit.service.pair import Pair, issue, run

TITLE = Cell("title")


async def by_hand(pair: Pair, node: Node, kind: str, local: str = "1") -> str:
    """What the command line asks for; returns why not."""
    item = await pair.ask(node, kind, issue=local)
    await pair.settle()
    row = node.store.read_now(lambda tx: lists.request_item(tx, item))
    assert row is not None
    return str(json.loads(row.result)["problem"])


def edit(node: Node, title: str, local: str = "1") -> None:
    node.tracker.edit(local, {TITLE: title}, "somebody")


def count(node: Node) -> int:
    return len(promises._issues(node))


def texts(pair: Pair, node: Node) -> list[str]:
    cells = pair.cells(node).items()
    return sorted(str(v["text"]).rsplit("\n")[-1] for c, v in cells if c.field == COMMENT and isinstance(v, dict))


def files(pair: Pair, node: Node) -> int:
    return sum(1 for c, v in pair.cells(node).items() if c.field == ATTACHMENT and v)


def agreed(pair: Pair) -> list[str]:
    """What is wrong at the end."""
    return promises.finally_(pair.world)


def test_an_issue_that_is_cut_stays_on_both_sides_and_changes_no_more() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "one")
        await pair.settle()
        assert await by_hand(pair, pair.alice, "cut") == ""
        edit(pair.alice, "ours")
        edit(pair.bob, "theirs")
        pair.alice.tracker.comment("1", "secret", "alice")
        await pair.settle()
        assert (pair.title(pair.alice), pair.title(pair.bob)) == ("ours", "theirs")
        assert texts(pair, pair.bob) == []
        for node in (pair.alice, pair.bob):
            assert (await scrub(node.ep)).drift == ()
            assert pair.aside(node) == []
            assert node.store.read_now(lambda tx: counts.cells_waiting(tx, 1)) == 0

    run(story)


def test_an_issue_that_is_added_again_goes_on_as_the_same_issue() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "one")
        await pair.settle()
        await by_hand(pair, pair.alice, "cut")
        edit(pair.alice, "ours")
        pair.alice.tracker.comment("1", "from alice", "alice")
        pair.bob.tracker.comment("1", "from bob", "bob")
        pair.alice.tracker.attach("1", "a.txt", b"bytes", "alice")
        pair.bob.tracker.edit("1", {Cell("status"): "closed"}, "bob")
        await pair.settle()
        assert await by_hand(pair, pair.alice, "add") == ""
        assert (count(pair.alice), count(pair.bob)) == (1, 1)
        assert pair.title(pair.bob) == "ours"
        assert pair.cells(pair.alice)[Cell("status")] == "closed"
        assert texts(pair, pair.alice) == texts(pair, pair.bob) == ["from alice", "from bob"]
        assert files(pair, pair.bob) == 1
        assert agreed(pair) == []
        edit(pair.bob, "again")
        await pair.settle()
        assert pair.title(pair.alice) == "again"

    run(story)


def test_what_both_sides_wrote_meanwhile_is_a_conflict_and_not_lost() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "one")
        await pair.settle()
        await by_hand(pair, pair.bob, "cut")
        edit(pair.alice, "ours")
        edit(pair.bob, "theirs")
        await pair.settle()
        await by_hand(pair, pair.bob, "add")
        assert pair.title(pair.alice) == pair.title(pair.bob)
        lost = [row for node in (pair.alice, pair.bob)
                for row in node.store.read_now(lambda tx: lists.conflicts(tx, 1, everything=True))]  # fmt: skip
        assert {row.field for row in lost} == {"title"}
        assert agreed(pair) == []

    run(story)


def test_what_was_under_way_when_an_issue_was_cut_is_kept_and_written_when_it_goes_on() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "one")
        await pair.settle()
        edit(pair.bob, "theirs")
        await pair.bob.act("capture")
        await pair.ask(pair.alice, "cut", issue="1")
        await pair.alice.act("requests")
        await pair.settle()
        assert pair.title(pair.alice) == "one"
        await by_hand(pair, pair.alice, "add")
        assert pair.title(pair.alice) == "theirs"
        assert agreed(pair) == []

    run(story)


def test_what_was_said_before_an_issue_was_cut_is_still_written() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "one")
        await pair.alice.act("capture")
        await pair.alice.act("capture")
        await pair.ask(pair.alice, "cut", issue="1")
        await pair.alice.act("requests")
        pair.alice.tracker.comment("1", "later", "alice")
        await pair.settle()
        assert (count(pair.bob), texts(pair, pair.bob)) == (1, [])
        await by_hand(pair, pair.alice, "add")
        assert (count(pair.bob), texts(pair, pair.bob)) == (1, ["later"])
        assert agreed(pair) == []

    run(story)


def test_only_who_cut_an_issue_can_add_it_and_both_must_want_it() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "one")
        await pair.settle()
        await by_hand(pair, pair.alice, "cut")
        assert "the partner has taken 1 out of the link (cut)" in await by_hand(pair, pair.bob, "add")
        assert await by_hand(pair, pair.bob, "cut") == ""
        await by_hand(pair, pair.alice, "add")
        edit(pair.alice, "ours")
        await pair.settle()
        assert pair.title(pair.bob) == "one"
        assert await by_hand(pair, pair.bob, "add") == ""
        assert pair.title(pair.bob) == "ours"
        assert agreed(pair) == []

    run(story)


def test_an_issue_that_there_is_not_or_that_is_cut_already_is_said_so() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "one")
        await pair.settle()
        assert await by_hand(pair, pair.alice, "cut", "7") == "the tracker has no issue '7'"
        assert await by_hand(pair, pair.alice, "add", "7") == "the tracker has no issue '7'"
        await by_hand(pair, pair.alice, "cut")
        assert await by_hand(pair, pair.alice, "cut") == "1 is cut already"

    run(story)


def test_an_issue_that_is_cut_before_it_was_ever_said_never_leaves() -> None:
    async def story(pair: Pair) -> None:
        await pair.settle()
        issue(pair, "one")
        await pair.ask(pair.alice, "cut", issue="1")
        await pair.alice.act("requests")
        edit(pair.alice, "two")
        await pair.settle()
        assert count(pair.bob) == 0
        assert pair.bob.store.read_now(lambda tx: standing.every(tx, 1)) == []
        await by_hand(pair, pair.alice, "add")
        assert pair.title(pair.bob) == "two"

    run(story)


def test_an_audit_leaves_out_what_rests() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "one")
        issue(pair, "two")
        await pair.settle()
        await by_hand(pair, pair.alice, "cut")
        edit(pair.alice, "ours")
        await pair.settle()
        for node in (pair.alice, pair.bob):
            await pair.ask(node, "audit")
            await pair.settle()
            found = node.store.read_now(lambda tx: lists.last_audit(tx, 1))
            assert (found["differences"], found["drift_here"], found["drift_there"]) == ([], [], [])

    run(story)


@pytest.mark.parametrize(
    ("gid", "word", "why"),
    [
        ("22222222-" + "0" * 30, "cut", "rest that this link does not know"),
        ("11111111-" + "0" * 30, "asleep", "is malformed"),
    ],
)
def test_nonsense_about_issues_that_rest_is_set_aside(gid: str, word: str, why: str) -> None:
    async def story(pair: Pair) -> None:
        await pair.settle()
        record = encode_record(announcement(gid, word, 0))
        pair.alice.store.run_now(lambda tx: number(tx, pair.alice.ep, [(Kind.CTRL, record, 0, None)]))
        await pair.settle()
        ((kind, reason),) = pair.aside(pair.bob)
        assert (kind, why in reason) == ("message", True)
        assert pair.bob.store.read_now(lambda tx: standing.every(tx, 1)) == []

    run(story)
