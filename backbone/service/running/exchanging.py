"""A link that has a partner: its loops, until its stage changes.

*receive* takes parcels in; *work* does, one after the other, what touches shadows and the tracker (control,
attachments, requests, apply, capture); *send* seals what is due. Each is woken by the others and by hints, and looks
by itself every few seconds. Where the transport does not serve one direction, the other goes on.
"""

import asyncio

from backbone.service.endpoint import Endpoint
from backbone.service.evidence import receipting
from backbone.service.flow import applying, control, inbound, outbound
from backbone.service.healing import resyncing
from backbone.service.links import agreeing, pairing, rotating
from backbone.service.links.progress import load, over, start_link
from backbone.service.node import Node
from backbone.service.parties import close_endpoint, open_endpoint
from backbone.service.running import requests
from backbone.service.running.gathering import Gathering
from backbone.service.running.loops import Running, event_or, hinting, is_stopped, settled, stage_now
from backbone.service.running.noticing import Noticing
from backbone.service.running.persisting import Persisting
from backbone.service.running.pruning import Pruning
from backbone.store.links import LinkRow
from channels.base import ChannelError
from handshake.events import Stage

_WORKING = (Stage.ACTIVE, Stage.RESYNC)
STAGE_SECONDS = 0.1
"""How often a handshake under way is looked at: somebody waits for it."""


async def exchange(node: Node, row: LinkRow, running: Running) -> None:
    """The loops of a link that has a partner, until its stage changes."""
    ep = await open_endpoint(node, row)
    await agreeing.refresh(ep)
    await rotating.refresh(ep)
    stage = load(row).pairing.stage
    running.asked.clear()
    if row.reason and not running.halves:
        # Perhaps a trouble of before, of this process or an earlier one: it comes again where it is not over.
        await node.store.run(lambda tx: over(tx, row.id))
    stepped, running.stepped = running.stepped, False
    try:
        await node.store.run(
            lambda tx: start_link(
                tx, ep.row, ep.clock(), node.boot, clean=not node.unclean, identity=ep.identity, timing=ep.timing
            )
        )
        changed = asyncio.Event()
        running.resting |= {"receive": False, "send": False}
        async with asyncio.TaskGroup() as group:
            loops = [
                _receiving(ep, running, Persisting(ep, running, "receive", changed), node.config.node.poll_seconds),
                _sending(ep, running, Persisting(ep, running, "send", changed, stops=True)),
                hinting(ep.channel.hints(), running.receive),
                hinting(ep.tracker.hints(), running.work),
            ]
            if stage in _WORKING:
                running.resting["work"] = False
                loops.append(_working(ep, running, node.config.node.poll_seconds))
            else:
                running.resting["handshake"] = False
                repeating = Persisting(ep, running, "handshake", changed, stops=True)
                loops += [_controlling(ep, running), _repeating(ep, running, repeating, at_once=not stepped)]
            tasks = [group.create_task(loop) for loop in loops]
            tasks.append(group.create_task(_stage_watch(node, ep, running, stage, changed)))
            await changed.wait()
            # A parcel that is confirmed does not come again: what was received together is taken together.
            async with running.taking:
                for task in tasks:
                    task.cancel()
        running.stepped = await _is_over(node, ep, stage)
        if running.stepped:
            running.begin_anew()
    finally:
        await close_endpoint(ep)


async def _stage_watch(node: Node, ep: Endpoint, running: Running, stage: Stage, changed: asyncio.Event) -> None:
    pause = node.config.node.poll_seconds if stage in _WORKING else STAGE_SECONDS
    running.look.clear()
    while not await _is_over(node, ep, stage):
        await event_or(running.look, pause)
        running.look.clear()
    changed.set()


async def _is_over(node: Node, ep: Endpoint, stage: Stage) -> bool:
    return await stage_now(node, ep.row) is not stage or (stage is Stage.RESYNC and await is_stopped(node, ep.row))


async def _receiving(ep: Endpoint, running: Running, persisting: Persisting, poll: float) -> None:
    """Two looks stand in a row, at the tracker there and at the channel here. Where it costs little the second is
    taken twice as often, so that without any event a change is still hardly later than one interval.
    """
    noticing = Noticing(ep)
    pause = poll if ep.channel.limits.patient else poll / 2
    while True:
        running.receive.clear()
        report = await _take(ep, running)
        if isinstance(report, ChannelError):
            await persisting.failed(report)
            continue
        await persisting.worked()
        if await noticing.take():
            running.work.set()
        if report.count:
            running.work.set()
            running.send.set()
            running.look.set()
            continue
        settled(running, "receive")
        await event_or(running.receive, pause)


async def _take(ep: Endpoint, running: Running) -> inbound.Report | ChannelError:
    """What came, or why nothing can. Raises what the channel says to an answer of the handshake."""
    async with running.taking:
        try:
            report = await inbound.receive(ep)
        except ChannelError as error:
            return error
        if report.count:
            running.resting["receive"] = False
        await pairing.take_documents(ep, report.documents)
        await pairing.take_probes(ep, report.special)
        return report


async def _working(ep: Endpoint, running: Running, poll: float) -> None:
    await applying.resume(ep)
    gathering, pruning_ = Gathering(ep), Pruning(ep)
    while True:
        running.work.clear()
        await pruning_.prune()
        done = await control.take_control(ep)
        done += await inbound.take_parts(ep)
        done += await requests.carry_out(ep)
        done += await resyncing.apply(ep)
        if await outbound.backlog(ep) < outbound.BACKLOG:
            done += await gathering.capture()
        owed = await receipting.give(ep, quiet=not done)
        if done or owed == 0.0:
            running.resting["work"] = False
            running.send.set()
            await asyncio.sleep(0)
            continue
        if gathering.seconds:
            running.resting["work"] = False
        else:
            settled(running, "work")
        await event_or(running.work, min(gathering.seconds or poll, poll if owed is None else owed))


async def _controlling(ep: Endpoint, running: Running) -> None:
    """Before the link is active only the control lane is worked on."""
    while True:
        running.work.clear()
        if await control.take_control(ep):
            running.send.set()
            continue
        settled(running, "work")
        await running.work.wait()


async def _repeating(ep: Endpoint, running: Running, persisting: Persisting, *, at_once: bool) -> None:
    step = pairing.begin if at_once else None
    while True:
        try:
            if step is not None:
                await step(ep)
        except ChannelError as error:
            await persisting.failed(error)
            continue
        await persisting.worked()
        running.resting["handshake"] = True
        await asyncio.sleep(max(pairing.REPEATED_AFTER_SECONDS, ep.timing.resend_floor))
        step = pairing.repeat


async def _sending(ep: Endpoint, running: Running, persisting: Persisting) -> None:
    while True:
        running.send.clear()
        try:
            wait = await outbound.send(ep)
        except ChannelError as error:
            running.resting["send"] = False
            await persisting.failed(error)
            continue
        await persisting.worked()
        if wait <= 0.0:
            running.resting["send"] = False
            continue
        if wait > 1.0:
            settled(running, "send")
        await event_or(running.send, wait)
