"""``python -m tests.soak --minutes 60 [--over roundup]``: mixed edits with faults, and what grew meanwhile."""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from backbone.model import Cell
from tests.crash.companies import Companies, over_directories
from tests.crash.real import over_roundup
from tests.soak.growth import Sample, growing, look, told, write
from tests.support.mail import wait_until

OVER: Mapping[str, Callable[[Path], AbstractContextManager[Companies]]] = {
    "directories": over_directories, "roundup": over_roundup,
}  # fmt: skip
ISSUES = 40
LOOK_SECONDS = 10.0
FOLLOWED_SECONDS = 60.0
KILLED_EVERY_SECONDS = 240.0
AWAY_SECONDS = 3.0
CAUGHT_SECONDS = 2.0


class Soak:
    """Both companies at work, and the world against them."""

    def __init__(self, companies: Companies, root: Path, seed: int) -> None:
        self.companies = companies
        self.root = root
        self.dice = random.Random(seed)
        self.names = sorted(companies.nodes)
        self.samples: list[Sample] = []
        self.done: dict[str, int] = {}
        self.latency = 0.0
        self._began = time.monotonic()

    def run(self, seconds: float) -> None:
        """For so long; ends with both nodes running and the world at rest."""
        for node in self.companies.nodes.values():
            node.command = [sys.executable, "-m", "tests.soak.node"]
        self.companies.start(*self.names)
        looked = killed = time.monotonic()
        while (now := time.monotonic()) < self._began + seconds:
            self.act()
            if now > looked + LOOK_SECONDS:
                looked = now
                self.look()
            if now > killed + KILLED_EVERY_SECONDS:
                killed = now
                self.kill(self.dice.choice(self.names))

    def kill(self, name: str) -> None:
        """As a power failure ends it; then it begins again."""
        self._count("kill -9")
        self.companies.nodes[name].kill()
        self.companies.start(name)

    def act(self) -> None:
        """One thing that people or the world do."""
        roll, name = self.dice.random(), self.dice.choice(self.names)
        if roll < 0.70:
            self._retitle(name)
        elif roll < 0.80:
            self._comment(name)
        elif roll < 0.84:
            self.companies.work(name, 20_000) if len(self._issues(name)) < ISSUES else self._retitle(name)
        elif roll < 0.90:
            self._follow(name)
        elif roll < 0.95:
            self._spoil()
        else:
            self._take_away()

    def look(self) -> None:
        """At both processes."""
        for name in self.names:
            node = self.companies.nodes[name]
            second = time.monotonic() - self._began
            self.samples.append(look(second, name, node.pid, node.folder, self.latency))

    def _issues(self, name: str) -> list[tuple[str, str]]:
        return [(issue.local, str(issue.cells[Cell("title")])) for issue in self.companies.people[name].issues()]

    def _retitle(self, name: str) -> str:
        self._count("title")
        local, title = self.dice.choice(self._issues(name))
        new = f"{title.partition(' then ')[0]} then {self.dice.randrange(10**9)}"
        self.companies.people[name].retitle(local, new)
        return new

    def _comment(self, name: str) -> None:
        self._count("comment")
        local, _ = self.dice.choice(self._issues(name))
        text = f"comment {self.dice.randrange(10**12)}"
        self.companies.people[name].comment(local, text)
        self.companies.made[text] += 1

    def _follow(self, name: str) -> None:
        """One change to the other side, by the clock. Another edit may win against it: then it is not counted."""
        other = next(n for n in self.names if n != name)
        new, began = self._retitle(name), time.monotonic()
        try:
            wait_until(lambda: new in {title for _, title in self._issues(other)}, FOLLOWED_SECONDS)
        except AssertionError:
            self._count("not followed")
            return
        self.latency = time.monotonic() - began

    def _spoil(self) -> None:
        """A parcel is cut off, or goes, if it can be caught."""
        name = self.dice.choice(self.names)
        folder = self.root / f"to-{next(n for n in self.names if n != name)}"
        self._retitle(name)
        deadline = time.monotonic() + CAUGHT_SECONDS
        while time.monotonic() < deadline:
            for file in folder.glob("*.bbm"):
                self._count(_cut_off(file, self.dice) if self.dice.random() < 0.5 else _lose(file))
                return
        self._count("not caught")

    def _take_away(self) -> None:
        """The share is gone for a while."""
        self._count("share away")
        folder = self.root / f"to-{self.dice.choice(self.names)}"
        hidden = folder.with_name(f"{folder.name}-hidden")
        folder.rename(hidden)
        time.sleep(AWAY_SECONDS)
        hidden.rename(folder)

    def _count(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1


def _cut_off(file: Path, dice: random.Random) -> str:
    try:
        os.truncate(file, dice.randrange(500))
    except FileNotFoundError:
        return "not caught"
    return "cut off"


def _lose(file: Path) -> str:
    try:
        file.unlink()
    except FileNotFoundError:
        return "not caught"
    return "lost"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--over", choices=OVER, default="roundup")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("soak.csv"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bb-", ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o755)
        root = Path(place) / "r"
        root.mkdir()
        with OVER[options.over](root) as companies:
            soak = Soak(companies, root, options.seed)
            soak.run(options.minutes * 60)
            companies.prove()
    write(options.out, soak.samples)
    grown = growing(soak.samples)
    print(*told(soak.samples), ", ".join(f"{count} {what}" for what, count in sorted(soak.done.items())), sep="\n")
    print("equal at the end; " + ("; ".join(grown) if grown else f"nothing grew in {options.minutes:.0f} minutes"))
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
