"""What Backbone needs in a tracker's home: a detector, two tables with a trigger, and the synchronization user."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from backbone.errors import BackboneError, ConfigError, TrackerUnavailable
from backbone.trackers.roundup import feed
from backbone.trackers.roundup.connection import Connection, open_tracker
from backbone.trackers.roundup.settings import RoundupSettings
from backbone.trackers.roundup.shape import shape_of

DETECTOR_NAME = "backbone_feed.py"
_SIGNATURE = "# Written by Backbone (backbone tracker prepare)"
DETECTOR = f'''{_SIGNATURE}, version 1. Do not edit: it is replaced.
"""Notes in the table backbone_feed that a message's text was edited, retired or restored.

Roundup keeps no journal of that. The row is written inside the transaction of the edit, and nothing else is done.
"""
from roundup.date import Date


def remember(db, cl, nodeid, newvalues):
    if "content" in newvalues:
        _edited(db).add(nodeid)


def note_text(db, cl, nodeid, oldvalues):
    if nodeid in _edited(db):
        _edited(db).discard(nodeid)
        note(db, cl, nodeid, oldvalues)


def note(db, cl, nodeid, oldvalues):
    db.sql("select 1 from sqlite_master where name='backbone_feed'")
    if db.cursor.fetchone() is None:
        return
    db.sql(
        "insert into backbone_feed (class, nodeid, date, tag, action) values ('msg', ?, ?, ?, 'text')",
        (int(nodeid), Date().serialise(), db.getuid()),
    )


def _edited(db):
    if not hasattr(db, "_backbone_edited"):
        db._backbone_edited = set()
    return db._backbone_edited


def init(db):
    if db.dbtype == "sqlite":
        db.msg.audit("set", remember, priority=10000)
        db.msg.react("set", note_text, priority=10000)
        db.msg.react("retire", note, priority=10000)
        db.msg.react("restore", note, priority=10000)
'''  # noqa: S608 - a program for the tracker, put together from our own constant


def prepare(settings: RoundupSettings) -> list[str]:
    """Put in place what is missing and say what was done, a sentence each; empty if all was there.

    Raises ``ConfigError`` where a file of somebody else has the detector's name or the database is not SQLite, and
    ``TrackerUnavailable`` where the tracker cannot be opened.
    """
    done: list[str] = []
    if not (settings.home / "config.ini").is_file():
        raise ConfigError(f"there is no Roundup tracker in {settings.home}; correct 'home' in backbone.toml")
    with contextlib.closing(Connection(settings)) as connection, connection.reading() as db:
        _check_kind(db, settings)
    if _install_detector(settings.home):
        done.append(
            f"The detector {DETECTOR_NAME} was written to {settings.home / 'detectors'}; "
            "restart the tracker's web server and mail gateway, so that they load it."
        )
    db = open_tracker(settings)
    try:
        db.sql("BEGIN IMMEDIATE")
        if feed.install(db, settings.issue_class):
            done.append(f"The change feed of class {settings.issue_class} was made in the tracker's database.")
        row_classes = sorted({*shape_of(db, settings.issue_class).row_classes.values()})
        made = [name for name in row_classes if feed.install_rows(db, name)]
        done += [f"The change feed of class {name} was made in the tracker's database." for name in made]
        done += _ensure_user(db, settings)
        db.commit()
    except sqlite3.OperationalError as error:
        raise TrackerUnavailable(f"the database of {settings.home} does not answer ({error}); try again") from error
    finally:
        db.close()
    return done


def problems(settings: RoundupSettings) -> list[str]:
    """What an admin must do before the tracker can be used, a sentence each."""
    try:
        db = open_tracker(settings)
    except TrackerUnavailable as error:
        return [f"{error}."]
    try:
        _check_kind(db, settings)
    except BackboneError as error:
        return [f"{error}."]
    else:
        return [*_unprepared(db, settings), *_user_problems(db, settings)]
    finally:
        db.close()


def _check_kind(db: Any, settings: RoundupSettings) -> None:
    if getattr(db, "dbtype", "") != "sqlite":
        raise ConfigError(
            f"the Roundup tracker in {settings.home} is kept in {getattr(db, 'dbtype', 'another database')}; "
            "this adapter needs one kept in SQLite"
        )
    shape_of(db, settings.issue_class)


def _unprepared(db: Any, settings: RoundupSettings) -> list[str]:
    remedy = "run: backbone tracker prepare"
    found = []
    detector = settings.home / "detectors" / DETECTOR_NAME
    if not detector.is_file():
        found.append(f"The detector {detector} is missing: edits of comments would not be seen; {remedy}.")
    elif detector.read_text(encoding="utf-8", errors="replace") != DETECTOR:
        found.append(f"The detector {detector} is not the one of this version of Backbone; {remedy}.")
    db.sql("select count(*) from sqlite_master where type='table' and name in ('backbone_feed', 'backbone_marker')")
    has_tables = db.cursor.fetchone()[0] == len(("feed", "marker"))
    watched = [settings.issue_class, *shape_of(db, settings.issue_class).row_classes.values()]
    if not has_tables or not all(feed.has_trigger(db, name) for name in watched):
        found.append(f"The tracker in {settings.home} keeps no change feed yet; {remedy}.")
    return found


def _user_problems(db: Any, settings: RoundupSettings) -> list[str]:
    try:
        user = db.user.lookup(settings.user)
    except KeyError:
        return [
            f"The tracker in {settings.home} has no user {settings.user!r} to write as; run: backbone tracker prepare."
        ]
    if not db.user.get(user, "roles"):
        return [f"The user {settings.user!r} of the tracker in {settings.home} has no roles; give it one in Roundup."]
    return []


def _install_detector(home: Path) -> bool:
    path = home / "detectors" / DETECTOR_NAME
    if path.exists():
        present = path.read_text(encoding="utf-8", errors="replace")
        if present == DETECTOR:
            return False
        if not present.startswith(_SIGNATURE):
            raise ConfigError(f"{path} is not ours; move it away, then run again: backbone tracker prepare")
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(DETECTOR, encoding="utf-8")
    draft.replace(path)
    return True


def _ensure_user(db: Any, settings: RoundupSettings) -> list[str]:
    """The synchronization user cannot log in: it has no password."""
    with contextlib.suppress(KeyError):
        db.user.lookup(settings.user)
        return []
    roles = "User" if "user" in db.security.role else str(db.config["NEW_WEB_USER_ROLES"])
    db.user.create(username=settings.user, realname="Backbone", roles=roles)
    return [f"The user {settings.user!r} was made, with the roles {roles!r} and no password."]
