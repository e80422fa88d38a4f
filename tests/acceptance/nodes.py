"""Whole nodes as an admin has them: folders, the real command line, real keys, and trackers in files."""

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backbone.demo.commands import program
from backbone.trackers.memory import MemoryTracker

HOUSE = Path(__file__).parents[2]
BOUND_SECONDS = 60.0
"""Far beyond what anything here takes, and short enough for somebody who waits for a failing test."""


@dataclass
class NodeAtWork:
    """One node over a memory tracker that is kept in a file, so that people edit it while the node runs."""

    root: Path
    name: str
    link: str
    tracker: MemoryTracker = field(init=False)
    command: Sequence[str] = field(default_factory=program)
    """What runs as the service."""
    _service: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        journal = self.tracker_file
        self.cli("init", str(self.folder), "--name", self.name, "--anchor", str(self.root / f"{self.name}.anchor"))
        config = self.folder / "backbone.toml"
        text = config.read_text().replace("#poll_seconds = 5", "poll_seconds = 0.2")
        config.write_text(f'{text}\n[trackers.main]\nkind = "memory"\npath = "{journal}"\n')
        self.tracker = MemoryTracker(path=journal)

    @property
    def folder(self) -> Path:
        return self.root / self.name

    @property
    def tracker_file(self) -> Path:
        """The memory tracker's journal."""
        return self.root / f"{self.name}.tracker"

    @property
    def receive(self) -> Path:
        return self.folder / "exchange" / self.link / "RECEIVE"

    @property
    def keys(self) -> Path:
        """The GnuPG home of the node's only link."""
        (home,) = (self.folder / "g").iterdir()
        return home

    def cli(self, *words: str, expected: int = 0) -> subprocess.CompletedProcess[str]:
        """Run the command line; it must end as expected."""
        place = ["-C", str(self.folder)] if words[0] != "init" else []
        done = subprocess.run(
            [*program(), *place, *words],
            check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment(),
            timeout=BOUND_SECONDS,
        )  # fmt: skip
        assert done.returncode == expected, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def json(self, *words: str) -> Any:
        return json.loads(self.cli(*words, "--json").stdout)

    def status(self) -> dict[str, Any]:
        found = self.json("status")
        (link,) = found["links"] if isinstance(found, dict) else found
        assert isinstance(link, dict)
        return link

    def start(self, **variables: str) -> None:
        """With these variables of the environment, beside our own."""
        with (self.root / f"{self.name}.log").open("ab") as log:
            self._service = subprocess.Popen(
                [*self.command, "-C", str(self.folder), "run"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment() | variables,
            )  # fmt: skip

    def stop(self) -> None:
        if self._service is not None:
            self._service.terminate()
            assert self._service.wait(BOUND_SECONDS) == 0
            self._service = None

    def died(self) -> bool:
        """Wait for the end of the service; whether it was killed rather than ended by itself."""
        assert self._service is not None
        code = self._service.wait(BOUND_SECONDS)
        self._service = None
        return code == -signal.SIGKILL

    @property
    def pid(self) -> int:
        """The service's process, which runs."""
        assert self._service is not None
        return self._service.pid

    def lives(self) -> bool:
        """Whether the service runs."""
        return self._service is not None and self._service.poll() is None

    def kill(self) -> None:
        """As a power failure ends it."""
        if self._service is not None:
            self._service.kill()
            self._service.wait()
            self._service = None

    def close(self) -> None:
        self.kill()
        for home in (self.folder / "g").glob("*"):
            subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)


def environment() -> dict[str, str]:
    """For running this very code, whatever is installed beside it."""
    return {**os.environ, "PYTHONPATH": str(HOUSE), "COLUMNS": "200"}


def until(what: str, look: Callable[[], bool]) -> None:
    """Wait until that is so, by looking: each look is a process or a read, so it needs no rest in between."""
    deadline = time.monotonic() + BOUND_SECONDS
    while not look():
        assert time.monotonic() < deadline, f"{what} did not come true in {BOUND_SECONDS:.0f} s"


def reasons(node: NodeAtWork) -> list[str]:
    """Why things were set aside there."""
    found: Any = node.json("queue", "list")
    return [item["reason"] for item in (found["items"] if isinstance(found, dict) else found)]


def share(root: Path, alice: NodeAtWork, bob: NodeAtWork) -> None:
    """Two directories that both nodes see through symbolic links."""
    for name in ("to-alice", "to-bob"):
        (root / name).mkdir(exist_ok=True)
    for node, send, receive in ((alice, "to-bob", "to-alice"), (bob, "to-alice", "to-bob")):
        folder = node.folder / "exchange" / node.link
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "SEND").symlink_to(root / send)
        (folder / "RECEIVE").symlink_to(root / receive)


@contextmanager
def two_nodes(root: Path) -> Iterator[tuple[NodeAtWork, NodeAtWork]]:
    """Alice, who invites, and Bob; no link yet."""
    alice, bob = NodeAtWork(root, "alice", "bob"), NodeAtWork(root, "bob", "alice")
    share(root, alice, bob)
    try:
        yield alice, bob
    finally:
        for node in (alice, bob):
            node.close()


def invite(alice: NodeAtWork, file: Path) -> Path:
    """Alice's handshake file for Bob."""
    alice.cli("link", "create", alice.link, "--channel", "directory", "--out", str(file))
    return file


def join(bob: NodeAtWork, file: Path, expected: int = 0) -> subprocess.CompletedProcess[str]:
    return bob.cli("link", "join", str(file), "--name", bob.link, "--yes", expected=expected)


def picture(node: NodeAtWork) -> dict[str, str]:
    """Everything that a node has: its files, and its store row by row. Equal pictures: nothing changed."""
    seen = {
        str(path.relative_to(node.root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(node.folder.rglob("*"))
        if path.is_file() and not path.name.startswith("store.db") and path.name != "lock"
    }
    with closing(sqlite3.connect(f"file:{node.folder / 'store.db'}?mode=ro", uri=True)) as store:
        seen["store.db"] = hashlib.sha256("\n".join(store.iterdump()).encode()).hexdigest()
    return seen
