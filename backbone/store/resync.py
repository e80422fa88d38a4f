"""The ``former`` and ``told`` tables, and what a new life of our store leaves behind."""

from collections.abc import Container, Iterable, Mapping, Sequence

from sqlalchemy import Connection, and_, delete, select

from backbone.model import ATTACHMENT, ISSUE, Cell
from backbone.replication.link import Life
from backbone.replication.origin import LIFE_RANKS
from backbone.store import evidence
from backbone.store.codec import unpack_registers, unpack_state
from backbone.store.engine import upsert
from backbone.store.parts import part_of
from backbone.store.prepared import among, listed, prepared
from backbone.store.shadows import Known
from backbone.store.tables import (
    blob,
    former,
    held,
    identity,
    inbox,
    intent,
    node,
    outbox,
    quarantine,
    rank,
    request,
    shadow,
    standing,
    told,
    waiting,
)
from backbone.store.tables import link as link_table

_FORMER = prepared(
    lambda link, gids: (
        select(former)
        .where(former.c.link == link, among(former.c.gid, gids))
        .order_by(former.c.replaced_at.desc(), former.c.digest)
    )
)
_FORGET_FORMER = prepared(
    lambda link, before: former.delete().where(former.c.link == link, former.c.replaced_at < before)
)
_TOLD = prepared(lambda link, gids: select(told.c.gid, told.c.part).where(told.c.link == link, among(told.c.gid, gids)))


def new_life(tx: Connection, life: Life) -> None:
    """The store's life, if it is later than the one it was."""
    tx.execute(node.update().where(node.c.life < life[0]).values(life=life[0], life_random=life[1]))
    tx.execute(rank.update().values(rank=(rank.c.rank // LIFE_RANKS + 1) * LIFE_RANKS))


def drop_old_life(tx: Connection, link: int, now: float) -> None:
    """What was under way in the old life of our store: it comes again from both trackers and the peer's state."""
    evidence.keep_bodies(tx, link)
    evidence.drop_old_life(tx, link)
    for table in (outbox, inbox, intent, held, blob, told):
        tx.execute(delete(table).where(table.c.link == link))
    _close(tx, link, ("issue", "peer"), now)
    # The peer says anew which issues rest on its side; those of which it says nothing go on.
    forgotten = (standing.c.link == link, standing.c.theirs != "")
    tx.execute(standing.update().where(*forgotten).values(theirs="", waking=1))
    tx.execute(request.delete().where(request.c.link == link, request.c.kind == "say"))


def drop_peers_old_life(tx: Connection, link: int, now: float) -> None:
    """The peer's messages of an earlier life, contents that will not be completed, and what it could not apply of ours:
    it says so again.
    """
    tx.execute(delete(inbox).where(inbox.c.link == link))
    tx.execute(delete(blob).where(blob.c.link == link, blob.c.complete == 0))
    _close(tx, link, ("peer",), now)


def _close(tx: Connection, link: int, kinds: Sequence[str], now: float) -> None:
    open_ = (quarantine.c.link == link, quarantine.c.state == "open", quarantine.c.kind.in_(kinds))
    tx.execute(quarantine.update().where(*open_).values(state="resynced", changed_at=now))


def history(tx: Connection, link: int, gids: Iterable[str], per_cell: int) -> dict[str, dict[Cell, list[bytes]]]:
    """The digests of former values, the latest first, up to ``per_cell`` of each cell, by gid."""
    found: dict[str, dict[Cell, list[bytes]]] = {}
    for row in _FORMER(tx, link, listed(gids)):
        digests = found.setdefault(row.gid, {}).setdefault(Cell(row.field, row.element), [])
        if len(digests) < per_cell:
            digests.append(bytes(row.digest))
    return found


def forget_history(tx: Connection, link: int, before: float) -> None:
    """A partner restored from so old a backup is not looked after."""
    _FORGET_FORMER(tx, link, before)


def begin_joining(tx: Connection, link: int) -> None:
    """Nothing is told yet."""
    tx.execute(told.delete().where(told.c.link == link))


def mark_told(tx: Connection, link: int, named: Mapping[str, Iterable[Cell]]) -> None:
    """The peer's state has named these cells."""
    rows = sorted({(link, gid, part_of(cell)) for gid, cells in named.items() for cell in cells})
    upsert(tx, told, ("link", "gid", "part"), rows, keys=3)


def told_parts(tx: Connection, link: int, gids: Iterable[str]) -> set[tuple[str, str]]:
    """Which parts of these issues the peer's state has named."""
    return {(row.gid, row.part) for row in _TOLD(tx, link, listed(gids))}


def untold(tx: Connection, link: int) -> list[Known]:
    """Our issues of which some part was not named, by gid."""
    named = select(told.c.gid).where(
        told.c.link == link, told.c.gid == shadow.c.gid, told.c.part == shadow.c.part
    ).exists()  # fmt: skip
    lacking = select(shadow.c.gid).where(shadow.c.link == link, ~named).distinct()
    rows = tx.execute(
        select(identity)
        .where(identity.c.link == link, identity.c.kind == ISSUE, identity.c.gid.in_(lacking))
        .order_by(identity.c.gid)
    )
    return [Known(row.gid, row.kind, row.local) for row in rows]


def unspoken(tx: Connection, link: int) -> list[str]:
    """Issues that have a name, and of which nothing is known, by gid."""
    known = select(shadow.c.gid).where(shadow.c.link == link, shadow.c.gid == identity.c.gid).exists()
    named = select(identity.c.gid).where(identity.c.link == link, identity.c.kind == ISSUE, ~known)
    return list(tx.execute(named.order_by(identity.c.gid)).scalars())


def shadowed(tx: Connection, link: int, after: str = "", limit: int | None = None) -> list[str]:
    """Issues of which something is known, in the order of their gids, behind ``after``."""
    query = select(shadow.c.gid).where(shadow.c.link == link, shadow.c.gid > after)
    return list(tx.execute(query.distinct().order_by(shadow.c.gid).limit(limit)).scalars())


def contents_awaited(tx: Connection, link: int) -> set[str]:
    """The contents, by SHA-256, that cells wait for."""
    wanted = select(waiting.c.wants).where(waiting.c.link == link, waiting.c.wants.startswith("sha256:"))
    return {wants.removeprefix("sha256:") for wants in tx.execute(wanted.distinct()).scalars()}


def issues_with(tx: Connection, link: int, contents: Container[str]) -> set[str]:
    """The shared issues, by their local names, to which an attachment with one of these contents (SHA-256) belongs.
    Reads all attachments of the link.
    """
    rows = tx.execute(
        select(identity.c.local, shadow.c.registers)
        .join(shadow, and_(shadow.c.link == identity.c.link, shadow.c.gid == identity.c.gid))
        .where(identity.c.link == link, identity.c.kind == ISSUE, shadow.c.part.startswith(f"{ATTACHMENT}:"))
    )
    return {
        row.local
        for row in rows
        for register in unpack_registers(row.registers).values()
        if isinstance(register.value, dict) and register.value["sha256"] in contents
    }


def is_under_way(tx: Connection, link: int, sha256: str) -> bool:
    """Whether a part of this content waits in the outbox for the peer to take it."""
    lane = unpack_state(tx.execute(select(link_table.c.protocol).where(link_table.c.id == link)).scalar_one()).out["b"]
    query = select(outbox.c.seq).where(
        outbox.c.link == link, outbox.c.lane == "b", outbox.c.sha256 == sha256, outbox.c.seq > lane.applied
    )
    return tx.execute(query.limit(1)).one_or_none() is not None


def forget_name(tx: Connection, link: int, kind: str, local: str, unless: str) -> None:
    """What has this name here under another gid than ``unless`` never had it: a name belongs to one thing."""
    wrong = and_(identity.c.link == link, identity.c.kind == kind, identity.c.local == local, identity.c.gid != unless)
    for gid in tx.execute(select(identity.c.gid).where(wrong)).scalars().all():
        tx.execute(delete(shadow).where(shadow.c.link == link, shadow.c.gid == gid))
    tx.execute(delete(identity).where(wrong))
