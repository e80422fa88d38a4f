"""Reads the issue archive of a GitHub repository: one JSON object with ``issues`` and ``pulls``.

The form is that of https://github.com/martinthomson/i-d-template (archive.json). Pull requests are left out.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

from backbone.demo import dirt
from backbone.demo.corpus import Corpus, DemoComment, DemoIssue
from backbone.demo.pseudonyms import Pseudonyms
from backbone.errors import UsageError

JSON_BYTES_MAX = 128 * 1024**2
"""A single JSON object is held in memory whole; the largest working group's archive has some 40 MB."""

PRIORITIES = {"bug": "medium", "enhancement": "low", "feature": "low", "security": "critical"}
"""GitHub has no priorities; these customary labels stand for one."""

RELATIONS_MAX = 32
"""References in one issue's text; more of them are a list, not relations."""

_REFERENCE = re.compile(r"(?<![\w/&])#(\d{1,9})\b")

Open = Callable[[], AbstractContextManager[BinaryIO]]


def load(name: str, opened: Open) -> Corpus:
    """The corpus in the archive that ``opened`` opens. Raises ``UsageError`` when it is no such archive."""
    archive = _parse(name, opened)
    issues = [item for item in dirt.tables(archive["issues"]) if _number(item)]
    notes = dirt.Notes()
    notes.count("pull requests left out", times=sum(1 for _ in dirt.tables(archive.get("pulls"))))
    notes.count("issues without a number left out", times=len(archive["issues"]) - len(issues))
    pseudonyms = Pseudonyms(mentions=True)
    for item in issues:
        _meet(item, pseudonyms)
        _note(item, notes)
    reader = _Reader(pseudonyms, frozenset(_number(item) for item in issues))
    people = pseudonyms.people
    comments = sum(len(list(dirt.tables(item.get("comments")))) for item in issues)
    return Corpus(name, people, len(issues), comments, lambda: reader.walk(issues), notes.total())


def _parse(name: str, opened: Open) -> dict[str, Any]:
    with opened() as stream:
        content = stream.read(JSON_BYTES_MAX + 1)
    if len(content) > JSON_BYTES_MAX:
        raise UsageError(f"{name} holds more than {JSON_BYTES_MAX} bytes of JSON: use a smaller archive.")
    try:
        archive = dirt.table(json.loads(content))
    except (ValueError, RecursionError) as problem:
        raise UsageError(f"{name} is no valid JSON ({problem}): download it again.") from problem
    if not isinstance(archive.get("issues"), list):
        raise UsageError(f"{name} has no list of issues: name the archive.json of a GitHub repository.")
    return archive


def _number(item: dict[str, Any]) -> str:
    number = item.get("number")
    return str(number) if isinstance(number, int) and 0 < number < 10**9 else ""


def _meet(item: dict[str, Any], pseudonyms: Pseudonyms) -> None:
    pseudonyms.meet(dirt.line(item.get("author")))
    for login in dirt.texts(item.get("assignees")):
        pseudonyms.meet(login)
    for comment in dirt.tables(item.get("comments")):
        pseudonyms.meet(dirt.line(comment.get("author")))


def _note(item: dict[str, Any], notes: dirt.Notes) -> None:
    notes.count("issues without a title", when=not dirt.line(item.get("title")))
    notes.count("issues without a text", when=not dirt.text(item.get("body")).strip())
    notes.count("issues without an author", when=not dirt.line(item.get("author")))
    notes.count("issues without a time", when=not dirt.time(item.get("createdAt")))
    for comment in dirt.tables(item.get("comments")):
        notes.count("comments without a text", when=not dirt.text(comment.get("body")).strip())
        notes.count("comments without an author", when=not dirt.line(comment.get("author")))
        notes.count("comments without a time", when=not dirt.time(comment.get("createdAt")))


class _Reader:
    """Turns the archive's objects into issues."""

    def __init__(self, pseudonyms: Pseudonyms, numbers: frozenset[str]) -> None:
        self._people = pseudonyms
        self._numbers = numbers

    def walk(self, issues: list[dict[str, Any]]) -> Iterator[DemoIssue]:
        return (self._issue(item) for item in issues)

    def _issue(self, item: dict[str, Any]) -> DemoIssue:
        labels = dirt.texts(item.get("labels"))
        body = dirt.text(item.get("body"))
        key = _number(item)
        return DemoIssue(
            key=key,
            title=self._people.clean(dirt.line(item.get("title"))),
            body=self._people.clean(body),
            author=self._people.login(dirt.line(item.get("author"))),
            created=dirt.time(item.get("createdAt")),
            status=dirt.line(item.get("state")).lower(),
            priority=next((PRIORITIES[label.lower()] for label in labels if label.lower() in PRIORITIES), ""),
            labels=tuple(self._people.clean(label) for label in labels),
            assignee=self._people.login(next(iter(dirt.texts(item.get("assignees"))), "")),
            relations=self._relations(key, body),
            comments=tuple(self._comment(comment) for comment in dirt.tables(item.get("comments"))),
        )

    def _comment(self, comment: dict[str, Any]) -> DemoComment:
        return DemoComment(
            self._people.login(dirt.line(comment.get("author"))),
            dirt.time(comment.get("createdAt")),
            self._people.clean(dirt.text(comment.get("body"))),
        )

    def _relations(self, key: str, body: str) -> tuple[str, ...]:
        named = dict.fromkeys(found[1] for found in _REFERENCE.finditer(body))
        return tuple(number for number in named if number in self._numbers and number != key)[:RELATIONS_MAX]
