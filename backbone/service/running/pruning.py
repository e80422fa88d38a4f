"""What nothing needs any more goes: messages, the digests of messages, the contents of attachments.

Ours stay for the backup horizon beyond their acknowledgement, with the contents they carry: a partner that was restored
can ask for them again. A content that came in stays until nothing that the partner has numbered can name it.

First the rows go, in one transaction; then the files that have none. A crash in between leaves files too many, which
go the next time, and never a row without its file. Nothing else that makes files runs meanwhile.
"""

import asyncio

from backbone.replication import limits
from backbone.replication.link import LinkState
from backbone.service.endpoint import Endpoint
from backbone.store import blobs, kin, ledger, links, lists, messages, resync
from backbone.store.engine import Connection
from handshake.events import Stage

PRUNED_EVERY_SECONDS = 3600.0
"""The disk holds an hour's worth too much; looking costs milliseconds."""


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
    keep = await ep.store.run(lambda tx: _forget(tx, ep))
    gone = await asyncio.to_thread(ep.contents.sweep, keep)
    if gone:
        ep.log.info("pruned", files=gone)
    return gone


def _forget(tx: Connection, ep: Endpoint) -> set[str]:
    """Returns the contents that stay."""
    state = links.state(tx, ep.row)
    before = ep.clock() - limits.backup_horizon_seconds
    messages.forget_out(tx, ep.row, state, before)
    messages.forget_in(tx, ep.row, state, before)
    resync.forget_history(tx, ep.row, before)
    _forget_provenance(tx, ep)
    if _rests(state) and not lists.begun(tx, ep.row):
        blobs.remove(tx, ep.row, blobs.unneeded(tx, ep.row))
    return blobs.every(tx, ep.row)


def _forget_provenance(tx: Connection, ep: Endpoint) -> None:
    """Where an edit came from is needed until the last link of its tracker has told it; one that has not begun yet will
    begin with pictures.
    """
    together = [ep.row, *kin.of(tx, ep.row)]
    rows = [row for row in links.every(tx) if row.id in together and row.state != str(Stage.REVOKED)]
    cursors = [row.cursor for row in rows if row.cursor is not None]
    if len(together) > 1 and cursors:
        ledger.forget(tx, ep.tracker_name, tuple(min(numbers) for numbers in zip(*cursors, strict=True)))


def _rests(state: LinkState) -> bool:
    """Whether all that the partner has numbered is applied.

    A part of a content tells, in its header, of every change set that was numbered with it: when those are applied
    too, whatever still needs the content is on a list.
    """
    return all(lane.applied == lane.high for lane in state.into.values())
