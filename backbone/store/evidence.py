"""The tables ``owed``, ``receipt_chain``, ``evidence`` and ``original``: what was said, and what became of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Insert, Table, and_, delete, func, literal, or_, select

from backbone.replication.message import Kind
from backbone.replication.packing import pack
from backbone.replication.receipt import Became, Outcome, Place
from backbone.store.codec import unpack
from backbone.store.engine import upsert
from backbone.store.prepared import prepared
from backbone.store.tables import evidence, original, outbox, owed, receipt_chain

OWED_TOGETHER_MAX = 1_000
"""So many outcomes stand in one row at most: whole rows are told, in a receipt of bounded length."""
_KEPT = ("link", "ours", "life", "lane", "seq", "at")


def _bodies(*which: ColumnElement[bool]) -> Insert:
    o = outbox.c
    values = select(o.link, literal(1), o.life, o.lane, o.seq, o.created_at, o.body_enc, o.raw_len, o.body)
    columns = (*_KEPT, "body_enc", "raw_len", "content")
    return original.insert().from_select(columns, values.where(or_(o.kind == Kind.DATA, o.kind == Kind.STATE), *which))


_BECAME = {word.value: word for word in Became}
_DEBT = prepared(
    lambda link: select(func.coalesce(func.sum(owed.c.size), 0), func.coalesce(func.min(owed.c.at), 0.0)).where(
        owed.c.link == link
    )
)
_OLDEST = prepared(lambda link, limit: select(owed).where(owed.c.link == link).order_by(owed.c.id).limit(limit))
_PAID = prepared(lambda link, last: delete(owed).where(owed.c.link == link, owed.c.id <= last))
_PLACE = prepared(
    lambda link, ours: select(receipt_chain).where(receipt_chain.c.link == link, receipt_chain.c.ours == ours)
)
_KEEP_BODIES = prepared(lambda link: _bodies(outbox.c.link == link))
_KEEP_APPLIED = prepared(
    lambda link, life, lane, applied, before: _bodies(
        outbox.c.link == link, outbox.c.life == life, outbox.c.lane == lane, outbox.c.seq < applied,
        outbox.c.created_at < before,
    )
)  # fmt: skip
_SIZE = prepared(
    lambda link: select(func.coalesce(func.sum(func.length(original.c.content)), 0)).where(original.c.link == link)
)
_FORGET_ORIGINAL = prepared(
    lambda link, before: delete(original).where(original.c.link == link, original.c.at < before)
)
_FORGET = prepared(lambda link, before: delete(evidence).where(evidence.c.link == link, evidence.c.at < before))


@dataclass(frozen=True, slots=True)
class Said:
    """A message that is kept as evidence. ``life`` is its sender's; ``names`` see ``evidence``.

    ``content`` is a parcel of the peer's, or our body; ``None`` where it is forgotten.
    """

    ours: bool
    life: int
    lane: str
    seq: int
    at: float
    names: str
    body_enc: str
    raw_len: int
    content: bytes | None


# what is owed


def owe(tx: Connection, link: int, outcomes: Iterable[Outcome], now: float) -> None:
    """The peer is to be told what became of these; the last word on each counts."""
    words = [(digest, became.value, reason) for digest, became, reason in outcomes]
    for some in [words[at : at + OWED_TOGETHER_MAX] for at in range(0, len(words), OWED_TOGETHER_MAX)]:
        tx.execute(owed.insert(), {"link": link, "at": now, "size": len(some), "outcomes": pack(some)})


def debt(tx: Connection, link: int) -> tuple[int, float]:
    """How many outcomes the peer has not been told, and since when the oldest."""
    count, since = _DEBT(tx, link).one()
    return int(count), float(since)


def pay(tx: Connection, link: int, limit: int) -> list[Outcome]:
    """The oldest of them; they are owed no longer."""
    found: dict[str, Outcome] = {}
    last = None
    for row in _OLDEST(tx, link, limit).all():
        if last is not None and len(found) + row.size > limit:
            break
        found.update({digest: Outcome(digest, _BECAME[became], why) for digest, became, why in unpack(row.outcomes)})
        last = row.id
    if last is not None:
        _PAID(tx, link, last)
    return list(found.values())


# chains


def place(tx: Connection, link: int, *, ours: bool) -> Place | None:
    """The last receipt that we wrote, or that the peer did."""
    row = _PLACE(tx, link, int(ours)).one_or_none()
    return None if row is None else Place(row.life, row.number, row.digest)


def set_place(tx: Connection, link: int, at: Place, *, ours: bool) -> None:
    """Another one was written."""
    upsert(tx, receipt_chain, ("link", "ours", "life", "number", "digest"), [(link, int(ours), *at)], keys=2)


# what is kept


def keep(tx: Connection, link: int, keys: Iterable[tuple[int, str, int, str]], now: float, *, ours: bool) -> None:
    """Messages, ``(life, lane, seq, names)``, by what they prove."""
    rows = [(link, int(ours), life, lane, seq, now, names) for life, lane, seq, names in keys]
    upsert(tx, evidence, (*_KEPT, "names"), rows, keys=5)


def keep_parcel(tx: Connection, link: int, key: tuple[int, str, int], parcel: bytes, now: float) -> None:
    """A parcel of the peer's as it came."""
    upsert(tx, original, (*_KEPT, "content"), [(link, 0, *key, now, parcel)], keys=5)


def keep_bodies(tx: Connection, link: int) -> None:
    """All our change sets are about to leave the outbox."""
    _KEEP_BODIES(tx, link)


def keep_applied(tx: Connection, link: int, life: int, lane: str, applied: int, before: float) -> None:
    """Our change sets below the number ``applied`` that were made before that time are about to leave the outbox."""
    _KEEP_APPLIED(tx, link, life, lane, applied, before)


def about(tx: Connection, link: int, words: str, lanes: Sequence[str]) -> list[Said]:
    """What names this gid, or this digest, in these lanes: in the order in which it was kept."""
    of_evidence = _same(evidence, original)
    of_outbox = and_(
        evidence.c.ours == 1, outbox.c.link == evidence.c.link, outbox.c.life == evidence.c.life,
        outbox.c.lane == evidence.c.lane, outbox.c.seq == evidence.c.seq,
    )  # fmt: skip
    query = (
        select(
            evidence,
            func.coalesce(original.c.body_enc, outbox.c.body_enc, "").label("body_enc"),
            func.coalesce(original.c.raw_len, outbox.c.raw_len, 0).label("raw_len"),
            func.coalesce(original.c.content, outbox.c.body).label("content"),
        )
        .outerjoin(original, of_evidence)
        .outerjoin(outbox, of_outbox)
        .where(evidence.c.link == link, evidence.c.lane.in_(lanes), func.instr(evidence.c.names, words) > 0)
        .order_by(evidence.c.at, evidence.c.life, evidence.c.seq)
    )
    return [
        Said(bool(r.ours), r.life, r.lane, r.seq, r.at, r.names, r.body_enc, r.raw_len, r.content)
        for r in tx.execute(query)
    ]


def forget(tx: Connection, link: int, before: float, bytes_max: int) -> int:
    """Drop what is older than that, and the oldest beyond so many bytes; returns how many messages went."""
    size = int(_SIZE(tx, link).scalar_one())
    if size > bytes_max:
        rows = tx.execute(
            select(original.c.at, func.length(original.c.content))
            .where(original.c.link == link)
            .order_by(original.c.at)
        )
        for at, length in rows:
            if size <= bytes_max:
                break
            size, before = size - length, max(before, at + 1e-6)
    _FORGET_ORIGINAL(tx, link, before)
    return int(_FORGET(tx, link, before).rowcount)


def older(tx: Connection, link: int, before: float) -> int:
    """How many messages ``forget`` would drop for their age."""
    query = select(func.count()).where(evidence.c.link == link, evidence.c.at < before)
    return int(tx.execute(query).scalar_one())


def drop_old_life(tx: Connection, link: int) -> None:
    """Our store begins a new life: its receipts begin anew, and of the peer's we do not know how far they were."""
    for table in (owed, receipt_chain):
        tx.execute(delete(table).where(table.c.link == link))


def _same(one: Table, other: Table) -> ColumnElement[bool]:
    return and_(*(getattr(one.c, name) == getattr(other.c, name) for name in ("link", "ours", "life", "lane", "seq")))
