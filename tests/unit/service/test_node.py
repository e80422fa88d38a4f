"""A node begins, and notices when its store is not the newest."""

import asyncio
import shutil
import stat
from pathlib import Path

import pytest

from backbone.errors import BackboneError, UsageError
from backbone.replication.link import LinkState
from backbone.service.links.progress import Progress, save
from backbone.service.node import Node, create_node, judge, open_node, renew_anchor
from backbone.store import links
from backbone.store.anchor import Finding
from backbone.store.codec import pack_state
from handshake.events import Pairing, Role, Stage

ACTIVE = Progress(
    Pairing(Role.MASTER, Stage.ACTIVE, sizes=frozenset(), peer="A" * 40, transcript="ab" * 32, peer_tested=True)
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create_node(tmp_path / "node", "acme", tmp_path / "anchor.json")
    return tmp_path / "node"


def begin(folder: Path) -> Node:
    """Run the node once, in order."""

    async def once() -> Node:
        async with open_node(folder, exclusive=True) as node:
            return node

    return asyncio.run(once())


def test_a_new_node_has_a_private_folder_a_store_and_an_anchor_outside(folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "store.db").stat().st_mode) == 0o600
    assert (folder.parent / "anchor.json").is_file()


def test_a_folder_that_holds_a_node_is_left_alone(folder: Path) -> None:
    before = (folder / "backbone.toml").read_text()
    with pytest.raises(UsageError, match="holds a node already"):
        create_node(folder, "other")
    assert (folder / "backbone.toml").read_text() == before


def test_each_start_is_counted_and_an_orderly_end_is_clean(folder: Path) -> None:
    assert not begin(folder).unclean
    second = begin(folder)
    assert second.boot == 2
    assert not second.unclean


def test_after_a_process_that_died_the_start_is_unclean(folder: Path) -> None:
    async def die() -> None:
        async with open_node(folder, exclusive=True):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(die())
    assert begin(folder).unclean


def test_a_restored_store_begins_a_new_life_on_every_link_before_anything_is_sent(folder: Path, tmp_path: Path) -> None:
    async def add() -> None:
        async with open_node(folder, exclusive=True) as node:
            node.store.run_now(
                lambda tx: links.add(
                    tx, name="beta", link_id="ab" * 16, side="master", pairing=save(ACTIVE), state="active", home="",
                    our_fingerprint="", agreement={}, created_at=0.0, peer={"node": "beta"},
                    protocol=pack_state(LinkState(node.life, 1, (1, bytes(8)))),
                )
            )  # fmt: skip

    asyncio.run(add())
    shutil.copy(folder / "store.db", tmp_path / "old.db")
    begin(folder)
    for name in ("store.db-wal", "store.db-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "old.db", folder / "store.db")

    node = begin(folder)

    async def look() -> links.LinkRow:
        async with open_node(folder, exclusive=False) as again:
            return again.store.read_now(links.every)[0]

    row = asyncio.run(look())
    assert row.state == "resync"
    assert "old copy" in row.reason
    assert node.boot >= 1
    assert node.life[0] == 2
    assert judge(node).finding is not Finding.ROLLED_BACK


def test_without_its_anchor_a_node_does_not_begin_until_an_admin_says_so(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "anchor.json").unlink()
    with pytest.raises(BackboneError, match="no anchor"):
        begin(folder)

    async def renew() -> None:
        async with open_node(folder, exclusive=False) as node:
            assert judge(node).finding is Finding.MISSING
            renew_anchor(node)

    asyncio.run(renew())
    assert begin(folder).boot == 1


def test_a_second_process_is_refused(folder: Path) -> None:
    async def twice() -> None:
        async with open_node(folder, exclusive=True), open_node(folder, exclusive=True):
            pass

    with pytest.raises(BackboneError, match="run by another process"):
        asyncio.run(twice())
