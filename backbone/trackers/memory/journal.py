"""The file that keeps a memory tracker: one JSON line per commit, the marker in the same line.

Several processes may have the same file open: a writer locks it, reads what the others appended, and appends. A line
without its end is what a killed process left; it never happened, and the next writer cuts it off. A commit
survives the process, not the machine's power: it is written, not synced.
"""

import base64
import fcntl
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from backbone.model import Applied, Cell, Cells, Edit, Value
from backbone.points import passed

_NO_CONTENTS: Mapping[str, bytes] = MappingProxyType({})


class Commit(NamedTuple):
    """What happened at once: an edit, or an issue removed, or neither (a write that changed nothing)."""

    edit: Edit | None
    removed: str | None = None
    applied: Applied | None = None
    contents: Mapping[str, bytes] = _NO_CONTENTS
    """By attachment id."""
    people: Mapping[str, str] = MappingProxyType({})
    """Names by log-in, of users that were made."""


_PIECE_BYTES = 1 << 20
_SHARED_LENGTH = 20
"""Shorter values are mostly words that many issues have in common."""


class JournalFile:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._seen = 0
        self._looked = 0
        self._pending: list[bytes] = []

    def grown(self) -> bool:
        """Whether another process appended something since the last look: one system call."""
        return os.fstat(self._file).st_size > max(self._seen, self._looked)

    def read_new(self) -> Iterator[Commit]:
        """The commits behind what was read or written so far, without ever holding more than a piece of the file."""
        self._looked = os.fstat(self._file).st_size
        rest = b""
        at = self._seen
        while at < self._looked and (piece := os.pread(self._file, min(_PIECE_BYTES, self._looked - at), at)):
            at += len(piece)
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                self._seen += len(line) + 1
                yield _decode(line)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else writes in here. What was appended is in the file when this ends."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            self._write()
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def append(self, commit: Commit) -> None:
        self._pending.append(_encode(commit))

    def close(self) -> None:
        os.close(self._file)

    def _write(self) -> None:
        lines, self._pending = b"".join(self._pending), []
        if not lines:
            return
        os.ftruncate(self._file, self._seen)
        self._looked = self._seen
        while lines:
            written = os.pwrite(self._file, lines, self._seen)
            self._seen += written
            lines = lines[written:]
        passed("tracker: committed")


def _encode(commit: Commit) -> bytes:
    line: dict[str, object] = {}
    edit, applied = commit.edit, commit.applied
    if edit is not None:
        line["edit"] = [edit.local, edit.position[0], edit.author, edit.at, edit.created, _listed(edit.cells)]
    if commit.removed is not None:
        line["removed"] = commit.removed
    if applied is not None:
        same = edit is not None and applied.cells == edit.cells
        cells = None if same else _listed(applied.cells)
        line["applied"] = [applied.key, applied.local, applied.position[0], cells, dict(applied.created)]
    if commit.contents:
        line["contents"] = {local: base64.b64encode(data).decode() for local, data in commit.contents.items()}
    if commit.people:
        line["people"] = dict(commit.people)
    return json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def _decode(data: bytes) -> Commit:
    line = json.loads(data.decode("utf-8", "surrogatepass"))
    edit = applied = None
    if "edit" in line:
        local, number, author, at, created, cells = line["edit"]
        edit = Edit(local, (number,), author, at, _cells(cells), created)
    if "applied" in line:
        key, local, number, cells, made = line["applied"]
        if cells is None:
            assert edit is not None, "a marker without cells has those of its edit"
        applied = Applied(
            key, local, (number,), _cells(cells) if cells is not None or edit is None else edit.cells, made
        )
    contents = {local: base64.b64decode(data) for local, data in line.get("contents", {}).items()}
    return Commit(edit, line.get("removed"), applied, contents, line.get("people", {}))


def _listed(cells: Cells) -> list[tuple[str, str, Value]]:
    return [(name, element, value) for (name, element), value in cells.items()]


def _cells(listed: list[tuple[str, str, Value]]) -> Cells:
    return {
        _cell(name, element): sys.intern(value) if isinstance(value, str) and len(value) < _SHARED_LENGTH else value
        for name, element, value in listed
    }


@lru_cache(maxsize=10_000)
def _cell(name: str, element: str) -> Cell:
    """Fifty thousand issues share the names of their cells."""
    return Cell(sys.intern(name), sys.intern(element))
