"""The tracker contract over every adapter that ships."""

import dataclasses
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from backbone.model import Cell, Cells, Person, Record, Value, Write
from backbone.testing import TrackerContract, TrackerHarness, Words
from backbone.trackers.memory import DEFAULT_SCHEMA, MemoryTracker
from tests.support.roundup import PEOPLE, RoundupHarness, copy_home, make_home

_MEMORY_WORDS = Words(
    "title", "priority", ("low", "urgent"), "labels", "depends", PEOPLE, "backbone", "work", ("text", "minutes")
)
_MEMORY_SCHEMA = dataclasses.replace(
    DEFAULT_SCHEMA, people={login: Person(login, login.title()) for login in (*PEOPLE, "backbone")}
)


def _stripped(cell: Cell, value: Value) -> Value:
    return value.strip() if cell.field == "title" and isinstance(value, str) else value


def _forbidden(write: Write) -> str | None:
    return "a forbidden title" if "forbidden" in str(write.cells.get(Cell("title"), "")) else None


def _escalated(before: Cells, changed: Cells) -> Cells:
    del before
    return {Cell("priority"): "urgent"} if "escalate" in str(changed.get(Cell("title"), "")) else {}


def _memory(path: Path | None = None) -> MemoryTracker:
    return MemoryTracker(_MEMORY_SCHEMA, path=path, normalise=_stripped, refuse=_forbidden, side_effect=_escalated)


class MemoryHarness:
    """People may sit at another instance that shares the file, as another process would."""

    def __init__(self, tracker: MemoryTracker, people: MemoryTracker) -> None:
        self.tracker = tracker
        self.words = _MEMORY_WORDS
        self._people = people

    def create(self, title: str, author: str) -> str:
        return self._people.create({Cell("title"): title}, author)

    def edit(self, local: str, cells: Cells, author: str) -> None:
        self._people.edit(local, cells, author)

    def comment(self, local: str, text: str, author: str) -> str:
        return self._people.comment(local, text, author)

    def edit_comment(self, local: str, comment: str, text: str, author: str) -> None:
        self._people.edit_comment(local, comment, text, author)

    def remove_comment(self, local: str, comment: str, author: str) -> None:
        self._people.remove_comment(local, comment, author)

    def attach(self, local: str, name: str, content: bytes, author: str) -> str:
        return self._people.attach(local, name, content, author)

    def add_row(self, local: str, row: Record, author: str) -> str:
        return self._people.add_row(local, "work", row, author)

    def edit_row(self, local: str, element: str, row: Record, author: str) -> None:
        self._people.edit(local, {Cell("work", element): row}, author)

    def remove_row(self, local: str, element: str, author: str) -> None:
        self._people.edit(local, {Cell("work", element): None}, author)

    def remove(self, local: str) -> None:
        self._people.remove(local)

    async def close(self) -> None:
        await self.tracker.close()
        await self._people.close()


@pytest.fixture(scope="session")
def roundup_homes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Each template's tracker is made once."""
    made: dict[str, Path] = {}

    def home(template: str) -> Path:
        if template not in made:
            made[template] = make_home(tmp_path_factory.mktemp("roundup") / template, template)
        return made[template]

    return home


class TestMemory(TrackerContract):
    @pytest.fixture(params=["alone", "with a file"])
    async def harness(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TrackerHarness]:
        path = tmp_path / "tracker.jsonl" if request.param == "with a file" else None
        tracker = _memory(path)
        harness = MemoryHarness(tracker, _memory(path) if path else tracker)
        yield harness
        await harness.close()


class TestRoundup(TrackerContract):
    @pytest.fixture(params=["classic", "responsive"])
    async def harness(
        self, request: pytest.FixtureRequest, tmp_path: Path, roundup_homes: Callable[[str], Path]
    ) -> AsyncIterator[TrackerHarness]:
        harness = RoundupHarness(copy_home(roundup_homes(request.param), tmp_path / "home"), request.param)
        yield harness
        await harness.close()
