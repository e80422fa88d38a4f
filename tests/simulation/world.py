"""A seeded world: what happens next is a throw of its dice, and replays exactly."""

import asyncio
import hashlib
import itertools
import random
import tempfile
from collections import Counter
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from backbone.errors import TrackerUnavailable
from backbone.replication.merge import Side
from backbone.service.flow.remembering import Forgotten
from backbone.store.engine import StoreError
from channels.base import ChannelUnavailable
from tests.simulation import keys, promises
from tests.simulation.channel import DIRECTORY, Air, Carrier, SimulatedChannel, Weather
from tests.simulation.faults import Cancelled, Crash, Ended
from tests.simulation.node import AGREEMENTS, Habits, Node, remove
from tests.simulation.people import Person
from tests.simulation.secrets import Secrets
from tests.simulation.twins import fill


class Restored(StrEnum):
    """Whose store is put back to an older copy."""

    NEVER = "never"
    ONE = "one"
    BOTH = "both"


RESTORED_CHANCE = 0.03
SNAPSHOT_CHANCE = 0.5
SEEN_TO_CHANCE = 0.05
CHANGED_CHANCE = 0.2
ROTATED_CHANCE = 0.1
EXCLUSIVE = ("capture", "apply", "requests")
ACTIONS = ("capture", "apply", "send", "receive", "parts", "control", "send", "receive", "requests", "receipts")
TROUBLE = (Ended, TrackerUnavailable, ChannelUnavailable, StoreError, Forgotten)
QUIET_ROUNDS = 60
STEPS = 150
CUTTING_CHANCE = 0.3


class World:
    """Two nodes, two people, two directions of air."""

    def __init__(
        self,
        seed: int,
        habits: tuple[Habits, Habits] | None = None,
        *,
        carrier: Carrier = DIRECTORY,
        restored: Restored = Restored.NEVER,
        cutting: bool = False,
        changing: bool = False,
        rotating: bool = False,
        pairing: bool = False,
        tables: bool = False,
        scoped: bool = False,
        snapshots: bool = False,
    ) -> None:
        """``habits`` are those of both trackers; otherwise the dice decide. ``restored``: whose store is put back.
        ``cutting``: people take issues out of the link and add them again; at the end all take part. ``changing``: the
        admins change the agreement. ``rotating``: they change their keys, and somebody has kept the first ones.
        ``pairing``: both trackers hold issues before the link, some of them the same. ``scoped``: closed issues take no
        part; at the end none is closed. ``tables``: people edit rows, too. ``snapshots``: of the stores that are put
        back, some are of a snapshot of the whole machine, and nothing outside tells.
        """
        self.pace = carrier.limits.resend_floor_seconds / DIRECTORY.limits.resend_floor_seconds
        self.dice = random.Random(seed)
        self.fate = random.Random(seed + 1)
        self.trouble = random.Random(seed + 2)
        self.restored = restored
        self.cutting = cutting
        self.chosen = self.fate.randrange(2)
        self.restores = 0
        self.snapshots = snapshots
        self.broom = random.Random(seed)
        self.changing = changing
        self.law = random.Random(seed + 3)
        self.rotating = rotating
        self.locksmith = random.Random(seed + 4)
        self.now = 1_000_000.0
        self.ahead = [0.0, 0.0]
        """Seconds by which each node's clock is wrong."""
        self.calm = False
        self.depth = 0
        self.story: list[str] = []
        self.counts: Counter[str] = Counter()
        """How often each kind of misfortune happened."""
        weather = Weather(
            lose=self.dice.choice((0.0, 0.1, 0.3)),
            repeat=self.dice.choice((0.0, 0.1, 0.5)),
            replay=self.dice.choice((0.0, 0.1)),
            alter=self.dice.choice((0.0, 0.05)),
            cut=self.trouble.choice((0.0, 0.05)),
            days=self.trouble.choice((0.0, 0.0, 0.1)),
            away=self.trouble.choice((0.0, 0.02)),
        )
        self.disk = self.trouble.choice((0.0, 0.0, 0.02))
        self.lagging = self.trouble.choice((0.0, 0.0, 0.1))
        self.jumping = self.trouble.choice((0.0, 0.0, 0.02))
        self.crash = self.dice.choice((0.0, 0.01, 0.03))
        self.nested = self.dice.choice((0.0, 0.05, 0.15))
        self.silent = self.dice.choice((0.0, 0.01, 0.05))
        self.refusing = self.dice.choice((0.0, 0.1, 0.3))
        self.airs = [Air(weather, self.dice, counts=self.counts) for _ in range(2)]
        self.folder = Path(tempfile.mkdtemp(prefix="bbsim"))
        there, back = self.airs
        master, slave = habits or (Habits.thrown(self.dice), Habits.thrown(self.dice))
        self.nodes = [
            Node(
                Side.MASTER,
                "slave",
                self.folder,
                SimulatedChannel(there, back, carrier, lambda: self.now),
                self,
                lambda: self.now + self.ahead[0],
                master,
            ),
            Node(
                Side.SLAVE,
                "master",
                self.folder,
                SimulatedChannel(back, there, carrier, lambda: self.now),
                self,
                lambda: self.now + self.ahead[1],
                slave,
            ),
        ]
        counter = itertools.count(1)
        self.people = [
            Person(n, node.tracker, self.dice, counter, tables)
            for n, node in zip(("alice", "bob"), self.nodes, strict=True)
        ]
        self.secrets = Secrets(self.nodes) if scoped else None
        if pairing:
            fill(self.nodes, self.people, random.Random(seed + 4))
        self.busy: list[tuple[Node, str]] = []
        self.ending: dict[str, Ended] = {}
        """Of a node's actions one ended in trouble, and those around it end too: nothing of it goes on meanwhile."""

    async def point(self, node: str, name: str) -> None:
        """Between any two effects: a crash, somebody's edit, or another task."""
        if node in self.ending:
            raise self.ending[node]
        if self.calm:
            return
        if self.dice.random() < self.crash:
            self._tell(f"{node} dies {name}")
            self.count(f"dies {name}")
            raise Crash
        if self.depth < 3 and self.dice.random() < self.nested:
            if self.dice.random() < 0.4:
                await self._person()
            else:
                await self._action()

    def unavailable(self, node: str, name: str) -> bool:
        """Whether a tracker does not answer: before its work, or after it was done."""
        if self.calm or self.dice.random() >= self.silent:
            return False
        self._tell(f"{node} gets no answer {name}")
        self.count(f"no answer {name}")
        return True

    def refusal(self, node: str) -> str | None:
        """The words with which a tracker refuses a write, if it does."""
        if self.calm or self.dice.random() >= self.refusing:
            return None
        self._tell(f"{node} refuses")
        return "not today"

    def full(self, node: str) -> bool:
        """Whether the disk takes no more."""
        if self.calm or self.trouble.random() >= self.disk:
            return False
        self._tell(f"{node} has a full disk")
        self.count("disk full")
        return True

    def stale(self, node: str, name: str) -> bool:
        """Whether a tracker answers with what was true a moment ago."""
        if self.calm or self.trouble.random() >= self.lagging:
            return False
        self._tell(f"{node} is told old news by {name}")
        self.count("stale read")
        return True

    def count(self, what: str) -> None:
        """Count one misfortune."""
        self.counts[what] += 1

    def _tell(self, line: str) -> None:
        self.story.append("  " * self.depth + line)

    async def run(self, steps: int) -> list[str]:
        """The whole story; returns the promises that were broken."""
        try:
            for node in self.nodes:
                await node.start()
            for _ in range(steps):
                await self._step()
                broken = promises.always(self)
                if broken:
                    return broken
            return await self._calm_down()
        finally:
            remove(self.folder)

    async def _step(self) -> None:
        self.now += self.dice.choice((0.01, 0.1, 1.0, 10.0)) * self.pace
        if self.trouble.random() < self.jumping:
            side = self.trouble.randrange(2)
            self.ahead[side] = self.trouble.choice((-86_400.0, -3_600.0, -60.0, 0.0, 60.0, 3_600.0, 86_400.0))
            self._tell(f"the clock of {self.nodes[side].name} is wrong by {self.ahead[side]:.0f} s")
            self.count("clock jumps")
        if self.restored is not Restored.NEVER and self.fate.random() < RESTORED_CHANCE:
            await self._restore()
        if self.snapshots and self.fate.random() < SEEN_TO_CHANCE:
            await self._resync()
        if self.changing and self.law.random() < CHANGED_CHANCE:
            await self._change()
        if self.rotating and self.locksmith.random() < ROTATED_CHANCE:
            await self._rotate()
        if self.dice.random() < 0.15:
            await self._person()
        else:
            await self._action()
        for node in self.nodes:
            if self.broom.random() < 0.1:
                await node.prune()

    async def _restore(self) -> None:
        """Somebody copies a store, or puts an old copy back."""
        node = self.fate.choice(self.nodes) if self.restored is Restored.BOTH else self.nodes[self.chosen]
        if not node.store.has_copy or self.fate.random() < 0.4:
            self._tell(f"{node.name} is backed up")
            node.back_up(machine=self.snapshots)
            return
        snapshot = self.snapshots and self.fate.random() < SNAPSHOT_CHANCE
        self._tell(f"{node.name} is restored{' without a word' if snapshot else ''}")
        self.count("restored" if node.state().phase.works else "restored while joining")
        if snapshot:
            self.count("restored without a word")
        self.restores += 1
        node.restore(snapshot=snapshot)
        await self._restart(node, process=True)

    async def _resync(self) -> bool:
        """An admin says of a link that was fenced which copy shall live: this one."""
        fenced = [node for node in self.nodes if node.is_fenced()]
        for node in fenced:
            self._tell(f"the admin of {node.name} resyncs")
            self.count("resynced by an admin")
            node.resync()
            await self._restart(node, process=False)
        return bool(fenced)

    async def _rotate(self) -> None:
        """An admin asks for a new key, or a thief uses an old one: no node whose own key is newer than its copy."""
        index = self.locksmith.randrange(2) if self.restored is Restored.NEVER else 1 - self.chosen
        node, other = self.nodes[index], self.nodes[1 - index]
        forged = await keys.forged(node, other) if self.locksmith.random() < 0.5 else None
        if forged is not None:
            self._tell(f"a thief speaks for {node.name}")
            self.count("forged")
            with suppress(ChannelUnavailable):
                await node.channel.send(forged)
            await self._act(other, "receive")
            return
        self._tell(f"{node.name} asks for a new key")
        node.ask("rotate")
        await self._hurry(node, other)

    async def _change(self) -> None:
        """An admin proposes another agreement, takes that back, or answers."""
        await self._review()
        master, slave = self.nodes
        open_, roll = slave.proposed(), self.law.random()
        if open_ is not None and roll < 0.7:
            accepts = self.law.random() < 0.85
            self._tell(f"slave {'accepts' if accepts else 'refuses'} version {open_.version}")
            slave.ask("decide", version=open_.version, digest=open_.digest.hex(), accepts=accepts)
            await self._hurry(slave, master)
        elif master.proposed() is None or roll < 0.8:
            chosen = self.law.randrange(len(AGREEMENTS))
            self._tell(f"master proposes {chosen}")
            master.ask("propose", agreement=AGREEMENTS[chosen])
            await self._hurry(master, slave)
        elif roll < 0.83:
            self._tell("master withdraws")
            master.ask("withdraw")

    async def _review(self) -> bool:
        """An admin says which agreement holds, where a store was put back that does not know it."""
        waiting = [node for node in self.nodes if node.waits_for_review()]
        for node in waiting:
            self._tell(f"the admin of {node.name} looks at the agreement")
            node.adopt()
            await self._restart(node, process=False)
        return bool(waiting)

    async def _hurry(self, asked: Node, other: Node) -> None:
        """Of what admins say to each other most arrives at once: else hardly anything would take effect in a story."""
        for node, what in ((asked, "requests"), (asked, "send"), (other, "receive"), (other, "control")):
            await self._act(node, what)

    async def _person(self) -> None:
        person = self.dice.choice(self.people)
        node = self.nodes[self.people.index(person)]
        if self.cutting and self.fate.random() < CUTTING_CHANCE:
            await self._choose(node)
            return
        refused = node.refused() if self.refusing else []
        if refused and self.dice.random() < 0.2:
            self._tell(f"{person.name} asks for another attempt")
            self.count("asks for another attempt")
            node.retry(self.dice.choice(refused))
            return
        self._tell(f"{person.name} edits")
        await person.act()
        if self.secrets is not None:
            await self.secrets.look(self.nodes.index(node))

    async def _choose(self, node: Node) -> None:
        """Somebody takes an issue out of the link, or adds one that was."""
        cut = node.cut()
        issues = [issue.local for issue in await node.tracker.issues(None, 1_000)]
        if cut and self.fate.random() < 0.5:
            self._tell(f"{node.name} adds")
            self.count("added")
            node.choose("add", self.fate.choice(cut))
        elif issues:
            self._tell(f"{node.name} cuts")
            self.count("cut")
            node.choose("cut", self.fate.choice(issues))

    async def _action(self) -> None:
        node = self.dice.choice(self.nodes)
        what = self.dice.choice(ACTIONS)
        running = [w for n, w in self.busy if n is node]
        if node.name in self.ending or (running and self.busy[-1][0] is not node):
            return
        if what in running or (what in EXCLUSIVE and any(w in EXCLUSIVE for w in running)):
            return
        await self._act(node, what)

    async def _act(self, node: Node, what: str) -> float:
        """One action. When it ends in trouble, the node's other running actions end too, and the link begins again."""
        self._tell(f"{node.name} {what}")
        self.depth += 1
        self.busy.append((node, what))
        try:
            return await node.act(what)
        except TROUBLE as end:
            if sum(n is node for n, _ in self.busy) > 1:
                self.ending[node.name] = end if isinstance(end, Ended) else Cancelled()
                raise self.ending[node.name] from None
            await self._restart(node, process=isinstance(end, Crash))
            return 1.0
        finally:
            self.busy.pop()
            self.depth -= 1

    async def _restart(self, node: Node, *, process: bool) -> None:
        self.busy.append((node, "apply"))
        while True:
            self.ending.pop(node.name, None)
            try:
                await (node.start() if process else node.open())
                await node.recover()
            except TROUBLE as end:
                process = process or isinstance(end, Crash)
            else:
                break
        self.busy.pop()

    async def _calm_down(self) -> list[str]:
        """No faults and no edits any more: both sides must come to rest and agree."""
        self.calm = True
        self.story.append("calm")
        for air in self.airs:
            air.calm = True
        for _ in range(QUIET_ROUNDS):
            for node in self.nodes:
                for item in node.refused():
                    node.retry(item)
                if self.secrets is not None:
                    await self.secrets.open_all()
                else:
                    for issue in node.cut():
                        node.choose("add", issue)
            if await self._round() or await self._review() or (self.snapshots and await self._resync()):
                pass
            elif promises.quiet(self):
                unlocked = keys.broken(*self.nodes) if self.rotating else []
                return promises.finally_(self) + promises.always(self) + unlocked
            self.now += 45.0 * self.pace
        return ["no quiescence: " + "; ".join(self.story[-20:])]

    async def _round(self) -> bool:
        moved = False
        for node in self.nodes:
            for what in ("receive", "parts", "control", "apply", "capture", "requests", "receipts", "send", "send"):
                moved |= bool(await self._act(node, what)) and what not in ("send", "receive")
        return moved

    def trace(self) -> str:
        """A hash of all that happened: what was done, and every parcel that left."""
        state = hashlib.sha256("\n".join(self.story).encode())
        for air in self.airs:
            for parcel in air.log:
                state.update(parcel.data)
        return state.hexdigest()[:16]


def run(
    seed: int,
    steps: int = STEPS,
    *,
    carrier: Carrier = DIRECTORY,
    restored: Restored = Restored.NEVER,
    cutting: bool = False,
    changing: bool = False,
    rotating: bool = False,
    pairing: bool = False,
    scoped: bool = False,
    tables: bool = False,
    snapshots: bool = False,
) -> tuple[list[str], World]:
    """One seed: the promises that it broke, and its world. The same seed gives the same story."""
    world = World(
        seed, carrier=carrier, restored=restored, cutting=cutting, changing=changing, rotating=rotating,
        pairing=pairing, scoped=scoped, tables=tables, snapshots=snapshots,
    )  # fmt: skip
    return asyncio.run(world.run(steps)), world
