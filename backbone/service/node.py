"""A node: its folder, its configuration and its store, opened for reading or, under the lock, for running."""

import asyncio
import secrets
import shutil
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from backbone.config import Folder, NodeConfig, load_node, node_template, quoted
from backbone.errors import BackboneError, UsageError
from backbone.replication.link import Life
from backbone.service.healing.renewing import renew_all
from backbone.store import anchor, links, lock
from backbone.store.anchor import Finding, Verdict
from backbone.store.engine import Store
from backbone.store.schema import create_store, open_store


@dataclass(slots=True)
class Node:
    """An open node. ``boot`` and ``unclean`` are of the process that holds the lock."""

    folder: Folder
    config: NodeConfig
    store: Store
    node_id: str
    life: Life
    boot: int
    anchor_path: Path
    unclean: bool = False
    turns: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    """By tracker: its links apply in turns."""
    clock: Callable[[], float] = time.time

    @property
    def name(self) -> str:
        return self.config.node.name


def create_node(path: Path, name: str, anchor_file: Path | None = None) -> None:
    """Make the folder, the store with its anchor, and ``backbone.toml``. Raises ``UsageError`` or ``StoreError``."""
    folder = Folder(path)
    if folder.config.exists() or folder.store.exists():
        raise UsageError(f"{path} holds a node already: choose another folder")
    text = node_template(name)
    if anchor_file is not None:
        text = text.replace('#anchor = "/var/lib/backbone/anchor.json"', f"anchor = {quoted(str(anchor_file))}")
    existed = path.exists()
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        for part in (folder.link_files, folder.blobs, path / "exchange", path / "g"):
            part.mkdir(exist_ok=True, mode=0o700)
        node_id = secrets.token_hex(16)
        store = create_store(folder.store, lambda tx: links.create_node(tx, node_id, secrets.token_bytes(8)))
        try:
            standing = store.read_now(lambda tx: anchor.stand(tx, clean=True))
        finally:
            store.close()
        anchor.write(anchor_file or anchor.default_path(node_id), standing)
        folder.config.write_text(text, encoding="utf-8")
    except BaseException:
        if not existed:
            shutil.rmtree(path, ignore_errors=True)
        raise


@asynccontextmanager
async def open_node(path: Path, *, exclusive: bool) -> AsyncIterator[Node]:
    """An open node; ``exclusive`` for whoever writes trackers and channels: one process at a time.

    Raises ``ConfigError``, ``StoreError`` (``LockHeld`` when another process runs the node).
    """
    folder = Folder(path)
    config = load_node(folder)
    with ExitStack() as stack:
        if exclusive:
            stack.enter_context(lock.hold(folder.lock))
        store = open_store(folder.store, migrate=exclusive)
        stack.callback(store.close)
        row = store.read_now(links.get_node)
        where = config.anchor(folder) or anchor.default_path(row.node_id)
        node = Node(folder, config, store, row.node_id, row.life, row.boot, where)
        if not exclusive:
            yield node
            return
        _begin(node, judge(node))
        yield node
        write_anchor(node, clean=True)


def judge(node: Node) -> Verdict:
    """What the anchor says of this store."""
    return anchor.judge(node.store.read_now(anchor.stand), anchor.read(node.anchor_path))


def write_anchor(node: Node, *, clean: bool = False) -> None:
    """Note outside the folder how far the store has come."""
    anchor.write(node.anchor_path, node.store.read_now(lambda tx: anchor.stand(tx, clean=clean)))


def renew_anchor(node: Node) -> None:
    """An admin says that this store is the newest copy, though its anchor is gone."""
    write_anchor(node, clean=False)


def _begin(node: Node, verdict: Verdict) -> None:
    """Count this start; what is older than its anchor begins a new life before a word is sent."""
    if verdict.finding in (Finding.MISSING, Finding.FOREIGN):
        raise BackboneError(f"{verdict.sentence} (backbone doctor --renew-anchor, if this is the newest copy)")
    node.unclean = verdict.finding is not Finding.FINE
    node.boot = node.store.run_now(links.next_boot)
    if verdict.finding is Finding.ROLLED_BACK:
        known = anchor.read(node.anchor_path)
        above = known.life if known else 0
        node.life = node.store.run_now(
            lambda tx: renew_all(tx, secrets.token_bytes(8), verdict.sentence, node.clock(), above)
        )
    write_anchor(node)
