"""The promises about tables whose rows people and we add, edit and take out."""

from typing import cast
from unittest import SkipTest

from backbone.model import Cell, FieldType, Record, Write
from backbone.testing.harness import RowHarness, Told, TrackerHarness


class RowContract:
    """Each method is one promise of the port; all are skipped where the tracker has no table."""

    async def test_a_table_has_columns(self, harness: TrackerHarness) -> None:
        told, _ = _told(harness)
        field = (await told.tracker.describe()).fields[told.words.table]
        assert field.type is FieldType.TABLE
        kinds = {name: column.type for name, column in field.columns.items()}
        assert [kinds[name] for name in told.words.columns] == [FieldType.TEXT, FieldType.NUMBER]

    async def test_rows_of_people_are_told_with_their_columns(self, harness: TrackerHarness) -> None:
        told, people = _told(harness)
        local = harness.create("first", told.alice)
        before = await told.tracker.head()
        cell = Cell(told.words.table, people.add_row(local, _row(told, "looked", "30"), told.bob))
        assert (await told.issue(local)).cells[cell] == _row(told, "looked", "30")
        edits = await told.edits(before)
        assert {edit.author for edit in edits} == {told.bob}
        assert [dict(edit.cells) for edit in edits] == [{cell: _row(told, "looked", "30")}]

    async def test_edited_and_removed_rows_are_told(self, harness: TrackerHarness) -> None:
        told, people = _told(harness)
        local, other = harness.create("first", told.alice), harness.create("other", told.alice)
        element = people.add_row(local, _row(told, "looked", "30"), told.bob)
        people.add_row(other, _row(told, "other", "1"), told.bob)
        cell = Cell(told.words.table, element)
        before = await told.tracker.head()
        people.edit_row(local, element, {told.words.columns[1]: "45"}, told.alice)
        edits = await told.edits(before)
        assert [(edit.local, edit.author, dict(edit.cells)) for edit in edits] == [
            (local, told.alice, {cell: _row(told, "looked", "45")})
        ]
        touched = await told.tracker.touched_of({local: before, other: before})
        assert [e.cells for e in touched[local].edits] == [edits[0].cells]
        assert list(touched[other].edits) == []
        before = await told.tracker.head()
        people.remove_row(local, element, told.bob)
        assert {cell: None} in [dict(edit.cells) for edit in await told.edits(before)]
        assert cell not in (await told.issue(local)).cells

    async def test_rows_are_made_rewritten_and_taken_out_once(self, harness: TrackerHarness) -> None:
        told, _ = _told(harness)
        table, (text, number) = told.words.table, told.words.columns
        local = harness.create("first", told.alice)
        write = Write("k1", local, None, {Cell(table, "+a"): {text: "ours", number: "30"}}, told.bob)
        made = await told.applied(write)
        cell = Cell(table, made.created["+a"])
        assert made.cells == {cell: _row(told, "ours", "30")}
        assert await told.applied(write) == made
        assert _rows(await told.issue(local), table) == {cell: _row(told, "ours", "30")}
        edited = await told.applied(Write("k2", local, made.position, {cell: {text: "", number: "7.5"}}))
        assert edited.cells == {cell: {number: "7.5"}}
        kept = await told.applied(Write("k3", local, edited.position, {cell: {text: "again"}}))
        assert kept.cells == {cell: _row(told, "again", "7.5")}
        gone = await told.applied(Write("k4", local, kept.position, {cell: None}))
        assert gone.cells == {cell: None}
        assert _rows(await told.issue(local), table) == {}
        assert (await told.applied(Write("k5", local, None, {cell: None}))).cells == {cell: None}
        assert await told.refused(Write("k6", local, None, {cell: {text: "too late"}}))

    async def test_our_own_rows_do_not_look_like_edits(self, harness: TrackerHarness) -> None:
        """Everything that the feed tells of a write is covered by the position that the write answered."""
        told, _ = _told(harness)
        local = harness.create("first", told.alice)
        cells = {Cell(told.words.table, "+a"): _row(told, "ours", "30")}
        made = await told.applied(Write("k1", local, None, {**cells}))
        cell = Cell(told.words.table, made.created["+a"])
        edited = await told.applied(Write("k2", local, made.position, {cell: _row(told, "edited", "1")}))
        gone = await told.applied(Write("k3", local, edited.position, {cell: None}))
        assert await told.edits(gone.position) == []

    async def test_a_row_edited_meanwhile_keeps_a_write_from_being_made(self, harness: TrackerHarness) -> None:
        told, people = _told(harness)
        local = harness.create("first", told.alice)
        element = people.add_row(local, _row(told, "looked", "30"), told.bob)
        before = await told.tracker.head()
        people.edit_row(local, element, {told.words.columns[1]: "45"}, told.alice)
        (outcome,) = await told.tracker.apply([Write("k1", local, before, {told.title: "late"})])
        assert type(outcome).__name__ == "Stale"

    async def test_a_column_that_is_not_there_is_refused(self, harness: TrackerHarness) -> None:
        told, _ = _told(harness)
        local = harness.create("first", told.alice)
        words = await told.refused(Write("k1", local, None, {Cell(told.words.table, "+a"): {"no_such": "x"}}))
        assert "no_such" in words
        assert _rows(await told.issue(local), told.words.table) == {}


def _told(harness: TrackerHarness) -> tuple[Told, RowHarness]:
    if not harness.words.table:
        raise SkipTest("the tracker has no table")
    return Told(harness), cast("RowHarness", harness)


def _row(told: Told, text: str, number: str) -> Record:
    return dict(zip(told.words.columns, (text, number), strict=True))


def _rows(issue: object, table: str) -> dict[Cell, object]:
    cells: dict[Cell, object] = issue.cells  # type: ignore[attr-defined]
    return {cell: value for cell, value in cells.items() if cell.field == table}
