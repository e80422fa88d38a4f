"""People who edit: issues, fields, labels, comments, attachments, relations, in the tracker itself."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from backbone.model import ATTACHMENT, COMMENT, Cell, Cells, Value
from backbone.trackers.memory import MemoryTracker

ROWS = 0.25
"""This share of the edits of existing issues is of rows, where anybody edits those."""
WORK = "work"
"""The memory tracker's table."""
BOTH = "somebody"
"""Who wrote what was on both sides before the link: nobody edits that, or it would be two."""


@dataclass
class Person:
    """Somebody on one side, with a counter shared by all so that every text is unique."""

    name: str
    tracker: MemoryTracker
    dice: random.Random
    counter: Iterator[int]
    tables: bool = False
    """Whether somebody edits rows, too; others have the stories that they had."""
    made: list[str] = field(default_factory=list)
    """The unique texts of issues, comments and rows that were made on this side."""
    removed: list[str] = field(default_factory=list)
    """The texts of comments and rows that were taken out on this side."""

    async def act(self) -> None:
        """One edit."""
        issues = [issue.local for issue in await self.tracker.issues(None, 1_000)]
        roll = self.dice.random()
        if not issues or roll < 0.15:
            self._create()
            return
        local = self.dice.choice(issues)
        if self.tables and self.dice.random() < ROWS:
            self._row(local, (await self.tracker.read([local]))[local].cells)
            return
        cells = (await self.tracker.read([local]))[local].cells
        if roll < 0.55:
            self._field(local)
        elif roll < 0.7:
            text = self.unique("comment")
            self.made.append(text)
            self.tracker.comment(local, text, self.name)
        elif roll < 0.78:
            self._edit_comment(local, cells)
        elif roll < 0.84:
            self.tracker.attach(local, self.unique("file"), self.unique("bytes").encode() * 3, self.name)
        elif roll < 0.87:
            self._remove(local, cells)
        elif roll < 0.94:
            label = self.dice.choice(("red", "green", "blue"))
            old = cells.get(Cell("labels", label))
            self.tracker.edit(local, {Cell("labels", label): None if old else True}, self.name)
        else:
            other = self.dice.choice(issues)
            old = cells.get(Cell("depends", other))
            self.tracker.edit(local, {Cell("depends", other): None if old else True}, self.name)

    def _create(self) -> None:
        text = self.unique("issue")
        self.made.append(text)
        self.tracker.create(
            {
                Cell("title"): text,
                Cell("description"): text,
                Cell("status"): "new",
                Cell("labels", self.dice.choice(("red", "green"))): True,
            },
            self.name,
        )

    def _field(self, local: str) -> None:
        name = self.dice.choice(("title", "title", "status", "priority", "estimate"))
        value: Value = self.unique("title")
        if name == "status":
            value = self.dice.choice(("new", "open", "resolved", "closed"))
        elif name == "priority":
            value = self.dice.choice(("low", "normal", "high"))
        elif name == "estimate":
            value = self.dice.choice((None, str(next(self.counter))))
        self.tracker.edit(local, {Cell(name): value}, self.name)

    def _edit_comment(self, local: str, cells: Cells) -> None:
        every = [(cell, value) for cell, value in cells.items() if cell.field == COMMENT and isinstance(value, dict)]
        comments = [cell for cell, value in every if BOTH not in (value["author"], str(value["text"]).split(" ")[0])]
        if not comments:
            return
        cell = self.dice.choice(comments)
        value = cells[cell]
        assert isinstance(value, dict)
        self.tracker.edit_comment(local, cell.element, f"{value['text']} {self.unique('edit')}", self.name)

    def _row(self, local: str, cells: Cells) -> None:
        """One is added, edited or taken out."""
        rows = [cell for cell, value in cells.items() if cell.field == WORK and isinstance(value, dict)]
        roll = self.dice.random()
        if not rows or roll < 0.5:
            text = self.unique("row")
            self.made.append(text)
            self.tracker.add_row(local, WORK, {"text": text, "minutes": str(next(self.counter))}, self.name)
            return
        cell = self.dice.choice(rows)
        row = cells[cell]
        assert isinstance(row, dict)
        if roll < 0.8:
            kind = self.dice.choice(("", "analysis", "repair"))
            self.tracker.edit(local, {cell: {"minutes": str(next(self.counter)), "kind": kind}}, self.name)
        else:
            self.removed.append(str(row["text"]))
            self.tracker.edit(local, {cell: None}, self.name)

    def _remove(self, local: str, cells: Cells) -> None:
        contents = [(c, v) for c, v in cells.items() if c.field in (COMMENT, ATTACHMENT) and isinstance(v, dict)]
        if not contents:
            return
        cell, value = self.dice.choice(contents)
        self.removed.append(str(value.get("text", "")))
        self.tracker.edit(local, {cell: None}, self.name)

    def unique(self, word: str) -> str:
        """A text that stands nowhere else."""
        return f"{word} {next(self.counter)} "


def texts(cells: Cells) -> list[str]:
    """The comments of an issue."""
    return [str(v["text"]) for c, v in cells.items() if c.field == COMMENT and isinstance(v, dict)]


def rows(cells: Cells) -> list[tuple[tuple[str, str], ...]]:
    """The rows of an issue, each with its columns."""
    every = [v for c, v in cells.items() if c.field == WORK and isinstance(v, dict)]
    return sorted(tuple(sorted((name, str(text)) for name, text in row.items())) for row in every)


def files(cells: Cells) -> list[str]:
    """The attachments of an issue, by content."""
    return [str(v["sha256"]) for c, v in cells.items() if c.field == ATTACHMENT and isinstance(v, dict)]
