"""What is written: once, whole, on what was read, and answered as it stands."""

from pathlib import Path

from backbone.model import (
    ATTACHMENT,
    COMMENT,
    Applied,
    Cell,
    Cells,
    Refused,
    Stale,
    Value,
    Write,
    covers,
)
from backbone.testing.harness import LONG_AGO, Told, TrackerHarness, attachment_record, comment_record, nothing


class WritingContract:
    """Each method is one promise of the port."""

    async def test_a_write_is_read_back(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        cells: dict[Cell, Value] = {told.title: "made", told.choice: told.words.choices[0], told.label("new one"): True}
        applied = await told.applied(Write("k1", None, None, cells))
        assert {cell: applied.cells.get(cell) for cell in cells} == cells
        issue = await told.issue(applied.local)
        assert dict(applied.cells) == dict(issue.cells)
        assert "new one" in ((await told.tracker.describe()).fields[told.words.labels].values or ())

    async def test_the_same_key_writes_once_and_answers_the_same(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        write = Write("k1", None, None, {told.title: "once", Cell(COMMENT, "+c"): comment_record("hello", told.alice)})
        first = await told.applied(write)
        head = await told.tracker.head()
        harness.edit(first.local, {told.title: "edited since"}, told.bob)
        assert await told.applied(write) == first
        assert dict(await told.tracker.find(["k1", "k2"])) == {"k1": first}
        assert [edit.author for edit in await told.edits(head)] == [told.bob]
        assert len(await told.tracker.issues(None, 10)) == 1

    async def test_our_own_write_is_covered_by_its_answer(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        local = harness.create("first", told.alice)
        before = await told.tracker.head()
        cells: dict[Cell, Value] = {told.title: "ours", Cell(COMMENT, "+c"): comment_record("hello", told.bob)}
        applied = await told.applied(Write("k1", local, before, cells))
        touched = (await told.tracker.touched_of({local: before}))[local]
        assert touched.edits
        assert all(covers(applied.position, edit.position) for edit in touched.edits)
        assert not (await told.tracker.touched_of({local: applied.position}))[local].edits

    async def test_a_write_on_an_old_reading_is_stale_and_writesnothing(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        local = harness.create("first", told.alice)
        position = (await told.issue(local)).position
        harness.edit(local, {told.choice: told.words.choices[0]}, told.bob)
        head = await told.tracker.head()
        write = Write("k1", local, position, {told.title: "ours", told.label("unseen"): True})
        assert list(await told.tracker.apply([write])) == [Stale("k1")]
        assert (await told.issue(local)).cells[told.title] == "first"
        assert await told.tracker.head() == head
        assert not await told.tracker.find(["k1"])

    async def test_a_comment_or_a_new_text_of_one_makes_a_reading_old(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        local = harness.create("first", told.alice)
        position = (await told.issue(local)).position
        comment = harness.comment(local, "hello", told.bob)
        assert list(await told.tracker.apply([Write("k1", local, position, {told.title: "x"})])) == [Stale("k1")]
        position = (await told.issue(local)).position
        harness.edit_comment(local, comment, "hello again", told.bob)
        assert list(await told.tracker.apply([Write("k2", local, position, {told.title: "x"})])) == [Stale("k2")]

    async def test_edits_of_other_issues_do_not_make_it_stale(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        one, two = harness.create("one", told.alice), harness.create("two", told.alice)
        position = (await told.issue(one)).position
        harness.edit(two, {told.title: "two a"}, told.bob)
        applied = await told.applied(Write("k1", one, position, {told.title: "ours"}))
        assert applied.cells[told.title] == "ours"

    async def test_a_refusal_leaves_nothing_and_has_the_trackers_words(
        self, harness: TrackerHarness, tmp_path: Path
    ) -> None:
        told = Told(harness)
        local = harness.create("first", told.alice)
        before, head = await told.issue(local), await told.tracker.head()
        attachment, files = attachment_record(tmp_path, b"never kept", told.alice)
        cells: dict[Cell, Value] = {
            told.label("never made"): True,
            Cell(COMMENT, "+c"): comment_record("lost", told.alice),
            Cell(ATTACHMENT, "+a"): attachment,
            told.title: "forbidden",
        }
        assert "forbidden" in await told.refused(Write("k1", local, None, cells, files=files))
        assert dict((await told.issue(local)).cells) == dict(before.cells)
        assert await told.tracker.head() == head
        assert not await told.tracker.find(["k1"])
        assert await told.refused(Write("k2", None, None, cells, files=files))
        labels = (await told.tracker.describe()).fields[told.words.labels]
        assert "never made" not in (labels.values or ())
        assert len(await told.tracker.issues(None, 10)) == 1

    async def test_a_refused_write_does_not_touch_its_neighbours(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        titles = ["a", "forbidden", "b", "also forbidden", "c"]
        writes = [Write(f"k{number}", None, None, {told.title: title}) for number, title in enumerate(titles)]
        outcomes = await told.tracker.apply(writes)
        assert [type(outcome) for outcome in outcomes] == [Applied, Refused, Applied, Refused, Applied]
        assert [issue.cells[told.title] for issue in await told.tracker.issues(None, 10)] == ["a", "b", "c"]
        assert sorted(await told.tracker.find([write.key for write in writes])) == ["k0", "k2", "k4"]

    async def test_what_cannot_be_is_refused(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        local = harness.create("first", told.alice)
        assert await told.refused(Write("k1", local, None, {Cell("no such field"): "x"}))
        assert await told.refused(Write("k2", local, None, {told.choice: "no such value"}))
        assert await told.refused(Write("k3", "987654321", None, {told.title: "x"}))
        assert await told.refused(Write("k5", "9" * 40, None, {told.title: "x"}))
        assert await told.refused(Write("k6", "../1", None, {told.title: "x"}))
        assert not await told.tracker.read(["9" * 40, "", "../1"])
        foreign: Cells = {Cell(COMMENT, "987654321"): comment_record("x", told.alice)}
        assert await told.refused(Write("k4", local, None, foreign))

    async def test_side_effects_are_answered_and_told(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        local = harness.create("first", told.alice)
        before = await told.tracker.head()
        applied = await told.applied(Write("k1", local, before, {told.title: "escalate this"}))
        assert applied.cells == {told.title: "escalate this", told.choice: told.words.choices[1]}
        cells = {cell: value for edit in await told.edits(before) for cell, value in edit.cells.items()}
        assert cells == dict(applied.cells)

    async def test_a_value_that_the_tracker_rewrote_is_answered_as_it_stands(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        local = harness.create("first", told.alice)
        applied = await told.applied(Write("k1", local, None, {told.title: "  blanks  "}))
        assert applied.cells[told.title] == "blanks"
        assert (await told.issue(local)).cells[told.title] == "blanks"

    async def test_a_write_that_changes_nothing_is_answered_with_what_stands(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        local = harness.create("first", told.alice)
        head = await told.tracker.head()
        applied = await told.applied(Write("k1", local, head, {told.title: "first", told.label("absent"): None}))
        assert applied.cells == {told.title: "first", told.label("absent"): None}
        assert await told.edits(head) == []
        assert "k1" in await told.tracker.find(["k1"])

    async def test_values_are_emptied_and_elements_taken_out(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        local = harness.create("first", told.alice)
        set_cells: dict[Cell, Value] = {
            told.choice: told.words.choices[0],
            told.label("a"): True,
            told.label("b"): True,
        }
        harness.edit(local, set_cells, told.bob)
        applied = await told.applied(Write("k1", local, None, {told.choice: None, told.label("a"): None}))
        assert applied.cells == {told.choice: None, told.label("a"): None}
        cells = (await told.issue(local)).cells
        assert told.choice not in cells
        assert [cell.element for cell in cells if cell.field == told.words.labels] == ["b"]

    async def test_a_write_is_journaled_as_its_author(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        local = harness.create("first", told.alice)
        before = await told.tracker.head()
        await told.applied(Write("k1", local, None, {told.title: "by bob"}, author=told.bob))
        await told.applied(Write("k2", local, None, {told.title: "by us"}))
        assert [edit.author for edit in await told.edits(before)] == [told.bob, told.words.user]

    async def test_comments_are_made_with_their_author_and_time(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        local = harness.create("first", told.alice)
        cells: Cells = {
            Cell(COMMENT, "+one"): comment_record("1", told.bob),
            Cell(COMMENT, "+two"): comment_record("2", ""),
        }
        applied = await told.applied(Write("k1", local, None, cells))
        assert set(applied.created) == {"+one", "+two"}
        one, two = (applied.cells[Cell(COMMENT, applied.created[marker])] for marker in ("+one", "+two"))
        assert one == {"text": "1", "author": told.bob, "created": LONG_AGO}
        assert two == {"text": "2", "author": told.words.user, "created": LONG_AGO}
        assert not any(cell.element.startswith("+") for cell in applied.cells)
        issue = await told.issue(local)
        assert {c: v for c, v in issue.cells.items() if c.field == COMMENT} == {
            c: v for c, v in applied.cells.items() if c.field == COMMENT
        }

    async def test_comments_are_rewritten_and_taken_out(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        local = harness.create("first", told.alice)
        cell = Cell(COMMENT, harness.comment(local, "theirs", told.bob))
        applied = await told.applied(Write("k1", local, None, {cell: comment_record("ours", told.alice)}))
        record = applied.cells[cell]
        assert isinstance(record, dict)
        assert (record["text"], record["author"]) == ("ours", told.bob)
        assert (await told.issue(local)).cells[cell] == record
        assert (await told.applied(Write("k2", local, None, {cell: None}))).cells[cell] is None
        assert cell not in (await told.issue(local)).cells
        assert (await told.applied(Write("k3", local, None, {cell: None}))).cells[cell] is None

    async def test_attachments_are_made_and_taken_out(self, harness: TrackerHarness, tmp_path: Path) -> None:
        told = Told(harness)
        local = harness.create("first", told.alice)
        content = b"\x00\xff\r\n" * 1000
        attachment, files = attachment_record(tmp_path, content, told.bob)
        applied = await told.applied(Write("k1", local, None, {Cell(ATTACHMENT, "+a"): attachment}, files=files))
        made = applied.created["+a"]
        record = applied.cells[Cell(ATTACHMENT, made)]
        assert isinstance(record, dict)
        for key in ("name", "type", "size", "sha256", "author"):
            assert record[key] == attachment[key], key
        await told.tracker.open_attachment(made, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == content
        gone = await told.applied(Write("k2", local, None, {Cell(ATTACHMENT, made): None}))
        assert gone.cells[Cell(ATTACHMENT, made)] is None
        assert Cell(ATTACHMENT, made) not in (await told.issue(local)).cells

    async def test_relations_hold_issues(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        one, two = harness.create("one", told.alice), harness.create("two", told.alice)
        cell = Cell(told.words.relation, two)
        applied = await told.applied(Write("k1", one, None, {cell: True}))
        assert applied.cells == {cell: True}
        assert (await told.issue(one)).cells[cell] is True
        assert (await told.applied(Write("k2", one, None, {cell: None}))).cells == {cell: None}
        assert cell not in (await told.issue(one)).cells
        assert told.words.relation not in {cell.field for cell in (await told.issue(two)).cells}

    async def test_what_was_written_in_an_issue_is_told_again(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        made = await told.applied(Write("k1", None, None, {told.title: "first"}))
        local, other = made.local, harness.create("other", told.alice)
        harness.edit(local, {told.title: "second"}, told.alice)
        record = comment_record("ours", told.bob)
        commented = await told.applied(Write("k2", local, None, {Cell(COMMENT, "+c"): record}))
        unchanged = await told.applied(Write("k3", local, None, {told.title: "second"}))
        assert await told.tracker.written(dict.fromkeys([local, other])) == {local: [made, commented, unchanged]}
        later = await told.tracker.written({local: made.position, other: None})
        assert [one.key for one in later[local]] == ["k2", "k3"]
        assert await told.tracker.written(dict.fromkeys([local, other], await told.tracker.head())) == {}
        assert commented.created["+c"]

    async def test_many_writes_are_answered_in_their_order(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        writes = [Write(f"k{number}", None, None, {told.title: f"issue {number}"}) for number in range(60)]
        outcomes = await told.tracker.apply(writes)
        assert [outcome.key for outcome in outcomes] == [write.key for write in writes]
        titles = [issue.cells[told.title] for issue in await told.tracker.issues(None, 100)]
        assert titles == [f"issue {number}" for number in range(60)]
        assert len(await told.edits(nothing(await told.tracker.head()))) == 60
