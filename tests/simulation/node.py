"""One node of the simulation: durable store and tracker, and a runtime that may die."""

import logging
import random
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, NullPool, create_engine, event

from backbone.model import Cell, Cells, Value
from backbone.replication.agreement import Agreement
from backbone.replication.link import Identity, Life, LinkState, Phase, Started, step
from backbone.replication.mapping import Rules, Translation
from backbone.replication.merge import Side
from backbone.replication.scope.judging import Scope
from backbone.replication.scope.rules import ScopeRules
from backbone.replication.twins import Pairing
from backbone.service.endpoint import Endpoint
from backbone.service.evidence import receipting
from backbone.service.flow import applying, control, inbound, outbound
from backbone.service.flow.contents import Contents
from backbone.service.healing import renewing, resyncing
from backbone.service.links import agreeing, rotating, talks
from backbone.service.links.progress import Progress, save
from backbone.service.parties import timing
from backbone.service.running import pruning, requests
from backbone.store import engine, links, lists, proposals, standing, twins
from backbone.store.engine import Store, Transaction
from backbone.trackers.memory import MemoryTracker
from handshake import events
from handshake.events import Role, Stage
from handshake.memory import MemoryKeyRing
from tests.simulation.channel import SimulatedChannel
from tests.simulation.faults import Pointed, PointedStore, PointedTracker
from tests.simulation.faults import World as Points

T = TypeVar("T")
LINK = "ab" * 16
AGREEMENT: dict[str, Any] = {
    "attachments_deleted_by": "anyone",
    "fields": {
        "title": {"type": "text", "policy": "newest"},
        "description": {"type": "richtext", "policy": "master"},
        "status": {"type": "choice", "policy": "slave"},
        "estimate": {"type": "number", "policy": "manual"},
        "priority": {"type": "choice", "policy": "master"},
        "labels": {"type": "choices", "policy": "newest"},
        "depends": {"type": "relation", "policy": "newest"},
        "work": {"type": "table", "policy": "newest",
                 "columns": {"what": {"type": "text"}, "spent": {"type": "number"}, "kind": {"type": "choice"}}},
    },
}  # fmt: skip
AGREEMENTS: tuple[dict[str, Any], ...] = (
    AGREEMENT,
    {**AGREEMENT, "fields": {n: f for n, f in AGREEMENT["fields"].items() if n != "estimate"}},
    {**AGREEMENT, "fields": {n: AGREEMENT["fields"][n] for n in ("title", "description", "estimate", "depends")}},
    {**AGREEMENT, "fields": {**AGREEMENT["fields"], "title": {"type": "text", "policy": "slave"},
                "estimate": {"type": "number", "policy": "newest"}, "status": {"type": "text", "policy": "master"}}},
    {**AGREEMENT, "fields": {n: {**f, "policy": "master"} for n, f in AGREEMENT["fields"].items() if n != "depends"}},
)  # fmt: skip
"""What the admins of a world that changes go over to: fields leave and join, types and policies change."""
RULES: dict[str, Any] = {"fields": {name: {"local": name} for name in AGREEMENT["fields"]}}
RULES["fields"]["work"]["columns"] = {"what": "text", "spent": "minutes", "kind": "kind"}


PAIRED = {
    side: save(
        Progress(
            events.Pairing(
                Role(side), Stage.ACTIVE, sizes=frozenset(), peer="peer", transcript="words", peer_tested=True
            )
        )
    )
    for side in Side
}


class World(Points, Protocol):
    """What a node needs of the world."""

    dice: random.Random

    def refusal(self, node: str) -> str | None: ...


class Log:
    """What the service logs, for the story of a failing seed."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def _line(self, event: str, **values: object) -> None:
        self.lines.append(f"{event} {values}")

    debug = info = warning = error = _line


def trimmed(cell: Cell, value: Value) -> Value:
    """A tracker that trims titles and comments, and rounds estimates down to tens."""
    if cell.field == "title" and isinstance(value, str):
        return value.strip()
    if cell.field == "estimate" and isinstance(value, str):
        return str(int(value) // 10 * 10)
    if cell.field == "comment" and isinstance(value, dict):
        return {**value, "text": str(value["text"]).strip()}
    return value


def rounded(cell: Cell, value: Value) -> Value:
    """A tracker that rounds estimates up to fives and keeps titles short."""
    if cell.field == "title" and isinstance(value, str):
        return value[:8]
    if cell.field == "estimate" and isinstance(value, str):
        return str(-(-int(value) // 5) * 5)
    return value


def unchanged(_cell: Cell, value: Value) -> Value:
    """A tracker that keeps what it is given."""
    return value


def reopen(before: Cells, changes: Cells) -> Cells:
    """A workflow: a comment on a resolved issue opens it again."""
    commented = any(cell.field == "comment" and value is not None for cell, value in changes.items())
    if commented and before.get(Cell("status")) == "resolved" and Cell("status") not in changes:
        return {Cell("status"): "open"}
    return {}


@dataclass(frozen=True, slots=True)
class Habits:
    """What a tracker makes of the values that it is given, and what it changes along with them."""

    shows: Callable[[Cell, Value], Value] = unchanged
    effect: Callable[[Cells, Cells], Cells] | None = None

    @classmethod
    def thrown(cls, dice: random.Random) -> "Habits":
        return cls(dice.choice((unchanged, trimmed, rounded)), dice.choice((None, reopen)))


_ENGINE = create_engine("sqlite://", poolclass=NullPool, connect_args={"check_same_thread": False})
"""Each of its connections is an empty database of its own; the statements that it compiled serve them all."""
event.listen(_ENGINE, "connect", engine._prepare)


@cache
def _with_tables() -> sqlite3.Connection:
    """An empty store, to be copied."""
    made = engine.in_memory()._engine.raw_connection().driver_connection
    assert isinstance(made, sqlite3.Connection)
    return made


class CountedStore(Store):
    """A store in memory that counts its transactions. It keeps one connection, and begins and ends transactions on it
    itself: what SQLAlchemy does around each would cost more than the work of a step. What SQLite objects to is a fault
    of ours here, and no ``StoreError``, with which a world would go on.
    """

    def __init__(self) -> None:
        super().__init__(_ENGINE, threaded=False)
        self.transactions = 0
        self._copy: sqlite3.Connection | None = None
        self._anchor = 1
        self.put_back(_with_tables())

    def database(self) -> sqlite3.Connection:
        """The database itself, to be copied."""
        connection = self._connection.connection.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        return connection

    @property
    def has_copy(self) -> bool:
        return self._copy is not None

    def back_up(self) -> None:
        """Somebody copies the store."""
        self._copy = sqlite3.connect(":memory:")
        self.database().backup(self._copy)

    def restore(self, random_bytes: bytes, now: float, *, snapshot: bool = False) -> None:
        """The copy becomes the store, and the anchor tells: a new life begins. Of a ``snapshot`` of the machine the
        anchor is as old as the store.
        """
        assert self._copy is not None
        known = max(self._anchor, self.read_now(links.get_node).life[0])
        self.put_back(self._copy)
        self._anchor = self.read_now(links.get_node).life[0] if snapshot else known
        if not snapshot:
            self.run_now(lambda tx: renewing.renew_all(tx, random_bytes, "an old copy", now, self._anchor))

    def put_back(self, copy: sqlite3.Connection) -> None:
        """The database becomes the copy: another one, as statements prepared for the old one would not survive it."""
        self._connection = _ENGINE.connect()
        copy.backup(self.database())
        self.transactions += 1

    def run_now(self, work: Transaction[T]) -> T:
        self.transactions += 1
        database = self.database()
        database.execute("BEGIN IMMEDIATE")
        try:
            self._connection.execute(engine._BUMP)
            result = work(self._connection)
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")
        return result

    def read_now(self, work: Transaction[T]) -> T:
        return work(self._connection)


class Node:
    """A whole node over a durable store, a tracker, and one end of the channel."""

    def __init__(
        self, side: Side, peer: str, folder: Path, channel: SimulatedChannel, world: World,
        clock: Callable[[], float], habits: Habits,
    ) -> None:  # fmt: skip
        self.side = side
        self.name = str(side)
        self.node_id = _node_id(self.name)
        self.peer_id = _node_id(peer)
        self.peer = peer
        self.folder = folder
        self.channel = channel
        self.world = world
        self.clock = clock
        self.log = Log()
        self.store = CountedStore()
        self.shows = habits.shows
        self.rules: dict[str, Any] = RULES
        self.pairing: Pairing | None = None
        self.scope: dict[str, Any] = {}
        self.keys = MemoryKeyRing(self.name)
        self.tracker = MemoryTracker(
            normalise=self.shows,
            side_effect=habits.effect,
            refuse=lambda _: world.refusal(self.name),
            now=lambda: "2026-01-01T00:00:00Z",
        )
        self.boots = 0
        self.ep: Endpoint
        self._known: tuple[int, LinkState] | None = None
        self._unaware_in: Life | None = None
        self.store.run_now(self._create)

    def _create(self, tx: Connection) -> None:
        links.create_node(tx, self.node_id, self.node_id[:8].encode())
        state = LinkState((1, self.node_id[:8].encode()), 0, (1, self.peer_id[:8].encode()))
        links.add(
            tx, name="peer", link_id=LINK, side=self.name, pairing=PAIRED[self.side], state="active", home="",
            created_at=self.clock(), our_fingerprint="", agreement=AGREEMENT, peer={"node": self.peer_id},
        )  # fmt: skip
        links.save_state(tx, 1, state)

    async def start(self) -> None:
        """A process begins: everything but store, tracker and what lies in the channel is new."""
        self.boots += 1
        await self.open()
        self.store.run_now(self._boot)

    def back_up(self, *, machine: bool = False) -> None:
        """Somebody copies the store; or all of the machine, with the contents of attachments."""
        self.store.back_up()
        if machine:
            put_files(self._contents, self._copied)

    def restore(self, *, snapshot: bool = False) -> None:
        """The copy is put back. The tracker is as it is."""
        self.store.restore(self.world.dice.randbytes(8), self.clock(), snapshot=snapshot)
        if snapshot:
            put_files(self._copied, self._contents)
        self._unaware_in = self.state().life if snapshot else None

    @property
    def _contents(self) -> Path:
        return self.folder / self.name

    @property
    def _copied(self) -> Path:
        return self.folder / f"{self.name}.copy"

    @property
    def unaware(self) -> bool:
        """Whether the store was put back without a word, and nobody has found out."""
        return self._unaware_in is not None and self._unaware_in == tuple(self.state().life)

    def is_fenced(self) -> bool:
        """Whether the link waits for somebody to say which copy of our store shall live."""
        return self.state().phase is Phase.STOPPED and not self.waits_for_review()

    def resync(self) -> None:
        """``backbone resync``: the admin says that this copy shall live."""
        random_bytes, now = self.world.dice.randbytes(8), self.clock()
        self.store.run_now(lambda tx: renewing.renew(tx, 1, random_bytes, "an admin", now))

    async def open(self) -> None:
        """The link's parts are made anew, as after trouble with one of them."""
        self.channel.restart()
        keys, other = self.keys, MemoryKeyRing(self.peer)
        await keys.add_peer(await other.public_key(), other.fingerprint)
        agreement = Agreement.parse(self.store.read_now(lambda tx: links.get(tx, 1).agreement), "agreement")
        identity = Identity(
            LINK, self.node_id, self.peer_id, keys.fingerprint, other.fingerprint, bytes(16), agreement.policy_hash()
        )
        ep = Endpoint(
            row=1, name="peer", link_id=LINK, tag=LINK[:16], side=self.side, identity=identity,
            timing=timing(self.channel),
            agreement=agreement, translation=self.translate(agreement), translate=self.translate,
            schema=await self.tracker.describe(), store=self.store, pairing=self.pairing,
            scope=self.judge(agreement), judge=self.judge,
            tracker=self._pointed(PointedTracker, self.tracker, "tracker"),
            channel=self._pointed(Pointed, self.channel, "channel"), keyring=self._pointed(Pointed, keys, "keys"),
            contents=Contents(self._contents),
            clock=self.clock, log=self.log,
            together=one_by_one, random_bytes=self.world.dice.randbytes,
        )  # fmt: skip
        await agreeing.refresh(ep)
        await rotating.refresh(ep)
        ep.store = PointedStore(self.store, self.world, self.name)
        self.ep = ep

    def judge(self, agreement: Agreement) -> Scope:
        """Its ``[scope]`` for one agreement."""
        return Scope(ScopeRules.model_validate(self.scope), agreement, self.name, self.side)

    def translate(self, agreement: Agreement) -> Translation:
        """The link's file for one agreement."""
        rules = Rules.parse(self.rules, "links/peer.toml")
        return Translation(agreement, rules.within(agreement.fields), self.name, side=self.side)

    def _pointed(self, kind: type[Pointed], inner: object, name: str) -> Any:
        return kind(inner, self.world, self.name, name)

    def _boot(self, tx: Connection) -> None:
        boot = links.next_boot(tx)
        state, _ = step(
            links.state(tx, 1), Started(self.clock(), boot, clean=boot == 1), self.ep.identity, self.ep.timing
        )
        links.save_state(tx, 1, state)

    def state(self) -> LinkState:
        """The link's protocol state as it is in the store."""
        if self._known is None or self._known[0] != self.store.transactions:
            self._known = self.store.transactions, self.store.read_now(lambda tx: links.state(tx, 1))
        return self._known[1]

    def refused(self) -> list[int]:
        """The refused change sets on the list of quarantine."""
        items = self.store.read_now(lambda tx: lists.set_aside_items(tx, 1))
        return [item.id for item in items if item.kind == "issue"]

    def retry(self, item: int) -> None:
        """A person asks for it."""
        self.store.run_now(lambda tx: lists.ask(tx, 1, "retry", {"item": item}, self.clock()))

    def choose(self, kind: str, issue: str) -> None:
        """A person cuts an issue from the link, or adds it."""
        self.store.run_now(lambda tx: lists.ask(tx, 1, kind, {"issue": issue}, self.clock()))

    def cut(self) -> list[str]:
        """The issues that rest on our side, as they are called here."""

        def read(tx: Connection) -> list[str]:
            gids = [(1, one.gid) for one in standing.every(tx, 1) if one.ours in standing.RESTS]
            return sorted(lists.local_names(tx, gids).values())

        return self.store.read_now(read)

    def paired(self) -> int:
        """How many issues of the partner's have a twin here of which all was said."""
        return self.store.read_now(lambda tx: twins.counts(tx, 1)).get(twins.TOLD, 0)

    def ask(self, kind: str, **arguments: object) -> None:
        """What an admin asks for on the command line."""
        self.store.run_now(lambda tx: lists.ask(tx, 1, kind, arguments, self.clock()))

    def proposed(self) -> proposals.Version | None:
        """What the partner proposes."""
        return proposals.open_one(self.store.read_now(lambda tx: proposals.every(tx, 1)))

    def waits_for_review(self) -> bool:
        """Whether the partner works by an agreement that a store which was put back does not know."""
        told = self.store.read_now(lambda tx: proposals.told_one(proposals.every(tx, 1)))
        return told is not None and self.state().phase is Phase.STOPPED

    def adopt(self) -> None:
        """``backbone link review --accept``: the admin says that what the partner told is so."""
        random_bytes, now = self.world.dice.randbytes(8), self.clock()

        def adopt(tx: Connection) -> None:
            talks.adopt(tx, links.get(tx, 1), now)
            renewing.renew(tx, 1, random_bytes, "an admin", now)

        self.store.run_now(adopt)

    async def prune(self) -> None:
        """What the service does once an hour, between two rounds of its work."""
        await pruning.prune(replace(self.ep, store=self.store))

    async def recover(self) -> None:
        """What must succeed before anything is captured or applied."""
        await applying.resume(self.ep)

    async def act(self, what: str) -> float:
        """One step of the service."""
        steps: dict[str, Callable[[Endpoint], Awaitable[Any]]] = {
            "capture": outbound.capture,
            "apply": resyncing.apply,
            "send": outbound.send,
            "receive": inbound.receive,
            "parts": inbound.take_parts,
            "control": control.take_control,
            "requests": requests.carry_out,
            "receipts": give,
        }
        done = await steps[what](self.ep)
        return done.count if isinstance(done, inbound.Report) else float(done)


async def give(ep: Endpoint) -> float:
    """A receipt, if it is time; returns how many."""
    return float(await receipting.give(ep, quiet=True) == 0.0)


async def one_by_one(work: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """In order, so that a story replays; a crash ends them all."""
    results: list[Any] = []
    try:
        for coroutine in work:
            try:
                results.append(await coroutine)
            except Exception as error:  # noqa: BLE001 - what the real one does: the caller looks at each
                results.append(error)
    finally:
        for coroutine in work:
            coroutine.close()
    return results


def _node_id(name: str) -> str:
    return {"master": "11", "slave": "22"}[name] * 16


def put_files(this: Path, there: Path) -> None:
    """The folder ``there`` becomes what ``this`` is."""
    shutil.rmtree(there, ignore_errors=True)
    if this.exists():
        shutil.copytree(this, there)


def remove(folder: Path) -> None:
    """The folder of a world that is over."""
    shutil.rmtree(folder, ignore_errors=True)


logging.getLogger("sqlalchemy").setLevel(logging.ERROR)
