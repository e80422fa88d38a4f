"""Running links: for each one a few loops that wait for something to do, in one task group.

*receive* takes parcels in; *work* does, one after the other, what touches shadows and the tracker (control,
attachments, requests, apply, capture); *send* seals what is due. Each is woken by the others and by hints, and looks
by itself every few seconds. What fails for a reason outside is tried again, ever more slowly, and shown in ``status``.
"""

import asyncio
import contextlib
import gc
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from backbone.config import load_link
from backbone.errors import BackboneError, UsageError
from backbone.replication.link import Phase
from backbone.service import alarms, applying, control, inbound, outbound, pairing, requests, revoking, waking
from backbone.service.endpoint import Endpoint
from backbone.service.gathering import Gathering
from backbone.service.logs import logger
from backbone.service.node import Node, write_anchor
from backbone.service.parties import close_endpoint, open_channel, open_endpoint, open_keyring
from backbone.service.progress import load, start_link
from backbone.service.pruning import Pruning
from backbone.store import links
from backbone.store.links import LinkRow
from channels.base import Channel, ChannelError
from handshake.base import KeyRing
from handshake.errors import HandshakeError, KeyRingError
from handshake.events import Stage

ANCHOR_SECONDS = 60.0
"""How far the store may get ahead of its anchor: a younger backup is caught by the partner's evidence."""
BACK_OFF_SECONDS_MAX = 60.0
"""A tracker or share that comes back is noticed within a minute."""
REST_SECONDS = 0.3
"""A link rests when none of its loops had anything to do for so long."""

STAGE_SECONDS = 0.1
"""How often a handshake under way is looked at: somebody waits for it."""

GARBAGE_THRESHOLDS = (100_000, 50, 100)
"""Our values hold no cycles; looking for some among all that is being applied took half of the time."""

_OUTSIDE = (BackboneError, ChannelError, KeyRingError, HandshakeError, OSError)
_PAIRED = (Stage.CONFIRMED, Stage.TESTED, Stage.ACTIVE)
_STOPPED = (Stage.PAUSED, Stage.RESYNC, Stage.FAILED)


@dataclass(slots=True)
class Running:
    """One link's loops: what wakes them, and whether they rest."""

    name: str
    receive: asyncio.Event = field(default_factory=asyncio.Event)
    work: asyncio.Event = field(default_factory=asyncio.Event)
    look: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody may have changed the link's stage, or removed what troubled it."""
    send: asyncio.Event = field(default_factory=asyncio.Event)
    taking: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while parcels are received and what they say of the handshake is carried out."""
    resting: dict[str, bool] = field(default_factory=dict)
    trouble: str = ""
    stepped: bool = False
    """The handshake came to its stage by a step of this process, which has sent what belongs to it."""

    def wake(self) -> None:
        """Somebody asked for something."""
        for event in (self.receive, self.work, self.send, self.look):
            event.set()

    @property
    def rests(self) -> bool:
        """Whether nothing is left to do here and now."""
        return bool(self.resting) and all(self.resting.values())


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a link has come, for a person who watches."""

    link: str
    state: str
    captured: int
    sent: int
    acknowledged: int
    received: int
    applied: int
    holding: bool = False
    """After an unclean start, until the partner has answered or a time has passed."""


async def run(node: Node, stop: asyncio.Event) -> None:
    """All links until ``stop`` is set. Ends in order: what is under way is finished or will be found again."""
    async with _links(node, None) as running:
        log = logger(node=node.name)
        log.info("running", links=[one.name for one in running])
        await stop.wait()
        log.info("stopping")


async def sync(
    node: Node,
    names: Sequence[str],
    progress: Callable[[Progress], None] = lambda _: None,
    *,
    timeout_seconds: float = 3600.0,
    until: Callable[[], Awaitable[bool]] | None = None,
) -> bool:
    """Links until they rest, or until ``until`` says so; ``False`` when the time was over before, or in trouble."""
    async with _links(node, names) as running:
        try:
            async with asyncio.timeout(timeout_seconds):
                await _watch(node, running, progress, until)
        except TimeoutError:
            return False
        return not any(one.trouble for one in running)


async def _watch(
    node: Node,
    running: Sequence[Running],
    progress: Callable[[Progress], None],
    until: Callable[[], Awaitable[bool]] | None,
) -> None:
    quiet = 0
    while quiet < 3 or until is not None:
        await asyncio.sleep(REST_SECONDS / 3)
        holding = False
        for one in running:
            seen = await node.store.read(lambda tx, n=one.name: _progress(tx, n))  # type: ignore[misc]
            holding |= seen.holding
            progress(seen)
        rest = not holding and all(one.rests or one.trouble for one in running)
        quiet = quiet + 1 if rest else 0
        if until is not None and await until():
            return


def _progress(tx: Any, name: str) -> Progress:
    row = links.by_name(tx, name)
    assert row is not None
    if row.peer is None:
        return Progress(name, row.state, 0, 0, 0, 0, 0)
    state = links.state(tx, row.id)
    out, into = state.out["c"], state.into["c"]
    return Progress(name, row.state, row.clock, out.last, out.applied, into.recv, into.applied,
                    state.phase is Phase.HOLD)  # fmt: skip


@contextlib.asynccontextmanager
async def _links(node: Node, names: Sequence[str] | None) -> AsyncIterator[list[Running]]:
    """The loops of these links (all: ``None``) run while the block does."""
    rows = await node.store.read(links.every)
    known = {row.name for row in rows}
    for name in names or ():
        if name not in known:
            raise UsageError(f"there is no link {name!r}; there are {', '.join(sorted(known)) or 'none yet'}")
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    async with asyncio.TaskGroup() as group:
        loops = _Loops(node, names, group)
        loops.begin(rows)
        try:
            with waking.listening(node.folder.wake, loops.wake):
                yield loops.running
        finally:
            for task in loops.tasks:
                task.cancel()


class _Loops:
    """The tasks of a process that runs links: one for each link, the anchor's, the alarms', the look for new links."""

    def __init__(self, node: Node, names: Sequence[str] | None, group: asyncio.TaskGroup) -> None:
        self.running: list[Running] = []
        self.tasks = [group.create_task(_note(node))]
        self._node = node
        self._names = names
        self._group = group
        self._knocked = asyncio.Event()
        if names is None:
            self.tasks += [group.create_task(loop) for loop in (self._look_for_more(), alarms.watch(node))]

    def begin(self, rows: Sequence[LinkRow]) -> None:
        """Run those of these links that are wanted and do not run yet."""
        begun = {one.name for one in self.running}
        for row in rows:
            if row.name not in begun and (not self._names or row.name in self._names):
                self.running.append(Running(row.name))
                self.tasks.append(self._group.create_task(_link(self._node, row.id, self.running[-1])))

    def wake(self) -> None:
        """Somebody knocked."""
        self._knocked.set()
        for one in self.running:
            one.wake()

    async def _look_for_more(self) -> None:
        while True:
            self._knocked.clear()
            self.begin(await self._node.store.read(links.every))
            await _event_or(self._knocked, self._node.config.node.poll_seconds)


async def _note(node: Node) -> None:
    while True:
        await asyncio.sleep(ANCHOR_SECONDS)
        await asyncio.to_thread(write_anchor, node)


async def _link(node: Node, row_id: int, running: Running) -> None:
    """One link for ever: what ends its loops from outside is shown, and tried again more slowly."""
    pause = 1.0
    log = logger(link=running.name)
    while True:
        running.resting = {"link": False}
        running.look.clear()
        try:
            row = await node.store.read(lambda tx: links.get(tx, row_id))
            await _serve(node, row, running)
            pause = 1.0
        except* _OUTSIDE as group:
            running.trouble = "; ".join(sorted({str(error) for error in _leaves(group)}))
            log.warning("trouble", reason=running.trouble, again_in_seconds=round(pause, 1))
        except* Exception as group:
            running.trouble = f"a fault in Backbone itself: {_leaves(group)[0]!r}"
            log.exception("fault")
        if running.trouble:
            reason = running.trouble
            await node.store.run(lambda tx, r=reason: links.change(tx, row_id, reason=r))  # type: ignore[misc]
            await _event_or(running.look, pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, BACK_OFF_SECONDS_MAX)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


async def _serve(node: Node, row: LinkRow, running: Running) -> None:
    """What this link's stage asks for; returns when the stage changed."""
    stage = load(row).pairing.stage
    if row.side == "master" and stage is Stage.OFFERED:
        await _wait_for_acceptance(node, row, running)
    elif stage in (*_PAIRED, Stage.OFFERED):
        await _exchange(node, row, running)
    elif stage is Stage.REVOKED and load(row).tell_at is not None:
        await _tell_the_end(node, row, running)
    elif stage in _STOPPED and row.peer is not None:
        await _hear_of_the_end(node, row, running)
    else:
        running.resting = {"link": True}
        await _event_or(running.look, node.config.node.poll_seconds)


@contextlib.asynccontextmanager
async def _listening(node: Node, row: LinkRow, running: Running) -> AsyncIterator[tuple[Channel, KeyRing]]:
    """Channel and keys of a link that exchanges no messages; ``running.receive`` is set when something may be there."""
    channel = open_channel(node, row.name, row.link_id, load_link(node.folder, row.name, node.config), row.peer)
    try:
        keys = await open_keyring(node, row)
        try:
            async with asyncio.TaskGroup() as group:
                hinting = group.create_task(_hinting(channel.hints(), running.receive))
                yield channel, keys
                hinting.cancel()
        finally:
            await keys.close()
    finally:
        await channel.close()


async def _wait_for_acceptance(node: Node, row: LinkRow, running: Running) -> None:
    async with _listening(node, row, running) as (channel, keys):
        while await _still_offered(node, row.id):
            running.receive.clear()
            if await pairing.listen(node, row, channel, keys):
                return
            _settled(running, "link")
            await _event_or(running.receive, node.config.node.poll_seconds)


async def _tell_the_end(node: Node, row: LinkRow, running: Running) -> None:
    async with _listening(node, row, running) as (channel, keys):
        while (wait := await revoking.tell(node, row.id, channel, keys)) is not None:
            _settled(running, "link")
            await asyncio.sleep(wait)


async def _hear_of_the_end(node: Node, row: LinkRow, running: Running) -> None:
    """A link that is stopped asks nothing of its channel: if that does not answer, it is no trouble."""
    stage = load(row).pairing.stage
    async with _listening(node, row, running) as (channel, keys):
        while await _stage(node, row.id) is stage:
            running.receive.clear()
            with contextlib.suppress(ChannelError):
                if await revoking.hear(node, row.id, channel, keys):
                    return
            _settled(running, "link")
            await _event_or(running.receive, node.config.node.poll_seconds)


async def _stage(node: Node, row_id: int) -> Stage:
    return load(await node.store.read(lambda tx: links.get(tx, row_id))).pairing.stage


async def _still_offered(node: Node, row_id: int) -> bool:
    found = load(await node.store.read(lambda tx: links.get(tx, row_id))).pairing
    if found.stage is Stage.OFFERED and node.clock() > found.expires_at:
        await node.store.run(lambda tx: pairing.expire(tx, row_id))
        return False
    return found.stage is Stage.OFFERED


async def _exchange(node: Node, row: LinkRow, running: Running) -> None:
    """The loops of a link that has a partner, until its stage changes."""
    ep = await open_endpoint(node, row)
    progress = load(row)
    stage = progress.pairing.stage
    if row.reason and row.reason not in (progress.alarm, progress.pairing.reason):
        # A trouble of before, of this process or an earlier one: it comes again where it is not over.
        await node.store.run(lambda tx: links.change(tx, row.id, reason=""))
    stepped, running.stepped = running.stepped, False
    try:
        await node.store.run(
            lambda tx: start_link(
                tx, ep.row, ep.clock(), node.boot, clean=not node.unclean, identity=ep.identity, timing=ep.timing
            )
        )
        changed = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            loops = [
                _receiving(ep, running, node.config.node.poll_seconds),
                _sending(ep, running),
                _hinting(ep.channel.hints(), running.receive),
                _hinting(ep.tracker.hints(), running.work),
            ]
            if stage is Stage.ACTIVE:
                running.resting["work"] = False
                loops.append(_working(ep, running, node.config.node.poll_seconds))
            else:
                running.resting["handshake"] = False
                loops += [_controlling(ep, running), _repeating(ep, running, at_once=not stepped)]
            tasks = [group.create_task(loop) for loop in loops]
            tasks.append(group.create_task(_stage_watch(node, ep, running, stage, changed)))
            await changed.wait()
            # A parcel that is confirmed does not come again: what was received together is taken together.
            async with running.taking:
                for task in tasks:
                    task.cancel()
        running.stepped = True
    finally:
        await close_endpoint(ep)


async def _stage_watch(node: Node, ep: Endpoint, running: Running, stage: Stage, changed: asyncio.Event) -> None:
    pause = node.config.node.poll_seconds if stage is Stage.ACTIVE else STAGE_SECONDS
    running.look.clear()
    while await _stage(node, ep.row) is stage:
        await _event_or(running.look, pause)
        running.look.clear()
    changed.set()


async def _receiving(ep: Endpoint, running: Running, poll: float) -> None:
    while True:
        running.receive.clear()
        async with running.taking:
            report = await inbound.receive(ep)
            if report.count:
                running.resting["receive"] = False
            await pairing.take_documents(ep, report.documents)
            await pairing.take_probes(ep, report.special)
        if report.count:
            running.work.set()
            running.send.set()
            continue
        _settled(running, "receive")
        await _event_or(running.receive, poll)


async def _working(ep: Endpoint, running: Running, poll: float) -> None:
    await applying.resume(ep)
    gathering, pruning_ = Gathering(ep), Pruning(ep)
    while True:
        running.work.clear()
        await pruning_.prune()
        done = await control.take_control(ep)
        done += await inbound.take_parts(ep)
        done += await requests.carry_out(ep)
        done += await applying.apply(ep)
        if await outbound.backlog(ep) < outbound.BACKLOG:
            done += await gathering.capture()
        if done:
            running.resting["work"] = False
            running.send.set()
            await asyncio.sleep(0)
            continue
        if gathering.seconds:
            running.resting["work"] = False
        else:
            _settled(running, "work")
        await _event_or(running.work, gathering.seconds or poll)


async def _controlling(ep: Endpoint, running: Running) -> None:
    """Before the link is active only the control lane is worked on."""
    while True:
        running.work.clear()
        if await control.take_control(ep):
            running.send.set()
            continue
        _settled(running, "work")
        await running.work.wait()


async def _repeating(ep: Endpoint, running: Running, *, at_once: bool) -> None:
    if at_once:
        await pairing.begin(ep)
    while True:
        running.resting["handshake"] = True
        await asyncio.sleep(max(pairing.REPEATED_AFTER_SECONDS, ep.timing.resend_floor))
        await pairing.repeat(ep)


async def _sending(ep: Endpoint, running: Running) -> None:
    while True:
        running.send.clear()
        wait = await outbound.send(ep)
        if wait <= 0.0:
            running.resting["send"] = False
            continue
        if wait > 1.0:
            _settled(running, "send")
        await _event_or(running.send, wait)


async def _hinting(hints: AsyncIterator[None], event: asyncio.Event) -> None:
    async for _ in hints:
        event.set()
    await asyncio.Event().wait()


def _settled(running: Running, loop: str) -> None:
    running.resting[loop] = True
    running.resting["link"] = True
    running.trouble = ""


async def _event_or(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
