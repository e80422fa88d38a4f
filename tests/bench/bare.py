"""A bare pipeline of the parts that Backbone is made of: what no replication can be faster than.

Load from a memory tracker through its port, pack, compress, seal, write and sync; read, open, unpack, write to a table;
so many issues per message. No numbers, registers, acknowledgements, no tracker behind the table. As with the nodes, the
tracker is open before the clock starts. The halves run one after the other, or each in a process of its own.
"""

import asyncio
import multiprocessing
import os
import shutil
import sqlite3
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TypeAlias

import msgpack
import zstandard
from sqlalchemy import Column, Connection, Engine, MetaData, Table, Text, create_engine, event

from backbone.model import Cell
from backbone.model import Issue as Held
from backbone.replication import limits
from backbone.trackers.memory import MemoryTracker
from handshake.keyring import GnupgKeyRing, create, open_home
from tests.bench.issues import fill

Issue: TypeAlias = tuple[str, str, str]
PER_MESSAGE = 500
TRACKER = "tracker"
_TITLE, _TEXT = Cell("title"), Cell("description")
MESSAGE_BYTES_MAX = 16 * 2**20
COMPRESSION = limits.compression_level
_METADATA = MetaData()
_ISSUES = Table("issue", _METADATA, Column("key", Text, primary_key=True), Column("title", Text), Column("text", Text))


def one_after_the_other(folder: Path, count: int) -> float:
    """Seconds for ``count`` issues in one process."""
    _make_keys(folder)
    fill(folder / TRACKER, count)
    tracker = MemoryTracker(path=folder / TRACKER)
    begun = time.perf_counter()
    asyncio.run(_write(folder, tracker))
    asyncio.run(_read(folder, count))
    seconds = time.perf_counter() - begun
    shutil.rmtree(folder)
    return seconds


def side_by_side(folder: Path, count: int) -> float:
    """Seconds for ``count`` issues when each half has a process: both cores are at work."""
    _make_keys(folder)
    fill(folder / TRACKER, count)
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    halves = [context.Process(target=_half, args=(name, folder, count, start)) for name in ("write", "read")]
    for half in halves:
        half.start()
    start.wait()
    begun = time.perf_counter()
    for half in halves:
        half.join()
        if half.exitcode:
            raise RuntimeError("a half of the bare pipeline failed")
    seconds = time.perf_counter() - begun
    shutil.rmtree(folder)
    return seconds


def _half(name: str, folder: Path, count: int, start: Barrier) -> None:
    tracker = MemoryTracker(path=folder / TRACKER) if name == "write" else None
    start.wait()
    asyncio.run(_read(folder, count) if tracker is None else _write(folder, tracker))


def _make_keys(folder: Path) -> None:
    (folder / "parcels").mkdir(parents=True)

    async def make() -> None:
        alice, bob = await create(folder / "a", "alice"), await create(folder / "b", "bob")
        await alice.add_peer(await bob.public_key(), bob.fingerprint)
        await bob.add_peer(await alice.public_key(), alice.fingerprint)
        await alice.close()
        await bob.close()

    asyncio.run(make())


async def _write(folder: Path, tracker: MemoryTracker) -> None:
    keys = await open_home(folder / "a")
    assert keys.peer is not None
    number, after = 0, None
    while page := await tracker.issues(after, PER_MESSAGE):
        packed: bytes = msgpack.packb([_row(issue) for issue in page])
        small = zstandard.ZstdCompressor(level=COMPRESSION).compress(packed)
        _durable(folder / "parcels", f"{number:08}", await keys.seal(small, recipient=keys.peer.fingerprint))
        number, after = number + 1, page[-1].local
    await keys.close()


def _row(issue: Held) -> Issue:
    return issue.local, str(issue.cells[_TITLE]), str(issue.cells[_TEXT])


def _durable(folder: Path, name: str, data: bytes) -> None:
    with (folder / f".{name}").open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    (folder / f".{name}").rename(folder / name)


async def _read(folder: Path, count: int) -> None:
    keys = await open_home(folder / "b")
    engine = _table(folder / "table.db")
    for number in range(-(-count // PER_MESSAGE)):
        file = folder / "parcels" / f"{number:08}"
        while not file.exists():  # noqa: ASYNC110 - the other half is a process
            await asyncio.sleep(0.001)
        await _take(keys, engine, file.read_bytes())
    engine.dispose()
    await keys.close()


async def _take(keys: GnupgKeyRing, engine: Engine, sealed: bytes) -> None:
    assert keys.peer is not None
    opened = await keys.open(sealed, signer=keys.peer.fingerprint, message_bytes_max=MESSAGE_BYTES_MAX)
    rows = msgpack.unpackb(zstandard.ZstdDecompressor().decompress(opened))
    with engine.begin() as connection:
        _insert(connection, rows)


def _insert(connection: Connection, rows: Sequence[Issue]) -> None:
    connection.execute(_ISSUES.insert(), [{"key": key, "title": title, "text": text} for key, title, text in rows])


def _table(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    _METADATA.create_all(engine)
    return engine
