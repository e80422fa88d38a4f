"""What a tracker refuses waits for a person; only its own issue waits; the partner knows."""

from backbone.model import Cell
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
        assert pair.aside(pair.bob) == pair.aside(pair.alice) == []

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
