"""The database: one writer, whole transactions in a worker thread, durable when they return.

SQLAlchemy Core is used synchronously: one function per transaction in a one-thread executor is ten times
faster than a thread hop for each statement. A transaction function gets a ``Connection`` and returns a value; it
must not keep the connection.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import StaticPool

from backbone.errors import BackboneError
from backbone.store.tables import metadata, node

__all__ = ["Connection", "Store", "StoreError", "Transaction", "in_memory", "sqlite_engine", "upsert"]

T = TypeVar("T")
Transaction: TypeAlias = Callable[[Connection], T]
_BUMP = node.update().values(commits=node.c.commits + 1)
_ADVICE = {
    "full": "free some space on its disk",
    "locked": "another program has been writing it for 30 seconds: end that one",
    "readonly": "check the owner and the permissions of the file and its folder",
    "unable to open": "check the owner and the permissions of the file and its folder",
    "malformed": "the file is damaged: put back a copy of it",
    "not a database": "the file is damaged: put back a copy of it",
}


class StoreError(BackboneError):
    """The store cannot be read or written: a full disk, a lock held too long, a damaged file."""


class Store:
    """A node's store. ``threaded=False`` runs transactions at once in the caller: for tests and simulation."""

    def __init__(self, engine: Engine, *, threaded: bool = True) -> None:
        self._engine = engine
        self._executor = ThreadPoolExecutor(1, "store") if threaded else None

    async def run(self, work: Transaction[T]) -> T:
        """``work`` as one durable transaction. Raises ``StoreError``; then nothing of it happened."""
        if self._executor is None:
            return self.run_now(work)
        return await asyncio.get_running_loop().run_in_executor(self._executor, self.run_now, work)

    async def read(self, work: Transaction[T]) -> T:
        """``work`` on a consistent picture, writing nothing."""
        if self._executor is None:
            return self.read_now(work)
        return await asyncio.get_running_loop().run_in_executor(self._executor, self.read_now, work)

    def run_now(self, work: Transaction[T]) -> T:
        """As ``run``, in this thread."""
        try:
            with self._engine.begin() as connection:
                connection.execute(_BUMP)
                return work(connection)
        except DatabaseError as error:
            raise self._explained(error, "written") from error

    def read_now(self, work: Transaction[T]) -> T:
        """As ``read``, in this thread."""
        try:
            with self._engine.connect() as connection:
                connection.execution_options(reading=True)
                return work(connection)
        except DatabaseError as error:
            raise self._explained(error, "read") from error

    def _explained(self, error: DatabaseError, verb: str) -> Exception:
        # A damaged page is a plain DatabaseError; its other subclasses (a broken constraint, say) are bugs of ours.
        if type(error) not in (DatabaseError, OperationalError):
            return error
        what = str(error.orig)
        advice = next((advice for word, advice in _ADVICE.items() if word in what), "see `backbone doctor`")
        return StoreError(f"the store {self._engine.url.database} cannot be {verb}: {what}; {advice}")

    def close(self) -> None:
        """Waits for the transaction under way."""
        if self._executor is not None:
            self._executor.shutdown()
        self._engine.dispose()


def sqlite_engine(path: Path | None) -> Engine:
    """An engine on a file, or in memory for ``None``."""
    if path is None:
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        url = URL.create("sqlite", database=str(path))
        engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def in_memory() -> Store:
    """A store that dies with the process, with all tables: for tests and simulation."""
    engine = sqlite_engine(None)
    metadata.create_all(engine)
    return Store(engine, threaded=False)


def upsert(tx: Connection, table: Table, columns: tuple[str, ...], rows: list[tuple[Any, ...]], keys: int) -> None:
    """Insert each row, or change the one that is there: the first ``keys`` of ``columns`` are the key."""
    if rows:
        sql, positional = _upsert(table, columns, keys, tx.dialect.name)
        tx.exec_driver_sql(sql, rows if positional else [dict(zip(columns, row, strict=True)) for row in rows])


@lru_cache(maxsize=64)
def _upsert(table: Table, columns: tuple[str, ...], keys: int, dialect_name: str) -> tuple[str, bool]:
    """The statement, and whether the driver takes its parameters in order. Compiled once: for each row of many,
    SQLAlchemy would work as long as SQLite.
    """
    dialect: Any = postgresql if dialect_name == "postgresql" else sqlite
    insert = dialect.insert(table).values(dict.fromkeys(columns))
    changed = {name: insert.excluded[name] for name in columns[keys:]}
    named = list(columns[:keys])
    whole = (
        insert.on_conflict_do_update(index_elements=named, set_=changed)
        if changed
        else insert.on_conflict_do_nothing(index_elements=named)
    )
    compiled = whole.compile(dialect=dialect.dialect(), column_keys=list(columns))
    return str(compiled), tuple(compiled.positiontup or ()) == columns


def _prepare(connection: Any, _record: object) -> None:
    """Pages of 8 KB: a row of ``shadow`` has 2 KB or more, and of those only one would fit on a page of 4 KB."""
    connection.isolation_level = None
    for pragma in (
        "page_size=8192",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-16000",
        "wal_autocheckpoint=4000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
