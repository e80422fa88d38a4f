"""What people do in a Roundup tracker, through Roundup's own API: nothing of Backbone takes part."""

from threading import Lock
from types import TracebackType
from typing import Any, Self

from backbone.demo.scene import Company

_LOADING = Lock()
"""Roundup loads a tracker's own modules under names that are the same for every tracker."""


class Desk:
    """An open tracker, to be used and left in one thread. Each method is one commit by one person."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._db: Any = None

    def __enter__(self) -> Self:
        from roundup import instance

        with _LOADING:
            self._db = instance.open(str(self._company.tracker)).open("admin")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def hire(self, login: str, name: str, email: str, password: str = "", roles: str = "User") -> None:
        """An account. Without a password nobody can log in with it."""
        from roundup.password import Password

        db = self._as("admin")
        secret = {"password": Password(password, config=db.config)} if password else {}
        db.user.create(username=login, realname=name, address=email, roles=roles, **secret)
        db.commit()

    def report(self, login: str, title: str, text: str, **fields: str) -> str:
        """An issue with its first message; gives its id."""
        db = self._as(login)
        message = self._message(db, text)
        values = {name: self._item(name, label) for name, label in fields.items()}
        made: str = self._issues(db).create(title=title, messages=[message], **values)
        db.commit()
        return made

    def change(self, login: str, issue: str, **fields: str) -> None:
        """Single values, by the label that people see."""
        db = self._as(login)
        self._issues(db).set(issue, **{name: self._item(name, label) for name, label in fields.items()})
        db.commit()

    def add(self, login: str, issue: str, field: str, label: str) -> None:
        """One more item of a list; a keyword that does not exist is made."""
        self._append(self._as(login), issue, field, self._item(field, label))

    def relate(self, login: str, issue: str, other: str) -> None:
        """The one leads to the other."""
        self._append(self._as(login), issue, self._company.related, other)

    def comment(self, login: str, issue: str, text: str) -> str:
        """A message; gives its id."""
        db = self._as(login)
        message = self._message(db, text)
        self._append(db, issue, "messages", message)
        return message

    def reword(self, login: str, message: str, text: str) -> None:
        """Another text for a message that is there."""
        db = self._as(login)
        db.msg.set(message, content=text)
        db.commit()

    def attach(self, login: str, issue: str, name: str, kind: str, content: bytes) -> None:
        """A file."""
        db = self._as(login)
        self._append(db, issue, "files", db.file.create(name=name, type=kind, content=content))

    def find(self, title: str) -> str:
        """The issue with this very title; there must be exactly one."""
        (found,) = [node for node in self._issues(self._db).list() if self._value(node, "title") == title]
        return str(found)

    def titles(self) -> dict[str, str]:
        """Every issue's title, by id."""
        return {str(node): str(self._value(node, "title")) for node in self._issues(self._db).list()}

    def value(self, issue: str, field: str) -> Any:
        """A property as it stands."""
        self._db.rollback()
        return self._value(issue, field)

    def count_messages(self) -> int:
        """Of the whole tracker, as last committed by whomever."""
        self._db.rollback()
        self._db.sql("select count(*) from _msg where __retired__=0")
        return int(self._db.cursor.fetchone()[0])

    def _as(self, login: str) -> Any:
        self._db.rollback()
        self._db.setCurrentUser(login)
        return self._db

    def _issues(self, db: Any) -> Any:
        return db.getclass(self._company.issue_class)

    def _value(self, issue: str, field: str) -> Any:
        return self._issues(self._db).get(issue, field)

    def _message(self, db: Any, text: str) -> str:
        from roundup.date import Date

        made: str = db.msg.create(author=db.getuid(), date=Date("."), content=text)
        return made

    def _append(self, db: Any, issue: str, field: str, node: str) -> None:
        issues = self._issues(db)
        present = issues.get(issue, field)
        if node not in present:
            issues.set(issue, **{field: [*present, node]})
        db.commit()

    def _item(self, field: str, label: str) -> str:
        linked = getattr(self._issues(self._db).getprops()[field], "classname", None)
        if linked is None:
            return label
        items = self._db.getclass(linked)
        try:
            return str(items.lookup(label))
        except KeyError:
            return str(items.create(**{items.getkey(): label}))
