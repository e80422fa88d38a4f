"""Real Roundup trackers for tests, and people who work in them through Roundup's own API."""

import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import roundup.date
import roundup.instance

from backbone.model import Cells, Record
from backbone.testing import Words
from backbone.trackers.roundup import RoundupTracker, connect, prepare
from backbone.trackers.roundup.install import install

PEOPLE = ("alice", "bob")
ROW_CLASSES = {"classic": "timelog", "responsive": "effort"}
CLASSES = {"classic": "issue", "responsive": "bug"}
WORDS = {
    "classic": Words(
        "title", "priority", ("wish", "urgent"), "keyword", "superseder", PEOPLE, "backbone",
        "times", ("note", "minutes"),
    ),
    "responsive": Words(
        "title", "severity", ("minor", "critical"), "keywords", "dependencies", PEOPLE, "backbone",
        "efforts", ("remark", "spent"),
    ),
}  # fmt: skip
_WORK_LOGS = {
    "classic": 'timelog = Class(db, "timelog", period=Interval(), date=Date(), minutes=Number(), note=String(), '
               'by=Link("user"), kind=Link("priority"))\n',
    "responsive": 'effort = Class(db, "effort", spent=Number(), day=Date(), remark=String(), who=Link("user"), '
                  'took=Interval(), level=Link("severity"), billable=Boolean())\n',
}  # fmt: skip
"""Work logs, as Roundup's manual adds them."""
_RULES = """
from roundup.exceptions import Reject

def audit(db, cl, nodeid, new):
    title = new.get("title")
    if title is None:
        return
    if "forbidden" in title:
        raise Reject("a forbidden title")
    new["title"] = title.strip()
    if "escalate" in title:
        new["{choice}"] = db.{choice}.lookup("{value}")

def init(db):
    db.{issue_class}.audit("create", audit, priority=1)
    db.{issue_class}.audit("set", audit, priority=1)
"""


def make_home(home: Path, template: str, people: Sequence[str] = PEOPLE) -> Path:
    """A prepared tracker with people and the three rules of the contract."""
    install(home, template, template, "http://127.0.0.1:1/", "secret")
    words, issue_class = WORDS[template], CLASSES[template]
    schema, begin = (home / "schema.py").read_text(), f'{issue_class} = IssueClass(db, "{issue_class}",'
    assert begin in schema
    linked = f'{begin} {words.table}=Multilink("{ROW_CLASSES[template]}"),'
    (home / "schema.py").write_text(schema.replace(begin, _WORK_LOGS[template] + linked))
    rules = _RULES.format(choice=words.choice, value=words.choices[1], issue_class=issue_class)
    (home / "detectors" / "contract.py").write_text(rules)
    prepare({"home": str(home), "class": issue_class})
    with_people(home, people)
    with sqlite3.connect(home / "db" / "db") as database:
        database.execute("pragma wal_checkpoint(truncate)")
    return home


def with_people(home: Path, people: Sequence[str]) -> None:
    db = roundup.instance.open(str(home)).open("admin")
    for login in people:
        db.user.create(username=login, realname=login.title(), address=f"{login}@example.com", roles="User")
    db.commit()
    db.close()


@dataclass
class RoundupHarness:
    """``backbone.testing.TrackerHarness`` on a tracker's home."""

    home: Path
    template: str
    tracker: RoundupTracker = field(init=False)
    words: Words = field(init=False)

    def __post_init__(self) -> None:
        self.issue_class = CLASSES[self.template]
        self.words = WORDS[self.template]
        self.tracker = connect({"home": str(self.home), "class": self.issue_class})
        self._instance = roundup.instance.open(str(self.home))
        self._db: Any = None

    def open(self, author: str) -> Any:
        """Roundup's handle as this person; whoever writes with it commits."""
        if self._db is None:
            self._db = self._instance.open("admin")
        self._db.rollback()
        self._db.setCurrentUser(author)
        return self._db

    def create(self, title: str, author: str) -> str:
        db = self.open(author)
        local: str = db.getclass(self.issue_class).create(title=title)
        db.commit()
        return local

    def edit(self, local: str, cells: Cells, author: str) -> None:
        db = self.open(author)
        issues = db.getclass(self.issue_class)
        values: dict[str, Any] = {}
        for cell, value in cells.items():
            if cell.element:
                linked = db.getclass(issues.getprops()[cell.field].classname)
                members = values.setdefault(cell.field, issues.get(local, cell.field))
                members += [_item(linked, cell.element)] if value else []
                values[cell.field] = [node for node in members if value or node != _item(linked, cell.element)]
            else:
                linked = getattr(issues.getprops()[cell.field], "classname", None)
                values[cell.field] = _item(db.getclass(linked), str(value)) if linked and value else value
        issues.set(local, **values)
        db.commit()

    def comment(self, local: str, text: str, author: str) -> str:
        db = self.open(author)
        message = db.msg.create(author=db.getuid(), date=roundup.date.Date("."), content=text)
        self._link(db, local, "messages", message)
        return f"msg{message}"

    def edit_comment(self, local: str, comment: str, text: str, author: str) -> None:
        del local
        db = self.open(author)
        db.msg.set(comment.removeprefix("msg"), content=text)
        db.commit()

    def remove_comment(self, local: str, comment: str, author: str) -> None:
        db = self.open(author)
        issues = db.getclass(self.issue_class)
        kept = [node for node in issues.get(local, "messages") if f"msg{node}" != comment]
        issues.set(local, messages=kept)
        db.commit()

    def attach(self, local: str, name: str, content: bytes, author: str) -> str:
        db = self.open(author)
        file = db.file.create(name=name, type="image/png", content=content)
        self._link(db, local, "files", file)
        return f"file{file}"

    def add_row(self, local: str, row: Record, author: str) -> str:
        db = self.open(author)
        rows = ROW_CLASSES[self.template]
        node = db.getclass(rows).create(**self._columns(db, row))
        self._link(db, local, self.words.table, node)
        return f"{rows}{node}"

    def edit_row(self, local: str, element: str, row: Record, author: str) -> None:
        del local
        db = self.open(author)
        rows = ROW_CLASSES[self.template]
        db.getclass(rows).set(element.removeprefix(rows), **self._columns(db, row))
        db.commit()

    def remove_row(self, local: str, element: str, author: str) -> None:
        db = self.open(author)
        issues, table = db.getclass(self.issue_class), self.words.table
        node = element.removeprefix(ROW_CLASSES[self.template])
        issues.set(local, **{table: [one for one in issues.get(local, table) if one != node]})
        db.commit()

    def _columns(self, db: Any, row: Record) -> dict[str, Any]:
        """As Roundup holds them; the words are those of a person in a form."""
        columns = db.getclass(ROW_CLASSES[self.template]).getprops()
        return {name: columns[name].from_raw(str(text), db=db, itemid=None, propname=name, klass=None)
                for name, text in row.items()}  # fmt: skip

    def remove(self, local: str) -> None:
        db = self.open("admin")
        db.getclass(self.issue_class).retire(local)
        db.commit()

    async def close(self) -> None:
        await self.tracker.close()
        if self._db is not None:
            self._db.close()

    def _link(self, db: Any, local: str, name: str, node: str) -> None:
        issues = db.getclass(self.issue_class)
        issues.set(local, **{name: [*issues.get(local, name), node]})
        db.commit()


def copy_home(template_home: Path, home: Path) -> Path:
    shutil.copytree(template_home, home, ignore=shutil.ignore_patterns("__pycache__"))
    return home


def _item(linked: Any, label: str) -> str:
    """A list value's id, made as a person would make it."""
    try:
        return str(linked.lookup(label))
    except KeyError:
        return str(linked.create(**{linked.getkey(): label}))
