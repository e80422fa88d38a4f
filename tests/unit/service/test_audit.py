"""An audit says that all is equal, or names what is not."""

import json
from typing import Any

from backbone.model import Cell
from backbone.replication.merge import Register, Stamp
from backbone.store import lists
from backbone.store.engine import Connection
from backbone.store.shadows import Book
from tests.unit.service.pair import Pair, issue, run


async def _audit(pair: Pair) -> dict[str, Any]:
    item = await pair.ask(pair.alice, "audit")
    for _ in range(4):
        await pair.settle()
        row = pair.alice.store.read_now(lambda tx: lists.request_item(tx, item))
        assert row is not None
        if row.state == "done":
            result: dict[str, Any] = json.loads(row.result)
            return result
    raise AssertionError("no answer")


def test_equal_nodes_are_found_equal() -> None:
    async def story(pair: Pair) -> None:
        for number in range(5):
            issue(pair, f"issue {number}")
        result = await _audit(pair)
        nothing: dict[str, Any] = {"differences": [], "details": [], "drift_here": [], "drift_there": []}
        assert result == {"issues": 5, "theirs": 5, "in_flight": 0, **nothing}

    run(story)


def test_a_register_that_differs_is_named() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine", status="new")
        await pair.settle()
        pair.bob.store.run_now(_spoil)
        result = await _audit(pair)
        assert result["differences"] == ["1: status"]
        (one,) = result["details"]
        assert (one["issue"], one["field"], one["value"]) == ("1", "status", "new")
        assert one["here"] != one["there"]

    run(story)


def _spoil(tx: Connection) -> None:
    book = Book(tx, 1)
    book.load_locals([("issue", "1")])
    known = book.by_local("issue", "1")
    assert known is not None
    book.load_whole(known.gid)
    book.put(known.gid, {Cell("status"): Register(Stamp(9, 9, 9, 9), Stamp(9, 9, 9, 9), "closed", "new")})
    book.flush()


def test_an_issue_deleted_in_the_tracker_is_named() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine")
        await pair.settle()
        pair.bob.tracker.remove("1")
        result = await _audit(pair)
        assert result["drift_there"] == ["1: deleted in the tracker"]

    run(story)
