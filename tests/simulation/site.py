"""A company with one tracker and several links: one store, one process, one half of each link."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from backbone.replication.agreement import Agreement
from backbone.replication.link import Identity, LinkState, Phase, Started, step
from backbone.replication.mapping import Rules, Translation
from backbone.replication.merge import Side
from backbone.replication.scope.judging import Scope
from backbone.service.endpoint import Endpoint
from backbone.service.flow import applying, control, inbound, outbound
from backbone.service.flow.contents import Contents
from backbone.service.healing import renewing, resyncing
from backbone.service.links import agreeing
from backbone.service.parties import timing
from backbone.service.running import pruning, requests
from backbone.store import links, lists
from backbone.trackers.memory import MemoryTracker
from handshake.memory import MemoryKeyRing
from tests.simulation.channel import SimulatedChannel
from tests.simulation.faults import Pointed, PointedStore, PointedTracker
from tests.simulation.node import PAIRED, RULES, CountedStore, Habits, Log, World, give, one_by_one, put_files

STEPS: dict[str, Callable[[Endpoint], Awaitable[Any]]] = {
    "recover": applying.resume,
    "capture": outbound.capture,
    "apply": resyncing.apply,
    "send": outbound.send,
    "receive": inbound.receive,
    "parts": inbound.take_parts,
    "control": control.take_control,
    "requests": requests.carry_out,
    "receipts": give,
}


@dataclass
class Half:
    """One end of a link; ``row`` is its number in the store."""

    row: int
    side: Side
    link_id: str
    peer: str
    channel: SimulatedChannel
    rules: Any = None
    ready: bool = False
    """Whether what a crash left has been finished."""
    ep: Endpoint = field(init=False)


class Site:
    """Everything but store, tracker and what lies in the channels is new after a crash."""

    def __init__(
        self, name: str, folder: Path, world: World, clock: Callable[[], float], habits: Habits, agreement: Any
    ) -> None:
        self.name = name
        self.node_id = node_id(name)
        self.folder = folder / name
        self.folder.mkdir()
        self.world = world
        self.clock = clock
        self.agreement = agreement
        self.log = Log()
        self.store = CountedStore()
        self.shows = habits.shows
        self.tracker = MemoryTracker(
            normalise=habits.shows, side_effect=habits.effect, refuse=lambda _: world.refusal(name),
            now=lambda: "2026-01-01T00:00:00Z",
        )  # fmt: skip
        self.halves: list[Half] = []
        self.store.run_now(lambda tx: links.create_node(tx, self.node_id, self.node_id[:8].encode()))

    def add(self, side: Side, link_id: str, peer: str, channel: SimulatedChannel, rules: Any = RULES) -> None:
        def create(tx: Connection) -> int:
            row = links.add(
                tx, name=peer, link_id=link_id, side=str(side), pairing=PAIRED[side], state="active", home="",
                created_at=0.0, our_fingerprint="", agreement=self.agreement, peer={"node": node_id(peer)},
                tracker="main",
            )  # fmt: skip
            state = LinkState((1, self.node_id[:8].encode()), 0, (1, node_id(peer)[:8].encode()))
            links.save_state(tx, row, state)
            return row

        self.halves.append(Half(self.store.run_now(create), side, link_id, peer, channel, rules))

    async def start(self) -> None:
        """A process begins."""
        boot = self.store.run_now(links.next_boot)
        for half in self.halves:
            await self.open(half)
            self._boot(half, boot)

    async def open(self, half: Half) -> None:
        """The link's parts are made anew, as after trouble with one of them."""
        half.channel.restart()
        half.ready = False
        keys, other = MemoryKeyRing(self.name), MemoryKeyRing(half.peer)
        await keys.add_peer(await other.public_key(), other.fingerprint)
        agreement = Agreement.parse(self.agreement, "agreement")
        identity = Identity(
            half.link_id, self.node_id, node_id(half.peer), keys.fingerprint, other.fingerprint, bytes(16),
            agreement.policy_hash(),
        )  # fmt: skip
        rules = Rules.parse(half.rules, "rules")
        ep = Endpoint(
            row=half.row, name=half.peer, link_id=half.link_id, tag=half.link_id[:16], side=half.side,
            identity=identity, timing=timing(half.channel), agreement=agreement,
            translation=Translation(agreement, rules, self.name, self.tracker.user, half.side),
            scope=Scope(rules.scope, agreement, self.name, half.side),
            schema=await self.tracker.describe(), store=self.store,
            tracker=self._pointed(PointedTracker, self.tracker, "tracker"), tracker_name="main",
            channel=self._pointed(Pointed, half.channel, "channel"), keyring=self._pointed(Pointed, keys, "keys"),
            contents=Contents(self.folder / str(half.row)), clock=self.clock, log=self.log, together=one_by_one,
            random_bytes=self.dice.randbytes,
        )  # fmt: skip
        await agreeing.refresh(ep)
        ep.store = PointedStore(self.store, self.world, self.name)
        half.ep = ep

    @property
    def dice(self) -> random.Random:
        return self.world.dice

    def _pointed(self, kind: type[Pointed], inner: object, name: str) -> Any:
        return kind(inner, self.world, self.name, name)

    def _boot(self, half: Half, boot: int) -> None:
        given = Started(half.ep.clock(), boot, clean=boot == 1)
        state, _ = step(self.state(half), given, half.ep.identity, half.ep.timing)
        self.store.run_now(lambda tx: links.save_state(tx, half.row, state))

    def back_up(self, *, machine: bool) -> None:
        """Somebody copies the store; or all of the machine, with the contents of attachments."""
        self.store.back_up()
        if machine:
            put_files(self.folder, self._copied)

    def restore(self, *, snapshot: bool) -> None:
        """The copy is put back, all of a ``snapshot``. The tracker is as it is."""
        self.store.restore(self.dice.randbytes(8), self.clock(), snapshot=snapshot)
        if snapshot:
            put_files(self._copied, self.folder)

    @property
    def _copied(self) -> Path:
        return self.folder.with_name(f"{self.name}.copy")

    def fenced(self) -> list[Half]:
        """The links that wait for somebody to say which copy of our store shall live."""
        return [half for half in self.halves if self.state(half).phase is Phase.STOPPED]

    def resync(self, half: Half) -> None:
        """``backbone resync``: the admin says that this copy shall live."""
        random_bytes, now = self.dice.randbytes(8), self.clock()
        self.store.run_now(lambda tx: renewing.renew(tx, half.row, random_bytes, "an admin", now))

    def state(self, half: Half) -> LinkState:
        return self.store.read_now(lambda tx: links.state(tx, half.row))

    def refused(self) -> list[tuple[int, int]]:
        """The refused change sets on the list of quarantine: link and number."""
        items: Sequence[Any] = self.store.read_now(lambda tx: lists.set_aside_items(tx, None))
        return [(item.link, item.id) for item in items if item.kind == "issue"]

    def retry(self, item: tuple[int, int]) -> None:
        """A person asks for it."""
        self.store.run_now(lambda tx: lists.ask(tx, item[0], "retry", {"item": item[1]}, self.clock()))

    async def prune(self) -> None:
        for half in self.halves:
            await pruning.prune(replace(half.ep, store=self.store))

    async def act(self, half: Half, what: str) -> float:
        """One step of the service; a link that has not finished what a crash left does that first."""
        if not half.ready:
            await applying.resume(half.ep)
            half.ready = True
        done = await STEPS[what](half.ep)
        return done.count if isinstance(done, inbound.Report) else float(done or 0)


def node_id(name: str) -> str:
    return {"a": "1a", "b": "2b", "c": "3c", "d": "4d"}[name] * 16
