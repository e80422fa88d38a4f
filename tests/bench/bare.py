"""A bare pipeline of the parts that Backbone is made of: what no replication can be faster than.

Load, pack, compress, seal, write and sync; read, open, unpack, write to a table; so many issues per message.
No numbers, no registers, no acknowledgement, no tracker. The halves run one after the other, or each in its own process.
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

from handshake.keyring import GnupgKeyRing, create, open_home
from tests.bench.issues import issues

Issue: TypeAlias = tuple[str, str, str]
PER_MESSAGE = 500
MESSAGE_BYTES_MAX = 16 * 2**20
_METADATA = MetaData()
_ISSUES = Table("issue", _METADATA, Column("key", Text, primary_key=True), Column("title", Text), Column("text", Text))


def one_after_the_other(folder: Path, count: int) -> float:
    """Seconds for ``count`` issues in one process."""
    _make_keys(folder)
    loaded = issues(count)
    begun = time.perf_counter()
    for half in (_write, _read):
        asyncio.run(half(folder, loaded))
    seconds = time.perf_counter() - begun
    shutil.rmtree(folder)
    return seconds


def side_by_side(folder: Path, count: int) -> float:
    """Seconds for ``count`` issues when each half has a process: both cores are at work."""
    _make_keys(folder)
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
    loaded = issues(count)
    start.wait()
    asyncio.run((_write if name == "write" else _read)(folder, loaded))


def _make_keys(folder: Path) -> None:
    (folder / "parcels").mkdir(parents=True)

    async def make() -> None:
        alice, bob = await create(folder / "a", "alice"), await create(folder / "b", "bob")
        await alice.add_peer(await bob.public_key(), bob.fingerprint)
        await bob.add_peer(await alice.public_key(), alice.fingerprint)
        await alice.close()
        await bob.close()

    asyncio.run(make())


async def _write(folder: Path, loaded: Sequence[Issue]) -> None:
    keys = await open_home(folder / "a")
    assert keys.peer is not None
    for number, start in enumerate(range(0, len(loaded), PER_MESSAGE)):
        packed: bytes = msgpack.packb(loaded[start : start + PER_MESSAGE])
        sealed = await keys.seal(zstandard.ZstdCompressor(level=3).compress(packed), recipient=keys.peer.fingerprint)
        _durable(folder / "parcels", f"{number:08}", sealed)
    await keys.close()


def _durable(folder: Path, name: str, data: bytes) -> None:
    with (folder / f".{name}").open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    (folder / f".{name}").rename(folder / name)


async def _read(folder: Path, loaded: Sequence[Issue]) -> None:
    keys = await open_home(folder / "b")
    engine = _table(folder / "table.db")
    for number in range(-(-len(loaded) // PER_MESSAGE)):
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
