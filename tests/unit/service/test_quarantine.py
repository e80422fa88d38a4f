"""What a tracker refuses waits for a person; only its own issue waits; the partner knows."""

import json

import pytest

from backbone.model import Cell
from backbone.replication import limits
from backbone.store import lists
from tests.unit.service.pair import Pair, issue, run


async def _refused(pair: Pair) -> str:
    """An issue that bob's tracker refuses, and one that it takes."""
    pair.refusing["bad"] = "no such component"
    local = issue(pair, "bad")
    issue(pair, "good")
    await pair.settle()
    return local


def test_a_refused_issue_stops_no_other_and_both_sides_know_why() -> None:
    async def story(pair: Pair) -> None:
        await _refused(pair)
        assert pair.title(pair.bob) == "good"
        assert pair.aside(pair.bob) == [("issue", "no such component")]
        assert pair.aside(pair.alice) == [("peer", "the partner could not apply our change: no such component")]

    run(story)


def test_later_changes_of_a_refused_issue_wait_and_follow_in_order_after_a_retry() -> None:
    async def story(pair: Pair) -> None:
        local = await _refused(pair)
        pair.alice.tracker.comment(local, "first", "alice")
        pair.alice.tracker.comment(local, "second", "alice")
        await pair.settle()
        assert len(pair.aside(pair.bob)) == 1
        pair.refusing.clear()
        (item,) = pair.bob.store.read_now(lambda tx: lists.set_aside_items(tx, 1))
        await pair.ask(pair.bob, "retry", item=item.id)
        await pair.settle()
        assert pair.title(pair.bob, 1) == "bad"
        texts = [v["text"] for c, v in pair.cells(pair.bob, 1).items() if c.field == "comment" and isinstance(v, dict)]
        assert [str(t).splitlines()[-1] for t in texts] == ["first", "second"]
        assert pair.aside(pair.bob) == pair.aside(pair.alice) == []

    run(story)


def test_a_retry_that_fails_again_keeps_the_item_and_counts_the_attempt() -> None:
    async def story(pair: Pair) -> None:
        await _refused(pair)
        (item,) = pair.bob.store.read_now(lambda tx: lists.set_aside_items(tx, 1))
        await pair.ask(pair.bob, "retry", item=item.id)
        await pair.settle()
        (again,) = pair.bob.store.read_now(lambda tx: lists.set_aside_items(tx, 1))
        assert (again.id, again.attempts) == (item.id, 2)

    run(story)


def test_a_skipped_change_is_passed_over_and_the_partner_is_told() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine")
        await pair.settle()
        pair.refusing["bad"] = "no"
        pair.alice.tracker.edit("1", {Cell("title"): "bad"}, "alice")
        pair.alice.tracker.edit("1", {Cell("status"): "open"}, "alice")
        await pair.settle()
        (item,) = pair.bob.store.read_now(lambda tx: lists.set_aside_items(tx, 1))
        await pair.ask(pair.bob, "skip", item=item.id)
        await pair.settle()
        assert pair.title(pair.bob) == "fine"
        assert pair.cells(pair.bob)[Cell("status")] == "open"
        assert pair.aside(pair.bob) == []
        assert pair.aside(pair.alice) == [("peer", "the partner's admin passed over our change for good: no")]
        (seen,) = pair.alice.store.read_now(lambda tx: lists.set_aside_items(tx, 1))
        assert "the two trackers differ" in seen.advice
        await pair.ask(pair.alice, "skip", item=seen.id)
        await pair.settle()
        assert pair.aside(pair.alice) == []

    run(story)


def test_a_deleted_issue_refuses_what_comes_for_it() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine")
        await pair.settle()
        pair.bob.tracker.remove("1")
        pair.alice.tracker.edit("1", {Cell("status"): "open"}, "alice")
        await pair.settle()
        assert pair.aside(pair.bob) == [("issue", "1 was deleted here")]

    run(story)


def _item(pair: Pair) -> lists.Item:
    (item,) = pair.bob.store.read_now(lambda tx: lists.set_aside_items(tx, 1))
    return item


def test_what_heals_is_tried_again_by_itself_ever_more_slowly() -> None:
    async def story(pair: Pair) -> None:
        await _refused(pair)
        first = _item(pair)
        assert first.next_at is not None
        assert first.next_at - first.changed_at == 15 * 60
        pair.world.now = first.next_at - 1.0
        await pair.bob.act("requests")
        assert _item(pair).next_at == first.next_at
        pair.world.now = first.next_at
        await pair.settle()
        second = _item(pair)
        assert (second.attempts, second.next_at - second.changed_at) == (2, 3600)
        pair.refusing.clear()
        pair.world.now = second.next_at
        await pair.settle()
        assert {pair.title(pair.bob), pair.title(pair.bob, 1)} == {"good", "bad"}
        assert pair.aside(pair.bob) == pair.aside(pair.alice) == []

    run(story)


def test_tries_are_bounded_and_then_a_person_is_waited_for() -> None:
    async def story(pair: Pair) -> None:
        await _refused(pair)
        while (next_at := _item(pair).next_at) is not None:
            pair.world.now = next_at
            await pair.settle()
        assert _item(pair).attempts == 8
        pair.world.now += 40 * 86400.0
        await pair.settle()
        assert _item(pair).attempts == 8

    run(story)


def test_what_cannot_heal_is_not_tried_again() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine")
        await pair.settle()
        pair.bob.tracker.remove("1")
        pair.alice.tracker.edit("1", {Cell("status"): "open"}, "alice")
        await pair.settle()
        assert _item(pair).next_at is None

    run(story)


def test_the_partner_hears_when_the_trackers_words_change() -> None:
    async def story(pair: Pair) -> None:
        await _refused(pair)
        pair.refusing["bad"] = "no such permission"
        await pair.ask(pair.bob, "retry", item=_item(pair).id)
        await pair.settle()
        assert pair.aside(pair.alice) == [("peer", "the partner could not apply our change: no such permission")]

    run(story)


def test_an_amended_value_is_applied_here_and_stands_on_both_sides() -> None:
    async def story(pair: Pair) -> None:
        local = await _refused(pair)
        pair.alice.tracker.edit(local, {Cell("status"): "open"}, "alice")
        await pair.settle()
        await pair.ask(pair.bob, "edit", item=_item(pair).id, values={"title": "better"}, by="bo")
        edited = _item(pair)
        await pair.settle()
        assert pair.title(pair.bob, 1) == pair.title(pair.alice) == "better"
        assert pair.cells(pair.bob, 1)[Cell("status")] == "open"
        assert pair.aside(pair.bob) == pair.aside(pair.alice) == []
        row = pair.bob.store.read_now(lambda tx: lists.set_aside_item(tx, edited.id))
        assert row is not None
        (note,) = json.loads(row.edits)
        assert (note["by"], note["field"], note["before"], note["after"]) == ("bo", "title", "bad", "better")

    run(story)


@pytest.mark.parametrize(
    ("values", "problem"),
    [({"titel": "x"}, "names nothing here; there are: description, title"), ({"title": "x", "colour": "y"}, "colour")],
)
def test_an_edit_that_cannot_be_changes_nothing(values: dict[str, str], problem: str) -> None:
    async def story(pair: Pair) -> None:
        await _refused(pair)
        before = _item(pair)
        item = await pair.ask(pair.bob, "edit", item=before.id, values=values, by="bo")
        await pair.settle()
        request = pair.bob.store.read_now(lambda tx: lists.request_item(tx, item))
        assert request is not None
        assert problem in json.loads(request.result)["problem"]
        assert (_item(pair).edits, _item(pair).attempts) == ("[]", 1)
        assert pair.title(pair.alice) == "bad"

    run(story)


def test_several_items_are_tried_again_and_skipped_at_once() -> None:
    async def story(pair: Pair) -> None:
        for number in range(4):
            pair.refusing[f"bad {number}"] = "no such component"
            issue(pair, f"bad {number}")
        await pair.settle()
        items = [one.id for one in pair.bob.store.read_now(lambda tx: lists.set_aside_items(tx, 1))]
        pair.refusing.pop("bad 0")
        pair.refusing.pop("bad 1")
        await pair.ask(pair.bob, "retry", items=items[:3])
        await pair.settle()
        assert [one.attempts for one in pair.bob.store.read_now(lambda tx: lists.set_aside_items(tx, 1))] == [2, 1]
        await pair.ask(pair.bob, "skip", items=items)
        await pair.settle()
        assert pair.aside(pair.bob) == []
        assert [reason for _, reason in pair.aside(pair.alice)] == [
            "the partner's admin passed over our change for good: no such component"
        ] * 2

    run(story)


def test_what_could_not_be_captured_is_one_item_with_one_more_attempt() -> None:
    async def story(pair: Pair) -> None:
        long = "x" * (limits.text_bytes_max + 1)
        local = issue(pair, "fine")
        await pair.settle()
        pair.alice.tracker.edit(local, {Cell("description"): long}, "alice")
        await pair.settle()
        (first,) = pair.alice.store.read_now(lambda tx: lists.set_aside_items(tx, 1))
        await pair.ask(pair.alice, "retry", item=first.id)
        await pair.settle()
        (second,) = pair.alice.store.read_now(lambda tx: lists.set_aside_items(tx, 1))
        assert (second.id, second.attempts) == (first.id, 2)
        pair.alice.tracker.edit(local, {Cell("description"): "short"}, "alice")
        await pair.ask(pair.alice, "retry", item=first.id)
        await pair.settle()
        assert pair.aside(pair.alice) == []
        assert pair.cells(pair.bob)[Cell("description")] == "short"

    run(story)
