"""Tables between two whole nodes: rows travel, meet, are bounded and proven like anything else."""

from typing import Any

import pytest

from backbone.model import Cell
from backbone.replication import amending
from backbone.replication.agreement import Agreement
from backbone.replication.mapping import Rules, Translation
from backbone.replication.merge import Stamp
from backbone.replication.message import ChangeSet, Operation
from backbone.service.flow.recording import emit
from backbone.store import lists
from tests.simulation import promises
from tests.simulation.node import AGREEMENT, RULES, Node
from tests.simulation.people import WORK, rows
from tests.unit.service.drifting import audited
from tests.unit.service.pair import Pair, issue, run
from tests.unit.service.test_agreeing import change, without
from tests.unit.service.test_repair import equal, repaired
from tests.unit.service.test_twins import make, told


def add(node: Node, text: str, local: str = "1", **columns: str) -> str:
    return node.tracker.add_row(local, WORK, {"text": text, **columns}, node.name)


def element(pair: Pair, node: Node, text: str) -> Cell:
    """The row with that text, as this tracker calls it."""
    return next(c for c, v in pair.cells(node).items() if isinstance(v, dict) and v.get("text") == text)


def shown(pair: Pair, node: Node) -> list[dict[str, str]]:
    return [dict(row) for row in rows(pair.cells(node))]


def test_rows_are_added_edited_and_taken_out_on_both_sides() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine")
        add(pair.alice, "looked", minutes="30")
        await pair.settle()
        add(pair.bob, "mended", minutes="90", kind="repair")
        pair.bob.tracker.edit("1", {element(pair, pair.bob, "looked"): {"minutes": "35"}}, "bob")
        await pair.settle()
        both = [{"kind": "repair", "minutes": "90", "text": "mended"}, {"minutes": "35", "text": "looked"}]
        assert shown(pair, pair.alice) == shown(pair, pair.bob) == both
        pair.alice.tracker.edit("1", {element(pair, pair.alice, "mended"): None}, "alice")
        await pair.settle()
        assert shown(pair, pair.bob) == both[1:]
        assert equal(await audited(pair, pair.alice))
        assert promises.finally_(pair.world) == []

    run(story)


def test_of_a_row_that_both_edit_at_once_one_whole_row_stands_and_the_other_is_on_the_list() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine")
        add(pair.alice, "looked", minutes="30")
        await pair.settle()
        pair.alice.tracker.edit("1", {element(pair, pair.alice, "looked"): {"minutes": "40"}}, "alice")
        pair.bob.tracker.edit("1", {element(pair, pair.bob, "looked"): {"kind": "travel"}}, "bob")
        await pair.settle()
        assert shown(pair, pair.alice) == shown(pair, pair.bob)
        assert shown(pair, pair.bob)[0] in (
            {"minutes": "40", "text": "looked"}, {"kind": "travel", "minutes": "30", "text": "looked"},
        )  # fmt: skip
        for node in (pair.alice, pair.bob):
            (lost,) = node.store.read_now(lambda tx: lists.conflicts(tx, 1, everything=True))
            assert lost.field == WORK
        assert promises.finally_(pair.world) == []

    run(story)


def test_a_row_that_one_edits_while_the_other_takes_it_out_is_the_same_on_both_sides() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine")
        add(pair.alice, "looked")
        await pair.settle()
        pair.bob.tracker.edit("1", {element(pair, pair.bob, "looked"): {"minutes": "5"}}, "bob")
        pair.bob.tracker.edit("1", {element(pair, pair.bob, "looked"): {"minutes": "6"}}, "bob")
        pair.alice.tracker.edit("1", {element(pair, pair.alice, "looked"): None}, "alice")
        await pair.settle()
        assert shown(pair, pair.alice) == shown(pair, pair.bob)
        assert promises.finally_(pair.world) == []

    run(story)


@pytest.mark.parametrize("row", [{"secret": "x"}, {"spent": "many"}, {"what": 5}, {"what": "x" * 10_001}, True])
def test_a_row_that_the_agreement_does_not_allow_never_reaches_the_tracker(row: Any) -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine")
        await pair.settle()
        gid = promises._names(pair.alice)["1"]
        stamp = Stamp(1, 50)
        said = [ChangeSet(gid, "eve", "", (Operation(Cell(WORK, "r-1"), row, stamp, stamp),))]
        pair.alice.store.run_now(lambda tx: emit(tx, pair.alice.ep, said))
        await pair.settle()
        ((kind, reason),) = pair.aside(pair.bob)
        assert (kind, reason.startswith("1: the peer wrote work[r-1]") or "the peer wrote work[r-1]" in reason) == (
            "issue", True,
        )  # fmt: skip
        assert shown(pair, pair.bob) == []

    run(story)


def test_rows_without_end_are_refused_and_honest_ones_stay_at_home() -> None:
    async def story(pair: Pair) -> None:
        work = {**AGREEMENT["fields"][WORK], "rows_max": 2}
        agreement = Agreement.parse({"fields": {**AGREEMENT["fields"], WORK: work}}, "agreement")
        for node in (pair.alice, pair.bob):
            node.ep.agreement = agreement
            node.ep.translation = Translation(agreement, Rules.parse(RULES, "rules"), node.name, side=node.side)
        issue(pair, "fine")
        for text in ("one", "two", "three"):
            add(pair.alice, text)
        await pair.settle()
        assert [row["text"] for row in shown(pair, pair.bob)] == ["one", "two"]
        ((kind, reason),) = pair.aside(pair.alice)
        assert (kind, "the agreement allows 2 rows of work" in reason) == ("outbound", True)
        gid = promises._names(pair.alice)["1"]
        stamp = Stamp(1, 50)
        operations = tuple(Operation(Cell(WORK, f"x-{n}"), {}, stamp, stamp) for n in range(3))
        said = [ChangeSet(gid, "eve", "", operations)]
        pair.alice.store.run_now(lambda tx: emit(tx, pair.alice.ep, said))
        await pair.settle()
        assert "more rows of work than the agreement allows" in pair.aside(pair.bob)[0][1]
        assert len(shown(pair, pair.bob)) == 2

    run(story)


def test_a_row_that_a_tracker_lost_without_a_word_is_made_again_once() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "fine")
        add(pair.alice, "looked")
        await pair.settle()
        cell = element(pair, pair.bob, "looked")
        held = pair.bob.tracker._state.issues["1"]
        held.cells = {c: v for c, v in held.cells.items() if c != cell}
        found = await audited(pair, pair.bob)
        assert [*found["drift_here"], *found["drift_there"]]
        assert equal(await repaired(pair, pair.bob))
        assert shown(pair, pair.bob) == shown(pair, pair.alice) == [{"text": "looked"}]
        pair.alice.tracker.edit("1", {element(pair, pair.alice, "looked"): {"minutes": "1"}}, "alice")
        await pair.settle()
        assert shown(pair, pair.bob) == [{"minutes": "1", "text": "looked"}]

    run(story)


def test_rows_that_both_had_before_the_link_are_there_once_and_the_others_on_both_sides() -> None:
    async def story(pair: Pair) -> None:
        ours, theirs = make(pair.alice, "K", "one"), make(pair.bob, "K", "one")
        for text, minutes in (("same", "5"), ("other", "6"), ("only alice's", "7")):
            add(pair.alice, text, ours, minutes=minutes)
        for text, minutes in (("same", "5"), ("other", "8"), ("only bob's", "7")):
            add(pair.bob, text, theirs, minutes=minutes)
        await pair.settle()
        found = sorted((row["text"], row["minutes"]) for row in shown(pair, pair.alice))
        assert found == [("only alice's", "7"), ("only bob's", "7"), ("other", "6"), ("other", "8"), ("same", "5")]
        assert shown(pair, pair.bob) == shown(pair, pair.alice)
        pair.bob.tracker.edit(theirs, {element(pair, pair.bob, "same"): {"minutes": "50"}}, "bob")
        await pair.settle()
        assert {"minutes": "50", "text": "same"} in shown(pair, pair.alice)
        assert promises.finally_(pair.world) == []

    told(story)


def test_a_table_that_joins_and_gets_another_column_is_said_on_both_sides() -> None:
    async def story(pair: Pair) -> None:
        await change(pair, without(WORK))
        issue(pair, "fine")
        await pair.settle()
        add(pair.alice, "hers", minutes="5")
        add(pair.bob, "his", kind="travel")
        await pair.settle()
        assert len(shown(pair, pair.alice)) == len(shown(pair, pair.bob)) == 1
        columns = AGREEMENT["fields"][WORK]["columns"]
        narrow = {"type": "table", "columns": {name: columns[name] for name in ("what", "spent")}}
        await change(pair, without(work=narrow))
        assert [row["text"] for row in shown(pair, pair.alice)] == ["hers", "his"]
        assert shown(pair, pair.alice)[0] == {"minutes": "5", "text": "hers"}
        assert "kind" not in shown(pair, pair.alice)[1]
        await change(pair, AGREEMENT)
        assert shown(pair, pair.alice) == shown(pair, pair.bob)
        assert {"kind": "travel", "text": "his"} in shown(pair, pair.alice)
        await change(pair, without(work=narrow))
        pair.bob.tracker.edit("1", {element(pair, pair.bob, "his"): {"minutes": "7", "kind": "repair"}}, "bob")
        await pair.settle()
        assert {"kind": "travel", "minutes": "7", "text": "his"} in shown(pair, pair.alice)
        assert promises.finally_(pair.world) == ["rows differ"]  # in the column that is not shared

    run(story)


def test_a_person_amends_a_row_as_json() -> None:
    cell, row = Cell(WORK, "r-1"), {"what": "fünf", "spent": "5"}
    text = amending.text_of(cell, {**row})
    assert text == '{"what": "fünf", "spent": "5"}'
    assert amending.value_of(cell, {**row}, text) == row
    assert amending.value_of(cell, {**row}, '{"what": "x", "spent": ""}') == {"what": "x"}
    assert amending.value_of(cell, {**row}, "") is None
    for wrong in ("what", "[]", '{"what": 5}'):
        with pytest.raises(ValueError, match="work is a row: its columns and their texts"):
            amending.value_of(cell, {**row}, wrong)
