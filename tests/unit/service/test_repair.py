"""What an audit finds is settled by the policy, by the ordinary path; a write that a tracker lost is made again."""

from typing import Any

import pytest

from backbone.model import Cell
from backbone.replication.merge import Stamp
from backbone.replication.message import Kind, encode_record
from backbone.service.flow.recording import number
from backbone.store import lists
from tests.simulation.node import Node
from tests.unit.service.drifting import audited, lose, spoil
from tests.unit.service.pair import Pair, issue, run


async def repaired(pair: Pair, node: Node) -> dict[str, Any]:
    """As the command does: audit, settle, audit again; the last result."""
    found = await audited(pair, node)
    await pair.ask(
        node,
        "repair",
        cells=[[one["gid"], one["field"], one["element"]] for one in found["details"]],
        drift_here=bool(found["drift_here"]),
        drift_there=bool(found["drift_there"]),
    )
    await pair.settle()
    return await audited(pair, node)


def equal(result: dict[str, Any]) -> bool:
    return not (result["differences"] or result["drift_here"] or result["drift_there"])


@pytest.mark.parametrize("asking", ["alice", "bob"])
def test_a_write_that_a_tracker_lost_without_a_word_is_made_again(asking: str) -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine", status="new")
        await pair.settle()
        pair.alice.tracker.edit("1", {Cell("status"): "open"}, "alice")
        await pair.settle()
        lose(pair.bob, "1", Cell("status"), "new")
        node = pair.alice if asking == "alice" else pair.bob
        found = await audited(pair, node)
        assert [*found["drift_here"], *found["drift_there"]] == [
            "1: status changed in the tracker and not captured yet"
        ]
        assert pair.cells(pair.bob)[Cell("status")] == "new"
        assert equal(await repaired(pair, node))
        assert pair.cells(pair.bob)[Cell("status")] == pair.cells(pair.alice)[Cell("status")] == "open"

    run(story)


def test_a_write_that_is_lost_twice_is_made_again_twice() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine", status="new")
        await pair.settle()
        for _ in range(2):
            lose(pair.bob, "1", Cell("status"), "closed")
            assert equal(await repaired(pair, pair.bob))
            assert pair.cells(pair.bob)[Cell("status")] == "new"

    run(story)


def test_a_repair_outlives_the_process_that_began_it() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine", status="new")
        await pair.settle()
        lose(pair.bob, "1", Cell("status"), "closed")
        await pair.ask(pair.bob, "repair", cells=[], drift_here=True, drift_there=False)
        await pair.bob.act("requests")
        await pair.bob.start()
        await pair.bob.recover()
        await pair.settle()
        assert pair.cells(pair.bob)[Cell("status")] == "new"

    run(story)


def test_a_digest_that_is_no_record_is_set_aside_and_the_link_goes_on() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine")
        await pair.settle()
        pair.alice.store.run_now(lambda tx: number(tx, pair.alice.ep, [(Kind.DIGEST, b"\xff\xff", 0, None)]))
        await pair.settle()
        assert [kind for kind, _ in pair.aside(pair.bob)] == ["message"]
        issue(pair, "and on")
        await pair.settle()
        assert pair.title(pair.bob, 1) == "and on"

    run(story)


def test_what_somebody_edits_meanwhile_is_not_written_over() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine", status="new")
        await pair.settle()
        lose(pair.bob, "1", Cell("status"), "closed")
        await pair.ask(pair.bob, "repair", cells=[], drift_here=True, drift_there=False)
        await pair.bob.act("requests")
        pair.bob.tracker.edit("1", {Cell("status"): "resolved"}, "bob")
        await pair.settle()
        assert pair.cells(pair.bob)[Cell("status")] == pair.cells(pair.alice)[Cell("status")] == "resolved"

    run(story)


@pytest.mark.parametrize("asking", ["alice", "bob"])
@pytest.mark.parametrize("spoilt", ["alice", "bob"])
@pytest.mark.parametrize("field", ["title", "description", "status"])
@pytest.mark.parametrize(("stamp", "theirs_win"), [(Stamp(1, 900, 1, 900), True), (Stamp(), False)])
def test_registers_that_differ_are_settled_by_the_order_of_their_policy(
    asking: str, spoilt: str, field: str, stamp: Stamp, theirs_win: bool
) -> None:
    async def story(pair: Pair) -> None:
        nodes = {"alice": pair.alice, "bob": pair.bob}
        issue(pair, "new", description="new", status="new")
        await pair.settle()
        spoil(pair, nodes[spoilt], Cell(field), "open", stamp)
        assert (await audited(pair, nodes[asking]))["differences"] == [f"1: {field}"]
        assert equal(await repaired(pair, nodes[asking]))
        shown = [pair.cells(node)[Cell(field)] for node in nodes.values()]
        assert shown[nodes[spoilt] is pair.alice] == ("open" if theirs_win else "new")
        assert pair.aside(pair.alice) == pair.aside(pair.bob) == []

    run(story)


def test_an_issue_that_one_side_forgot_is_found_there_again_and_not_made_twice() -> None:
    async def story(pair: Pair) -> None:
        local = issue(pair, "fine", status="new")
        await pair.settle()
        pair.alice.tracker.comment(local, "it is so", "alice")
        await pair.settle()
        for table in ("identity", "shadow"):
            pair.bob.store.run_now(lambda tx, t=table: tx.exec_driver_sql(f"DELETE FROM {t}"))  # type: ignore[misc]
        found = await audited(pair, pair.bob)
        assert [text.partition(": ")[2] for text in found["differences"]] == ["only at the partner"]
        assert equal(await repaired(pair, pair.bob))
        assert len(pair.bob.tracker._state.issues) == 1
        assert pair.title(pair.bob) == "fine"
        assert [cell.field for cell in pair.cells(pair.bob)].count("comment") == 1

    run(story)


def test_what_was_skipped_can_be_settled_later() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine")
        await pair.settle()
        pair.refusing["bad"] = "no"
        pair.alice.tracker.edit("1", {Cell("title"): "bad"}, "alice")
        await pair.settle()
        (item,) = pair.bob.store.read_now(lambda tx: lists.set_aside_items(tx, 1))
        await pair.ask(pair.bob, "skip", item=item.id)
        await pair.settle()
        assert (await audited(pair, pair.alice))["differences"] == ["1: title"]
        pair.refusing.clear()
        assert equal(await repaired(pair, pair.alice))
        assert pair.title(pair.bob) == pair.title(pair.alice) == "bad"

    run(story)


@pytest.mark.parametrize(
    "record",
    [
        {"type": "repair"},
        {"type": "repair", "clock": -1},
        {"type": "repair", "clock": 1, "cells": (("g", "title", "", (1, 2, 3)),)},
        {"type": "rewrite", "clock": 1, "cells": (("g", "title", "", (1, 2, 3, 2**60)),)},
        {"type": "repair", "clock": 1, "cells": tuple(("g", "f", "", (0, 0, 0, 0)) for _ in range(1001))},
    ],
)
def test_a_malformed_command_is_set_aside_and_the_link_goes_on(record: dict[str, object]) -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine")
        await pair.settle()
        pair.alice.store.run_now(lambda tx: number(tx, pair.alice.ep, [(Kind.CTRL, encode_record(record), 0, None)]))
        await pair.settle()
        assert pair.aside(pair.bob) == [("message", "a command to repair is malformed")]
        issue(pair, "and on")
        await pair.settle()
        assert pair.title(pair.bob, 1) == "and on"

    run(story)


def test_a_partner_who_asks_many_times_makes_us_read_the_tracker_once() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine")
        await pair.settle()
        record = {"type": "repair", "clock": 5, "drift": True, "cells": ()}
        for _ in range(5):
            pair.alice.store.run_now(
                lambda tx: number(tx, pair.alice.ep, [(Kind.CTRL, encode_record(record), 0, None)])
            )
        while len(asked := pair.bob.store.read_now(lambda tx: lists.asked(tx, 1))) < 5:
            await pair.alice.act("send")
            await pair.bob.act("receive")
            await pair.bob.act("control")
        assert [arguments["drift"] for _, _, arguments in asked] == [True, False, False, False, False]

    run(story)


def test_a_command_that_names_what_is_not_ours_changes_nothing() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine")
        await pair.settle()
        cells = (("nobody-x", "", "", (0, 0, 0, 0)), ("nobody-x", "secret", "", (0, 0, 0, 0)))
        for kind in ("repair", "rewrite"):
            record = {"type": kind, "clock": 5, "cells": cells}
            pair.alice.store.run_now(
                lambda tx, r=record: number(tx, pair.alice.ep, [(Kind.CTRL, encode_record(r), 0, None)])  # type: ignore[misc]
            )
        await pair.settle()
        assert pair.aside(pair.bob) == pair.aside(pair.alice) == []
        assert equal(await audited(pair, pair.alice))

    run(story)
