"""Two companies' nodes, each in a process of its own, over two exchange directories."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from backbone.config.template import tracker_template
from backbone.service.links import linking
from backbone.service.links.linking import JoinOptions, LinkOptions
from backbone.service.node import create_node, open_node
from backbone.service.watching.status import LinkStatus, status
from backbone.store import counts, links, messages
from backbone.store.engine import Connection, Store
from backbone.store.schema import open_store

ROOT = Path(__file__).parents[2]
LOOK_SECONDS = 0.1
STOP_SECONDS = 60.0
SIDES = ("master", "slave")


@dataclass(frozen=True, slots=True)
class Pair:
    """Both halves of one link, in folders below ``root``."""

    root: Path

    @property
    def master(self) -> Path:
        return self.root / "master"

    @property
    def slave(self) -> Path:
        return self.root / "slave"


def make_pair(
    root: Path,
    master_tracker: Mapping[str, Any],
    slave_tracker: Mapping[str, Any],
    *,
    poll_seconds: float = 5.0,
    agreement: Path | None = None,
    mappings: tuple[Path | None, Path | None] = (None, None),
) -> Pair:
    """Two nodes that share a link; the handshake's last steps are made when both run."""
    pair = Pair(root)
    for side, settings in zip(SIDES, (master_tracker, slave_tracker), strict=True):
        create_node(root / side, side, root / f"{side}.anchor")
        config = root / side / "backbone.toml"
        text = config.read_text(encoding="utf-8").replace("#poll_seconds = 5", f"poll_seconds = {poll_seconds}")
        config.write_text(f"{text}\n{tracker_template('main', settings)}", encoding="utf-8")
    asyncio.run(_link(pair, agreement, mappings))
    return pair


async def _link(pair: Pair, agreement: Path | None, mappings: tuple[Path | None, Path | None]) -> None:
    there, back = pair.root / "there", pair.root / "back"
    there.mkdir()
    back.mkdir()
    async with open_node(pair.master, exclusive=True) as master, open_node(pair.slave, exclusive=True) as slave:
        channel = {"kind": "directory", "send": str(there), "receive": str(back)}
        terms = LinkOptions("main", channel, agreement=agreement, mapping=mappings[0])
        created = await linking.create_link(master, "slave", terms)
        offered = await linking.read_offer(created.file)
        options = JoinOptions("main", {"send": str(back), "receive": str(there)}, "master", mappings[1])
        await linking.join_link(slave, offered, options)


class Node:
    """One node's process."""

    def __init__(self, folder: Path, *, deaf: bool = False, profile: Path | None = None) -> None:
        self.folder = folder
        self._notes = folder.with_suffix(".notes")
        self._notes.unlink(missing_ok=True)
        self.log = folder.with_suffix(".log")
        options = [*(["--deaf"] if deaf else []), *(["--profile", str(profile)] if profile else [])]
        command = [sys.executable, "-m", "tests.bench.node", str(folder), str(self._notes), *options]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=output, stderr=output
            )

    def notes(self) -> dict[str, float]:
        """What the process told so far; see ``node.py``."""
        try:
            told: dict[str, float] = json.loads(self._notes.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return told

    def check(self) -> None:
        """Raises ``RuntimeError`` when the process ended, or was ended by somebody else."""
        if self._process.poll() is not None:
            raise RuntimeError(f"the node {self.folder} ended by itself, see {self.log}")

    def stop(self) -> None:
        """In order; what it took stands in ``notes`` then."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """When something went wrong."""
        self._process.kill()
        self._process.wait()


class Running:
    """Both nodes run while the block does."""

    def __init__(self, pair: Pair, *, deaf: bool = False, profile: Path | None = None) -> None:
        self.pair = pair
        self._deaf = deaf
        self._profile = profile

    def __enter__(self) -> Self:
        self.stores = {side: open_store(self.pair.root / side / "store.db", migrate=False) for side in SIDES}
        self.nodes = {
            side: Node(
                self.pair.root / side,
                deaf=self._deaf,
                profile=self._profile.with_name(f"{self._profile.name}.{side}") if self._profile else None,
            )
            for side in SIDES
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in self.nodes.values():
            node.kill() if kind else node.stop()
        for store in self.stores.values():
            store.close()

    def until(self, happened: Callable[[], bool], seconds: float) -> float:
        """The moment when it was seen. Raises ``TimeoutError``."""
        deadline = time.monotonic() + seconds
        while not happened():
            self.check()
            if time.monotonic() > deadline:
                standing = {side: status(store) for side, store in self.stores.items()}
                raise TimeoutError(f"not within {seconds:.0f} s: {standing}; see {self.pair.root}")
            time.sleep(LOOK_SECONDS)
        return time.monotonic()

    def check(self) -> None:
        """Raises ``RuntimeError`` unless both run."""
        for node in self.nodes.values():
            node.check()

    def active(self) -> bool:
        """Both have opened the link for work."""
        return all("opened" in node.notes() for node in self.nodes.values())

    def applied(self, issues: int) -> bool:
        """The master has heard that all it had to say is in the slave's tracker."""
        return (
            self.stores["master"].read_now(lambda tx: _emitted(tx, issues))
            and all(store.read_now(_quiet) for store in self.stores.values())
            and self.stores["slave"].read_now(lambda tx: counts.cells_waiting(tx, 1)) == 0
        )

    def standing(self, side: str) -> LinkStatus:
        """As ``backbone status`` tells it."""
        return status(self.stores[side])[0]


def _emitted(tx: Connection, issues: int) -> bool:
    state = links.state(tx, 1)
    last = state.out["c"].last
    if last == 0 or state.out["c"].applied < last or not links.get(tx, 1).populated:
        return False
    return counts.change_sets(tx, 1, state, last) >= issues


def _quiet(tx: Connection) -> bool:
    state = links.state(tx, 1)
    return not messages.awaited(tx, 1, state)[0] and all(into.applied == into.recv for into in state.into.values())


@contextmanager
def reading(folder: Path) -> Iterator[Store]:
    """A node's store, for looking."""
    store = open_store(folder / "store.db", migrate=False)
    try:
        yield store
    finally:
        store.close()
