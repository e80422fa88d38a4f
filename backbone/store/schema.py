"""Making, opening and bringing up to date of a store's file.

The tables' history is in ``migrations/versions``, one numbered file per step; ``tables.py`` is what they add up to.
After a change there, ``python -m backbone.store.schema --revision "what changed"`` writes the next step, to be read and
formatted before it is committed. As long as nobody has a store, delete the only step and call it with "the tables".
"""

import argparse
import os
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError

from backbone.store.engine import Store, StoreError, Transaction, sqlite_engine

if TYPE_CHECKING:
    from alembic.config import Config

VERSIONS = Path(__file__).parent / "migrations" / "versions"
APPLICATION_ID = 0x42424F4E
"""In the header of the file (``PRAGMA application_id``): tells our files from other programs' databases."""
_STEP = re.compile(r"(\d{4})_\w+\.py")


def create_store(path: Path, first: Transaction[None] | None = None) -> Store:
    """A store with all tables, readable by its owner only; ``first`` writes what it begins with.

    The file gets its name when it is whole. Raises ``StoreError``, also when there is a file of that name.
    """
    for file in (path, _beside(path, "-wal")):
        # SQLite would play an old store's write-ahead log into the new one.
        if file.exists():
            raise StoreError(f"{file} exists already: this folder is a node, or was one; choose another folder")
    draft = _beside(path, ".new")
    try:
        _fill(draft, first)
        draft.rename(path)
        _sync(path.parent)
    except OSError as error:
        raise StoreError(f"{path} cannot be made: {error.strerror}; check the folder and its permissions") from error
    return Store(sqlite_engine(path))


def open_store(path: Path, *, migrate: bool = True, versions: Path = VERSIONS) -> Store:
    """The store in ``path``, brought up to date in one transaction after a copy ``store.db.before-REV`` was made.

    ``migrate=False`` is for whoever does not hold the node's lock: then an older store is refused.
    Raises ``StoreError`` where the file is missing, damaged, foreign or newer than this program.
    """
    known = revisions(versions)
    found = _revision(path)
    if found not in known:
        raise StoreError(
            f"{path} was written by a newer Backbone (its tables are revision {found}, this program knows "
            f"{known[-1]}); install that version again: a store is never changed backwards"
        )
    if found != known[-1]:
        if not migrate:
            raise StoreError(
                f"{path} was written by an older Backbone (its tables are revision {found}, this program wants "
                f"{known[-1]}); stop the old service and start this one: it brings the store up to date"
            )
        _migrate(path, known[-1], versions)
    return Store(sqlite_engine(path))


def upgrade(engine: Engine, *, versions: Path = VERSIONS, keep: Path | None = None) -> None:
    """All steps that the database lacks, in one transaction; on SQLite ``keep`` gets a copy of the state before."""
    with engine.connect() as connection:
        # A table that others refer to is rebuilt by dropping it, which SQLite allows only while it does not
        # look at foreign keys; the switch does nothing inside a transaction.
        _pragma(connection, "foreign_keys=OFF")
        try:
            with connection.begin():
                if keep is not None:
                    copy_store(Path(str(engine.url.database)), keep)
                _apply(connection, versions)
                _check_references(connection)
        finally:
            _pragma(connection, "foreign_keys=ON")


def revisions(versions: Path = VERSIONS) -> list[str]:
    """The steps this program knows, first to last, by their files' names: Alembic takes 0.1 s to say the same."""
    return sorted(match[1] for file in versions.iterdir() if (match := _STEP.fullmatch(file.name)))


def damage(connection: Connection) -> list[str]:
    """What SQLite finds wrong with the file, ten lines at most; reads all of it, a second for some 500 MB."""
    try:
        lines = [str(line) for (line,) in connection.exec_driver_sql("PRAGMA quick_check(10)")]
    except DatabaseError as error:
        return [str(error.orig)]
    return [] if lines == ["ok"] else lines


def _fill(draft: Path, first: Transaction[None] | None) -> None:
    _begin_file(draft)
    engine = sqlite_engine(draft)
    try:
        upgrade(engine)
        store = Store(engine, threaded=False)
        store.run_now(lambda connection: _first(connection, first))
    finally:
        engine.dispose()
    _sync(draft)


def _first(connection: Connection, first: Transaction[None] | None) -> None:
    connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
    if first is not None:
        first(connection)


def _revision(path: Path) -> str:
    if not path.is_file():
        raise StoreError(f"there is no store {path}; name the node's folder with -C, or make one with `backbone init`")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=30)) as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            if application != APPLICATION_ID:
                raise StoreError(f"{path} is not a Backbone store but some other file; put the right one in its place")
            (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(revision)
    except (sqlite3.Error, TypeError) as error:
        raise StoreError(
            f"{path} cannot be read ({error}): it is damaged, foreign or not ours to write; check its owner and "
            "permissions, else put back a copy of it"
        ) from error


def _migrate(path: Path, target: str, versions: Path) -> None:
    engine = sqlite_engine(path)
    try:
        upgrade(engine, versions=versions, keep=_beside(path, f".before-{target}"))
    except Exception as error:
        raise StoreError(
            f"{path} could not be brought up to date to revision {target}, and was left as it was: {error}; "
            "use the Backbone of before and report this"
        ) from error
    finally:
        engine.dispose()


def _apply(connection: Connection, versions: Path) -> None:
    from alembic import command

    command.upgrade(_alembic(connection, versions), "head")


def _alembic(connection: Connection, versions: Path) -> "Config":
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    for option, value in (
        ("script_location", str(VERSIONS.parent)),
        ("version_locations", str(versions)),
        ("path_separator", "newline"),
    ):
        config.set_main_option(option, value.replace("%", "%%"))
    return config


def _check_references(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise StoreError(f"a row of table {broken[0]!r} would refer to nothing")


def _pragma(connection: Connection, setting: str) -> None:
    if connection.dialect.name == "sqlite":
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute(f"PRAGMA {setting}")


def copy_store(source: Path, target: Path) -> None:
    """A copy of a store that may be in use: a copied file would lack what stands in the write-ahead log."""
    draft = _beside(target, ".new")
    _begin_file(draft)
    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(draft)) as there:
        here.backup(there)
    _sync(draft)
    draft.rename(target)
    _sync(target.parent)


def _begin_file(draft: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        _beside(draft, suffix).unlink(missing_ok=True)
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_revision(message: str, versions: Path = VERSIONS) -> None:
    """The step from the last revision to ``tables.py``, into ``versions``."""
    from alembic import command

    engine = sqlite_engine(None)
    upgrade(engine, versions=versions)
    with engine.begin() as connection:
        number = f"{len(revisions(versions)) + 1:04}"
        command.revision(_alembic(connection, versions), message, autogenerate=True, rev_id=number)
    engine.dispose()
    (file,) = versions.glob(f"{number}_*.py")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.strip().startswith("# ###")))


def main(arguments: Sequence[str] | None = None) -> None:
    """For developers: see the top of this file."""
    parser = argparse.ArgumentParser(prog="python -m backbone.store.schema", description=main.__doc__)
    parser.add_argument("--revision", metavar="MESSAGE", required=True, help="write the next step of the tables")
    write_revision(parser.parse_args(arguments).revision)


if __name__ == "__main__":
    main()
