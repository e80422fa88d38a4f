"""Issues that both trackers had before the link: paired, never doubled, nothing lost, nothing guessed."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from backbone.model import ATTACHMENT, COMMENT, Cell
from backbone.replication.twins import Pairing
from backbone.service.flow import outbound
from backbone.service.healing import resyncing
from backbone.store import lists, twins
from tests.simulation import promises
from tests.simulation.node import Node
from tests.unit.service.pair import Pair, run
from tests.unit.service.test_resting import count, texts
from tests.unit.service.test_scope import scope

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


def conflicts(node: Node) -> list[tuple[str, str]]:
    """Field and lost value."""
    rows = node.store.read_now(lambda tx: lists.conflicts(tx, 1, everything=True))
    return sorted((row.field, str(lists.value_of(row.lost))) for row in rows)


def shown(node: Node) -> dict[str, str]:
    """Title by key, with how often each key is there."""
    return {str(i.cells[KEY]).strip(): str(i.cells[TITLE]) for i in promises._issues(node)}


def states(node: Node) -> dict[str, str]:
    """How our issues stand that may be twins."""
    every = (twins.FREE, twins.PAIRING, twins.PAIRED, twins.TOLD, twins.WAITS, twins.LEFT)
    return {one.local: one.state for one in node.store.read_now(lambda tx: twins.in_state(tx, 1, *every))}


def test_an_issue_that_both_have_is_paired_and_the_others_are_made() -> None:
    async def story(pair: Pair) -> None:
        make(pair.alice, "K-1", "ours", status="open")
        make(pair.alice, "K-2", "only alice's")
        make(pair.bob, "K-9", "only bob's")
        twin = make(pair.bob, " k-1 ", "theirs", priority="high")
        await pair.settle()
        assert (count(pair.alice), count(pair.bob)) == (3, 3)
        cells = {i.local: i.cells for i in promises._issues(pair.bob)}[twin]
        assert (cells[TITLE], cells[STATUS], cells[Cell("priority")]) == ("ours", "open", "high")
        assert pair.cells(pair.alice)[Cell("priority")] == "high"
        assert conflicts(pair.bob) == [("description", " k-1 "), ("title", "theirs")]
        assert conflicts(pair.alice) == [("description", " k-1 ")]
        assert promises.finally_(pair.world) == []

    told(story)


@pytest.mark.parametrize(("field", "stands", "lost_by_alice", "lost_by_bob"), [
    ("status", "closed", [("status", "open")], [("status", "open")]),
    ("priority", "low", [("priority", "high")], [("priority", "high")]),
    ("title", "ours", [], [("title", "theirs")]),
])  # fmt: skip
def test_the_policy_says_whose_value_stands_and_the_other_is_on_the_list(
    field: str, stands: str, lost_by_alice: list[tuple[str, str]], lost_by_bob: list[tuple[str, str]]
) -> None:
    async def story(pair: Pair) -> None:
        values = {"status": ("open", "closed"), "priority": ("low", "high"), "title": ("ours", "theirs")}[field]
        pair.alice.tracker.create({TITLE: "same", KEY: "K", Cell(field): values[0]}, "alice")
        pair.bob.tracker.create({TITLE: "same", KEY: "K", Cell(field): values[1]}, "bob")
        await pair.settle()
        assert [pair.cells(node)[Cell(field)] for node in (pair.alice, pair.bob)] == [stands, stands]
        assert (conflicts(pair.alice), conflicts(pair.bob)) == (lost_by_alice, lost_by_bob)
        assert promises.finally_(pair.world) == []

    told(story)


def test_comments_and_files_of_both_are_put_together_and_what_both_have_is_there_once() -> None:
    async def story(pair: Pair) -> None:
        a, b = make(pair.alice, "K", "one"), make(pair.bob, "K", "one")
        at = "2026-01-01T09:00:00Z"
        pair.alice.tracker.comment(a, "both have this", "alice", at)
        pair.alice.tracker.comment(a, "+1", "alice")
        pair.alice.tracker.attach(a, "log.txt", b"the same bytes")
        pair.bob.tracker.comment(b, "both have this\r\n", "someone", at)
        pair.bob.tracker.comment(b, "+1", "bob", "2026-01-02T09:00:00Z")
        pair.bob.tracker.comment(b, "only bob's", "bob")
        pair.bob.tracker.attach(b, "protocol.txt", b"the same bytes")
        pair.bob.tracker.attach(b, "other.txt", b"other bytes")
        await pair.settle()
        for node in (pair.alice, pair.bob):
            found = [t.strip() for t in texts(pair, node)]
            assert found == ["+1", "+1", "both have this", "only bob's"]
            assert sum(cell.field == ATTACHMENT for cell in pair.cells(node)) == 2
        assert promises.finally_(pair.world) == []
        mine = next(c for c, v in pair.cells(pair.bob).items() if c.field == COMMENT and "both" in str(v))
        pair.bob.tracker.edit_comment(b, mine.element, "both have this, edited", "bob")
        await pair.settle()
        assert "both have this, edited" in texts(pair, pair.alice)
        assert promises.finally_(pair.world) == []

    told(story)


def test_two_of_ours_with_one_key_wait_for_a_person_and_nothing_of_them_leaves() -> None:
    async def story(pair: Pair) -> None:
        make(pair.alice, "K", "ours")
        first, second = make(pair.bob, "K", "one"), make(pair.bob, "k", "two")
        make(pair.bob, "other", "three")
        await pair.settle()
        assert (count(pair.alice), count(pair.bob)) == (2, 3)
        (item,) = [one for one in pair.aside(pair.bob) if one[0] == "issue"]
        assert item[1].startswith(f"2 issues here may be the partner's with the description 'k': {first}, {second};")
        assert states(pair.bob) == {first: twins.WAITS, second: twins.WAITS, "3": twins.FREE}
        pair.bob.tracker.edit(first, {TITLE: "edited meanwhile"}, "bob")
        await pair.settle()
        assert count(pair.alice) == 2
        pair.bob.tracker.edit(first, {KEY: "its own"}, "bob")
        pair.bob.retry(pair.bob.refused()[0])
        await pair.settle()
        expected = {"K": "ours", "its own": "edited meanwhile", "other": "three"}
        assert shown(pair.alice) == shown(pair.bob) == expected
        assert (count(pair.alice), count(pair.bob)) == (3, 3)
        assert states(pair.bob)[second] == twins.TOLD
        assert promises.finally_(pair.world) == []

    told(story)


def test_two_of_the_partners_with_one_key_are_not_both_ours() -> None:
    async def story(pair: Pair) -> None:
        make(pair.alice, "K", "first")
        second = make(pair.alice, "K", "second")
        make(pair.bob, "K", "mine")
        await pair.settle()
        assert count(pair.bob) == 1
        assert any("is shared already as another issue" in reason for _, reason in pair.aside(pair.bob))
        pair.alice.tracker.edit(second, {KEY: "K-2"}, "alice")
        await pair.settle()
        assert count(pair.bob) == 1
        pair.bob.retry(pair.bob.refused()[0])
        await pair.settle()
        assert shown(pair.bob) == {"K": "first", "K-2": "second"}
        assert promises.finally_(pair.world) == []

    told(story)


def test_an_issue_out_of_scope_is_not_taken_for_a_twin_and_stays_at_home() -> None:
    async def story(pair: Pair) -> None:
        scope(pair.bob, issues='issue.status != "closed"')
        make(pair.alice, "K", "ours")
        make(pair.bob, "K", "secret", status="closed")
        await pair.settle()
        assert (shown(pair.alice), shown(pair.bob)) == ({"K": "ours"}, {"K": "secret"})
        assert any("is out of this link's scope" in reason for _, reason in pair.aside(pair.bob))

    told(story)


def test_a_table_names_twins_that_have_no_key_in_common() -> None:
    async def story(pair: Pair) -> None:
        make(pair.alice, "Their 7", "ours")
        make(pair.alice, "Their 8", "also ours")
        make(pair.bob, "x", "mine")
        make(pair.bob, "Their 8", "not in the table")
        await pair.settle()
        assert count(pair.bob) == 3
        assert (pair.title(pair.bob), pair.title(pair.bob, 1)) == ("ours", "not in the table")
        assert promises.finally_(pair.world) == []

    told(story, Pairing("description", {"their 7": ("1",)}))


def test_what_bob_says_waits_until_alice_has_said_all_of_hers() -> None:
    async def story(pair: Pair) -> None:
        make(pair.alice, "K", "ours")
        make(pair.bob, "K", "mine")
        for _ in range(3):
            await outbound.capture(pair.bob.ep)
        assert pair.bob.state().out["c"].last == 0
        pair.bob.tracker.edit("1", {KEY: "K-2"}, "bob")
        make(pair.bob, "K", "made meanwhile")
        await outbound.capture(pair.bob.ep)
        assert pair.bob.state().out["c"].last == 0
        await pair.settle()
        assert shown(pair.bob) == {"K-2": "mine", "K": "ours"}
        assert (count(pair.alice), count(pair.bob)) == (2, 2)
        assert promises.finally_(pair.world) == []

    told(story)


def test_nothing_comes_in_before_every_issue_was_looked_at() -> None:
    async def story(pair: Pair) -> None:
        make(pair.bob, "K", "mine")
        assert await resyncing.apply(pair.bob.ep) == 1
        assert states(pair.bob) == {"1": twins.FREE}
        assert pair.bob.ep.looked_in is None
        await resyncing.apply(pair.bob.ep)
        assert pair.bob.ep.looked_in == pair.bob.state().life

    told(story)


def test_what_people_do_to_an_issue_that_came_before_the_first_look_at_the_feed_is_said() -> None:
    async def story(pair: Pair) -> None:
        make(pair.alice, "K", "hers")
        for step in ("capture", "send"):
            await pair.alice.act(step)
        await pair.bob.act("receive")
        while not promises._issues(pair.bob):
            await pair.bob.act("apply")
        pair.bob.tracker.edit("1", {Cell("title"): "changed at once"}, "bob")
        await pair.bob.act("capture")
        pair.bob.tracker.edit("1", {Cell("status"): "open"}, "bob")
        await pair.bob.act("capture")  # the issue is seen behind the first edit
        await pair.settle()
        assert pair.title(pair.alice) == "changed at once"
        assert promises.finally_(pair.world) == []

    told(story)


def test_a_store_put_back_to_before_the_pairing_finds_the_twin_again() -> None:
    async def story(pair: Pair) -> None:
        make(pair.alice, "K", "ours")
        make(pair.bob, "K", "ours")
        pair.bob.tracker.comment("1", "bob's own", "bob")
        pair.bob.back_up()
        await pair.settle()
        pair.bob.tracker.edit("1", {KEY: "another key"}, "bob")
        pair.bob.restore()
        await pair.bob.start()
        await pair.settle()
        assert (count(pair.alice), count(pair.bob)) == (1, 1)
        assert shown(pair.alice) == shown(pair.bob) == {"another key": "ours"}
        assert texts(pair, pair.alice) == texts(pair, pair.bob) == ["bob's own"]
        assert promises.finally_(pair.world) == []

    told(story)


def test_a_store_put_back_to_a_copy_from_the_middle_of_the_pairing_takes_all_that_came_since() -> None:
    """The tracker has the twin's first write already, and would answer every other one with its marker like that."""

    async def story(pair: Pair) -> None:
        def copy(_: object) -> None:
            if states(pair.bob) == {"1": twins.PAIRING}:
                pair.bob.back_up()

        make(pair.alice, "K", "ours")
        make(pair.bob, "K", "ours")
        pair.alice.tracker.comment("1", "the first", "alice")
        pair.bob.tracker.refuse = copy
        await pair.settle()
        assert states(pair.bob) == {"1": twins.TOLD}
        pair.alice.tracker.comment("1", "the second", "alice")
        await pair.settle()
        pair.bob.restore()
        await pair.bob.start()
        pair.alice.tracker.comment("1", "the third", "alice")
        await pair.settle()
        assert [text.split("\n")[-1].strip() for text in texts(pair, pair.bob)] == [
            "the first",
            "the second",
            "the third",
        ]
        assert promises.finally_(pair.world) == []

    told(story)


def test_what_a_copy_that_forgot_the_pairing_says_points_to_what_the_partner_knows() -> None:
    """Our store is joined again issue by issue: one may be told before the twin to which it points."""

    async def story(pair: Pair) -> None:
        make(pair.alice, "only alice's", "one")
        make(pair.alice, "K", "same")
        make(pair.bob, "K", "same")
        pair.bob.back_up()
        pair.bob.tracker.refuse = lambda write: "not today" if write.local == "1" else None
        await pair.settle()
        pair.bob.tracker.refuse = None
        pair.bob.tracker.edit("2", {Cell("depends", "1"): True}, "bob")
        pair.bob.restore()
        await pair.bob.start()
        await pair.settle()
        assert promises.finally_(pair.world) == []
        assert Cell("depends", "2") in pair.cells(pair.alice)

    told(story)


def test_a_comment_of_ours_that_neither_copy_remembers_and_that_was_taken_out_since_is_taken_out_at_the_partners() -> (
    None
):
    async def story(pair: Pair) -> None:
        make(pair.alice, "K", "one")
        await pair.settle()
        pair.bob.back_up()
        make(pair.bob, "only bob's", "two")
        await pair.settle()
        pair.alice.back_up()
        gone = pair.bob.tracker.comment("2", "goes", "bob")
        pair.bob.tracker.comment("2", "stays", "bob")
        await pair.settle()
        pair.bob.tracker.remove_comment("2", gone)
        await pair.restore()
        await pair.settle()
        assert [pair.aside(node) for node in pair.world.nodes] == [[], []]
        for node in pair.world.nodes:
            said = [v for c, v in pair.cells(node, 1).items() if c.field == COMMENT and isinstance(v, dict)]
            assert [str(one["text"]).split("\n")[-1].strip() for one in said] == ["stays"]

    told(story)


def test_a_twin_that_neither_copy_remembers_is_paired_again_and_what_both_had_is_there_once() -> None:
    async def story(pair: Pair) -> None:
        for node in pair.world.nodes:
            make(node, "K", "same")
            node.tracker.comment("1", "both had it", node.name)
            node.back_up()
        pair.bob.tracker.comment("1", "bob's own", "bob")
        await pair.settle()
        pair.alice.tracker.comment("1", "said later", "alice")
        await pair.settle()
        await pair.restore()
        await pair.settle()
        for node in pair.world.nodes:
            assert count(node) == 1
            said = [text.split("\n")[-1].strip() for text in texts(pair, node)]
            assert sorted(said) == ["bob's own", "both had it", "said later"]
        assert promises.finally_(pair.world) == []

    told(story)
