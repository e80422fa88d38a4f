"""What the *kin* of a link know: this node's other links on the same tracker, whatever state they are in.

An issue, comment or attachment has one gid in a tracker, by which all its links call it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, and_, select

from backbone.model import ISSUE, Cell, Position, covers
from backbone.replication.merge import Register
from backbone.replication.message import ChangeSet
from backbone.replication.packing import pack
from backbone.store import intents
from backbone.store.codec import pack_change_set, unpack, unpack_change_set, unpack_registers
from backbone.store.ledger import Provenance, pack_provenance, unpack_provenance
from backbone.store.parts import FIELDS
from backbone.store.prepared import among, listed, prepared
from backbone.store.tables import identity, link, shadow

_OWN, _OTHER = link.alias(), link.alias()
_OF = prepared(
    lambda row: (
        select(_OTHER.c.id)
        .join(_OWN, and_(_OWN.c.tracker == _OTHER.c.tracker, _OWN.c.id != _OTHER.c.id))
        .where(_OWN.c.id == row, _OWN.c.tracker != "")
        .order_by(_OTHER.c.id)
    )
)
_TRACKER = prepared(lambda row: select(link.c.tracker).where(link.c.id == row))
_GIDS = prepared(
    lambda kin, kind, locals_: (
        select(identity)
        .where(among(identity.c.link, kin), identity.c.kind == kind, among(identity.c.local, locals_))
        .order_by(identity.c.link)
    )
)
_MEANT = prepared(
    lambda kin, gids: (
        select(identity).where(among(identity.c.link, kin), among(identity.c.gid, gids)).order_by(identity.c.link)
    )
)
_SEEN = prepared(
    lambda kin, locals_: select(identity.c.local, identity.c.seen).where(
        among(identity.c.link, kin), identity.c.kind == ISSUE, among(identity.c.local, locals_)
    )
)
_REGISTERS = prepared(
    lambda kin, issues, parts: (
        select(shadow.c.registers)
        .where(among(shadow.c.link, kin), among(shadow.c.gid, issues), among(shadow.c.part, parts))
        .order_by(shadow.c.link)
    )
)
_CONTENTS = prepared(
    lambda kin, issue: (
        select(shadow.c.registers)
        .where(among(shadow.c.link, kin), shadow.c.gid == issue, shadow.c.part != FIELDS)
        .order_by(shadow.c.link)
    )
)


class Named(NamedTuple):
    """What a gid means in the tracker."""

    kind: str
    local: str


def of(tx: Connection, row: int) -> list[int]:
    """The rows of a link's kin, the oldest first."""
    return list(_OF(tx, row).scalars())


def tracker(tx: Connection, row: int) -> str:
    """What the node calls a link's tracker."""
    return str(_TRACKER(tx, row).scalar_one())


def gids(tx: Connection, kin: Sequence[int], wanted: Mapping[str, Iterable[str]]) -> dict[tuple[str, str], str]:
    """The gids of these local names, by kind of thing."""
    found: dict[tuple[str, str], str] = {}
    for kind, locals_ in wanted.items():
        for row in _GIDS(tx, listed(kin), kind, listed(locals_)):
            found.setdefault((row.kind, row.local), row.gid)
    return found


def named(tx: Connection, kin: Sequence[int], wanted: Iterable[str]) -> dict[str, Named]:
    """What these gids mean in the tracker."""
    found: dict[str, Named] = {}
    for row in _MEANT(tx, listed(kin), listed(wanted)):
        found.setdefault(row.gid, Named(row.kind, row.local))
    return found


def seen(tx: Connection, kin: Sequence[int], locals_: Iterable[str]) -> dict[str, Position | None]:
    """How far any of them has read the journals of these issues; what none knows is missing."""
    found: dict[str, Position | None] = {}
    for row in _SEEN(tx, listed(kin), listed(locals_)):
        position = None if row.seen is None else tuple(json.loads(row.seen))
        before = found.setdefault(row.local, position)
        if position is not None and (before is None or covers(position, before)):
            found[row.local] = position
    return found


def registers(tx: Connection, kin: Sequence[int], issues: Iterable[str], parts: Iterable[str]) -> dict[Cell, Register]:
    """The registers of these comments and attachments, of the oldest link that has one."""
    return _unpacked(_REGISTERS(tx, listed(kin), listed(issues), listed(parts)).scalars())


def contents(tx: Connection, kin: Sequence[int], issue: str) -> dict[Cell, Register]:
    """The registers of all comments and attachments of an issue."""
    return _unpacked(_CONTENTS(tx, listed(kin), issue).scalars())


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
    return {key: unpack_said(words) for key, words in intents.said(tx, kin).items()}


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
