"""Our tables in the tracker's database: the feed of what happened, and the markers of what we wrote.

Roundup's journal tables have no key of their own: ``VACUUM`` may renumber their rows and ``roundup-admin pack`` frees
numbers that are then given out again. A trigger therefore copies each journal row, in the same transaction, into a
table whose numbers grow for ever; so does one for each class of rows. Our detector adds a row there for each edit of a
message's text, which Roundup does not journal at all. One writer at a time holds SQLite's lock, so the numbers stand in
commit order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from roundup.anypy.strings import eval_import

from backbone.trackers.roundup.shape import Shape, Watched

TABLES = (
    """create table if not exists backbone_feed (
        number integer primary key autoincrement,
        class text not null, nodeid integer not null, date text not null,
        tag text, action text not null, params text)""",
    "create index if not exists backbone_feed_node on backbone_feed (class, nodeid, number)",
    """create table if not exists backbone_marker (
        key text primary key, local text not null, position integer not null, answer blob not null) without rowid""",
)

_COPIED = "class, nodeid, date, tag, action, params"
TEXT_EDITED = "text"
"""Written by the detector, with class ``msg``."""


@dataclass(frozen=True, slots=True)
class Row:
    """One journal entry. ``date`` and ``tag`` as Roundup keeps them: ``yyyymmddHHMMSS.sss`` and the user's id."""

    number: int
    class_name: str
    node: str
    date: str
    tag: str
    action: str
    params: Any


def trigger_name(issue_class: str) -> str:
    return f"backbone_feed_{issue_class}"


def install_rows(db: Any, row_class: str) -> bool:
    """Make the trigger for what is done to rows that are there; after ``install``. False if it was there."""
    if has_trigger(db, row_class):
        return False
    _trigger(db, row_class, "'link', 'unlink', 'create'")
    return True


def _trigger(db: Any, name: str, but: str) -> None:
    assert name.isidentifier(), "a class of the tracker's own schema"
    db.sql(
        f"""create trigger {trigger_name(name)} after insert on {name}__journal
        when new.action not in ({but}) begin
        insert into backbone_feed ({_COPIED})
        values ('{name}', new.nodeid, new.date, new.tag, new.action, new.params); end"""  # noqa: S608
    )


def install(db: Any, issue_class: str) -> bool:
    """Make our tables and the trigger, and copy what the journal holds already. False if all was there."""
    for statement in TABLES:
        db.sql(statement)
    if has_trigger(db, issue_class):
        return False
    assert issue_class.isidentifier(), "a class of the tracker's own schema"
    journal = f"{issue_class}__journal"
    db.sql(
        f"insert into backbone_feed ({_COPIED}) select ?, nodeid, date, tag, action, params from {journal}"  # noqa: S608
        " where action not in ('link', 'unlink') order by rowid",
        (issue_class,),
    )
    _trigger(db, issue_class, "'link', 'unlink'")
    return True


def has_trigger(db: Any, issue_class: str) -> bool:
    db.sql("select 1 from sqlite_master where type='trigger' and name=?", (trigger_name(issue_class),))
    return db.cursor.fetchone() is not None


def head(db: Any) -> int:
    db.sql("select max(number) from backbone_feed")
    return int(db.cursor.fetchone()[0] or 0)


def rows_since(db: Any, classes: Sequence[str], since: int, limit: int) -> list[Row]:
    """What happened to anything of these classes, in commit order."""
    among = ", ".join("?" * len(classes))
    db.sql(
        f"select * from backbone_feed where number>? and class in ({among}) order by number limit ?",  # noqa: S608
        (since, *classes, limit),
    )
    return _rows(db)


def rows_of(db: Any, issue_class: str, node: str, since: int) -> list[Row]:
    """The issue's own journal."""
    db.sql(
        "select * from backbone_feed where class=? and nodeid=? and number>? order by number",
        (issue_class, int(node), since),
    )
    return _rows(db)


def edits_in(db: Any, watched: Watched, node: str, since: int) -> list[Row]:
    """Edits of the messages, or rows, that the issue shows in this Multilink."""
    db.sql(
        f"""select feed.* from {watched.links} as shown
        join backbone_feed as feed on feed.class=? and feed.nodeid=shown.linkid and feed.number>?
        where shown.nodeid=? order by feed.number""",  # noqa: S608
        (watched.class_name, since, int(node)),
    )
    return _rows(db)


def moved(db: Any, shape: Shape, node: str, since: int) -> bool:
    """Whether the issue, or a message or row of it, was edited after ``since``; one look when nothing at all was."""
    if head(db) <= since:
        return False
    if rows_of(db, shape.issue_class, node, since):
        return True
    return any(edits_in(db, watched, node, since) for watched in shape.watched)


def _rows(db: Any) -> list[Row]:
    return [
        Row(r["number"], r["class"], str(r["nodeid"]), r["date"], str(r["tag"]), r["action"], _params(r["params"]))
        for r in db.cursor.fetchall()
    ]


def _params(text: str | None) -> Any:
    return eval_import(text) if text else None
