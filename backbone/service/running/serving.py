"""One link for ever: what its stage asks for, and what becomes of trouble."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator

from backbone.config import load_link
from backbone.errors import BackboneError
from backbone.service.flow import outbound
from backbone.service.links import pairing, revoking
from backbone.service.links.progress import load, over, troubled
from backbone.service.logs import logger
from backbone.service.node import Node
from backbone.service.parties import open_channel, open_keyring, voice
from backbone.service.running.exchanging import exchange
from backbone.service.running.loops import Running, event_or, hinting, is_stopped, settled, stage_now
from backbone.service.running.pausing import pause_after
from backbone.store import links
from backbone.store.links import LinkRow
from channels.base import Channel, ChannelError
from handshake.base import KeyRing
from handshake.errors import HandshakeError, KeyRingError
from handshake.events import Stage

_OUTSIDE = (BackboneError, ChannelError, KeyRingError, HandshakeError, OSError)
_PAIRED = (Stage.CONFIRMED, Stage.TESTED, Stage.ACTIVE)
_STOPPED = (Stage.PAUSED, Stage.RESYNC, Stage.FAILED)


async def run_link(node: Node, row_id: int, running: Running) -> None:
    """One link for ever: what ends its loops from outside is shown, and tried again more slowly."""
    pause = 0.0
    log = logger(link=running.name)
    while True:
        running.resting = {"link": False}
        running.look.clear()
        began = time.monotonic()
        errors: list[BaseException] = []
        try:
            row = await node.store.read(lambda tx: links.get(tx, row_id))
            await _serve(node, row, running)
        except* _OUTSIDE as group:
            errors = _leaves(group)
            running.troubles = {"link": "; ".join(sorted({str(error) for error in errors}))}
        except* Exception as group:
            errors = _leaves(group)
            running.troubles = {"link": f"a fault in Backbone itself: {errors[0]!r}"}
            log.exception("fault")
        task = asyncio.current_task()
        if task is not None and task.cancelling():  # a task group that has errors of its own forgets that it was ended
            raise asyncio.CancelledError
        if not errors:
            pause = 0.0
            continue
        pause = pause_after(errors, pause, time.monotonic() - began)
        reason = running.trouble
        log.warning("trouble", reason=reason, again_in_seconds=round(pause, 1))
        await node.store.run(lambda tx, r=reason: troubled(tx, row_id, r))  # type: ignore[misc]
        await event_or(running.look, pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret


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
    elif stage in (*_PAIRED, Stage.OFFERED) or (stage is Stage.RESYNC and not await is_stopped(node, row.id)):
        await exchange(node, row, running)
    elif stage in (Stage.REVOKED, Stage.FAILED) and load(row).tell_at is not None:
        await _tell_the_end(node, row, running)
    elif stage in _STOPPED and row.peer is not None:
        await _hear_of_the_end(node, row, running)
    else:
        running.resting = {"link": True}
        await event_or(running.look, node.config.node.poll_seconds)


@contextlib.asynccontextmanager
async def _listening(node: Node, row: LinkRow, running: Running) -> AsyncIterator[tuple[Channel, KeyRing]]:
    """Channel and keys of a link that exchanges no messages; ``running.receive`` is set when something may be there."""
    channel = open_channel(node, row.name, row.link_id, load_link(node.folder, row.name, node.config), row.peer)
    try:
        keys = await open_keyring(node, row)
        try:
            async with asyncio.TaskGroup() as group:
                hints = group.create_task(hinting(channel.hints(), running.receive))
                yield channel, keys
                hints.cancel()
        finally:
            await keys.close()
    finally:
        await channel.close()


async def _wait_for_acceptance(node: Node, row: LinkRow, running: Running) -> None:
    stale = bool(row.reason)
    async with _listening(node, row, running) as (channel, keys):
        while await _still_offered(node, row):
            running.receive.clear()
            if await pairing.listen(node, row, channel, keys):
                return
            if stale:
                await node.store.run(lambda tx: over(tx, row.id))
                stale = False
            settled(running, "link")
            await event_or(running.receive, node.config.node.poll_seconds)


async def _tell_the_end(node: Node, row: LinkRow, running: Running) -> None:
    async with _listening(node, row, running) as (channel, keys):
        while (wait := await revoking.tell(node, row.id, channel, keys)) is not None:
            settled(running, "link")
            await event_or(running.look, wait)
            running.look.clear()


async def _hear_of_the_end(node: Node, row: LinkRow, running: Running) -> None:
    """A link that is stopped asks nothing of its channel: if that does not answer, it is no trouble.

    Where the partner's store was copied, it is challenged meanwhile.
    """
    stage = load(row).pairing.stage
    async with _listening(node, row, running) as (channel, keys):
        speaker = voice(node, row, channel, keys)
        await node.store.run(lambda tx: over(tx, row.id))
        while await stage_now(node, row.id) is stage and (stage is not Stage.RESYNC or await is_stopped(node, row.id)):
            running.receive.clear()
            wait = node.config.node.poll_seconds
            with contextlib.suppress(ChannelError):
                if await revoking.hear(node, speaker):
                    return
                if stage is Stage.RESYNC:
                    wait = min(wait, await outbound.send(speaker))
            if wait > 0:
                settled(running, "link")
            await event_or(running.receive, wait)


async def _still_offered(node: Node, row: LinkRow) -> bool:
    """Whether the handshake file that we wait with is the link's; it may have been made anew, with another key."""
    now = await node.store.read(lambda tx: links.get(tx, row.id))
    found = load(now).pairing
    if found.stage is Stage.OFFERED and node.clock() > found.expires_at:
        await node.store.run(lambda tx: pairing.expire(tx, row.id))
        return False
    return found.stage is Stage.OFFERED and now.home == row.home
