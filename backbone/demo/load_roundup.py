"""Writes a corpus into a Roundup tracker through Roundup's own API, one commit per issue, as a person's script would.

Nothing of Backbone takes part: this is what fills the master's tracker in the demo, and the bare script that the
benchmark compares initial population with.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backbone.demo.corpus import Corpus, DemoFile, DemoIssue, DemoPerson
from backbone.errors import TrackerUnavailable, UsageError

STATUSES = {
    "open": "chatting",
    "new": "unread",
    "to do": "unread",
    "reopened": "chatting",
    "in progress": "in-progress",
    "in review": "testing",
    "in qe test": "testing",
    "testing": "testing",
    "need info": "need-eg",
    "deferred": "deferred",
    "done": "done-cbb",
    "closed": "resolved",
    "resolved": "resolved",
}
"""Words of the archives and of our generator -> statuses of Roundup's classic template."""

UNKNOWN_STATUS = "unread"

PRIORITIES = {
    "blocker": "critical",
    "critical": "critical",
    "highest": "critical",
    "high": "urgent",
    "major": "urgent",
    "medium": "bug",
    "minor": "feature",
    "low": "feature",
    "lowest": "wish",
    "trivial": "wish",
}
"""The same for priorities; what is not here stays empty."""

Progress = Callable[[int, int], None]
"""Called after each issue's commit: issues written, issues in all."""


@dataclass(slots=True)
class Loaded:
    """What was written, and ``ids``: the tracker's id by the corpus's key."""

    issues: int = 0
    messages: int = 0
    files: int = 0
    users: int = 0
    keywords: int = 0
    relations: int = 0
    relations_missing: int = 0
    """Relations to issues that are not in the corpus, left out."""
    ids: dict[str, str] = field(default_factory=dict)


def load(
    home: Path,
    corpus: Corpus,
    issue_class: str = "issue",
    *,
    progress: Progress = lambda done, total: None,
) -> Loaded:
    """Write the corpus's issues into the tracker at ``home``; users and keywords are made as needed.

    An issue's text becomes its first message; messages carry their own author and date. Nobody is mailed about
    them: whoever takes part is entered as having received them. A relation is written together with the
    later of its two issues. Properties that the class does not have are left out. Raises ``UsageError`` when
    ``home`` is no tracker with that class, ``TrackerUnavailable`` when it is locked by another program.
    """
    db = _open(home)
    try:
        if issue_class not in db.classes:
            raise UsageError(f"The tracker {home} has no class {issue_class!r}: use one of {', '.join(db.classes)}.")
        writer = _Writer(db, issue_class, corpus.people)
        for done, issue in enumerate(corpus, 1):
            writer.write(issue)
            db.commit()
            progress(done, len(corpus))
        return writer.finish()
    except sqlite3.OperationalError as problem:
        raise TrackerUnavailable(
            f"The tracker {home} is busy ({problem}): end what writes to it, try again."
        ) from problem
    finally:
        db.close()


def _open(home: Path) -> Any:
    from roundup import instance
    from roundup.configuration import ConfigurationError

    try:
        return instance.open(str(home)).open("admin")
    except (ConfigurationError, instance.TrackerError, OSError) as problem:
        raise UsageError(f"{home} is no Roundup tracker ({problem}): name the tracker's home.") from problem


class _Writer:
    """The way from one issue to the calls of Roundup's API."""

    def __init__(self, db: Any, issue_class: str, people: tuple[DemoPerson, ...]) -> None:
        self._db = db
        self._class = db.getclass(issue_class)
        self._people = {person.login: person for person in people}
        self._users: dict[str, str] = {}
        self._keywords: dict[str, str] = {}
        self._waiting: dict[str, list[str]] = {}
        self._loaded = Loaded()

    def write(self, issue: DemoIssue) -> None:
        """Make the issue and all that it needs; the caller commits."""
        takes_part = self._takes_part(issue)
        self._db.setCurrentUser(issue.author or "admin")
        properties = {
            "title": issue.title,
            "messages": self._messages(issue, takes_part),
            "files": [self._file(attachment) for attachment in issue.attachments],
            "keyword": [self._keyword(label) for label in issue.labels],
            "status": self._named("status", STATUSES.get(issue.status, UNKNOWN_STATUS)),
            "priority": self._named("priority", PRIORITIES.get(issue.priority)),
            "assignedto": self._users[issue.assignee] if issue.assignee else None,
            "nosy": takes_part,
            "superseder": self._known_relations(issue),
        }
        known = self._class.getprops()
        made = self._class.create(**{name: value for name, value in properties.items() if value and name in known})
        self._loaded.ids[issue.key] = made
        self._loaded.issues += 1
        self._relate_waiting(issue.key, made)

    def finish(self) -> Loaded:
        """What was written; relations whose other issue never came are counted as missing."""
        self._loaded.relations_missing = sum(map(len, self._waiting.values()))
        return self._loaded

    def _takes_part(self, issue: DemoIssue) -> list[str]:
        logins = (issue.author, issue.assignee, *(comment.author for comment in issue.comments))
        return [self._user(login) for login in dict.fromkeys(logins) if login]

    def _user(self, login: str) -> str:
        if login not in self._users:
            self._users[login] = self._find("user", login) or self._create_user(login)
        return self._users[login]

    def _create_user(self, login: str) -> str:
        person = self._people[login]
        self._loaded.users += 1
        self._db.setCurrentUser("admin")
        made: str = self._db.user.create(
            username=login, realname=person.name, address=person.email, roles=self._db.config.NEW_WEB_USER_ROLES
        )
        return made

    def _keyword(self, label: str) -> str:
        if label not in self._keywords:
            self._keywords[label] = self._find("keyword", label) or self._create_keyword(label)
        return self._keywords[label]

    def _create_keyword(self, label: str) -> str:
        self._loaded.keywords += 1
        made: str = self._db.keyword.create(name=label)
        return made

    def _named(self, property_name: str, name: str | None) -> str | None:
        linked = self._class.getprops().get(property_name)
        return self._find(linked.classname, name) if linked is not None and name else None

    def _find(self, class_name: str, name: str) -> str | None:
        try:
            found: str = self._db.getclass(class_name).lookup(name)
        except KeyError:
            return None
        return found

    def _messages(self, issue: DemoIssue, takes_part: list[str]) -> list[str]:
        texts = [(comment.author, comment.created, comment.text) for comment in issue.comments]
        if issue.body:
            texts.insert(0, (issue.author, issue.created, issue.body))
        return [self._message(*text, takes_part) for text in texts]

    def _message(self, author: str, created: str, text: str, takes_part: list[str]) -> str:
        from roundup.date import Date

        self._loaded.messages += 1
        made: str = self._db.msg.create(
            author=self._users[author] if author else self._db.getuid(),
            date=Date(created.removesuffix("Z").replace("T", ".")) if created else Date("."),
            content=text,
            recipients=takes_part,
        )
        return made

    def _file(self, attachment: DemoFile) -> str:
        self._loaded.files += 1
        made: str = self._db.file.create(name=attachment.name, type=attachment.type, content=attachment.content)
        return made

    def _known_relations(self, issue: DemoIssue) -> list[str]:
        ids = self._loaded.ids
        for key in issue.relations:
            if key not in ids:
                self._waiting.setdefault(key, []).append(issue.key)
        known = [ids[key] for key in issue.relations if key in ids]
        self._loaded.relations += len(known)
        return known

    def _relate_waiting(self, key: str, made: str) -> None:
        for source in self._waiting.pop(key, ()):
            local = self._loaded.ids[source]
            self._class.set(local, superseder=[*self._class.get(local, "superseder"), made])
            self._loaded.relations += 1
