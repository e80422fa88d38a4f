"""The ``outbox`` and ``inbox`` tables: numbered messages on their way out and in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, func, literal_column, or_, select

from backbone.replication.link import Life, LinkState, Range
from backbone.replication.message import Chunk, Header, Kind, Message
from backbone.replication.packing import pack
from backbone.replication.sending import Waiting
from backbone.store import evidence
from backbone.store.codec import unpack
from backbone.store.prepared import among, listed, prepared
from backbone.store.tables import inbox, outbox

_ASKED = outbox.c.asked == literal_column("1")
"""Not a parameter: SQLite uses an index with a condition only where it sees that the condition holds."""
_WAITING = select(
    outbox.c.lane, outbox.c.seq, outbox.c.size, outbox.c.sent_at, outbox.c.attempts, outbox.c.asked, outbox.c.kind
)  # fmt: skip
_O, _I = outbox.c, inbox.c
_NOT_APPLIED = prepared(
    lambda link, life, lane, applied, limit: (
        _WAITING.where(_O.link == link, _O.life == life, _O.lane == lane, _O.seq > applied)
        .order_by(_O.seq)
        .limit(limit)
    )
)
_ASKED_FOR = prepared(lambda link, limit: _WAITING.where(_O.link == link, _ASKED).limit(limit))
_AWAITED = prepared(
    lambda link, life, lane, applied: select(func.count(), func.min(_O.created_at)).where(
        _O.link == link, _O.life == life, _O.lane == lane, _O.seq > applied, _O.kind != Kind.RECEIPTS
    )
)
_OUT = prepared(
    lambda link, life, lane, numbers: select(outbox).where(
        _O.link == link, _O.life == life, _O.lane == lane, among(_O.seq, numbers)
    )
)
_CHAIN = prepared(
    lambda link, life, lane, seq: select(_O.chain).where(
        _O.link == link, _O.life == life, _O.lane == lane, _O.seq == seq
    )
)
_SIZE = prepared(
    lambda link, life, lane, seq: select(_O.raw_len, _O.change_sets).where(
        _O.link == link, _O.life == life, _O.lane == lane, _O.seq == seq, _O.change_sets > 0
    )
)
_SENT = prepared(
    lambda link, life, lane, numbers, now: (
        outbox.update()
        .where(_O.link == link, _O.life == life, _O.lane == lane, among(_O.seq, numbers))
        .values(sent_at=now, attempts=_O.attempts + 1, asked=0)
    )
)
_MARK_ASKED = prepared(
    lambda link, life, lane, first, last: (
        outbox.update()
        .where(_O.link == link, _O.life == life, _O.lane == lane, _O.seq.between(first, last), _O.attempts > 0)
        .values(asked=1)
    )
)
_FORGET_OUT = prepared(
    lambda link, life, lane, applied, before: outbox.delete().where(
        _O.link == link, _O.life == life, _O.lane == lane, _O.seq < applied, _O.created_at < before
    )
)
_FORGET_IN = prepared(
    lambda link, life, lane, applied, before: inbox.delete().where(
        _I.link == link, _I.life == life, _I.lane == lane, _I.seq < applied, _I.received_at < before
    )
)
_BYTES_AHEAD = prepared(
    lambda link, life, lane, applied: select(func.coalesce(func.sum(func.length(_I.body)), 0)).where(
        _I.link == link, _I.life == life, _I.lane == lane, _I.seq > applied
    )
)
_DIGEST = prepared(
    lambda link, life, lane, seq: select(_I.digest).where(
        _I.link == link, _I.life == life, _I.lane == lane, _I.seq == seq
    )
)
_NEXT = prepared(
    lambda link, life, lane, applied, last: (
        select(inbox)
        .where(_I.link == link, _I.life == life, _I.lane == lane, _I.seq > applied, _I.seq <= last)
        .order_by(_I.seq)
    )
)
_TOOK = prepared(
    lambda link, life, lane, seq: (
        inbox.update()
        .where(_I.link == link, _I.life == life, _I.lane == lane, _I.seq == seq)
        .values(body=None, header=None)
    )
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A numbered message of ours as it is kept. ``body`` is ``None`` for a part of an attachment."""

    lane: str
    seq: int
    kind: str
    digest: bytes
    prev: bytes
    chain: bytes
    body_enc: str
    raw_len: int
    body: bytes | None
    chunk: Chunk | None
    change_sets: int = 0
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Incoming:
    """A numbered message of the peer's that was stored and whose effects are not durable yet."""

    lane: str
    seq: int
    kind: str
    digest: bytes
    prev: bytes
    message: Message


def put_out(tx: Connection, link: int, life: Life, messages: Sequence[Outgoing], now: float) -> None:
    """Keep new messages; their numbers were given in this transaction."""
    rows = [
        {
            "link": link, "life": life[0], "lane": m.lane, "seq": m.seq, "kind": m.kind, "digest": m.digest,
            "prev": m.prev, "chain": m.chain, "body_enc": m.body_enc, "raw_len": m.raw_len, "body": m.body,
            "size": m.raw_len if m.body is None else len(m.body), "change_sets": m.change_sets, "created_at": now,
            "sha256": m.chunk.sha256 if m.chunk else None, "blob_total": m.chunk.total if m.chunk else None,
            "blob_offset": m.chunk.offset if m.chunk else None,
        }
        for m in messages
    ]  # fmt: skip
    if rows:
        tx.execute(outbox.insert(), rows)


def waiting(tx: Connection, link: int, state: LinkState, limit: int) -> list[Waiting]:
    """What the peer has not applied, up to ``limit`` for each lane, and what it asks for."""
    found: dict[tuple[str, int], Waiting] = {}
    for lane, sending in state.out.items():
        if sending.last > sending.applied:
            rows = _NOT_APPLIED(tx, link, state.life[0], lane, sending.applied, limit)
            found.update({(r.lane, r.seq): _waiting(r) for r in rows})
    for row in _ASKED_FOR(tx, link, limit):
        found[row.lane, row.seq] = _waiting(row)
    return list(found.values())


def _waiting(row: Any) -> Waiting:
    return Waiting(row.lane, row.seq, row.size, row.sent_at, row.attempts, bool(row.asked), row.kind == Kind.RECEIPTS)


def awaited(tx: Connection, link: int, state: LinkState) -> tuple[int, float | None]:
    """How many of our messages the peer has not applied, and when the oldest was made. Receipts are not among them:
    they are acknowledged along with something else.
    """
    count, oldest = 0, None
    for lane, sending in state.out.items():
        if sending.last > sending.applied:
            found, made = _AWAITED(tx, link, state.life[0], lane, sending.applied).one()
            count += found
            oldest = made if oldest is None or (made is not None and made < oldest) else oldest
    return count, oldest


def get_out(tx: Connection, link: int, life: Life, keys: Sequence[tuple[str, int]]) -> list[Outgoing]:
    """The named messages, in no order."""
    rows = [row for lane, numbers in _by_lane(keys).items() for row in _OUT(tx, link, life[0], lane, listed(numbers))]
    return [
        Outgoing(
            r.lane, r.seq, r.kind, r.digest, r.prev, r.chain, r.body_enc, r.raw_len, r.body,
            Chunk(sha256=r.sha256, total=r.blob_total, offset=r.blob_offset) if r.sha256 else None,
            r.change_sets, r.attempts,
        )
        for r in rows
    ]  # fmt: skip


def chain_at(tx: Connection, link: int, life: Life, lane: str, seq: int) -> bytes | None:
    """Our chain after that message, where it is still kept."""
    row = _CHAIN(tx, link, life[0], lane, seq).one_or_none()
    return None if row is None else bytes(row.chain)


def bytes_each(tx: Connection, link: int, state: LinkState) -> float | None:
    """What a change set of our last message takes, inflated; ``None`` where there was none, or it said none."""
    row = _SIZE(tx, link, state.life[0], "c", state.out["c"].last).one_or_none()
    return None if row is None else row.raw_len / row.change_sets


def mark_sent(tx: Connection, link: int, life: Life, keys: Sequence[tuple[str, int]], now: float) -> None:
    """These left just now."""
    for lane, numbers in _by_lane(keys).items():
        _SENT(tx, link, life[0], lane, listed(numbers), now)


def _by_lane(keys: Sequence[tuple[str, int]]) -> dict[str, list[int]]:
    """Asked for lane by lane: pairs in one condition would be looked for through the whole outbox."""
    return {lane: [seq for other, seq in keys if other == lane] for lane in sorted({lane for lane, _ in keys})}


def mark_asked(tx: Connection, link: int, life: Life, lane: str, ranges: Sequence[Range]) -> None:
    """The peer asks for these."""
    for first, last in ranges:
        _MARK_ASKED(tx, link, life[0], lane, first, last)


def forget_out(tx: Connection, link: int, state: LinkState, before: float) -> int:
    """Drop our messages that the peer has applied and that are older than the backup horizon; how many."""
    dropped = 0
    for lane, sending in state.out.items():
        if sending.applied > 1:
            evidence.keep_applied(tx, link, state.life[0], lane, sending.applied, before)
            dropped += _FORGET_OUT(tx, link, state.life[0], lane, sending.applied, before).rowcount
    return dropped


def forget_in(tx: Connection, link: int, state: LinkState, before: float) -> int:
    """Drop the digests of what was applied before the backup horizon: a repetition that late counts as equal."""
    dropped = 0
    for lane, receiving in state.into.items():
        if receiving.applied > 1:
            dropped += _FORGET_IN(tx, link, state.peer_life[0], lane, receiving.applied, before).rowcount
    return dropped


def forgettable(tx: Connection, link: int, state: LinkState, before: float) -> int:
    """How many messages ``forget_out`` and ``forget_in`` would drop."""
    count = 0
    for lane in state.out:
        o, i = outbox.c, inbox.c
        ours = (o.link == link, o.life == state.life[0], o.lane == lane, o.seq < state.out[lane].applied)
        theirs = (i.link == link, i.life == state.peer_life[0], i.lane == lane, i.seq < state.into[lane].applied)
        count += tx.execute(select(func.count()).where(*ours, o.created_at < before)).scalar_one()
        count += tx.execute(select(func.count()).where(*theirs, i.received_at < before)).scalar_one()
    return count


def put_in(tx: Connection, link: int, messages: Sequence[Message], now: float) -> None:
    """Keep messages that the link's rules accepted."""
    rows = [
        {
            "link": link, "life": m.header.inc[0], "lane": m.header.lane, "seq": m.header.seq, "kind": m.header.kind,
            "digest": m.header.dig, "prev": m.header.prev, "body": m.body, "received_at": now,
            "header": pack(m.header.model_dump(exclude_none=True)),
        }
        for m in messages
    ]  # fmt: skip
    if rows:
        tx.execute(inbox.insert(), rows)


def bytes_ahead(tx: Connection, link: int, state: LinkState, lane: str) -> int:
    """How many bytes of this lane's messages are kept that were not applied."""
    return int(_BYTES_AHEAD(tx, link, state.peer_life[0], lane, state.into[lane].applied).scalar_one())


def known_digest(tx: Connection, link: int, life: Life, lane: str, seq: int) -> bytes | None:
    """Under which digest this number was stored."""
    row = _DIGEST(tx, link, life[0], lane, seq).one_or_none()
    return None if row is None else bytes(row.digest)


def next_in(tx: Connection, link: int, state: LinkState, lane: str, limit: int) -> list[Incoming]:
    """The lane's next messages in order, as far as there is no gap."""
    receiving = state.into[lane]
    if receiving.applied == receiving.recv:
        return []
    last = min(receiving.recv, receiving.applied + limit)
    rows = _NEXT(tx, link, state.peer_life[0], lane, receiving.applied, last)
    return [
        Incoming(r.lane, r.seq, r.kind, r.digest, r.prev, Message(Header.model_validate(unpack(r.header)), r.body))
        for r in rows
    ]


def took(tx: Connection, link: int, life: Life, lane: str, seq: int) -> None:
    """Its effects are durable: the body may go, the digest stays."""
    _TOOK(tx, link, life[0], lane, seq)


def unsent(tx: Connection, link: int) -> int:
    """How many messages have never left."""
    query = select(func.count()).where(outbox.c.link == link, outbox.c.attempts == 0)
    return int(tx.execute(query).scalar_one())


def change_sets_between(tx: Connection, link: int, life: Life, ranges: Mapping[str, Range]) -> int:
    """How many change sets are in these of our messages (``first < seq <= last``)."""
    spans = [and_(outbox.c.lane == lane, outbox.c.seq > a, outbox.c.seq <= b) for lane, (a, b) in ranges.items()]
    query = select(func.coalesce(func.sum(outbox.c.change_sets), 0)).where(
        outbox.c.link == link, outbox.c.life == life[0], or_(*spans)
    )
    return int(tx.execute(query).scalar_one())
