"""The contract of ``backbone.trackers.base.Tracker`` as a suite for pytest with pytest-asyncio in auto mode.

Inherit from ``TrackerContract`` and give a fixture ``harness``: a tracker with no issues in it, and the hands of the
people who work in it. Their hands must use the tracker's own ways, not the adapter under test. The tracker has to
be set up with three rules of its own: a title that contains ``forbidden`` is refused, blanks around a title are taken
away, and a title that contains ``escalate`` sets the choice to its second value.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backbone.model import (
    ATTACHMENT,
    COMMENT,
    Applied,
    Cell,
    Cells,
    Edit,
    FieldType,
    Issue,
    Position,
    Record,
    Refused,
    Stale,
    Value,
    Write,
    covers,
)
from backbone.trackers.base import Tracker

HINT_SECONDS_MAX = 5.0
LONG_AGO = "2020-01-02T03:04:05Z"


@dataclass(frozen=True, slots=True)
class Words:
    """What things are called in this tracker."""

    title: str
    choice: str
    choices: tuple[str, str]
    labels: str
    relation: str
    people: tuple[str, str]
    user: str
    """The synchronization user."""


class TrackerHarness(Protocol):
    """A tracker without issues, and what people do in it. Each call is committed when it returns."""

    @property
    def tracker(self) -> Tracker: ...
    @property
    def words(self) -> Words: ...
    def create(self, title: str, author: str) -> str: ...
    def edit(self, local: str, cells: Cells, author: str) -> None: ...
    def comment(self, local: str, text: str, author: str) -> str: ...
    def edit_comment(self, local: str, comment: str, text: str, author: str) -> None: ...
    def remove_comment(self, local: str, comment: str, author: str) -> None: ...
    def attach(self, local: str, name: str, content: bytes, author: str) -> str: ...
    def remove(self, local: str) -> None: ...


class _Told:
    """What the suite reads of a harness, in a few words."""

    def __init__(self, harness: TrackerHarness) -> None:
        self.harness = harness
        self.tracker = harness.tracker
        self.words = harness.words
        self.title = Cell(harness.words.title)
        self.choice = Cell(harness.words.choice)
        self.alice, self.bob = harness.words.people

    def label(self, name: str) -> Cell:
        return Cell(self.words.labels, name)

    async def applied(self, write: Write) -> Applied:
        (outcome,) = await self.tracker.apply([write])
        assert isinstance(outcome, Applied), outcome
        return outcome

    async def refused(self, write: Write) -> str:
        (outcome,) = await self.tracker.apply([write])
        assert isinstance(outcome, Refused), outcome
        assert outcome.key == write.key
        return outcome.words

    async def issue(self, local: str) -> Issue:
        return (await self.tracker.read([local]))[local]

    async def edits(self, since: Position) -> list[Edit]:
        """Everything after ``since``, in pages of two, whose positions cover what they hold and nothing behind."""
        found: list[Edit] = []
        while True:
            page = await self.tracker.touched(since, 2)
            assert all(covers(page.position, edit.position) for edit in page.edits)
            assert all(not covers(since, edit.position) for edit in page.edits)
            found += page.edits
            if not page.more:
                return found
            assert page.position != since
            since = page.position


def comment_record(text: str, author: str) -> Record:
    return {"text": text, "author": author, "created": LONG_AGO}


class TrackerContract:
    """Each method is one promise of the port."""

    async def test_fields_values_and_people_are_found_by_asking(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        schema = await told.tracker.describe()
        assert schema.fields[told.words.title].type is FieldType.TEXT
        assert set(told.words.choices) <= set(schema.fields[told.words.choice].values or ())
        assert schema.fields[told.words.labels].type is FieldType.CHOICES
        assert schema.fields[told.words.labels].open
        assert schema.fields[told.words.relation].type is FieldType.RELATION
        assert {*told.words.people, told.words.user} <= set(schema.people)
        assert {COMMENT, ATTACHMENT}.isdisjoint(schema.fields)

    async def test_a_prepared_tracker_needs_nothing(self, harness: TrackerHarness) -> None:
        assert list(await harness.tracker.check()) == []

    async def test_an_issue_made_by_a_person_is_read_and_told(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        before = await told.tracker.head()
        local = harness.create("first", told.alice)
        issue = await told.issue(local)
        assert issue.cells[told.title] == "first"
        assert issue.author == told.alice
        assert None not in issue.cells.values()
        (edit,) = await told.edits(before)
        assert (edit.local, edit.author, edit.created) == (local, told.alice, True)
        assert edit.cells == issue.cells
        assert covers(issue.position, edit.position)
        assert covers(await told.tracker.head(), edit.position)

    async def test_edits_come_in_commit_order_with_author_and_the_value_of_then(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        one, two = harness.create("one", told.alice), harness.create("two", told.bob)
        before = await told.tracker.head()
        first, second = told.words.choices
        harness.edit(one, {told.title: "one a"}, told.bob)
        harness.edit(two, {told.choice: first, told.label("x"): True}, told.alice)
        harness.edit(one, {told.title: "one b"}, told.alice)
        harness.edit(two, {told.choice: second, told.label("x"): None}, told.bob)
        edits = await told.edits(before)
        assert [(edit.local, edit.author, dict(edit.cells)) for edit in edits] == [
            (one, told.bob, {told.title: "one a"}),
            (two, told.alice, {told.choice: first, told.label("x"): True}),
            (one, told.alice, {told.title: "one b"}),
            (two, told.bob, {told.choice: second, told.label("x"): None}),
        ]
        assert not any(edit.created for edit in edits)
        assert edits == sorted(edits, key=lambda edit: edit.position)

    async def test_the_edit_that_made_an_issue_tells_how_it_was_made(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        before = await told.tracker.head()
        local = harness.create("as made", told.alice)
        harness.edit(local, {told.title: "later", told.label("x"): True}, told.bob)
        made = (await told.edits(before))[0]
        assert made.created
        assert made.cells[told.title] == "as made"
        assert told.label("x") not in made.cells

    async def test_nothing_new_is_told_after_the_head(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        harness.create("first", told.alice)
        head = await told.tracker.head()
        page = await told.tracker.touched(head, 100)
        assert (list(page.edits), page.position, page.more) == ([], head, False)

    async def test_pages_of_issues_hold_each_once_in_the_order_of_making(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        made = [harness.create(f"issue {number}", told.alice) for number in range(5)]
        harness.remove(made[1])
        seen: list[str] = []
        after = None
        while page := await told.tracker.issues(after, 2):
            assert len(page) <= 2
            seen += [issue.local for issue in page]
            after = page[-1].local
        assert seen == [made[0], *made[2:]]

    async def test_an_issue_has_its_own_edits(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        one, two = harness.create("one", told.alice), harness.create("two", told.alice)
        before = await told.tracker.head()
        harness.edit(two, {told.title: "two a"}, told.bob)
        harness.edit(one, {told.title: "one a"}, told.bob)
        touched = await told.tracker.touched_of({one: before, two: await told.tracker.head()})
        assert [dict(edit.cells) for edit in touched[one].edits] == [{told.title: "one a"}]
        assert list(touched[two].edits) == []
        assert touched[one].position == await told.tracker.head()

    async def test_a_write_is_read_back(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        cells: dict[Cell, Value] = {told.title: "made", told.choice: told.words.choices[0], told.label("new one"): True}
        applied = await told.applied(Write("k1", None, None, cells))
        assert {cell: applied.cells.get(cell) for cell in cells} == cells
        issue = await told.issue(applied.local)
        assert dict(applied.cells) == dict(issue.cells)
        assert "new one" in ((await told.tracker.describe()).fields[told.words.labels].values or ())

    async def test_the_same_key_writes_once_and_answers_the_same(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        write = Write("k1", None, None, {told.title: "once", Cell(COMMENT, "+c"): comment_record("hello", told.alice)})
        first = await told.applied(write)
        head = await told.tracker.head()
        harness.edit(first.local, {told.title: "edited since"}, told.bob)
        assert await told.applied(write) == first
        assert dict(await told.tracker.find(["k1", "k2"])) == {"k1": first}
        assert [edit.author for edit in await told.edits(head)] == [told.bob]
        assert len(await told.tracker.issues(None, 10)) == 1

    async def test_our_own_write_is_covered_by_its_answer(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        local = harness.create("first", told.alice)
        before = await told.tracker.head()
        cells: dict[Cell, Value] = {told.title: "ours", Cell(COMMENT, "+c"): comment_record("hello", told.bob)}
        applied = await told.applied(Write("k1", local, before, cells))
        touched = (await told.tracker.touched_of({local: before}))[local]
        assert touched.edits
        assert all(covers(applied.position, edit.position) for edit in touched.edits)
        assert not (await told.tracker.touched_of({local: applied.position}))[local].edits

    async def test_a_write_on_an_old_reading_is_stale_and_writes_nothing(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
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
        told = _Told(harness)
        local = harness.create("first", told.alice)
        position = (await told.issue(local)).position
        comment = harness.comment(local, "hello", told.bob)
        assert list(await told.tracker.apply([Write("k1", local, position, {told.title: "x"})])) == [Stale("k1")]
        position = (await told.issue(local)).position
        harness.edit_comment(local, comment, "hello again", told.bob)
        assert list(await told.tracker.apply([Write("k2", local, position, {told.title: "x"})])) == [Stale("k2")]

    async def test_edits_of_other_issues_do_not_make_it_stale(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        one, two = harness.create("one", told.alice), harness.create("two", told.alice)
        position = (await told.issue(one)).position
        harness.edit(two, {told.title: "two a"}, told.bob)
        applied = await told.applied(Write("k1", one, position, {told.title: "ours"}))
        assert applied.cells[told.title] == "ours"

    async def test_a_refusal_leaves_nothing_and_has_the_trackers_words(
        self, harness: TrackerHarness, tmp_path: Path
    ) -> None:
        told = _Told(harness)
        local = harness.create("first", told.alice)
        before, head = await told.issue(local), await told.tracker.head()
        attachment, files = _attachment(tmp_path, b"never kept", told.alice)
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
        told = _Told(harness)
        titles = ["a", "forbidden", "b", "also forbidden", "c"]
        writes = [Write(f"k{number}", None, None, {told.title: title}) for number, title in enumerate(titles)]
        outcomes = await told.tracker.apply(writes)
        assert [type(outcome) for outcome in outcomes] == [Applied, Refused, Applied, Refused, Applied]
        assert [issue.cells[told.title] for issue in await told.tracker.issues(None, 10)] == ["a", "b", "c"]
        assert sorted(await told.tracker.find([write.key for write in writes])) == ["k0", "k2", "k4"]

    async def test_what_cannot_be_is_refused(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        local = harness.create("first", told.alice)
        assert await told.refused(Write("k1", local, None, {Cell("no such field"): "x"}))
        assert await told.refused(Write("k2", local, None, {told.choice: "no such value"}))
        assert await told.refused(Write("k3", "987654321", None, {told.title: "x"}))
        foreign: Cells = {Cell(COMMENT, "987654321"): comment_record("x", told.alice)}
        assert await told.refused(Write("k4", local, None, foreign))

    async def test_side_effects_are_answered_and_told(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        local = harness.create("first", told.alice)
        before = await told.tracker.head()
        applied = await told.applied(Write("k1", local, before, {told.title: "escalate this"}))
        assert applied.cells == {told.title: "escalate this", told.choice: told.words.choices[1]}
        cells = {cell: value for edit in await told.edits(before) for cell, value in edit.cells.items()}
        assert cells == dict(applied.cells)

    async def test_a_value_that_the_tracker_rewrote_is_answered_as_it_stands(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        local = harness.create("first", told.alice)
        applied = await told.applied(Write("k1", local, None, {told.title: "  blanks  "}))
        assert applied.cells[told.title] == "blanks"
        assert (await told.issue(local)).cells[told.title] == "blanks"

    async def test_a_write_that_changes_nothing_is_answered_with_what_stands(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        local = harness.create("first", told.alice)
        head = await told.tracker.head()
        applied = await told.applied(Write("k1", local, head, {told.title: "first", told.label("absent"): None}))
        assert applied.cells == {told.title: "first", told.label("absent"): None}
        assert await told.edits(head) == []
        assert "k1" in await told.tracker.find(["k1"])

    async def test_values_are_emptied_and_elements_taken_out(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
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
        told = _Told(harness)
        local = harness.create("first", told.alice)
        before = await told.tracker.head()
        await told.applied(Write("k1", local, None, {told.title: "by bob"}, author=told.bob))
        await told.applied(Write("k2", local, None, {told.title: "by us"}))
        assert [edit.author for edit in await told.edits(before)] == [told.bob, told.words.user]

    async def test_comments_of_people_are_told_with_their_text(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        local = harness.create("first", told.alice)
        before = await told.tracker.head()
        comment = harness.comment(local, "hällo\nworld", told.bob)
        cell = Cell(COMMENT, comment)
        record = (await told.issue(local)).cells[cell]
        assert isinstance(record, dict)
        assert (record["text"], record["author"]) == ("hällo\nworld", told.bob)
        edits = await told.edits(before)
        assert [edit.cells[cell] for edit in edits if cell in edit.cells] == [record]

    async def test_edited_and_removed_comments_are_told(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        local = harness.create("first", told.alice)
        comment = harness.comment(local, "first text", told.bob)
        cell = Cell(COMMENT, comment)
        before = await told.tracker.head()
        harness.edit_comment(local, comment, "second text", told.alice)
        (edit,) = await told.edits(before)
        assert edit.author == told.alice
        assert list(edit.cells) == [cell]
        assert _text(edit.cells[cell]) == "second text"
        assert [e.cells for e in (await told.tracker.touched_of({local: before}))[local].edits] == [edit.cells]
        before = await told.tracker.head()
        harness.remove_comment(local, comment, told.alice)
        assert [dict(edit.cells) for edit in await told.edits(before)] == [{cell: None}]
        assert cell not in (await told.issue(local)).cells

    async def test_comments_are_made_with_their_author_and_time(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
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
        told = _Told(harness)
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

    async def test_attachments_of_people_are_read(self, harness: TrackerHarness, tmp_path: Path) -> None:
        told = _Told(harness)
        local = harness.create("first", told.alice)
        before = await told.tracker.head()
        content = bytes(range(256)) * 40
        attachment = harness.attach(local, "bild ü.png", content, told.bob)
        cell = Cell(ATTACHMENT, attachment)
        record = (await told.issue(local)).cells[cell]
        assert isinstance(record, dict)
        assert (record["name"], record["size"], record["author"]) == ("bild ü.png", len(content), told.bob)
        assert record["sha256"] == hashlib.sha256(content).hexdigest()
        assert [edit.cells[cell] for edit in await told.edits(before)] == [record]
        await told.tracker.open_attachment(attachment, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == content

    async def test_attachments_are_made_and_taken_out(self, harness: TrackerHarness, tmp_path: Path) -> None:
        told = _Told(harness)
        local = harness.create("first", told.alice)
        content = b"\x00\xff\r\n" * 1000
        attachment, files = _attachment(tmp_path, content, told.bob)
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
        told = _Told(harness)
        one, two = harness.create("one", told.alice), harness.create("two", told.alice)
        cell = Cell(told.words.relation, two)
        applied = await told.applied(Write("k1", one, None, {cell: True}))
        assert applied.cells == {cell: True}
        assert (await told.issue(one)).cells[cell] is True
        assert (await told.applied(Write("k2", one, None, {cell: None}))).cells == {cell: None}
        assert cell not in (await told.issue(one)).cells
        assert told.words.relation not in {cell.field for cell in (await told.issue(two)).cells}

    async def test_a_removed_issue_is_gone_everywhere(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        before = await told.tracker.head()
        one, two = harness.create("one", told.alice), harness.create("two", told.alice)
        harness.edit(one, {told.title: "one a"}, told.bob)
        harness.remove(one)
        assert set(await told.tracker.read([one, two])) == {two}
        assert [issue.local for issue in await told.tracker.issues(None, 10)] == [two]
        assert {edit.local for edit in await told.edits(before)} == {two}
        assert set(await told.tracker.touched_of({one: before, two: before})) == {two}
        assert await told.refused(Write("k1", one, None, {told.title: "x"}))

    async def test_many_writes_are_answered_in_their_order(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        writes = [Write(f"k{number}", None, None, {told.title: f"issue {number}"}) for number in range(60)]
        outcomes = await told.tracker.apply(writes)
        assert [outcome.key for outcome in outcomes] == [write.key for write in writes]
        titles = [issue.cells[told.title] for issue in await told.tracker.issues(None, 100)]
        assert titles == [f"issue {number}" for number in range(60)]
        assert len(await told.edits(_nothing(await told.tracker.head()))) == 60

    async def test_a_hint_comes_when_a_person_edits(self, harness: TrackerHarness) -> None:
        told = _Told(harness)
        hints = told.tracker.hints()
        waiting = asyncio.ensure_future(anext(hints))
        await asyncio.sleep(0)
        harness.create("first", told.alice)
        await asyncio.wait_for(waiting, HINT_SECONDS_MAX)
        assert len((await told.tracker.touched(_nothing(await told.tracker.head()), 10)).edits) == 1


def _attachment(folder: Path, content: bytes, author: str) -> tuple[Record, Mapping[str, str]]:
    """An attachment to be made, and where its content lies."""
    digest = hashlib.sha256(content).hexdigest()
    path = folder / digest
    path.write_bytes(content)
    record: Record = {
        "name": "log ü.bin",
        "type": "application/x-log",
        "size": len(content),
        "sha256": digest,
        "author": author,
        "created": LONG_AGO,
    }
    return record, {digest: str(path)}


def _text(value: Value) -> str:
    assert isinstance(value, dict)
    return str(value["text"])


def _nothing(position: Position) -> Position:
    return tuple(0 for _ in position)
