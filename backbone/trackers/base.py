"""The port to an issue tracker, and its contract.

``backbone.testing`` holds the contract as a suite that every adapter passes; third parties can run it on theirs.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from backbone.errors import BackboneError
from backbone.model import Applied, Issue, Outcome, Person, Position, Schema, Touched, Write


class Tracker(Protocol):
    """Where issues live. All methods may raise ``TrackerUnavailable``: nothing is known, ask again later.

    Everything is in local words. Methods are called one at a time for ``apply``, side by side for the rest.
    """

    @property
    def user(self) -> str:
        """The log-in of the synchronization user, which writes what nobody here wrote."""
        ...

    async def describe(self) -> Schema:
        """Fields, values and people, read from the tracker itself, not from a table of ours."""
        ...

    async def check(self) -> Sequence[str]:
        """What an admin must do before this tracker can be used, a sentence each; empty when all is well."""
        ...

    async def head(self) -> Position:
        """Where the journals stand now: everything committed is covered by it."""
        ...

    async def issues(self, after: str | None, limit: int) -> Sequence[Issue]:
        """Up to ``limit`` issues in the order in which they were made, beginning behind ``after``; empty at the end.

        Deleted ones are left out. Every issue that existed when the first page was asked for is seen.
        """
        ...

    async def read(self, issues: Sequence[str]) -> Mapping[str, Issue]:
        """The named issues as they stand; those that are gone are missing from the answer."""
        ...

    async def touched(self, since: Position, limit: int) -> Touched:
        """The edits after ``since``, in commit order, about ``limit`` of them. Never looks at what did not change.

        Values are those that the edit itself set, not the present ones, where the tracker keeps a journal.
        Ends between two commits, so that ``position`` covers whole commits.
        """
        ...

    async def touched_of(self, issues: Mapping[str, Position]) -> Mapping[str, Touched]:
        """For each named issue, its own edits after the given position, and where its journals stand now.

        An issue that is gone is missing from the answer.
        """
        ...

    async def apply(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Make each write, in order, each whole or not at all; one outcome per write.

        A key that was applied before writes nothing and answers as it did the first time. Reading,
        checking ``expected``, writing and reading back are one transaction of the tracker.
        """
        ...

    async def find(self, keys: Sequence[str]) -> Mapping[str, Applied]:
        """Which of these writes are in the tracker, as they were answered then."""
        ...

    async def written(self, issues: Mapping[str, Position | None]) -> Mapping[str, Sequence[Applied]]:
        """The writes that were ever made in each of these issues, the earliest first, as they were answered then; those
        that the given position covers are left out, and none for ``None``.

        From this a store that was put back from a backup learns what became of its own writes since: which comments
        and attachments they made, and what they left in each cell. An issue without any is missing from the answer.
        """
        ...

    async def open_attachment(self, local: str, destination: Path) -> None:
        """Write the attachment's bytes to ``destination`` (a file that does not exist yet)."""
        ...

    def hints(self) -> AsyncIterator[None]:
        """Yields when something may have changed. A hint: it may come for nothing, late or never."""
        ...

    async def close(self) -> None: ...


class QueryRefused(BackboneError):
    """The tracker does not understand a query: its own words, or what is wrong with it."""


@runtime_checkable
class Searchable(Protocol):
    """What a tracker may offer besides: queries in its own words."""

    async def matching(self, query: str, issues: Sequence[str]) -> Sequence[str]:
        """Those of these issues that the query finds, as they stand. Raises ``QueryRefused``."""
        ...


@runtime_checkable
class Enlisting(Protocol):
    """What a tracker may offer besides: users that are made for people of the partner's."""

    async def enlist(self, people: Sequence[Person]) -> None:
        """Make a user for each: a log-in and a name, without a password, an address or a right. A log-in that exists
        is left as it is, and so is one that the tracker will not take.
        """
        ...
