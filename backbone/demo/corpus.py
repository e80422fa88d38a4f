"""A corpus: issues with their comments and files, as values, before they are written into any tracker.

The words for status and priority are neutral and in lower case (``open``, ``in progress``, ``closed``; ``critical``,
``high``, ``medium``, ``low``, ``trivial``); an empty text means that nothing was said. Times are UTC text,
``2026-11-21T04:19:00Z``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody who wrote or was assigned; ``login`` is ``[a-z0-9.-]+``, the address lies under example.org."""

    login: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class DemoComment:
    """One comment; ``author`` is a log-in, empty where the archive does not know."""

    author: str
    created: str
    text: str


@dataclass(frozen=True, slots=True)
class DemoFile:
    """An attachment with its bytes; ``type`` is a MIME type."""

    name: str
    type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class DemoIssue:
    """One issue. ``author``, ``assignee`` are log-ins; ``relations`` are keys, which need not exist in the corpus."""

    key: str
    title: str
    body: str
    author: str
    created: str
    status: str
    priority: str = ""
    labels: tuple[str, ...] = ()
    assignee: str = ""
    relations: tuple[str, ...] = ()
    comments: tuple[DemoComment, ...] = ()
    attachments: tuple[DemoFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Corpus:
    """Issues that can be walked through again and again, one at a time, without all being in memory.

    ``people`` are all who occur in it. ``notes`` says how often something was left out or lacking, by a phrase
    for a person.
    """

    name: str
    people: tuple[DemoPerson, ...]
    issue_count: int
    comment_count: int
    walk: Callable[[], Iterator[DemoIssue]]
    notes: Mapping[str, int] = field(default_factory=dict)

    def __iter__(self) -> Iterator[DemoIssue]:
        return self.walk()

    def __len__(self) -> int:
        return self.issue_count

    def first(self, count: int) -> "Corpus":
        """The first ``count`` issues, read and held in memory: for a benchmark that shall not measure the reading."""
        held = tuple(islice(self, count))
        comments = sum(len(issue.comments) for issue in held)
        return replace(self, issue_count=len(held), comment_count=comments, walk=lambda: iter(held))
