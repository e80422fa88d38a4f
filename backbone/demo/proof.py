"""The demo's own proof: both trackers' databases compared with plain SQL and files, without a line of Backbone.

Every issue becomes one value in agreed words; both sides must have the same values, each as often. Whether two issues
belong together is not asked of Backbone: equal content is what makes them a pair.
"""

import hashlib
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace

from backbone.demo.scene import Company

STATUSES = {
    "unread": "new", "chatting": "open", "in-progress": "open", "testing": "open", "need-eg": "waiting",
    "deferred": "waiting", "resolved": "closed", "done-cbb": "closed",
    "new": "new", "open": "open", "pending": "waiting", "closed": "closed",
}  # fmt: skip
SEVERITIES: Mapping[str, Mapping[str, str]] = {
    "priority": {"critical": "critical", "urgent": "high", "bug": "normal", "feature": "low", "wish": "trivial"},
    "severity": {"critical": "critical", "urgent": "high", "major": "normal", "normal": "low", "minor": "trivial"},
}
_HEADLINE = re.compile(r"\A[^\n]{1,200} wrote:\n\n")
_FILES_PER_FOLDER = 1000


@dataclass(frozen=True, slots=True)
class Seen:
    """One issue as a person sees it, in agreed words."""

    title: str
    status: str
    severity: str
    assignee: str
    labels: tuple[str, ...]
    comments: tuple[str, ...]
    """Digests of the texts, without the headline that names an author who has no account there."""
    files: tuple[tuple[str, str], ...]
    """Names and digests of contents."""
    related: tuple[str, ...] = ()
    """Digests of the issues that this one leads to."""

    @property
    def digest(self) -> str:
        return _digest(json.dumps([getattr(self, name) for name in self.__slots__ if name != "related"]).encode())


@dataclass(frozen=True, slots=True)
class Proof:
    """What both trackers hold."""

    issues: int
    comments: int
    attachments: int
    relations: int
    differences: tuple[str, ...] = ()
    """Sentences; empty when both trackers hold the same."""

    @property
    def equal(self) -> bool:
        return not self.differences


def prove(master: Company, slave: Company) -> Proof:
    """Compare both trackers."""
    ours, theirs = Counter(_look(master)), Counter(_look(slave))
    missing, extra = ours - theirs, theirs - ours
    differences = [f"only in the {master.role}'s tracker: {seen.title!r}" for seen in missing.elements()]
    differences += [f"only in the {slave.role}'s tracker: {seen.title!r}" for seen in extra.elements()]
    named = {seen.title: seen for seen in missing}
    differences += [text for seen in extra if seen.title in named for text in _explain(named[seen.title], seen)]
    return Proof(
        issues=ours.total(),
        comments=sum(len(seen.comments) * count for seen, count in ours.items()),
        attachments=sum(len(seen.files) * count for seen, count in ours.items()),
        relations=sum(len(seen.related) * count for seen, count in ours.items()),
        differences=tuple(differences),
    )


def count_issues(company: Company) -> int:
    """How many there are in the tracker, as committed."""
    with closing(sqlite3.connect(company.tracker / "db" / "db", timeout=20)) as database:
        query = f"select count(*) from _{company.issue_class} where __retired__=0"  # noqa: S608 - our own constant
        return int(database.execute(query).fetchone()[0])


def _explain(ours: Seen, theirs: Seen) -> Iterator[str]:
    for name in Seen.__slots__:
        if getattr(ours, name) != getattr(theirs, name):
            yield f"  {ours.title!r}: {name} differs: {getattr(ours, name)!r:.200} and {getattr(theirs, name)!r:.200}"


def _look(company: Company) -> list[Seen]:
    with closing(sqlite3.connect(company.tracker / "db" / "db", timeout=20)) as database:
        database.execute("begin")
        seen = dict(_issues(company, database))
        related = _list(database, company, company.related)
    digests = {node: issue.digest for node, issue in seen.items()}
    return [
        replace(issue, related=tuple(sorted(digests[other] for other in related.get(node, []) if other in digests)))
        for node, issue in seen.items()
    ]


def _issues(company: Company, database: sqlite3.Connection) -> Iterator[tuple[int, Seen]]:
    people = _names(database, "user", "_address")
    severities = SEVERITIES[company.severity]
    status, severity = _names(database, "status"), _names(database, company.severity)
    keywords = _names(database, "keyword")
    labels = _list(database, company, company.labels)
    messages, files = _list(database, company, "messages"), _list(database, company, "files")
    texts = dict(_texts(company, database))
    contents = dict(_contents(company, database))
    query = (
        f"select id, _title, _status, _{company.severity}, _{company.assignee} "  # noqa: S608 - our own constants
        f"from _{company.issue_class} where __retired__=0"
    )
    for node, title, in_status, in_severity, assignee in database.execute(query):
        yield (
            node,
            Seen(
                title=title or "",
                status=STATUSES[status[in_status]] if in_status else "",
                severity=severities[severity[in_severity]] if in_severity else "",
                assignee=people[assignee] if assignee else "",
                labels=tuple(sorted(keywords[label] for label in labels.get(node, []))),
                comments=tuple(sorted(texts[message] for message in messages.get(node, []) if message in texts)),
                files=tuple(sorted(contents[file] for file in files.get(node, []) if file in contents)),
            ),
        )


def _names(database: sqlite3.Connection, table: str, column: str = "_name") -> dict[int, str]:
    return dict(database.execute(f"select id, {column} from _{table}"))  # noqa: S608 - our own constants


def _list(database: sqlite3.Connection, company: Company, name: str) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    table = f"{company.issue_class}_{name}"
    for linked, node in database.execute(f"select linkid, nodeid from {table}"):  # noqa: S608 - our own constants
        found.setdefault(int(node), []).append(int(linked))
    return found


def _texts(company: Company, database: sqlite3.Connection) -> Iterator[tuple[int, str]]:
    query = "select m.id, u._username from _msg m join _user u on u.id=m._author where m.__retired__=0"
    for node, author in database.execute(query):
        text = _content(company, "msg", node).decode()
        if author == "backbone":
            text = _HEADLINE.sub("", text)
        yield node, _digest(text.encode())


def _contents(company: Company, database: sqlite3.Connection) -> Iterator[tuple[int, tuple[str, str]]]:
    for node, name in database.execute("select id, _name from _file where __retired__=0"):
        yield node, (name, _digest(_content(company, "file", node)))


def _content(company: Company, kind: str, node: int) -> bytes:
    """Where Roundup keeps it; a draft that its writer is about to rename is read as it lies."""
    folder = company.tracker / "db" / "files" / kind / str(node // _FILES_PER_FOLDER)
    path = folder / f"{kind}{node}"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return path.with_name(f"{path.name}.tmp").read_bytes()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
