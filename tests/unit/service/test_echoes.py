"""What comes back of our own writes is passed over without asking the store; what people did is not."""

from unittest.mock import patch

from backbone.model import Applied, Cell, Edit, Position, Refused
from backbone.service.flow import echoes, outbound
from backbone.service.flow.echoes import Echoes
from backbone.store import links
from tests.unit.service.pair import Pair, issue, run


def edit(local: str, *position: int) -> Edit:
    return Edit(local, position, "alice", "", {Cell("title"): "t"})


def wrote(local: str, *position: int) -> Applied:
    return Applied("key", local, position, {})


def test_what_lies_behind_a_write_of_ours_is_somebody_elses() -> None:
    known = Echoes()
    known.wrote([wrote("1", 5, 2), Refused("key", "no"), wrote("2", 6, 0)])
    ours = [edit("1", 5, 0), edit("1", 0, 2), edit("2", 6, 0)]
    theirs = [edit("1", 6, 0), edit("1", 0, 3), edit("2", 0, 1), edit("3", 1, 0)]
    assert known.without([*ours, *theirs]) == theirs


def test_no_more_is_remembered_than_is_said() -> None:
    known = Echoes()
    known.wrote([wrote(str(number), 1) for number in range(echoes.KEPT)])
    assert known.without([edit("7", 1)]) == []
    known.wrote([wrote("new", 1)])
    assert known.without([edit("7", 1), edit("new", 1)]) == [edit("7", 1)]


def test_a_write_that_comes_back_is_not_looked_up_and_a_persons_edit_right_behind_it_travels() -> None:
    """Bob's node hears of its own write from its feed; what Bob does to that issue at once is still an edit."""

    async def story(pair: Pair) -> None:
        issue(pair, "from alice")
        await pair.settle()
        assert pair.bob.ep.echoes.without(await feed(pair)) == []
        pair.bob.tracker.edit("1", {Cell("title"): "by bob"}, "bob")
        assert [one.cells for one in pair.bob.ep.echoes.without(await feed(pair))] == [{Cell("title"): "by bob"}]
        await pair.settle()
        assert pair.title(pair.alice) == "by bob"

    async def feed(pair: Pair) -> list[Edit]:
        start: Position = (0,)
        return [*(await pair.bob.ep.tracker.touched(start, 100)).edits]

    run(story)


def test_the_feed_goes_on_past_a_page_of_nothing_but_our_own_writes() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "from alice")
        await pair.settle()
        assert pair.bob.store.read_now(lambda tx: links.get(tx, 1)).cursor == await pair.bob.tracker.head()

    run(story)


def test_any_number_of_such_pages_is_passed_over_in_one_turn_and_the_page_with_a_persons_edit_is_told() -> None:
    """Left to later turns they would fall behind what is written meanwhile."""

    async def story(pair: Pair) -> None:
        for number in range(7):
            issue(pair, f"issue {number}")
        with patch.object(outbound, "CAPTURED_AT_ONCE", 2):
            await pair.settle()
            pair.bob.store.run_now(lambda tx: links.change(tx, 1, cursor=(0,)))
            await outbound.capture(pair.bob.ep)
            assert cursor(pair) == await pair.bob.tracker.head()
            pair.bob.tracker.edit("6", {Cell("title"): "by bob"}, "bob")
            pair.bob.store.run_now(lambda tx: links.change(tx, 1, cursor=(0,)))
            assert await outbound.capture(pair.bob.ep) == 2
            assert cursor(pair) == await pair.bob.tracker.head()
            await pair.settle()
        assert pair.title(pair.alice, 5) == "by bob"

    def cursor(pair: Pair) -> Position | None:
        return pair.bob.store.read_now(lambda tx: links.get(tx, 1)).cursor

    run(story)
