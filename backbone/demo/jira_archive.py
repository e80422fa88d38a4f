"""Reads a tar of Jira's REST answers (``GET /rest/api/2/issue/KEY``), one JSON file an issue.

The archive is walked through twice: once to meet the people and to count, then for the issues; one file is in
memory at a time, and nothing is written to the disk: a member's name is only looked at for its ending.
"""

import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

from backbone.demo import dirt
from backbone.demo.corpus import Corpus, DemoComment, DemoIssue
from backbone.demo.pseudonyms import Pseudonyms
from backbone.errors import UsageError

FILE_BYTES_MAX = 32 * 1024**2
"""One issue with its comments; the largest we know has 3.4 MB."""

MEMBERS_MAX = 1_000_000
"""Files in one archive; thirty times the largest we know."""

Open = Callable[[], AbstractContextManager[BinaryIO]]


def load(name: str, opened: Open) -> Corpus:
    """The corpus in the archive that ``opened`` opens. Raises ``UsageError`` when it cannot be read or has no issue."""
    notes = dirt.Notes()
    pseudonyms = Pseudonyms(mentions=False)
    issues = comments = 0
    for fields in _fields(name, opened, notes):
        issues += 1
        comments += sum(1 for _ in _comments(fields))
        _note(fields, notes)
        for login, display in _people(fields):
            pseudonyms.meet(login, display)
    if not issues:
        raise UsageError(f"{name} holds no Jira issue: name a tar with one JSON file an issue.")
    reader = _Reader(name, opened, pseudonyms)
    return Corpus(name, pseudonyms.people, issues, comments, reader.walk, notes.total())


def _fields(name: str, opened: Open, notes: dirt.Notes) -> Iterator[dict[str, Any]]:
    """The ``fields`` of each issue, with its key under ``""``."""
    for content in _files(name, opened, notes):
        try:
            answer = dirt.table(json.loads(content))
        except (ValueError, RecursionError):
            notes.count("files that are no JSON left out")
            continue
        key = dirt.line(answer.get("key"))
        if key and isinstance(answer.get("fields"), dict):
            yield {**answer["fields"], "": key}
        else:
            notes.count("files without fields left out")


def _files(name: str, opened: Open, notes: dirt.Notes) -> Iterator[bytes]:
    with opened() as stream:
        try:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                yield from _contents(archive, notes)
        except tarfile.TarError as problem:
            raise UsageError(f"{name} is a damaged tar ({problem}): download it again.") from problem


def _contents(archive: tarfile.TarFile, notes: dirt.Notes) -> Iterator[bytes]:
    for _ in range(MEMBERS_MAX):
        member = archive.next()
        if member is None:
            return
        # tarfile remembers every member for random access, which a stream has not; the stub does not know the list.
        archive.members.clear()  # type: ignore[attr-defined]
        if not member.name.endswith(".json"):
            continue
        content = archive.extractfile(member) if member.isreg() and member.size <= FILE_BYTES_MAX else None
        if content is None:
            notes.count("files that are too large or no files left out")
        else:
            yield content.read()
    notes.count(f"archives cut after {MEMBERS_MAX} files")


def _comments(fields: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return dirt.tables(dirt.table(fields.get("comment")).get("comments"))


def _login(value: Any) -> str:
    who = dirt.table(value)
    return next(filter(None, (dirt.line(who.get(key)) for key in ("name", "key", "accountId"))), "")


def _people(fields: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Everybody whom the issue's fields name: log-in and display name."""
    holders: list[Any] = [fields.get(key) for key in ("reporter", "creator", "assignee")]
    for item in (*_comments(fields), *dirt.tables(fields.get("attachment"))):
        holders += [item.get("author"), item.get("updateAuthor")]
    for who in holders:
        if _login(who):
            yield _login(who), dirt.line(who.get("displayName"))


def _note(fields: dict[str, Any], notes: dirt.Notes) -> None:
    notes.count("issues without a title", when=not dirt.line(fields.get("summary")))
    notes.count("issues without a text", when=not dirt.text(fields.get("description")).strip())
    notes.count("issues without an author", when=not _author(fields))
    notes.count("issues without a time", when=not dirt.time(fields.get("created")))
    notes.count("attachments without content left out", times=sum(1 for _ in dirt.tables(fields.get("attachment"))))
    total = dirt.table(fields.get("comment")).get("total")
    notes.count("issues whose comment count lies", when=total != sum(1 for _ in _comments(fields)))
    for comment in _comments(fields):
        notes.count("comments without a text", when=not dirt.text(comment.get("body")).strip())
        notes.count("comments without an author", when=not _login(comment.get("author")))
        notes.count("comments without a time", when=not dirt.time(comment.get("created")))


def _author(fields: dict[str, Any]) -> str:
    return _login(fields.get("reporter")) or _login(fields.get("creator"))


def _named(value: Any) -> str:
    return dirt.line(dirt.table(value).get("name")).lower()


def _relations(fields: dict[str, Any]) -> tuple[str, ...]:
    """The outward half of each link, the parent and nothing twice: the inward half stands at the other issue."""
    linked = [dirt.table(link.get("outwardIssue")).get("key") for link in dirt.tables(fields.get("issuelinks"))]
    parent = dirt.table(fields.get("parent")).get("key")
    return tuple(key for key in dirt.texts([*linked, parent]) if key != fields[""])


class _Reader:
    """Turns the fields of each file into an issue, anew at every walk."""

    def __init__(self, name: str, opened: Open, pseudonyms: Pseudonyms) -> None:
        self._name = name
        self._open = opened
        self._people = pseudonyms

    def walk(self) -> Iterator[DemoIssue]:
        return (self._issue(fields) for fields in _fields(self._name, self._open, dirt.Notes()))

    def _issue(self, fields: dict[str, Any]) -> DemoIssue:
        priority = _named(fields.get("priority"))
        return DemoIssue(
            key=fields[""],
            title=self._people.clean(dirt.line(fields.get("summary"))),
            body=self._people.clean(dirt.text(fields.get("description"))),
            author=self._people.login(_author(fields)),
            created=dirt.time(fields.get("created")),
            status=_named(fields.get("status")),
            priority="" if priority == "none" else priority,
            labels=tuple(self._people.clean(label) for label in dirt.texts(fields.get("labels"))),
            assignee=self._people.login(_login(fields.get("assignee"))),
            relations=_relations(fields),
            comments=tuple(self._comment(comment) for comment in _comments(fields)),
        )

    def _comment(self, comment: dict[str, Any]) -> DemoComment:
        return DemoComment(
            self._people.login(_login(comment.get("author"))),
            dirt.time(comment.get("created")),
            self._people.clean(dirt.text(comment.get("body"))),
        )
