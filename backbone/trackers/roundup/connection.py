"""Roundup's own API on the tracker's home: one handle, used by one thread, and its transactions.

Two habits of Roundup's SQLite backend are changed on our handle only. It commits whatever is open each time it
gives out an id, which would tear a write into pieces: we hold the database's write lock, so counting inside the
transaction is as safe. And it sets the umask of the whole process: ours stays as it was.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import roundup.instance
from roundup.roundupdb import IssueClass

from backbone.errors import TrackerUnavailable
from backbone.points import passed
from backbone.trackers.roundup.settings import RoundupSettings

BUSY_MILLISECONDS = 10_000
"""How long we wait for another writer: a web request holds the lock for milliseconds, a mass edit for seconds."""


class Connection:
    """Opens when first used. Every method belongs to the same thread."""

    def __init__(self, settings: RoundupSettings) -> None:
        self._settings = settings
        self._db: Any = None
        self._stamp: tuple[object, ...] = ()

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """A snapshot: all that is read in here stood in the tracker at one moment."""
        db = self._handle()
        with _explained(self._settings):
            db.clearCache()
            db.conn.rollback()
            db.sql("BEGIN")
            try:
                yield db
            finally:
                db.conn.rollback()

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """A transaction that begins with the write lock: what is read in here cannot change under us.

        Committed at the end, rolled back on any exception.
        """
        db = self._handle()
        with _explained(self._settings):
            db.clearCache()
            db.conn.rollback()
            db.sql("BEGIN IMMEDIATE")
            db.setCurrentUser(self._settings.user)
            try:
                yield db
            except BaseException:
                db.rollback()
                raise
            self._commit(db)

    def refresh(self) -> None:
        """Open anew if the tracker's schema, detectors or configuration changed since."""
        if self._db is not None and self._stamp != _stamp(self._settings.home):
            self.close()

    def close(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def _commit(self, db: Any) -> None:
        """Roundup renames message and file contents after the database commit; if that fails, a rollback would delete
        the committed contents, while a fresh handle finds and adopts them.
        """
        try:
            db.commit()
            passed("tracker: committed")
        except BaseException:
            self._db = None
            db.conn.close()
            raise

    def _handle(self) -> Any:
        if self._db is None:
            self._stamp = _stamp(self._settings.home)
            self._db = open_tracker(self._settings)
        return self._db


def open_tracker(settings: RoundupSettings) -> Any:
    """A database handle with its detectors, as Roundup's mail gateway opens it. Raises ``TrackerUnavailable``."""
    if not (settings.home / "config.ini").is_file():
        raise TrackerUnavailable(f"there is no Roundup tracker in {settings.home}; correct 'home' in backbone.toml")
    umask = os.umask(0o077)
    os.umask(umask)
    try:
        instance = roundup.instance.open(str(settings.home))
        instance.config["UMASK"] = f"{umask:04o}"
        if not settings.notify:
            instance.config["MAIL_DEBUG"] = os.devnull
        db = instance.open("admin")
    except Exception as error:
        raise TrackerUnavailable(f"Roundup cannot open {settings.home}: {error}; try roundup-admin there") from error
    finally:
        os.umask(umask)
    db.newid = _NewId(db)
    if hasattr(db.conn, "execute"):
        db.conn.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
    if not settings.notify:
        _without_mail(db)
    return db


class _NewId:
    """``newid`` without a commit of its own, for a handle that holds the write lock."""

    def __init__(self, db: Any) -> None:
        self._db = db

    def __call__(self, classname: str) -> str:
        db = self._db
        assert db.conn.in_transaction, "ids are given out under the write lock"
        db.sql("select num from ids where name=?", (classname,))
        number = int(db.cursor.fetchone()[0])
        db.sql("update ids set num=num+1 where name=?", (classname,))
        return str(number)


def _without_mail(db: Any) -> None:
    def nosymessage(*_: object, **__: object) -> None:
        """Nobody is told."""

    for name in db.getclasses():
        issue_class = db.getclass(name)
        if isinstance(issue_class, IssueClass):
            issue_class.nosymessage = nosymessage


def _stamp(home: Path) -> tuple[object, ...]:
    """Changes when an admin changes what is loaded at opening."""
    files = [
        home / "config.ini",
        home / "schema.py",
        home / "interfaces.py",
        *sorted((home / "detectors").glob("*.py")),
    ]
    return tuple((file.name, file.stat().st_mtime_ns) for file in files if file.exists())


@contextmanager
def _explained(settings: RoundupSettings) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if "no such table: backbone_" in str(error):
            raise TrackerUnavailable(
                f"the Roundup tracker in {settings.home} is not prepared; run: backbone tracker prepare"
            ) from error
        raise TrackerUnavailable(f"the database of {settings.home} does not answer ({error}); tried again") from error
    except OSError as error:
        raise TrackerUnavailable(f"a file of the tracker in {settings.home} fails: {error}") from error
