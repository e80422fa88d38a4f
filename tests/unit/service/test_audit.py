"""An audit says that all is equal, or names what is not."""

import json
from typing import Any

from backbone.model import Cell
from backbone.replication.merge import Stamp
from backbone.service.healing.audit import PATIENT_TRIES
from backbone.store import lists
from tests.unit.service.drifting import audited, lose, spoil
from tests.unit.service.pair import Pair, issue, run


def test_equal_nodes_are_found_equal() -> None:
    async def story(pair: Pair) -> None:
        for number in range(5):
            issue(pair, f"issue {number}")
        result = await audited(pair, pair.alice)
        nothing: dict[str, Any] = {"differences": [], "details": [], "drift_here": [], "drift_there": [], "more": False}
        assert result == {"issues": 5, "theirs": 5, "in_flight": 0, **nothing}

    run(story)


def test_a_register_that_differs_is_named() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine", status="new")
        await pair.settle()
        spoil(pair, pair.bob, Cell("status"), "closed", Stamp(9, 9, 9, 9))
        result = await audited(pair, pair.alice)
        assert result["differences"] == ["1: status"]
        (one,) = result["details"]
        assert (one["issue"], one["field"], one["value"]) == ("1", "status", "new")
        assert one["here"] != one["there"]

    run(story)


def test_an_issue_deleted_in_the_tracker_is_named() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine")
        await pair.settle()
        pair.bob.tracker.remove("1")
        result = await audited(pair, pair.alice)
        assert result["drift_there"] == ["1: deleted in the tracker"]

    run(story)


def test_an_audit_goes_on_while_changes_are_in_flight() -> None:
    async def story(pair: Pair) -> None:
        for number_ in range(4):
            issue(pair, f"issue {number_}", status="new")
        await pair.settle()
        spoil(pair, pair.bob, Cell("status"), "closed", Stamp(1, 900, 1, 900))
        item = await pair.ask(pair.alice, "audit")
        for turn in range(60):
            pair.alice.tracker.edit("2", {Cell("title"): f"a{turn}"}, "alice")
            pair.bob.tracker.edit("3", {Cell("title"): f"b{turn}"}, "bob")
            await pair.world._round()
            pair.world.now += 1.0
            row = pair.alice.store.read_now(lambda tx: lists.request_item(tx, item))
            assert row is not None
            if row.state == "done":
                break
        assert row is not None
        result = json.loads(row.result)
        assert result["differences"] == ["1: status"]
        assert 1 <= result["in_flight"] <= 2

    run(story)


def test_what_the_partner_wrote_after_its_answer_is_left_out() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine", status="new")
        await pair.settle()
        spoil(pair, pair.bob, Cell("status"), "closed", Stamp(1, 900, 1, 900))
        item = await pair.ask(pair.alice, "audit", tries=PATIENT_TRIES)
        for node, what in (
            (pair.alice, "requests"),
            (pair.alice, "send"),
            (pair.bob, "receive"),
            (pair.bob, "control"),
        ):
            await node.act(what)
        pair.bob.tracker.edit("1", {Cell("title"): "later"}, "bob")
        for what in ("capture", "send"):
            await pair.bob.act(what)
        for what in ("receive", "apply"):
            await pair.alice.act(what)
        assert pair.title(pair.alice) == "later"
        await pair.alice.act("control")
        row = pair.alice.store.read_now(lambda tx: lists.request_item(tx, item))
        assert row is not None
        result = json.loads(row.result)
        assert (result["differences"], result["in_flight"]) == ([], 1)

    run(story)


def last(pair: Pair) -> tuple[int, dict[str, Any]]:
    """Number and result of Alice's last audit."""
    row = pair.alice.store.read_now(lambda tx: lists.last_asked(tx, 1, "audit"))
    assert row is not None
    return row.id, pair.alice.store.read_now(lambda tx: lists.last_audit(tx, 1))


def test_a_link_is_audited_by_its_schedule() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine", status="new")
        await pair.settle()
        pair.alice.ep.audit_seconds = 86_400.0
        await pair.settle()
        assert pair.alice.store.read_now(lambda tx: lists.last_asked(tx, 1, "audit")) is None
        pair.world.now += 86_400.0
        await pair.settle()
        first, found = last(pair)
        assert found["differences"] == []
        spoil(pair, pair.bob, Cell("status"), "closed", Stamp(1, 900, 1, 900))
        await pair.settle()
        assert last(pair)[0] == first
        pair.world.now += 86_400.0
        await pair.settle()
        assert last(pair)[1]["differences"] == ["1: status"]
        lose(pair.bob, "1", Cell("title"), "other")
        for _ in range(2):
            pair.world.now += 86_400.0
            await pair.settle()
            assert last(pair)[1]["drift_there"] == ["1: title changed in the tracker and not captured yet"]

    run(story)
