"""What is read and told: the half of the tracker contract that changes nothing."""

import asyncio
import hashlib
from pathlib import Path

from backbone.model import (
    ATTACHMENT,
    COMMENT,
    Cell,
    FieldType,
    Write,
    covers,
)
from backbone.testing.harness import Told, TrackerHarness, nothing, text_of

HINT_SECONDS_MAX = 5.0


class ReadingContract:
    """Each method is one promise of the port."""

    async def test_fields_values_and_people_are_found_by_asking(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        schema = await told.tracker.describe()
        assert schema.fields[told.words.title].type is FieldType.TEXT
        assert set(told.words.choices) <= set(schema.fields[told.words.choice].values or ())
        assert schema.fields[told.words.labels].type is FieldType.CHOICES
        assert schema.fields[told.words.labels].open
        assert schema.fields[told.words.relation].type is FieldType.RELATION
        assert {*told.words.people, told.words.user} <= set(schema.people)
        assert {COMMENT, ATTACHMENT}.isdisjoint(schema.fields)

    async def test_a_prepared_tracker_needsnothing(self, harness: TrackerHarness) -> None:
        assert list(await harness.tracker.check()) == []

    async def test_an_issue_made_by_a_person_is_read_and_told(self, harness: TrackerHarness) -> None:
        told = Told(harness)
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
        told = Told(harness)
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
        told = Told(harness)
        before = await told.tracker.head()
        local = harness.create("as made", told.alice)
        harness.edit(local, {told.title: "later", told.label("x"): True}, told.bob)
        made = (await told.edits(before))[0]
        assert made.created
        assert made.cells[told.title] == "as made"
        assert told.label("x") not in made.cells

    async def test_nothing_new_is_told_after_the_head(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        harness.create("first", told.alice)
        head = await told.tracker.head()
        page = await told.tracker.touched(head, 100)
        assert (list(page.edits), page.position, page.more) == ([], head, False)

    async def test_pages_of_issues_hold_each_once_in_the_order_of_making(self, harness: TrackerHarness) -> None:
        told = Told(harness)
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
        told = Told(harness)
        one, two = harness.create("one", told.alice), harness.create("two", told.alice)
        before = await told.tracker.head()
        harness.edit(two, {told.title: "two a"}, told.bob)
        harness.edit(one, {told.title: "one a"}, told.bob)
        touched = await told.tracker.touched_of({one: before, two: await told.tracker.head()})
        assert [dict(edit.cells) for edit in touched[one].edits] == [{told.title: "one a"}]
        assert list(touched[two].edits) == []
        assert touched[one].position == await told.tracker.head()

    async def test_comments_of_people_are_told_with_theirtext_of(self, harness: TrackerHarness) -> None:
        told = Told(harness)
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
        told = Told(harness)
        local = harness.create("first", told.alice)
        comment = harness.comment(local, "first text", told.bob)
        cell = Cell(COMMENT, comment)
        before = await told.tracker.head()
        harness.edit_comment(local, comment, "second text", told.alice)
        (edit,) = await told.edits(before)
        assert edit.author == told.alice
        assert list(edit.cells) == [cell]
        assert text_of(edit.cells[cell]) == "second text"
        assert [e.cells for e in (await told.tracker.touched_of({local: before}))[local].edits] == [edit.cells]
        before = await told.tracker.head()
        harness.remove_comment(local, comment, told.alice)
        assert [dict(edit.cells) for edit in await told.edits(before)] == [{cell: None}]
        assert cell not in (await told.issue(local)).cells

    async def test_attachments_of_people_are_read(self, harness: TrackerHarness, tmp_path: Path) -> None:
        told = Told(harness)
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

    async def test_a_removed_issue_is_gone_everywhere(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        before = await told.tracker.head()
        one, two = harness.create("one", told.alice), harness.create("two", told.alice)
        harness.edit(one, {told.title: "one a"}, told.bob)
        harness.remove(one)
        assert set(await told.tracker.read([one, two])) == {two}
        assert [issue.local for issue in await told.tracker.issues(None, 10)] == [two]
        assert {edit.local for edit in await told.edits(before)} == {two}
        assert set(await told.tracker.touched_of({one: before, two: before})) == {two}
        assert await told.refused(Write("k1", one, None, {told.title: "x"}))

    async def test_a_hint_comes_when_a_person_edits(self, harness: TrackerHarness) -> None:
        told = Told(harness)
        hints = told.tracker.hints()
        waiting = asyncio.ensure_future(anext(hints))
        await asyncio.sleep(0)
        harness.create("first", told.alice)
        await asyncio.wait_for(waiting, HINT_SECONDS_MAX)
        assert len((await told.tracker.touched(nothing(await told.tracker.head()), 10)).edits) == 1
