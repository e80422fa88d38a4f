"""What a memory tracker holds: its journal, its issues, its markers.

Values are shared, never copied: an issue and the edit that made it hold the same mapping.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from backbone.model import Applied, Cells, Edit, Issue, Position, Touched
from backbone.trackers.memory.journal import Commit


@dataclass(slots=True)
class Held:
    """An issue as it is kept; ``cells`` is replaced, never altered."""

    cells: Cells
    author: str
    created: str
    numbers: tuple[int, ...]
    """Its entries in the journal."""


class State:
    def __init__(self) -> None:
        self.issues: dict[str, Held] = {}
        self.applied: dict[str, Applied | int] = {}
        self.contents: dict[str, bytes] = {}
        self._keys: dict[str, list[str]] = {}
        self._sorted = 0
        self._journal: list[Edit | None] = []
        self._order: list[str] = []

    def head(self) -> Position:
        return (len(self._journal),)

    def next_local(self) -> str:
        return str(len(self._order) + 1)

    def take(self, commit: Commit) -> None:
        """What was committed is there from now on."""
        if commit.edit is not None:
            self._take_edit(commit.edit)
        if commit.removed is not None:
            self._journal.append(None)
            del self.issues[commit.removed]
        if commit.applied is not None:
            self.applied[commit.applied.key] = _brief(commit.applied, commit.edit)
        if commit.contents:
            self.contents.update(commit.contents)

    def issue(self, local: str) -> Issue:
        held = self.issues[local]
        return Issue(local, self.head(), held.cells, held.author, held.created)

    def issues_after(self, number: int, limit: int) -> list[Issue]:
        """Those that are there, in the order in which they were made."""
        found: list[Issue] = []
        while number < len(self._order) and len(found) < limit:
            if self._order[number] in self.issues:
                found.append(self.issue(self._order[number]))
            number += 1
        return found

    def touched(self, since: int, limit: int) -> Touched:
        end = min(since + limit, len(self._journal))
        edits = [edit for edit in self._journal[since:end] if edit is not None and edit.local in self.issues]
        return Touched(edits, (end,), more=end < len(self._journal))

    def edits_of(self, local: str, since: int) -> Sequence[Edit]:
        numbers = self.issues[local].numbers
        own = (self._journal[number - 1] for number in numbers[bisect_right(numbers, since) :])
        return [edit for edit in own if edit is not None]

    def answer(self, key: str) -> Applied:
        """What the write with this key was answered."""
        known = self.applied[key]
        if isinstance(known, Applied):
            return known
        edit = self._journal[known - 1]
        assert edit is not None, "an edit stays in the journal"
        return Applied(key, edit.local, edit.position, edit.cells)

    def written(self, issues: Mapping[str, int]) -> Mapping[str, Sequence[Applied]]:
        """The writes with a key in these issues behind the given numbers, in commit order. What was written since
        somebody asked last is sorted by issue now: an initial population, of which nobody asks, does not pay for it.
        """
        for key in islice(self.applied, self._sorted, None):
            self._keys.setdefault(self.answer(key).local, []).append(key)
        self._sorted = len(self.applied)
        found: dict[str, list[Applied]] = {}
        for local, since in issues.items():
            later = [one for one in map(self.answer, self._keys.get(local, ())) if one.position[0] > since]
            if later:
                found[local] = later
        return found

    def _take_edit(self, edit: Edit) -> None:
        assert edit.position == (len(self._journal) + 1,), "the journal is dense"
        self._journal.append(edit)
        if edit.created:
            self._order.append(edit.local)
            self.issues[edit.local] = Held(edit.cells, edit.author, edit.at, edit.position)
            return
        held = self.issues[edit.local]
        merged = {**held.cells, **edit.cells}
        held.cells = {cell: value for cell, value in merged.items() if value is not None}
        held.numbers += edit.position


def _brief(applied: Applied, edit: Edit | None) -> Applied | int:
    """An answer that says what its edit says anyway is kept as the edit's number."""
    same = edit is not None and applied.cells is edit.cells and not applied.created
    return applied.position[0] if same else applied
