"""Worlds of three companies: in a chain, or in a ring in which everything comes by two ways.

``python -m tests.simulation.several --shape ring --seeds 500``
"""

import argparse
import asyncio
import itertools
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

from backbone.errors import TrackerUnavailable
from backbone.replication.merge import Side
from backbone.service.flow.remembering import Forgotten
from backbone.store.engine import StoreError
from channels.base import ChannelUnavailable
from tests.simulation import together
from tests.simulation.channel import DIRECTORY, Air, SimulatedChannel, Weather
from tests.simulation.faults import Cancelled, Crash, Ended
from tests.simulation.node import AGREEMENT, RULES, Habits, remove
from tests.simulation.people import Person
from tests.simulation.site import Half, Site
from tests.simulation.world import RESTORED_CHANCE, SEEN_TO_CHANCE, SNAPSHOT_CHANCE

ACTIONS = ("capture", "apply", "send", "receive", "parts", "control", "send", "receive", "requests", "receipts")
IN_TURN = ("apply", "requests")
"""One link of a tracker at a time."""
TROUBLE = (Ended, TrackerUnavailable, ChannelUnavailable, StoreError, Forgotten)
EXCLUSIVE = ("capture", *IN_TURN)
STEPS = 200
QUIET_ROUNDS = 80
STORY_LINES = 60
NEWEST = {**AGREEMENT, "fields": {name: {**said, "policy": "newest"} for name, said in AGREEMENT["fields"].items()}}


class Shape(StrEnum):
    """Who is linked with whom, the master first."""

    CHAIN = "chain"
    RING = "ring"
    STAR = "star"
    """The first is linked with both others, who are not linked."""

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        return _EDGES[self]


_EDGES = {
    Shape.CHAIN: (("a", "b"), ("b", "c")),
    Shape.RING: (("a", "b"), ("b", "c"), ("c", "a")),
    Shape.STAR: (("a", "b"), ("a", "c")),
}


class Several:
    """Three companies and their people. ``plain``: the trackers keep what they are given. ``rules`` gives a site's
    mapping for a partner. ``tables``: people edit rows, too. ``restored``: the sites whose stores are put back;
    ``snapshots``: some of them with the whole machine, so that nothing outside tells.
    """

    def __init__(
        self, seed: int, shape: Shape, *, plain: bool = True, agreement: Any = NEWEST,
        rules: Callable[[str, str], Any] = lambda _site, _peer: RULES, tables: bool = False, restored: str = "",
        snapshots: bool = False,
    ) -> None:  # fmt: skip
        self.dice = random.Random(seed)
        self.broom = random.Random(seed)
        self.shape, self.plain = shape, plain
        self.now = 1_000.0
        self.calm = False
        self.depth = 0
        self.story: list[str] = []
        self.counts: Counter[str] = Counter()
        weather = Weather(
            lose=self.dice.choice((0.0, 0.1, 0.3)), repeat=self.dice.choice((0.0, 0.1, 0.5)),
            replay=self.dice.choice((0.0, 0.1)), alter=self.dice.choice((0.0, 0.05)),
        )  # fmt: skip
        self.crash = self.dice.choice((0.0, 0.01, 0.03))
        self.nested = self.dice.choice((0.0, 0.05, 0.15))
        self.silent = self.dice.choice((0.0, 0.01, 0.05))
        self.refusing = self.dice.choice((0.0, 0.1, 0.3))
        self.trouble = random.Random(seed + 2)
        self.disk = self.trouble.choice((0.0, 0.0, 0.02))
        self.lagging = self.trouble.choice((0.0, 0.0, 0.1))
        self.fate = random.Random(seed + 3)
        self.restored, self.snapshots = restored, snapshots
        self.folder = Path(tempfile.mkdtemp(prefix="bbsim"))
        self.airs: list[Air] = []
        self.sites = {n: Site(n, self.folder, self, lambda: self.now, self._habits(), agreement) for n in "abc"}
        for number, (master, slave) in enumerate(shape.edges):
            self._link(f"{number:02x}" * 16, master, slave, weather, rules)
        counter = itertools.count(1)
        names = ("alice", "bob", "carol")
        self.people = [
            Person(name, site.tracker, self.dice, counter, tables)
            for name, site in zip(names, self.sites.values(), strict=True)
        ]
        self.busy: list[tuple[Site, Half, str]] = []

    def _habits(self) -> Habits:
        return Habits() if self.plain else Habits.thrown(self.dice)

    def _link(self, link_id: str, master: str, slave: str, weather: Weather, rules: Callable[[str, str], Any]) -> None:
        there, back = (Air(weather, self.dice, counts=self.counts) for _ in range(2))
        self.airs += [there, back]
        for side, name, peer, out, into in (
            (Side.MASTER, master, slave, there, back), (Side.SLAVE, slave, master, back, there),
        ):  # fmt: skip
            channel = SimulatedChannel(out, into, DIRECTORY, lambda: self.now)
            self.sites[name].add(side, link_id, peer, channel, rules(name, peer))

    async def point(self, node: str, name: str) -> None:
        """Between any two effects: a crash, somebody's edit, or another task."""
        if self.calm:
            return
        if self.dice.random() < self.crash:
            self._tell(f"{node} dies {name}")
            self.count(f"dies {name}")
            raise Crash
        if self.depth < 3 and self.dice.random() < self.nested:
            await (self._person() if self.dice.random() < 0.4 else self._action())

    def unavailable(self, node: str, name: str) -> bool:
        """Whether a tracker does not answer: before its work, or after it was done."""
        if self.calm or self.dice.random() >= self.silent:
            return False
        self._tell(f"{node} gets no answer {name}")
        return True

    def full(self, node: str) -> bool:
        """Whether the disk takes no more."""
        if self.calm or self.trouble.random() >= self.disk:
            return False
        self._tell(f"{node} has a full disk")
        return True

    def stale(self, node: str, name: str) -> bool:
        """Whether a tracker answers with what was true a moment ago."""
        if self.calm or self.trouble.random() >= self.lagging:
            return False
        self._tell(f"{node} is told old news by {name}")
        return True

    def refusal(self, node: str) -> str | None:
        """The words with which a tracker refuses a write, if it does."""
        if self.calm or self.dice.random() >= self.refusing:
            return None
        self._tell(f"{node} refuses")
        return "not today"

    def count(self, what: str) -> None:
        self.counts[what] += 1

    def _tell(self, line: str) -> None:
        self.story.append("  " * self.depth + line)

    async def run(self, steps: int = STEPS) -> list[str]:
        """The whole story; returns the promises that were broken."""
        try:
            for site in self.sites.values():
                await site.start()
            for _ in range(steps):
                await self._step()
                if broken := together.always(self):
                    return broken
            return await self._calm_down()
        finally:
            remove(self.folder)

    async def _step(self) -> None:
        self.now += self.dice.choice((0.01, 0.1, 1.0, 10.0))
        if self.restored and self.fate.random() < RESTORED_CHANCE:
            await self._restore(self.sites[self.fate.choice(self.restored)])
        if self.snapshots and self.fate.random() < SEEN_TO_CHANCE:
            await self._resync()
        await (self._person() if self.dice.random() < 0.12 else self._action())
        for site in self.sites.values():
            if self.broom.random() < 0.1:
                await site.prune()

    async def _restore(self, site: Site) -> None:
        """Somebody copies a store, or puts an old copy back."""
        if not site.store.has_copy or self.fate.random() < 0.4:
            self._tell(f"{site.name} is backed up")
            site.back_up(machine=self.snapshots)
            return
        snapshot = self.snapshots and self.fate.random() < SNAPSHOT_CHANCE
        self._tell(f"{site.name} is restored{' without a word' if snapshot else ''}")
        self.count("restored without a word" if snapshot else "restored")
        site.restore(snapshot=snapshot)
        await self._restart(site, site.halves[0], process=True)

    async def _resync(self) -> bool:
        """An admin says of each link that was fenced which copy shall live: this one."""
        fenced = [(site, half) for site in self.sites.values() for half in site.fenced()]
        for site, half in fenced:
            self._tell(f"the admin of {site.name} resyncs {half.peer}")
            self.count("resynced by an admin")
            site.resync(half)
            await self._restart(site, half, process=False)
        return bool(fenced)

    async def _person(self) -> None:
        person, site = self.dice.choice(list(zip(self.people, self.sites.values(), strict=True)))
        refused = site.refused() if self.refusing else []
        if refused and self.dice.random() < 0.2:
            self._tell(f"{person.name} asks for another attempt")
            site.retry(self.dice.choice(refused))
            return
        self._tell(f"{person.name} edits")
        await person.act()

    async def _action(self) -> None:
        site = self.dice.choice(list(self.sites.values()))
        half, what = self.dice.choice(site.halves), self.dice.choice(ACTIONS)
        running = [(h, w) for s, h, w in self.busy if s is site]
        if running and self.busy[-1][0] is not site:
            return
        own = [w for h, w in running if h is half]
        if what in own or (not half.ready and running):
            return
        if what in EXCLUSIVE and any(w in EXCLUSIVE for w in own):
            return
        if what in IN_TURN and any(w in IN_TURN for _, w in running):
            return
        await self._act(site, half, what)

    async def _act(self, site: Site, half: Half, what: str) -> float:
        self._tell(f"{site.name} {what} {half.peer}")
        self.depth += 1
        self.busy.append((site, half, what))
        try:
            return await site.act(half, what)
        except TROUBLE as end:
            if sum(s is site for s, _, _ in self.busy) > 1:
                raise (end if isinstance(end, Ended) else Cancelled) from None
            await self._restart(site, half, process=isinstance(end, Crash))
            return 1.0
        finally:
            self.busy.pop()
            self.depth -= 1

    async def _restart(self, site: Site, half: Half, *, process: bool) -> None:
        """What was begun is finished by each link when it next does something: its kin may be faster."""
        while True:
            try:
                await (site.start() if process else site.open(half))
            except TROUBLE as end:
                process = process or isinstance(end, Crash)
            else:
                for other in site.halves:
                    other.ready = other.ready and other is not half and not process
                return

    async def _calm_down(self) -> list[str]:
        """No faults and no edits any more: all must come to rest and agree."""
        self.story.append("calm")
        if await self.settle():
            return together.finally_(self) + together.always(self)
        return ["no quiescence: " + "; ".join(self.story[-20:])]

    async def settle(self, *, retries: bool = True) -> bool:
        """Everybody works until nothing is left to do, without misfortune; ``False`` when that does not end."""
        self.calm = True
        for air in self.airs:
            air.calm = True
        for _ in range(QUIET_ROUNDS):
            for site in self.sites.values() if retries else ():
                for item in site.refused():
                    site.retry(item)
            moved = await self._round() or (self.snapshots and await self._resync())
            if not moved and together.quiet(self):
                return True
            self.now += 45.0
        return False

    async def _round(self) -> bool:
        moved = False
        for site in self.sites.values():
            for half in site.halves:
                for what in ("receive", "parts", "control", "apply", "capture", "requests", "receipts", "send", "send"):
                    moved |= bool(await self._act(site, half, what)) and what not in ("send", "receive")
        return moved


def run(
    seed: int, shape: Shape, *, plain: bool = True, agreement: Any = NEWEST, tables: bool = False, restored: str = "",
    snapshots: bool = False,
) -> tuple[list[str], Several]:  # fmt: skip
    """One seed: the promises that it broke, and its world."""
    world = Several(
        seed, shape, plain=plain, agreement=agreement, tables=tables, restored=restored, snapshots=snapshots
    )
    try:
        return asyncio.run(world.run()), world
    except Exception as fault:  # noqa: BLE001 - a fault is one way to break a promise
        return [f"{type(fault).__name__}: {str(fault).splitlines()[0] if str(fault) else ''}"], world


def main() -> int:
    """Run the seeds that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.several")
    parser.add_argument("--shape", type=Shape, default=Shape.RING)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--story", action="store_true")
    parser.add_argument("--habits", action="store_true", help="trackers that round, trim and reopen")
    parser.add_argument("--restored", default="", help="sites whose stores are put back: a, bc, ...")
    parser.add_argument("--snapshots", action="store_true", help="some of them with their anchors: nothing tells")
    parser.add_argument("--policies", action="store_true", help="other policies than newest")
    parser.add_argument("--tables", action="store_true", help="people edit rows of tables, too")
    options = parser.parse_args()
    failed = 0
    for seed in range(options.first, options.first + options.seeds):
        agreement = AGREEMENT if options.policies else NEWEST
        broken, world = run(
            seed, options.shape, plain=not options.habits, agreement=agreement, tables=options.tables,
            restored=options.restored, snapshots=options.snapshots,
        )  # fmt: skip
        if broken:
            failed += 1
            story = world.story[-STORY_LINES:] if options.story else []
            sys.stdout.write("\n  ".join([f"seed {seed}:", *broken[:5], *story]) + "\n")
            sys.stdout.flush()
    sys.stdout.write(f"{options.seeds} seeds, {failed} failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
