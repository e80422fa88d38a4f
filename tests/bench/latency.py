"""One change while fifty thousand issues are known: from commit at A to applied at B, over a local directory.

With file events and without. Beside it the bare path of one small message: seal, write, event, read, open. And what
one change costs in calls and statements, with a thousand and with fifty thousand known issues.
"""

import asyncio
import contextlib
import random
import shutil
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from backbone.model import Cell
from backbone.service import parties
from backbone.service.endpoint import Endpoint
from backbone.service.node import Node, open_node
from backbone.store import links
from backbone.trackers.memory import MemoryTracker
from channels.base import Channel, Label, Parcel
from channels.directory import connect, prepare
from handshake.keyring import GnupgKeyRing, create
from tests.bench import counting
from tests.bench.issues import fill
from tests.bench.nodes import SIDES, Pair, Running, make_pair
from tests.bench.report import Figure, Options
from tests.bench.steps import Stepped

KNOWN = 50_000
KNOWN_QUICK = 5_000
KNOWN_FEW = 1_000
CHANGES = 40
TEXT_BYTES = 200
POLL_SECONDS = 0.5
EVENTS_MS_MAX = 150.0
TAG = "0123456789abcdef"
LABEL_LIFE = "01234567"


def measure(options: Options) -> list[Figure]:
    """Medians with and without events, and the cost of one change."""
    known = KNOWN_QUICK if options.quick else KNOWN
    bare = asyncio.run(_bare(options.folder / "bare"))
    options.say(f"latency: bare path {_spread(bare)}")
    pair = _populated(options.folder / "many", known)
    eager = _changes(pair, deaf=False)
    options.say(f"latency: with events {_spread(eager)}")
    deaf = _changes(pair, deaf=True)
    options.say(f"latency: without events, polling every {POLL_SECONDS} s {_spread(deaf)}")
    many = asyncio.run(_cost(pair))
    few = asyncio.run(_cost(_populated(options.folder / "few", KNOWN_FEW)))
    differences = [line for side in SIDES for line in counting.differing(few[side], many[side])]
    options.say(f"latency: cost of one change, {KNOWN_FEW:,} and {known:,} known: {differences or 'equal'}")
    shutil.rmtree(options.folder)
    options.folder.mkdir()
    return [
        _latency(f"with file events, {known:,} issues known", eager, bare, EVENTS_MS_MAX),
        _latency(f"polling every {POLL_SECONDS} s", deaf, bare, POLL_SECONDS * 1000 + EVENTS_MS_MAX),
        Figure(
            f"cost of one change, {known:,} issues known",
            _short(many),
            f"{_short(few)} with {KNOWN_FEW:,} known",
            "equal",
            not differences,
        ),
    ]


def _latency(what: str, seconds: Sequence[float], bare: Sequence[float], limit_ms: float) -> Figure:
    median = statistics.median(seconds) * 1000
    return Figure(
        f"latency: {what}",
        f"median {median:.0f} ms of {len(seconds)}",
        f"{statistics.median(bare) * 1000:.0f} ms bare (seal, write, event, open)",
        f"< {limit_ms:.0f} ms",
        median < limit_ms,
    )


def _spread(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    return (
        f"median {statistics.median(ordered) * 1000:.1f} ms, 90 % {ordered[len(ordered) * 9 // 10] * 1000:.1f} ms "
        f"of {len(ordered)}"
    )


def _short(costs: dict[str, Counter[str]]) -> str:
    return ", ".join(
        f"{side}: {sum(n for name, n in counts.items() if name.count('.') == 1 and name.startswith('tracker'))} calls, "
        f"{counts['sql.statements']} statements, {counts['sql.steps']} steps"
        for side, counts in costs.items()
    )


def _populated(folder: Path, known: int) -> Pair:
    """Two nodes that know so many issues and were stopped in order."""
    folder.mkdir(parents=True)
    fill(folder / "master.tracker", known, TEXT_BYTES)
    trackers = [{"kind": "memory", "path": str(folder / f"{side}.tracker")} for side in SIDES]
    pair = make_pair(folder, *trackers, poll_seconds=POLL_SECONDS)
    with Running(pair) as running:
        running.until(running.active, 60)
        running.until(lambda: running.applied(known), 60 + known / 100)
    return pair


def _changes(pair: Pair, *, deaf: bool) -> list[float]:
    """Seconds from the commit in the master's tracker to the commit in the slave's, of each change."""
    people = MemoryTracker(path=pair.root / "master.tracker")
    theirs = pair.root / "slave.tracker"
    dice = random.Random(1)
    seconds: list[float] = []
    with Running(pair, deaf=deaf) as running:
        running.until(running.active, 60)
        for number in range(CHANGES):
            # Rest until the acknowledgements have gone too; at no fixed distance, or polling would always be as late.
            time.sleep(dice.uniform(0.3, 0.3 + POLL_SECONDS))
            size = theirs.stat().st_size
            people.edit(str(number * 7 + 1), {Cell("title"): f"changed {number} {time.monotonic_ns()}"})
            begun = time.monotonic()
            while theirs.stat().st_size == size:
                running.check()
                if time.monotonic() - begun > 30:
                    raise TimeoutError(f"change {number} did not arrive, see {pair.root}")
                time.sleep(0.001)
            seconds.append(time.monotonic() - begun)
        running.until(lambda: running.applied(0), 30)
    return seconds


async def _bare(folder: Path) -> list[float]:
    """Seconds for one small message without Backbone, of each."""
    there, back = folder / "there", folder / "back"
    for path in (there, back):
        path.mkdir(parents=True)
    prepare(there, back, TAG)
    prepare(back, there, TAG)
    alice, bob = await create(folder / "a", "alice"), await create(folder / "b", "bob")
    await alice.add_peer(await bob.public_key(), bob.fingerprint)
    await bob.add_peer(await alice.public_key(), alice.fingerprint)
    sending = connect({"send": str(there), "receive": str(back), "tag": TAG})
    receiving = connect({"send": str(back), "receive": str(there), "tag": TAG})
    arrived = asyncio.Event()
    hinting = asyncio.create_task(_ring(receiving, arrived))
    await receiving.receive(1)
    seconds = [await _one(n, alice, bob, sending, receiving, arrived) for n in range(1, CHANGES + 1)]
    hinting.cancel()
    for end in (sending, receiving, alice, bob):
        await end.close()
    return seconds


async def _ring(channel: Channel, arrived: asyncio.Event) -> None:
    async for _ in channel.hints():
        arrived.set()


async def _one(
    number: int, alice: GnupgKeyRing, bob: GnupgKeyRing, sending: Channel, receiving: Channel, arrived: asyncio.Event
) -> float:
    arrived.clear()
    begun = time.monotonic()
    sealed = await alice.seal(b"x" * 500, recipient=bob.fingerprint)
    await sending.send(Parcel(Label(TAG, LABEL_LIFE, "c", number), sealed))
    while not (found := await receiving.receive(1)):
        arrived.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(arrived.wait(), 1)
    await bob.open(found[0].parcel.data, signer=alice.fingerprint, message_bytes_max=1 << 20)
    seconds = time.monotonic() - begun
    await receiving.confirm([found[0].token])
    return seconds


async def _cost(pair: Pair) -> dict[str, Counter[str]]:
    """What one change costs each node, moved by hand in this process so that nothing but the change is counted."""
    costs: dict[str, Counter[str]] = {side: Counter() for side in SIDES}
    people = MemoryTracker(path=pair.root / "master.tracker")
    async with open_node(pair.master, exclusive=True) as master, open_node(pair.slave, exclusive=True) as slave:
        steps = Stepped(await _endpoint(master), await _endpoint(slave))
        await steps.settle()
        for name, ep in zip(SIDES, steps.endpoints, strict=True):
            ep.tracker = counting.CountedTracker(ep.tracker, costs[name])
        people.edit("3", {Cell("title"): "changed to be counted"})
        with (
            counting.counted(master.store, costs["master"]),
            counting.counted(slave.store, costs["slave"]),
        ):
            await steps.settle()
        await steps.close()
    return costs


async def _endpoint(node: Node) -> Endpoint:
    (row,) = await node.store.read(links.every)
    return await parties.open_endpoint(node, row)
