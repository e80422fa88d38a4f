"""What the *kin* of a link know: this node's other links on the same tracker, whatever state they are in.

An issue, comment or attachment has one gid in a tracker, by which all its links call it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, and_, literal, select

from backbone.model import ISSUE, Cell, Position, covers
from backbone.replication.merge import Register
from backbone.replication.message import ChangeSet
from backbone.store.codec import pack, pack_change_set, unpack, unpack_change_set, unpack_registers
from backbone.store.ledger import Provenance, pack_provenance, unpack_provenance
from backbone.store.prepared import among, listed
from backbone.store.tables import identity, intent, link, shadow


class Named(NamedTuple):
    """What a gid means in the tracker."""

    kind: str
    local: str


def of(tx: Connection, row: int) -> list[int]:
    """The rows of a link's kin, the oldest first."""
    own = select(link.c.tracker).where(link.c.id == row, link.c.tracker != "").scalar_subquery()
    return list(
        tx.execute(select(link.c.id).where(link.c.tracker == own, link.c.id != row).order_by(link.c.id)).scalars()
    )


def tracker(tx: Connection, row: int) -> str:
    """What the node calls a link's tracker."""
    return str(tx.execute(select(link.c.tracker).where(link.c.id == row)).scalar_one())


def gids(tx: Connection, kin: Sequence[int], wanted: Mapping[str, Iterable[str]]) -> dict[tuple[str, str], str]:
    """The gids of these local names, by kind of thing."""
    found: dict[tuple[str, str], str] = {}
    for kind, locals_ in wanted.items():
        condition = and_(identity.c.kind == kind, among(identity.c.local, literal(listed(locals_))))
        rows = tx.execute(select(identity).where(identity.c.link.in_(kin), condition).order_by(identity.c.link))
        for row in rows:
            found.setdefault((row.kind, row.local), row.gid)
    return found


def named(tx: Connection, kin: Sequence[int], wanted: Iterable[str]) -> dict[str, Named]:
    """What these gids mean in the tracker."""
    query = select(identity).where(identity.c.link.in_(kin), among(identity.c.gid, literal(listed(wanted))))
    found: dict[str, Named] = {}
    for row in tx.execute(query.order_by(identity.c.link)):
        found.setdefault(row.gid, Named(row.kind, row.local))
    return found


def seen(tx: Connection, kin: Sequence[int], locals_: Iterable[str]) -> dict[str, Position | None]:
    """How far any of them has read the journals of these issues; what none knows is missing."""
    query = select(identity.c.local, identity.c.seen).where(
        identity.c.link.in_(kin), identity.c.kind == ISSUE, among(identity.c.local, literal(listed(locals_)))
    )
    found: dict[str, Position | None] = {}
    for row in tx.execute(query):
        position = None if row.seen is None else tuple(json.loads(row.seen))
        before = found.setdefault(row.local, position)
        if position is not None and (before is None or covers(position, before)):
            found[row.local] = position
    return found


def registers(tx: Connection, kin: Sequence[int], issues: Iterable[str], parts: Iterable[str]) -> dict[Cell, Register]:
    """The registers of these comments and attachments, of the oldest link that has one."""
    query = select(shadow.c.registers).where(
        shadow.c.link.in_(kin),
        among(shadow.c.gid, literal(listed(issues))),
        among(shadow.c.part, literal(listed(parts))),
    )
    return _unpacked(tx.execute(query.order_by(shadow.c.link)).scalars())


def contents(tx: Connection, kin: Sequence[int], issue: str) -> dict[Cell, Register]:
    """The registers of all comments and attachments of an issue."""
    query = select(shadow.c.registers).where(shadow.c.link.in_(kin), shadow.c.gid == issue, shadow.c.part != "")
    return _unpacked(tx.execute(query.order_by(shadow.c.link)).scalars())


def _unpacked(parts: Iterable[bytes]) -> dict[Cell, Register]:
    found: dict[Cell, Register] = {}
    for packed in parts:
        for cell, register in unpack_registers(packed).items():
            found.setdefault(cell, register)
    return found


def begun(tx: Connection, kin: Sequence[int]) -> dict[str, tuple[ChangeSet, Provenance]]:
    """What kin are writing, or were when the process died, by the write's key."""
    if not kin:
        return {}
    rows = tx.execute(select(intent.c.key, intent.c.said).where(intent.c.link.in_(kin), intent.c.said.is_not(None)))
    return {row.key: unpack_said(row.said) for row in rows}


def said(tx: Connection, row: int) -> dict[str, tuple[ChangeSet, Provenance]]:
    """The same of one link."""
    return begun(tx, [row])


def pack_said(change_set: ChangeSet, whence: Provenance) -> bytes:
    """What a begun write says, and where it comes from."""
    return pack((pack_change_set(change_set), pack_provenance(whence)))


def unpack_said(data: bytes) -> tuple[ChangeSet, Provenance]:
    """The inverse."""
    change_set, whence = unpack(data)
    return unpack_change_set(change_set), unpack_provenance(whence)
