"""A link that has a partner: its loops, until its stage changes.

*receive* takes parcels in; *work* does, one after the other, what touches shadows and the tracker (control,
attachments, requests, apply, capture); *send* seals what is due. Each is woken by the others and by hints, and looks
by itself every few seconds.
"""

import asyncio

from backbone.service.endpoint import Endpoint
from backbone.service.flow import applying, control, inbound, outbound
from backbone.service.healing import resyncing
from backbone.service.links import agreeing, pairing
from backbone.service.links.progress import load, over, start_link
from backbone.service.node import Node
from backbone.service.parties import close_endpoint, open_endpoint
from backbone.service.running import requests
from backbone.service.running.gathering import Gathering
from backbone.service.running.loops import Running, event_or, hinting, is_stopped, settled, stage_now
from backbone.service.running.noticing import Noticing
from backbone.service.running.pruning import Pruning
from backbone.store.links import LinkRow
from handshake.events import Stage

_WORKING = (Stage.ACTIVE, Stage.RESYNC)
STAGE_SECONDS = 0.1
"""How often a handshake under way is looked at: somebody waits for it."""


async def exchange(node: Node, row: LinkRow, running: Running) -> None:
    """The loops of a link that has a partner, until its stage changes."""
    ep = await open_endpoint(node, row)
    await agreeing.refresh(ep)
    stage = load(row).pairing.stage
    if row.reason:
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
                _receiving(ep, running, node.config.node.poll_seconds),
                _sending(ep, running),
                hinting(ep.channel.hints(), running.receive),
                hinting(ep.tracker.hints(), running.work),
            ]
            if stage in _WORKING:
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
    pause = node.config.node.poll_seconds if stage in _WORKING else STAGE_SECONDS
    running.look.clear()
    while await stage_now(node, ep.row) is stage and (stage is not Stage.RESYNC or not await is_stopped(node, ep.row)):
        await event_or(running.look, pause)
        running.look.clear()
    changed.set()


async def _receiving(ep: Endpoint, running: Running, poll: float) -> None:
    noticing = Noticing(ep)
    while True:
        running.receive.clear()
        async with running.taking:
            report = await inbound.receive(ep)
            if report.count:
                running.resting["receive"] = False
            await pairing.take_documents(ep, report.documents)
            await pairing.take_probes(ep, report.special)
        if await noticing.take():
            running.work.set()
        if report.count:
            running.work.set()
            running.send.set()
            running.look.set()
            continue
        settled(running, "receive")
        await event_or(running.receive, poll)


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
        if done:
            running.resting["work"] = False
            running.send.set()
            await asyncio.sleep(0)
            continue
        if gathering.seconds:
            running.resting["work"] = False
        else:
            settled(running, "work")
        await event_or(running.work, gathering.seconds or poll)


async def _controlling(ep: Endpoint, running: Running) -> None:
    """Before the link is active only the control lane is worked on."""
    while True:
        running.work.clear()
        if await control.take_control(ep):
            running.send.set()
            continue
        settled(running, "work")
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
            settled(running, "send")
        await event_or(running.send, wait)
