"""The tracker itself: issues with a growing journal, edited by people (plain methods) and through the port.

Nothing in here suspends except ``hints``. Values are shared, never copied: an issue, the edit that made it and the
answer to the write hold the same mapping.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from backbone.errors import TrackerUnavailable
from backbone.model import (
    ATTACHMENT,
    COMMENT,
    Applied,
    Cell,
    Cells,
    Edit,
    Issue,
    Outcome,
    Person,
    Position,
    Record,
    Refused,
    Schema,
    Stale,
    Touched,
    Write,
)
from backbone.trackers.memory.journal import Commit, JournalFile
from backbone.trackers.memory.query import parse_query, wanted_in
from backbone.trackers.memory.schema import DEFAULT_SCHEMA
from backbone.trackers.memory.settle import (
    VISIBILITY,
    Impossible,
    Normalise,
    Settled,
    SideEffect,
    Wanted,
    rules_of,
    with_values,
)
from backbone.trackers.memory.state import State

POLL_SECONDS = 0.02
"""How often a waiting listener looks whether another process wrote: an fstat costs a microsecond."""


def utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class MemoryTracker:
    """The port over memory. ``refuse`` gives the words with which a write is refused; ``normalise`` rewrites each
    value that comes in; ``side_effect`` gets the issue's cells and what changes, and gives what changes along.
    """

    def __init__(
        self,
        schema: Schema = DEFAULT_SCHEMA,
        *,
        user: str = "backbone",
        path: Path | None = None,
        normalise: Normalise | None = None,
        refuse: Callable[[Write], str | None] | None = None,
        side_effect: SideEffect | None = None,
        now: Callable[[], str] = utc_now,
    ) -> None:
        self.user = user
        self.refuse = refuse
        self._now = now
        self._rules = rules_of(schema, normalise, side_effect)
        self._open_fields = frozenset(name for name, known in schema.fields.items() if known.open)
        self._state = State()
        self._listeners: set[asyncio.Event] = set()
        self._file = JournalFile(path) if path is not None else None
        self._catch_up()

    # What people do.

    def create(
        self,
        cells: Cells,
        author: str = "alice",
        at: str | None = None,
        files: Sequence[bytes] = (),
    ) -> str:
        """Make an issue, give its id. Attachments find their content in ``files``. Raises ``Impossible``."""
        contents = {hashlib.sha256(data).hexdigest(): data for data in files}
        return self._by_person(None, Wanted(cells, author, at or self._now(), contents))[0]

    def edit(self, local: str, cells: Cells, author: str = "alice", at: str | None = None) -> None:
        """Change cells of an issue in one commit. Raises ``Impossible``."""
        self._by_person(local, Wanted(cells, author, at or self._now()))

    def comment(self, local: str, text: str, author: str = "alice", at: str | None = None, visibility: str = "") -> str:
        """Add a comment and give its id."""
        wanted = Wanted({Cell(COMMENT, "+c"): {"text": text, VISIBILITY: visibility}}, author, at or self._now())
        return self._by_person(local, wanted)[1]["+c"]

    def edit_comment(
        self, local: str, comment: str, text: str, author: str = "alice", at: str | None = None,
        visibility: str | None = None,
    ) -> None:  # fmt: skip
        """``visibility``: who may see it from now on, empty for everybody; without one, whoever did."""
        seen_by = {} if visibility is None else {VISIBILITY: visibility}
        self.edit(local, {Cell(COMMENT, comment): {"text": text, **seen_by}}, author, at)

    def remove_comment(self, local: str, comment: str, author: str = "alice", at: str | None = None) -> None:
        self.edit(local, {Cell(COMMENT, comment): None}, author, at)

    def attach(
        self,
        local: str,
        name: str,
        content: bytes,
        author: str = "alice",
        at: str | None = None,
        media_type: str = "application/octet-stream",
    ) -> str:
        """Add an attachment and give its id."""
        digest = hashlib.sha256(content).hexdigest()
        cells: Cells = {Cell(ATTACHMENT, "+a"): {"name": name, "type": media_type, "sha256": digest}}
        return self._by_person(local, Wanted(cells, author, at or self._now(), {digest: content}))[1]["+a"]

    def remove_attachment(self, local: str, attachment: str, author: str = "alice", at: str | None = None) -> None:
        self.edit(local, {Cell(ATTACHMENT, attachment): None}, author, at)

    def add_row(self, local: str, table: str, row: Record, author: str = "alice", at: str | None = None) -> str:
        """Add a row to one of the issue's tables and give its id."""
        return self._by_person(local, Wanted({Cell(table, "+r"): row}, author, at or self._now()))[1]["+r"]

    def remove(self, local: str) -> None:
        """Delete an issue: its history goes with it."""
        with self._writing():
            if local not in self._state.issues:
                raise Impossible(f"there is no issue {local!r}")
            self._commit(Commit(None, removed=local))

    # The port.

    async def describe(self) -> Schema:
        self._catch_up()
        return self._rules.schema

    async def check(self) -> Sequence[str]:
        return ()

    async def head(self) -> Position:
        self._catch_up()
        return self._state.head()

    async def issues(self, after: str | None, limit: int) -> Sequence[Issue]:
        self._catch_up()
        return self._state.issues_after(int(after) if after is not None else 0, limit)

    async def read(self, issues: Sequence[str]) -> Mapping[str, Issue]:
        self._catch_up()
        return {local: self._state.issue(local) for local in issues if local in self._state.issues}

    async def touched(self, since: Position, limit: int) -> Touched:
        self._catch_up()
        return self._state.touched(since[0], limit)

    async def touched_of(self, issues: Mapping[str, Position]) -> Mapping[str, Touched]:
        self._catch_up()
        return {
            local: Touched(self._state.edits_of(local, position[0]), self._state.head())
            for local, position in issues.items()
            if local in self._state.issues
        }

    async def apply(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        with self._writing():
            now = self._now()
            return [self._write(write, now) for write in writes]

    async def find(self, keys: Sequence[str]) -> Mapping[str, Applied]:
        self._catch_up()
        return {key: self._state.answer(key) for key in keys if key in self._state.applied}

    async def written(self, issues: Mapping[str, Position | None]) -> Mapping[str, Sequence[Applied]]:
        self._catch_up()
        return self._state.written({local: since[0] if since else -1 for local, since in issues.items()})

    async def matching(self, query: str, issues: Sequence[str]) -> Sequence[str]:
        """As ``trackers.base.Searchable``: ``field=value``, several with ``&``. A set has the value as a member."""
        wanted = parse_query(query, self._rules.schema)
        found = await self.read(issues)
        return [local for local, issue in found.items() if all(wanted_in(issue.cells, *one) for one in wanted)]

    async def enlist(self, people: Sequence[Person]) -> None:
        """As ``trackers.base.Enlisting``."""
        with self._writing():
            fresh = {one.login: one.name for one in people if one.login not in self._rules.schema.people}
            if fresh:
                self._commit(Commit(None, people=fresh))

    async def open_attachment(self, local: str, destination: Path) -> None:
        self._catch_up()
        content = self._state.contents.get(local)
        if content is None:
            raise TrackerUnavailable(f"attachment {local} is not in the tracker (any more); read its issue again")
        with destination.open("xb") as file:
            file.write(content)

    async def hints(self) -> AsyncIterator[None]:
        changed = asyncio.Event()
        self._listeners.add(changed)
        try:
            while True:
                await self._wait(changed)
                changed.clear()
                yield None
        finally:
            self._listeners.discard(changed)

    async def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    # How it is done.

    def _write(self, write: Write, now: str) -> Outcome:
        if write.key in self._state.applied:
            return self._state.answer(write.key)
        held = self._state.issues.get(write.local) if write.local is not None else None
        if write.local is not None and held is None:
            return Refused(write.key, f"there is no issue {write.local!r} (any more)")
        if held is not None and write.expected is not None and held.numbers[-1] > write.expected[0]:
            return Stale(write.key)
        words = self.refuse(write) if self.refuse is not None else None
        if words is not None:
            return Refused(write.key, words)
        wanted = Wanted(write.cells, write.author or self.user, write.at or now, _contents(write))
        try:
            settled = self._rules.settle(held.cells if held else None, wanted, self._state.head()[0] + 1)
        except Impossible as impossible:
            return Refused(write.key, str(impossible))
        return self._settle(write.local, wanted, settled, write.key)

    def _by_person(self, local: str | None, wanted: Wanted) -> tuple[str, Mapping[str, str]]:
        with self._writing():
            held = self._state.issues.get(local) if local is not None else None
            if local is not None and held is None:
                raise Impossible(f"there is no issue {local!r}")
            settled = self._rules.settle(held.cells if held else None, wanted, self._state.head()[0] + 1)
            applied = self._settle(local, wanted, settled, key=None)
            return applied.local, applied.created

    def _settle(self, local: str | None, wanted: Wanted, settled: Settled, key: str | None) -> Applied:
        """Commit what was settled. A write that changes nothing leaves its marker and no edit."""
        created = local is None
        if local is None:
            local = self._state.next_local()
        edit = None
        position = self._state.head()
        _, changed, answered, made, contents = settled
        if created or changed:
            position = (position[0] + 1,)
            edit = Edit(local, position, wanted.author, wanted.at, changed, created)
        applied = Applied(key or "", local, position, answered, made)
        self._commit(Commit(edit, None, applied if key else None, contents))
        return applied

    def _commit(self, commit: Commit) -> None:
        if self._file is not None:
            self._file.append(commit)
        self._take(commit)
        for listener in self._listeners:
            listener.set()

    def _take(self, commit: Commit) -> None:
        """Bring a commit, made here or read from the file, into memory."""
        self._state.take(commit)
        if commit.people:
            made = {login: Person(login, name) for login, name in commit.people.items()}
            schema = replace(self._rules.schema, people={**self._rules.schema.people, **made})
            self._rules = replace(self._rules, schema=schema)
        if commit.edit is not None and not self._open_fields.isdisjoint([cell[0] for cell in commit.edit.cells]):
            schema = with_values(self._rules.schema, commit.edit.cells)
            if schema is not self._rules.schema:
                self._rules = replace(self._rules, schema=schema)

    def _catch_up(self) -> None:
        if self._file is not None and self._file.grown():
            for commit in self._file.read_new():
                self._take(commit)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self._file is None:
            yield
            return
        with self._file.locked():
            self._catch_up()
            yield

    async def _wait(self, changed: asyncio.Event) -> None:
        if self._file is None:
            await changed.wait()
            return
        while not changed.is_set():
            try:
                await asyncio.wait_for(changed.wait(), POLL_SECONDS)
            except TimeoutError:
                if self._file is None or self._file.grown():
                    return


def _contents(write: Write) -> Mapping[str, bytes]:
    return {digest: Path(path).read_bytes() for digest, path in write.files.items()} if write.files else {}
