"""What nothing needs any more goes: messages, the digests of messages, the contents of attachments.

Ours stay for the backup horizon beyond their acknowledgement, with the contents they carry: a partner that was restored
can ask for them again. Of change sets a copy stays as evidence, with what the partner signed, for years. A content that
came in stays until nothing that the partner has numbered can name it.

First the rows go, in one transaction; then the files that have none. A crash in between leaves files too many, which
go the next time, and never a row without its file. Nothing else that makes files runs meanwhile.
"""

import asyncio
from dataclasses import dataclass
from typing import NamedTuple

from backbone.replication import limits
from backbone.replication.link import LinkState
from backbone.service.endpoint import Endpoint
from backbone.service.flow.contents import Contents
from backbone.service.node import Node
from backbone.store import blobs, evidence, intents, kin, ledger, links, messages, resync
from backbone.store.engine import Connection
from handshake.events import Stage

PRUNED_EVERY_SECONDS = 3600.0
"""The disk holds an hour's worth too much; looking costs milliseconds."""


DAY_SECONDS = 24 * 3600.0


class Horizon(NamedTuple):
    """What was made before these times, in seconds since 1970, may go: messages, and evidence."""

    messages: float
    evidence: float


class _Forgotten(NamedTuple):
    messages: int
    evidence: int
    keep: set[str]
    """The contents that stay."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went, or would go, of one link."""

    link: str
    evidence: int
    messages: int
    files: int
    evidence_days: float


class Pruning:
    """``prune``, once at the start and then once an hour."""

    def __init__(self, ep: Endpoint) -> None:
        self._ep = ep
        self._due = 0.0

    async def prune(self) -> None:
        """As ``prune``, where it is time."""
        now = asyncio.get_running_loop().time()
        if now >= self._due:
            await prune(self._ep)
            self._due = now + PRUNED_EVERY_SECONDS


async def prune(ep: Endpoint) -> int:
    """Forget what nothing needs; returns how many files went."""
    now = ep.clock()
    horizon = Horizon(now - limits.backup_horizon_seconds, now - ep.evidence_seconds)
    done = await ep.store.run(lambda tx: _forget(tx, ep.row, horizon))
    gone = await asyncio.to_thread(ep.contents.sweep, done.keep)
    if gone:
        ep.log.info("pruned", files=gone)
    return gone


async def prune_node(node: Node, *, dry_run: bool = False) -> list[Pruned]:
    """Every link that has a partner, on a node that nobody else runs; ``dry_run`` changes nothing."""
    now, days = node.clock(), node.config.node.evidence_days
    horizon = Horizon(now - limits.backup_horizon_seconds, now - days * DAY_SECONDS)
    found: list[Pruned] = []
    for row in await node.store.read(links.every):
        if row.peer is None:
            continue
        if dry_run:
            done = await node.store.read(lambda tx, r=row: _count(tx, r.id, horizon))  # type: ignore[misc]
            found.append(Pruned(row.name, done.evidence, done.messages, 0, days))
            continue
        done = await node.store.run(lambda tx, r=row: _forget(tx, r.id, horizon))  # type: ignore[misc]
        files = await asyncio.to_thread(Contents(node.folder.blobs / str(row.id)).sweep, done.keep)
        found.append(Pruned(row.name, done.evidence, done.messages, files, days))
    return found


def _forget(tx: Connection, row: int, horizon: Horizon) -> _Forgotten:
    state = links.state(tx, row)
    gone = messages.forget_out(tx, row, state, horizon.messages) + messages.forget_in(tx, row, state, horizon.messages)
    proofs = evidence.forget(tx, row, horizon.evidence, limits.evidence_bytes_max)
    resync.forget_history(tx, row, horizon.messages)
    _forget_provenance(tx, row)
    if _rests(state) and not intents.begun(tx, row):
        blobs.remove(tx, row, blobs.unneeded(tx, row))
    return _Forgotten(gone, proofs, blobs.every(tx, row))


def _count(tx: Connection, row: int, horizon: Horizon) -> _Forgotten:
    waiting = messages.forgettable(tx, row, links.state(tx, row), horizon.messages)
    return _Forgotten(waiting, evidence.older(tx, row, horizon.evidence), set())


def _forget_provenance(tx: Connection, row: int) -> None:
    """Where an edit came from is needed until the last link of its tracker has told it; one that has not begun yet will
    begin with pictures.
    """
    together = [row, *kin.of(tx, row)]
    rows = [one for one in links.every(tx) if one.id in together and one.state != str(Stage.REVOKED)]
    cursors = [one.cursor for one in rows if one.cursor is not None]
    if len(together) > 1 and cursors:
        ledger.forget(tx, kin.tracker(tx, row), tuple(min(numbers) for numbers in zip(*cursors, strict=True)))


def _rests(state: LinkState) -> bool:
    """Whether all that the partner has numbered is applied.

    A part of a content tells, in its header, of every change set that was numbered with it: when those are applied
    too, whatever still needs the content is on a list.
    """
    return all(lane.applied == lane.high for lane in state.into.values())
