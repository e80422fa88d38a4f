"""Receipts, on both sides: what became of the partner's change sets is owed, told, kept and compared.

What became of a change set is noted in the transaction in which it became so. When the node has nothing more to apply,
or enough is owed, one numbered message tells all of it. It leaves in place of the acknowledgement that is due then.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from backbone.errors import PeerError
from backbone.replication import limits
from backbone.replication.diff import Shadow
from backbone.replication.merge import EMPTY
from backbone.replication.message import ChangeSet, Kind, Message
from backbone.replication.receipt import (
    FIRST,
    Became,
    Outcome,
    Place,
    Receipt,
    decode,
    digest_of,
    digest_of_text,
    encode,
    follow,
    read,
    write,
)
from backbone.service.endpoint import Endpoint
from backbone.service.flow.recording import number
from backbone.store import evidence, links, lists, shadows
from backbone.store.engine import Connection
from backbone.store.messages import Incoming
from backbone.store.shadows import Book

GATHERED_SHARE = 0.5
"""Of the acknowledgement's delay: so long outcomes gather, and then the receipt takes the acknowledgement along."""
NOTHING_WAITS = "nothing of it waits any more"
_PROVING = (Kind.DATA, Kind.STATE, Kind.RECEIPTS)


def outcome(change_set: ChangeSet, registers: Shadow, waiting: int) -> Outcome:
    """What joining a change set came to: its cells' ``registers``; ``waiting`` of its values wait for something that
    travels apart.
    """
    digest = digest_of(change_set)
    for operation in change_set.operations:
        if registers[operation.cell].write == operation.write:
            later = f"{waiting} of its values wait for a content or another issue" if waiting else ""
            return Outcome(digest, Became.APPLIED, later)
    return Outcome(digest, Became.SUPERSEDED, "other writes stand by the policy")


def owe(tx: Connection, ep: Endpoint, change_set: ChangeSet, became: Became, reason: str) -> None:
    """The partner is told so with the next receipt."""
    evidence.owe(tx, ep.row, [Outcome(digest_of(change_set), became, reason)], ep.clock())


def owe_for_state(
    tx: Connection, ep: Endpoint, issues: Sequence[ChangeSet], keys: Sequence[str], absent: Collection[str]
) -> None:
    """What each issue of the partner's state came to, as if it were a change set: those that the state replaces have no
    receipt. ``keys``: of the writes by which our tracker follows it; ``absent``: the issues that are not here.
    """
    book = Book(tx, ep.row)
    book.load_cells({issue.gid: [o.cell for o in issue.operations] for issue in issues})
    for key, issue in zip(keys, issues, strict=True):
        cells = [o.cell for o in issue.operations]
        registers = {**dict.fromkeys(cells, EMPTY), **book.fields(issue.gid, cells)}
        became, aside = outcome(issue, registers, 0), lists.set_aside_by_key(tx, ep.row, key)
        if issue.gid in absent:
            became = Outcome(became.digest, Became.REFUSED, "not here any more, or not shared")
        elif aside is not None:
            became = Outcome(became.digest, Became.REFUSED, aside.reason)
        elif lists.held_by_key(tx, ep.row, key) is not None:
            became = Outcome(became.digest, Became.RECEIVED, "waits behind another change of its issue")
        elif waiting := shadows.receipted(tx, ep.row, issue.gid, cells, became.digest):
            became = outcome(issue, registers, waiting)
        book.owe(became)
    book.flush(ep.clock())


def came(
    tx: Connection, ep: Endpoint, digests: Collection[str], words: str = NOTHING_WAITS, became: Became = Became.APPLIED
) -> None:
    """Of these change sets, by digest, the partner was told that something waits: it hears that nothing does, or what
    stood in the way of it. An empty digest is of what nobody said.
    """
    evidence.owe(tx, ep.row, [Outcome(one, became, words) for one in sorted(digests) if one], ep.clock())


async def give(ep: Endpoint, *, quiet: bool) -> float | None:
    """Write a receipt if it is time; returns 0 when one was written, else the seconds until it is, ``None`` for never.

    ``quiet``: there is nothing left to apply; else only what fills a receipt is told.
    """
    count, since = await ep.store.read(lambda tx: evidence.debt(tx, ep.row))
    if not count:
        return None
    wait = since + ep.timing.ack_delay * GATHERED_SHARE - ep.clock()
    if count < limits.receipt_outcomes_max and (not quiet or wait > 0):
        return max(wait, 0.0) if quiet else None
    return 0.0 if await ep.store.run(lambda tx: _give(tx, ep)) else None


def _give(tx: Connection, ep: Endpoint) -> bool:
    state = links.state(tx, ep.row)
    if not state.phase.works or state.occupied:
        return False
    outcomes = evidence.pay(tx, ep.row, limits.receipt_outcomes_max)
    life = state.life[0]
    last = evidence.place(tx, ep.row, ours=True) or Place(life, 0, FIRST)
    at = datetime.fromtimestamp(ep.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = write(Receipt(ep.link_id, life, last.number + 1, last.digest, at, tuple(outcomes)))
    number(tx, ep, [(Kind.RECEIPTS, encode(text), 0, None)])
    evidence.set_place(tx, ep.row, Place(life, last.number + 1, digest_of_text(text)), ours=True)
    key = (life, "k", state.out["k"].last + 1, text)
    evidence.keep(tx, ep.row, [key], ep.clock(), ours=True)
    return True


def keep_parcel(tx: Connection, ep: Endpoint, message: Message, parcel: bytes) -> None:
    """What the partner signed stays as it came, where it can prove something."""
    header = message.header
    if header.kind in _PROVING:
        evidence.keep_parcel(tx, ep.row, (header.inc[0], header.lane, header.seq), parcel, ep.clock())


def keep_change_sets(tx: Connection, ep: Endpoint, incoming: Incoming, change_sets: Iterable[ChangeSet]) -> None:
    """Of which issues a message of the partner's speaks."""
    names = "\n".join(dict.fromkeys(change_set.gid for change_set in change_sets))
    key = (incoming.message.header.inc[0], incoming.lane, incoming.seq, names)
    evidence.keep(tx, ep.row, [key], ep.clock(), ours=False)


def take(tx: Connection, ep: Endpoint, incoming: Incoming, raw: bytes) -> None:
    """A receipt of the partner's. Raises ``PeerError`` where it is none, or one before it is missing; it is kept then,
    too: the next one follows it.
    """
    text = decode(raw)
    receipt, life = read(text), incoming.message.header.inc[0]
    if (receipt.link, receipt.life) != (ep.link_id, life):
        raise PeerError("a receipt is of another link, or of another life of the partner's store")
    evidence.keep(tx, ep.row, [(life, incoming.lane, incoming.seq, text)], ep.clock(), ours=False)
    last = evidence.place(tx, ep.row, ours=False)
    evidence.set_place(tx, ep.row, Place(life, receipt.number, digest_of_text(text)), ours=False)
    follow(last, receipt, text)
