"""Two companies whose nodes are killed: what people make is written down, and must stand on both sides once."""

import asyncio
import random
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from backbone.model import Cell, Issue
from backbone.points import VARIABLE
from backbone.trackers.memory import MemoryTracker
from tests.acceptance.nodes import NodeAtWork, invite, join, two_nodes
from tests.support.mail import wait_until

BOUND_SECONDS = 120.0
LARGE_BYTES = 5 * 2**20
"""More than one part of an attachment."""


class People(Protocol):
    """Those who work in one tracker, past Backbone."""

    def create(self, title: str) -> str: ...
    def retitle(self, local: str, title: str) -> None: ...
    def comment(self, local: str, text: str) -> None: ...
    def attach(self, local: str, name: str, content: bytes) -> None: ...
    def issues(self) -> Sequence[Issue]: ...


class MemoryPeople:
    """In a memory tracker that is kept in a file."""

    def __init__(self, node: NodeAtWork) -> None:
        self._path = node.root / f"{node.name}.tracker"

    @contextmanager
    def _open(self) -> Iterator[MemoryTracker]:
        tracker = MemoryTracker(path=self._path)
        try:
            yield tracker
        finally:
            asyncio.run(tracker.close())

    def create(self, title: str) -> str:
        with self._open() as tracker:
            return tracker.create({Cell("title"): title, Cell("description"): title}, "ann")

    def retitle(self, local: str, title: str) -> None:
        with self._open() as tracker:
            tracker.edit(local, {Cell("title"): title}, "ann")

    def comment(self, local: str, text: str) -> None:
        with self._open() as tracker:
            tracker.comment(local, text, "ann")

    def attach(self, local: str, name: str, content: bytes) -> None:
        with self._open() as tracker:
            tracker.attach(local, name, content, "ann")

    def issues(self) -> Sequence[Issue]:
        with self._open() as tracker:
            return asyncio.run(tracker.issues(None, 1_000))


@dataclass
class Companies:
    """Alice's and Bob's nodes with an agreed link; ``made`` is what must be on both sides."""

    nodes: Mapping[str, NodeAtWork]
    people: Mapping[str, People]
    made: Counter[str] = field(default_factory=Counter)
    dice: random.Random = field(default_factory=lambda: random.Random(5))

    def start(self, *names: str, dies_at: str = "") -> None:
        for name in names:
            self.nodes[name].start(**{VARIABLE: dies_at})

    def stop(self) -> None:
        for node in self.nodes.values():
            node.stop()

    def work(self, name: str, content_bytes: int = 2_000) -> None:
        """People make an issue with a comment and a file, and edit one that was there."""
        people = self.people[name]
        before = people.issues()
        number = self.dice.randrange(10**9)
        local = people.create(f"issue {number}")
        people.comment(local, f"comment {number}")
        content = self.dice.randbytes(content_bytes)
        people.attach(local, f"file-{number}.bin", content)
        self.made += Counter([f"issue {number}", f"comment {number}", f"file-{number}.bin"])
        for issue in before[:1]:
            people.comment(issue.local, f"comment {number} on another")
            self.made[f"comment {number} on another"] += 1
            title = str(issue.cells[Cell("title")])
            people.retitle(issue.local, f"{title.partition(' then ')[0]} then {number}")

    def until_equal(self) -> None:
        """Both sides show the same, and all of what was made; in time."""
        dead: list[str] = []

        def ended() -> bool:
            dead.extend(name for name, node in self.nodes.items() if not node.lives())
            return bool(dead) or not self.wrong()

        with suppress(AssertionError):
            wait_until(ended, BOUND_SECONDS)
        assert not dead, f"the node of {dead} ended by itself: {self._logs()}"
        wrong = self.wrong()
        assert not wrong, wrong

    def wrong(self) -> str:
        """What differs, is missing, or stands twice; empty when all is well."""
        seen = {name: [shown(issue) for issue in people.issues()] for name, people in self.people.items()}
        for name, issues in seen.items():
            found = Counter(thing for issue in issues for thing in things(issue))
            if found != self.made:
                return f"{name}: missing {list(self.made - found)[:5]}, too many {list(found - self.made)[:5]}"
        first, second = (sorted(map(str, issues)) for issues in seen.values())
        differing = [pair for pair in zip(first, second, strict=True) if pair[0] != pair[1]]
        return f"they differ: {differing[:2]}" if differing else ""

    def prove(self) -> None:
        """Equal by looking, equal by audit, nothing set aside, no link stopped."""
        for node in self.nodes.values():
            runs(node)
        self.until_equal()
        alice, bob = self.nodes.values()
        said = alice.cli("audit", alice.link).stdout
        assert "all equal" in said, said
        assert not self.wrong(), self.wrong()
        for node in (alice, bob):
            status = node.status()
            state = (status["state"], status["quarantined"])
            assert state == ("active", 0), f"{node.name} is {state}: {node.json('queue', 'list')}"

    def _logs(self) -> str:
        tails = [(node.root / f"{node.name}.log").read_text().splitlines()[-8:] for node in self.nodes.values()]
        return "\n".join("\n".join(tail) for tail in tails)


def runs(node: NodeAtWork) -> None:
    """Wait until its service runs the node, or has ended: a command that finds none would do the work itself, and the
    service that comes later would find the node taken.
    """
    lock = node.folder / "lock"
    wait_until(lambda: not node.lives() or (lock.exists() and lock.read_text() == str(node.pid)), BOUND_SECONDS)


def shown(issue: Issue) -> dict[str, Any]:
    """An issue as both sides must show it."""
    comments = [_text(value) for cell, value in issue.cells.items() if cell.field == "comment" and value]
    files = [_file(value) for cell, value in issue.cells.items() if cell.field == "attachment" and value]
    return {"title": str(issue.cells[Cell("title")]), "comments": sorted(comments), "files": sorted(files)}


def things(issue: Mapping[str, Any]) -> list[str]:
    """What people made of it, each by its unique name."""
    title = str(issue["title"]).partition(" then ")[0]
    return [title, *issue["comments"], *(name for name, _ in issue["files"])]


def _text(value: Any) -> str:
    return str(value["text"]).rpartition("wrote:\n\n")[2].strip()


def _file(value: Any) -> tuple[str, str]:
    return str(value["name"]), str(value["sha256"])


@contextmanager
def over_directories(root: Path) -> Iterator[Companies]:
    """Memory trackers, exchange directories; the link is offered and joined, and no node has run yet."""
    with two_nodes(root) as (alice, bob):
        companies = Companies({"alice": alice, "bob": bob}, {n.name: MemoryPeople(n) for n in (alice, bob)})
        for name, count in (("alice", 6), ("bob", 3)):
            for _ in range(count):
                companies.work(name)
        join(bob, invite(alice, root / "offer.asc"))
        yield companies


class Again:
    """A folder as it was, as often as it is wanted, at the same place: nodes know their paths."""

    def __init__(self, companies: Companies, root: Path) -> None:
        self._companies = companies
        self._root = root
        self._copy = root.with_name(f"{root.name}-kept")
        self._made = companies.made.copy()
        for node in companies.nodes.values():
            node.close()
        shutil.copytree(root, self._copy, symlinks=True, ignore=_no_sockets)

    def begin(self) -> Companies:
        for node in self._companies.nodes.values():
            node.close()
        shutil.rmtree(self._root)
        shutil.copytree(self._copy, self._root, symlinks=True)
        self._companies.made = self._made.copy()
        return self._companies


def _no_sockets(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if Path(folder, name).is_socket()]
