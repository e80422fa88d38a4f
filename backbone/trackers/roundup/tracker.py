"""The port to Roundup: each method is one or more whole transactions in the tracker's own thread."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from backbone.errors import TrackerUnavailable
from backbone.model import Applied, Issue, Outcome, Person, Position, Refused, Schema, Touched, Write
from backbone.trackers.roundup import capture, feed, markers, prepare, search, shape
from backbone.trackers.roundup.cells import content_id, read_issue
from backbone.trackers.roundup.connection import Connection
from backbone.trackers.roundup.contents import settled_path
from backbone.trackers.roundup.links import make_user, user_node
from backbone.trackers.roundup.settings import RoundupSettings
from backbone.trackers.roundup.writing import write

_Args = ParamSpec("_Args")
_Result = TypeVar("_Result")

COMMIT_WRITES_MAX = 25
COMMIT_SECONDS_MAX = 0.1
"""One commit holds many writes, as each costs milliseconds; but people who edit meanwhile wait for its end."""

POLL_SECONDS = 0.02
"""How often a waiting listener looks at the database files: two stats, about 5 microseconds."""


class _RefusedOne(Exception):
    """A write of a group was refused: the group is undone, and its writes are made one by one up to this."""


class RoundupTracker:
    def __init__(self, settings: RoundupSettings) -> None:
        self._settings = settings
        self._connection = Connection(settings)
        self._files = (settings.home / "db" / "db", settings.home / "db" / "db-wal")
        self._indexed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"roundup-{settings.home.name}")

    @property
    def user(self) -> str:
        return self._settings.user

    async def describe(self) -> Schema:
        return await self._run(self._describe)

    async def check(self) -> Sequence[str]:
        return await self._run(prepare.problems, self._settings)

    async def head(self) -> Position:
        return await self._run(self._head)

    async def issues(self, after: str | None, limit: int) -> Sequence[Issue]:
        return await self._run(self._issues, after, limit)

    async def read(self, issues: Sequence[str]) -> Mapping[str, Issue]:
        return await self._run(self._read, issues)

    async def touched(self, since: Position, limit: int) -> Touched:
        return await self._run(self._touched, since[0], limit)

    async def touched_of(self, issues: Mapping[str, Position]) -> Mapping[str, Touched]:
        return await self._run(self._touched_of, issues)

    async def apply(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """In commits of a few writes each; reading methods get their turn between them."""
        outcomes: list[Outcome] = []
        while len(outcomes) < len(writes):
            group = writes[len(outcomes) : len(outcomes) + COMMIT_WRITES_MAX]
            outcomes += await self._run(self._apply_group, group)
        return outcomes

    async def find(self, keys: Sequence[str]) -> Mapping[str, Applied]:
        return await self._run(self._find, keys)

    async def written(self, issues: Mapping[str, Position | None]) -> Mapping[str, Sequence[Applied]]:
        return await self._run(self._written, issues)

    async def matching(self, query: str, issues: Sequence[str]) -> Sequence[str]:
        """As ``trackers.base.Searchable``."""
        return await self._run(self._matching, query, issues)

    async def enlist(self, people: Sequence[Person]) -> None:
        """As ``trackers.base.Enlisting``."""
        await self._run(self._enlist, people)

    async def open_attachment(self, local: str, destination: Path) -> None:
        await self._run(self._copy_attachment, local, destination)

    async def hints(self) -> AsyncIterator[None]:
        """A commit of any process changes the database file or its write-ahead log. No lock and no thread is needed to
        see that, so a hint comes while a large write is going on, too.
        """
        seen = self._stamp()
        while True:
            await asyncio.sleep(POLL_SECONDS)
            now = self._stamp()
            if now != seen:
                seen = now
                yield None

    async def close(self) -> None:
        await self._run(self._connection.close)
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[_Args, _Result], *args: _Args.args, **options: _Args.kwargs) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *args, **options))

    # In the thread.

    def _shape(self, db: Any) -> shape.Shape:
        return shape.shape_of(db, self._settings.issue_class)

    def _describe(self) -> Schema:
        self._connection.refresh()
        with self._connection.reading() as db:
            return shape.describe(db, self._shape(db))

    def _head(self) -> Position:
        with self._connection.reading() as db:
            return (feed.head(db),)

    def _issues(self, after: str | None, limit: int) -> list[Issue]:
        with self._connection.reading() as db:
            db.sql(
                f"select id from _{self._settings.issue_class} where id>? and __retired__=0 order by id limit ?",  # noqa: S608
                (int(after or 0), limit),
            )
            nodes = [str(row[0]) for row in db.cursor.fetchall()]
            return list(self._read_all(db, nodes).values())

    def _read(self, issues: Sequence[str]) -> dict[str, Issue]:
        with self._connection.reading() as db:
            return self._read_all(db, issues)

    def _read_all(self, db: Any, locals_: Sequence[str]) -> dict[str, Issue]:
        form, position = self._shape(db), feed.head(db)
        found = {local: read_issue(db, form, local, position) for local in locals_}
        return {local: issue for local, issue in found.items() if issue is not None}

    def _touched(self, since: int, limit: int) -> Touched:
        with self._connection.reading() as db:
            return capture.touched(db, self._shape(db), since, limit)

    def _touched_of(self, issues: Mapping[str, Position]) -> dict[str, Touched]:
        with self._connection.reading() as db:
            form = self._shape(db)
            found = {local: capture.touched_of(db, form, local, since[0]) for local, since in issues.items()}
            return {local: touched for local, touched in found.items() if touched is not None}

    def _apply_group(self, writes: Sequence[Write]) -> list[Outcome]:
        """The outcomes of the first few, one at least."""
        try:
            return self._apply_together(writes)
        except _RefusedOne:
            return self._apply_singly(writes)

    def _apply_together(self, writes: Sequence[Write]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        with self._connection.writing() as db:
            form = self._writable(db)
            give_up = time.monotonic() + COMMIT_SECONDS_MAX
            for wanted in writes:
                outcomes.append(write(db, form, wanted, self._settings.user))
                if isinstance(outcomes[-1], Refused):
                    raise _RefusedOne
                if time.monotonic() > give_up:
                    break
        return outcomes

    def _apply_singly(self, writes: Sequence[Write]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for wanted in writes:
            outcomes.append(self._apply_one(wanted))
            if isinstance(outcomes[-1], Refused):
                break
        return outcomes

    def _apply_one(self, wanted: Write) -> Outcome:
        outcome: Outcome | None = None
        try:
            with self._connection.writing() as db:
                outcome = write(db, self._writable(db), wanted, self._settings.user)
                if isinstance(outcome, Refused):
                    raise _RefusedOne
        except _RefusedOne:
            pass
        assert outcome is not None, "a write has an outcome or raises"
        return outcome

    def _writable(self, db: Any) -> shape.Shape:
        try:
            db.user.lookup(self._settings.user)
        except KeyError as error:
            raise TrackerUnavailable(
                f"the tracker in {self._settings.home} has no user {self._settings.user!r}; "
                "run: backbone tracker prepare"
            ) from error
        return self._shape(db)

    def _find(self, keys: Sequence[str]) -> dict[str, Applied]:
        with self._connection.reading() as db:
            found = {key: markers.find(db, key) for key in keys}
            return {key: applied for key, applied in found.items() if applied is not None}

    def _written(self, issues: Mapping[str, Position | None]) -> dict[str, list[Applied]]:
        if not self._indexed:
            with self._connection.writing() as db:
                markers.index(db)
            self._indexed = True
        with self._connection.reading() as db:
            found = {local: markers.written(db, local, since[0] if since else -1) for local, since in issues.items()}
            return {local: answers for local, answers in found.items() if answers}

    def _enlist(self, people: Sequence[Person]) -> None:
        for person in people:
            with contextlib.suppress(_RefusedOne), self._connection.writing() as db:
                if user_node(db, person.login) is None and not make_user(db, person):
                    raise _RefusedOne

    def _matching(self, query: str, issues: Sequence[str]) -> list[str]:
        with self._connection.reading() as db:
            return search.matching(db, self._settings.issue_class, query, issues)

    def _copy_attachment(self, local: str, destination: Path) -> None:
        with self._connection.reading() as db:
            kind_and_id = content_id(local)
            if kind_and_id is None or kind_and_id[0] not in self._shape(db).attachments.values():
                raise TrackerUnavailable(f"the tracker has no attachment {local}; read its issue again")
            with settled_path(db, *kind_and_id).open("rb") as source, destination.open("xb") as target:
                shutil.copyfileobj(source, target)

    def _stamp(self) -> tuple[tuple[int, int] | None, ...]:
        return tuple(_size_and_time(file) for file in self._files)


def _size_and_time(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns
