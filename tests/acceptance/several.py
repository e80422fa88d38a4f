"""Several whole nodes, each linked with some of the others over directories."""

import asyncio
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from backbone.model import ATTACHMENT, COMMENT, Cell, Issue
from tests.acceptance.nodes import NodeAtWork, until

_SENT = "SELECT l.name, count(o.seq) FROM link l LEFT JOIN outbox o ON o.link = l.id AND o.lane = 'c' GROUP BY 1"
TITLE, DESCRIPTION = Cell("title"), Cell("description")


@dataclass
class Web:
    """The nodes by name; a link has the name of the partner on both sides."""

    root: Path
    nodes: dict[str, NodeAtWork] = field(default_factory=dict)
    links: list[tuple[str, str]] = field(default_factory=list)

    def __getitem__(self, name: str) -> NodeAtWork:
        return self.nodes[name]

    def add(self, *names: str) -> None:
        for name in names:
            self.nodes[name] = NodeAtWork(self.root, name, "")

    def link(self, master: str, slave: str, agreement: str = "", mappings: Mapping[str, str] | None = None) -> None:
        """``mappings`` by node; fields of the same name where there is none."""
        self._share(master, slave)
        offer = self.root / f"{master}-{slave}.asc"
        terms = self._file(f"{master}-{slave}.agreement.toml", agreement)
        files = {n: self._file(f"{n}-of-{master}-{slave}.toml", (mappings or {}).get(n, "")) for n in (master, slave)}
        shared = ["--agreement", str(terms)] if terms else []
        self[master].cli(
            "link", "create", slave, "--channel", "directory", "--out", str(offer), *shared, *_mapping(files[master])
        )
        self[slave].cli("link", "join", str(offer), "--name", master, "--yes", *_mapping(files[slave]))
        self.links.append((master, slave))

    def start(self) -> None:
        for node in self.nodes.values():
            node.start()
        until("every link is active", lambda: all(state == "active" for state in self.states().values()))

    def states(self) -> dict[tuple[str, str], str]:
        return {
            (name, str(link["name"])): str(link["state"])
            for name, node in self.nodes.items()
            for link in node.json("status")
        }

    def sent(self) -> dict[tuple[str, str], int]:
        """How many messages with change sets each link has numbered, from the store itself."""
        found: dict[tuple[str, str], int] = {}
        for name, node in self.nodes.items():
            with closing(sqlite3.connect(f"file:{node.folder / 'store.db'}?mode=ro", uri=True)) as store:
                found.update({(name, link): count for link, count in store.execute(_SENT)})
        return found

    def _share(self, one: str, other: str) -> None:
        for here, there in ((one, other), (other, one)):
            (self.root / f"{here}-to-{there}").mkdir()
        for here, there in ((one, other), (other, one)):
            folder = self[here].folder / "exchange" / there
            folder.mkdir(parents=True)
            (folder / "SEND").symlink_to(self.root / f"{here}-to-{there}")
            (folder / "RECEIVE").symlink_to(self.root / f"{there}-to-{here}")

    def _file(self, name: str, text: str) -> Path | None:
        if not text:
            return None
        file = self.root / name
        file.write_text(text)
        return file


def _mapping(file: Path | None) -> list[str]:
    return ["--mapping", str(file)] if file else []


@contextmanager
def web(root: Path, *names: str) -> Iterator[Web]:
    """Nodes without links."""
    made = Web(root)
    try:
        made.add(*names)
        yield made
        for node in made.nodes.values():
            node.stop()
    finally:
        for node in made.nodes.values():
            node.close()


def issues(node: NodeAtWork) -> list[Issue]:
    return list(asyncio.run(node.tracker.issues(None, 1_000)))


def titles(node: NodeAtWork) -> list[str]:
    return sorted(str(issue.cells[TITLE]) for issue in issues(node))


def local(node: NodeAtWork, title: str) -> str:
    """The issue of that title."""
    (one,) = [issue.local for issue in issues(node) if issue.cells[TITLE] == title]
    return one


def comments(node: NodeAtWork, title: str) -> list[str]:
    (cells,) = [issue.cells for issue in issues(node) if issue.cells[TITLE] == title]
    return sorted(str(v["text"]) for c, v in cells.items() if c.field == COMMENT and isinstance(v, dict))


def files(node: NodeAtWork, title: str) -> list[str]:
    (cells,) = [issue.cells for issue in issues(node) if issue.cells[TITLE] == title]
    return sorted(str(v["name"]) for c, v in cells.items() if c.field == ATTACHMENT and isinstance(v, dict))
