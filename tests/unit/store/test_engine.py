"""A transaction is whole, durable and alone."""

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.exc import IntegrityError

from backbone.store.engine import Store, StoreError, in_memory
from backbone.store.schema import create_store, open_store
from backbone.store.tables import link, node
from tests.unit.store.places import WRITER, begin_node, commits, process


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = create_store(path, begin_node)
    yield store
    store.close()


def _link(connection: Connection, name: str = "bob") -> None:
    row = {"name": name, "link_id": name, "side": "master", "pairing": b"", "state": "draft", "home": "g/1"}
    connection.execute(insert(link).values(row | {"our_fingerprint": "F", "agreement": "{}", "created_at": 0.0}))


def _links(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(link)).scalar_one())


def test_a_transaction_that_raises_leaves_nothing(store: Store) -> None:
    def work(connection: Connection) -> None:
        _link(connection)
        raise LookupError

    before = store.read_now(commits)
    with pytest.raises(LookupError):
        store.run_now(work)
    assert store.read_now(_links) == 0
    assert store.read_now(commits) == before


async def test_each_transaction_is_counted_once(store: Store) -> None:
    before = await store.read(commits)
    for done in range(1, 4):
        assert await store.run(commits) == before + done
    await store.read(_links)
    assert await store.read(commits) == before + 3


def test_what_returned_is_there_for_another_process(store: Store, path: Path) -> None:
    store.run_now(_link)
    other = open_store(path)
    assert other.read_now(_links) == 1
    other.close()


def test_a_broken_constraint_is_a_bug_and_shows_as_one(store: Store) -> None:
    store.run_now(_link)
    with pytest.raises(IntegrityError):
        store.run_now(_link)
    assert store.read_now(_links) == 1


def test_a_row_of_an_unknown_link_is_refused(store: Store) -> None:
    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        store.run_now(lambda c: c.execute(text("INSERT INTO blob (link, sha256, total) VALUES (7, 'x', 1)")))


async def test_the_store_in_memory_behaves_alike() -> None:
    store = in_memory()
    await store.run(begin_node)
    before = await store.read(commits)
    await store.run(_link)
    assert (await store.read(_links), await store.read(commits)) == (1, before + 1)
    store.close()


def test_a_second_writer_waits_and_a_reader_does_not(store: Store, path: Path) -> None:
    before = store.read_now(commits)
    with process(WRITER, str(path)) as child, ThreadPoolExecutor(1) as pool:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "inside\n"
        ours = pool.submit(store.run_now, commits)
        with pytest.raises(NotYet):
            ours.result(timeout=0.3)
        assert store.read_now(commits) == before
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline() == "done\n"
        assert ours.result(timeout=20) == before + 2


def test_a_killed_writer_leaves_nothing(store: Store, path: Path) -> None:
    before = store.read_now(commits)
    with process(WRITER, str(path)) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "inside\n"
    assert store.run_now(commits) == before + 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True, check=False)
    if mount.returncode != 0:
        pytest.skip(f"no small disk here: {mount.stderr.decode()}")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_leaves_nothing_and_says_what_to_do(small_disk: Path) -> None:
    path = small_disk / "store.db"
    store = create_store(path, begin_node)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1024 * 1024))
    before = store.read_now(commits)

    def work(connection: Connection) -> None:
        _link(connection)
        connection.execute(node.update().values(life_random=bytes(4 * 1024 * 1024)))

    with pytest.raises(StoreError, match=rf"{path} cannot be written: .*; free some space on its disk"):
        store.run_now(work)
    assert (store.read_now(_links), store.read_now(commits)) == (0, before)
    ballast.unlink()
    store.run_now(_link)
    assert (store.read_now(_links), store.read_now(commits)) == (1, before + 1)
    store.close()


def test_a_damaged_page_is_explained(store: Store, path: Path) -> None:
    store.run_now(_link)
    store.close()
    data = bytearray(path.read_bytes())
    page = int.from_bytes(data[16:18], "big")
    data[page:] = b"\xff" * (len(data) - page)
    path.write_bytes(data)
    damaged = Store(store._engine, threaded=False)
    with pytest.raises(StoreError, match=r"cannot be read: .*malformed; the file is damaged: put back a copy"):
        damaged.read_now(_links)
    damaged.close()
