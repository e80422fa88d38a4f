"""What the suite needs of a tracker: its hands, its words, and short ways to ask it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backbone.model import (
    Applied,
    Cell,
    Cells,
    Edit,
    Issue,
    Position,
    Record,
    Refused,
    Value,
    Write,
    covers,
)
from backbone.replication.moment import is_moment
from backbone.trackers.base import Tracker

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
    table: str = ""
    """A table, where the tracker has one: the promises about rows are skipped otherwise."""
    columns: tuple[str, str] = ("", "")
    """Of the table: one that holds text, and one that holds a number."""


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


class RowHarness(TrackerHarness, Protocol):
    """A tracker with a table, and what people do in it."""

    def add_row(self, local: str, row: Record, author: str) -> str: ...
    def edit_row(self, local: str, element: str, row: Record, author: str) -> None: ...
    def remove_row(self, local: str, element: str, author: str) -> None: ...


class Told:
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
        issue = (await self.tracker.read([local]))[local]
        assert not issue.created or is_moment(issue.created), issue.created
        return issue

    async def edits(self, since: Position) -> list[Edit]:
        """Everything after ``since``, in pages of two, whose positions cover what they hold and nothing behind."""
        found: list[Edit] = []
        while True:
            page = await self.tracker.touched(since, 2)
            assert all(covers(page.position, edit.position) for edit in page.edits)
            assert all(not covers(since, edit.position) for edit in page.edits)
            assert all(not edit.at or is_moment(edit.at) for edit in page.edits)
            found += page.edits
            if not page.more:
                return found
            assert page.position != since
            since = page.position


def comment_record(text: str, author: str) -> Record:
    return {"text": text, "author": author, "created": LONG_AGO}


def attachment_record(folder: Path, content: bytes, author: str) -> tuple[Record, Mapping[str, str]]:
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


def text_of(value: Value) -> str:
    assert isinstance(value, dict)
    return str(value["text"])


def nothing(position: Position) -> Position:
    return tuple(0 for _ in position)
