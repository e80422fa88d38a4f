"""A company as its admin sees it: a node in a folder, worked on through the command line alone."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from backbone.cli import app
from backbone.store.engine import Transaction
from backbone.store.schema import open_store
from backbone.trackers.memory import MemoryTracker

ROOT = Path(__file__).parents[3]
ROUNDS_MAX = 20


@dataclass(frozen=True)
class Company:
    """``name`` is the node; the link to the partner has the partner's name."""

    name: str
    folder: Path

    @property
    def node(self) -> Path:
        return self.folder / self.name

    @property
    def tracker(self) -> MemoryTracker:
        """What the company's people work with: the file that the node reads."""
        return MemoryTracker(path=self.folder / f"{self.name}.tracker")

    def run(self, *words: object, code: int = 0) -> Result:
        """One command in this process; it must end with ``code``."""
        result = CliRunner().invoke(app, ["-C", str(self.node), *map(str, words)])
        assert result.exit_code == code, f"{words}: {result.exit_code}\n{result.output}"
        return result

    def json(self, *words: object, code: int = 0) -> Any:
        return json.loads(self.run(*words, "--json", code=code).stdout)

    def link(self) -> dict[str, Any]:
        """The only link, as ``status`` shows it."""
        (found,) = self.json("status")
        assert isinstance(found, dict)
        return found

    def found(self) -> None:
        """The node with its tracker."""
        anchor = self.folder / f"{self.name}-anchor.json"
        self.run("init", self.node, "--name", self.name, "--anchor", anchor)
        self.run("tracker", "add", "main", "--kind", "memory", "--path", self.folder / f"{self.name}.tracker")

    def write(self, change: Transaction[Any]) -> Any:
        """Straight into the store, as the service would."""
        store = open_store(self.node / "store.db")
        try:
            return store.run_now(change)
        finally:
            store.close()

    @contextlib.contextmanager
    def running(self, *words: str) -> Iterator["subprocess.Popen[str]"]:
        """``backbone run`` in a process of its own, stopped in order at the end."""
        process = start("-C", str(self.node), "run", *words)
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=30)


def start(*words: str) -> "subprocess.Popen[str]":
    """The program in a process of its own."""
    command = [sys.executable, "-c", "from backbone.cli import main; main()", *words]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def share(folder: Path, one: Company, other: Company) -> dict[str, list[object]]:
    """The exchange directories: the options that name them, for each side."""
    there, back = folder / "there", folder / "back"
    for path in (there, back):
        path.mkdir(exist_ok=True)
    return {one.name: ["--send", there, "--receive", back], other.name: ["--send", back, "--receive", there]}


def pair(folder: Path, *words: str) -> tuple[Company, Company]:
    """Two companies that share a link, active on both sides; all of it typed by their admins.

    ``words`` are added to the master's ``link create``.
    """
    acme, beta = Company("acme", folder), Company("beta", folder)
    file = folder / "beta.handshake"
    for company in (acme, beta):
        company.found()
    options = share(folder, acme, beta)
    acme.run("link", "create", "beta", *options["acme"], "--out", file, *words)
    beta.run("link", "join", file, "--name", "acme", *options["beta"], "--yes")
    settle(acme, beta)
    return acme, beta


def link(folder: Path, acme: Company, beta: Company, *, agreement: str, ours: str, theirs: str) -> None:
    """A link over exchange directories between companies that are founded: its agreement, and each one's rules."""
    for name, text in (("agreement", agreement), (acme.name, ours), (beta.name, theirs)):
        (folder / f"{name}.toml").write_text(text)
    options, file = share(folder, acme, beta), folder / f"{beta.name}.handshake"
    acme.run("link", "create", beta.name, *options[acme.name], "--agreement", folder / "agreement.toml",
             "--mapping", folder / f"{acme.name}.toml", "--out", file)  # fmt: skip
    beta.run("link", "join", file, "--name", acme.name, *options[beta.name], "--mapping",
             folder / f"{beta.name}.toml", "--yes")  # fmt: skip


def settle(acme: Company, beta: Company) -> None:
    """Both sync in turn, as cron would, until the link is active and nothing waits."""
    for _ in range(ROUNDS_MAX):
        beta.run("sync")
        acme.run("sync")
        if all(_quiet(company.link()) for company in (acme, beta)):
            return
    raise AssertionError("the two nodes do not come to rest")


def _quiet(link: dict[str, Any]) -> bool:
    return bool(link["state"] == "active" and link["populated"] and not link["waiting"] and not link["cells_waiting"])


def stop_agents(folder: Path) -> None:
    """GnuPG's agents outlive what started them."""
    for home in folder.glob("*/g/*"):
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
