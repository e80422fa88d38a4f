"""The ``outbox`` and ``inbox`` tables: numbered messages on their way out and in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
)

from backbone.replication.link import Life, LinkState, Range
from backbone.replication.message import Chunk, Header, Kind, Message
from backbone.replication.sending import Waiting
from backbone.store import evidence
from backbone.store.codec import pack, unpack
from backbone.store.tables import inbox, outbox

_ASKED = outbox.c.asked == literal_column("1")
"""Not a parameter: SQLite uses an index with a condition only where it sees that the condition holds."""
_WAITING = select(
    outbox.c.lane, outbox.c.seq, outbox.c.size, outbox.c.sent_at, outbox.c.attempts, outbox.c.asked, outbox.c.kind
)  # fmt: skip
_NOT_APPLIED = (
    _WAITING.where(
        outbox.c.link == bindparam("of"), outbox.c.life == bindparam("in_life"), outbox.c.lane == bindparam("on"),
        outbox.c.seq > bindparam("applied"),
    )
    .order_by(outbox.c.seq)
    .limit(bindparam("most", type_=Integer))
)  # fmt: skip
_ASKED_FOR = _WAITING.where(outbox.c.link == bindparam("of"), _ASKED).limit(bindparam("most", type_=Integer))


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
            named = {"of": link, "in_life": state.life[0], "on": lane, "applied": sending.applied, "most": limit}
            found.update({(r.lane, r.seq): _waiting(r) for r in tx.execute(_NOT_APPLIED, named)})
    for row in tx.execute(_ASKED_FOR, {"of": link, "most": limit}):
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
            query = select(func.count(), func.min(outbox.c.created_at)).where(
                outbox.c.link == link, outbox.c.life == state.life[0], outbox.c.lane == lane,
                outbox.c.seq > sending.applied, outbox.c.kind != Kind.RECEIPTS,
            )  # fmt: skip
            found, made = tx.execute(query).one()
            count += found
            oldest = made if oldest is None or (made is not None and made < oldest) else oldest
    return count, oldest


def get_out(tx: Connection, link: int, life: Life, keys: Sequence[tuple[str, int]]) -> list[Outgoing]:
    """The named messages, in no order."""
    rows = [row for named in _each_lane(link, life, keys) for row in tx.execute(select(outbox).where(named))]
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
    row = tx.execute(
        select(outbox.c.chain).where(
            outbox.c.link == link, outbox.c.life == life[0], outbox.c.lane == lane, outbox.c.seq == seq
        )
    ).one_or_none()
    return None if row is None else bytes(row.chain)


def mark_sent(tx: Connection, link: int, life: Life, keys: Sequence[tuple[str, int]], now: float) -> None:
    """These left just now."""
    for named in _each_lane(link, life, keys):
        tx.execute(outbox.update().where(named).values(sent_at=now, attempts=outbox.c.attempts + 1, asked=0))


def _each_lane(link: int, life: Life, keys: Sequence[tuple[str, int]]) -> list[ColumnElement[bool]]:
    """A condition for each lane: pairs in one condition would be looked for through the whole outbox."""
    return [
        and_(
            outbox.c.link == link,
            outbox.c.life == life[0],
            outbox.c.lane == lane,
            outbox.c.seq.in_([seq for other, seq in keys if other == lane]),
        )
        for lane in sorted({lane for lane, _ in keys})
    ]


def mark_asked(tx: Connection, link: int, life: Life, lane: str, ranges: Sequence[Range]) -> None:
    """The peer asks for these."""
    for first, last in ranges:
        tx.execute(
            outbox.update()
            .where(
                outbox.c.link == link, outbox.c.life == life[0], outbox.c.lane == lane,
                outbox.c.seq.between(first, last), outbox.c.attempts > 0,
            )
            .values(asked=1)
        )  # fmt: skip


def forget_out(tx: Connection, link: int, state: LinkState, before: float) -> int:
    """Drop our messages that the peer has applied and that are older than the backup horizon; how many."""
    dropped = 0
    for lane, sending in state.out.items():
        past = (
            outbox.c.life == state.life[0], outbox.c.lane == lane, outbox.c.seq < sending.applied,
            outbox.c.created_at < before,
        )  # fmt: skip
        evidence.keep_bodies(tx, link, *past)
        dropped += tx.execute(outbox.delete().where(outbox.c.link == link, *past)).rowcount
    return dropped


def forget_in(tx: Connection, link: int, state: LinkState, before: float) -> int:
    """Drop the digests of what was applied before the backup horizon: a repetition that late counts as equal."""
    dropped = 0
    for lane, receiving in state.into.items():
        dropped += tx.execute(
            inbox.delete().where(
                inbox.c.link == link, inbox.c.life == state.peer_life[0], inbox.c.lane == lane,
                inbox.c.seq < receiving.applied, inbox.c.received_at < before,
            )
        ).rowcount  # fmt: skip
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
    query = select(func.coalesce(func.sum(func.length(inbox.c.body)), 0)).where(
        inbox.c.link == link, inbox.c.life == state.peer_life[0], inbox.c.lane == lane,
        inbox.c.seq > state.into[lane].applied,
    )  # fmt: skip
    return int(tx.execute(query).scalar_one())


def known_digest(tx: Connection, link: int, life: Life, lane: str, seq: int) -> bytes | None:
    """Under which digest this number was stored."""
    row = tx.execute(
        select(inbox.c.digest).where(
            inbox.c.link == link, inbox.c.life == life[0], inbox.c.lane == lane, inbox.c.seq == seq
        )
    ).one_or_none()
    return None if row is None else bytes(row.digest)


def next_in(tx: Connection, link: int, state: LinkState, lane: str, limit: int) -> list[Incoming]:
    """The lane's next messages in order, as far as there is no gap."""
    receiving = state.into[lane]
    if receiving.applied == receiving.recv:
        return []
    rows = tx.execute(
        select(inbox)
        .where(
            inbox.c.link == link, inbox.c.life == state.peer_life[0], inbox.c.lane == lane,
            inbox.c.seq > receiving.applied, inbox.c.seq <= min(receiving.recv, receiving.applied + limit),
        )
        .order_by(inbox.c.seq)
    )  # fmt: skip
    return [
        Incoming(r.lane, r.seq, r.kind, r.digest, r.prev, Message(Header.model_validate(unpack(r.header)), r.body))
        for r in rows
    ]


def took(tx: Connection, link: int, life: Life, lane: str, seq: int) -> None:
    """Its effects are durable: the body may go, the digest stays."""
    tx.execute(
        inbox.update()
        .where(inbox.c.link == link, inbox.c.life == life[0], inbox.c.lane == lane, inbox.c.seq == seq)
        .values(body=None, header=None)
    )


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
