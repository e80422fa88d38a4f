"""The ``intent`` table: writes that were begun in the tracker and whose outcome is not recorded yet.

All of a link are one row: they are begun and ended together, and a row for each would cost as much as what it is for.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from sqlalchemy import Connection, select

from backbone.replication.message import ChangeSet
from backbone.replication.packing import pack
from backbone.store.codec import pack_change_set, unpack, unpack_change_set
from backbone.store.engine import upsert
from backbone.store.prepared import among, listed, prepared
from backbone.store.tables import intent

_Write: TypeAlias = tuple[bytes | None, bytes | None]
"""What is to be done, and what it says for a link's kin; both packed."""

_WRITES = prepared(lambda links: select(intent.c.writes).where(among(intent.c.link, links)))
_ENDED = prepared(lambda link: intent.delete().where(intent.c.link == link))
_NONE: Mapping[str, bytes] = MappingProxyType({})


class Intent(NamedTuple):
    """A write that is about to be made, or was begun. ``work`` is ``None`` where the inbox holds it meanwhile."""

    key: str
    work: ChangeSet | None = None


def begin(tx: Connection, link: int, intents: Iterable[Intent], said: Mapping[str, bytes] = _NONE) -> None:
    """These writes are about to be made in the tracker; ``said`` is what they say by key, for a link's kin."""
    fresh = {one.key: (_packed(one.work), said.get(one.key)) for one in intents}
    if fresh:
        writes = {**dict(_writes(tx, [link])), **fresh}
        upsert(tx, intent, ("link", "writes"), [(link, pack(writes))], keys=1)


def begun(tx: Connection, link: int) -> list[Intent]:
    """Writes whose outcome is not recorded."""
    return [Intent(key, None if work is None else unpack_change_set(work)) for key, (work, _) in _writes(tx, [link])]


def said(tx: Connection, links: Sequence[int]) -> dict[str, bytes]:
    """What the begun writes of these links say, by key, where they say it for kin."""
    return {key: words for key, (_, words) in _writes(tx, links) if words is not None}


def ended(tx: Connection, link: int) -> None:
    """The outcome of all that was begun is recorded, in this transaction."""
    _ENDED(tx, link)


def _writes(tx: Connection, links: Sequence[int]) -> Iterator[tuple[str, _Write]]:
    for writes in _WRITES(tx, listed(links)).scalars():
        yield from unpack(writes).items()


def _packed(change_set: ChangeSet | None) -> bytes | None:
    return None if change_set is None else pack_change_set(change_set)
