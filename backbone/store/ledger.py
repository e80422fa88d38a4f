"""The ``rank``, ``origin`` and ``provenance`` tables: where what a tracker shows came from."""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from backbone.model import Cell, Position, covers
from backbone.replication.origin import Origin
from backbone.replication.packing import pack
from backbone.store.codec import unpack
from backbone.store.engine import upsert
from backbone.store.parts import part_of
from backbone.store.prepared import among, listed, prepared
from backbone.store.tables import origin, provenance, rank

_ORIGINS = prepared(
    lambda tracker, locals_: select(origin).where(origin.c.tracker == tracker, among(origin.c.local, locals_))
)
_EDITS = prepared(
    lambda tracker, locals_: select(provenance).where(
        provenance.c.tracker == tracker, among(provenance.c.local, locals_)
    )
)
_RANK = prepared(lambda tracker: select(rank.c.rank).where(rank.c.tracker == tracker))


class Provenance(NamedTuple):
    """Where an edit in the tracker came from: whose write each cell is, and by what way they came."""

    cells: Mapping[Cell, Origin]
    """Local cells that came from elsewhere."""
    own: Origin | None = None
    """All other cells: a write of this tracker's own."""
    path: tuple[str, ...] = ()
    """The trackers that ``cells`` have come over."""
    author: str = ""
    """The word for whoever wrote ``cells``."""
    after: Position | None = None
    """Many edits at once: those of the issue behind this position."""
    whole: bool = False
    """They were told as one picture; by themselves they are older than it, in their order."""

    def of(self, cell: Cell) -> Origin | None:
        """Whose write this cell is."""
        return self.cells.get(cell, self.own)


class Ledger:
    """The picture that one transaction works on, as ``Book`` is for one link."""

    def __init__(self, tx: Connection, tracker: str) -> None:
        self._tx = tx
        self._tracker = tracker
        self._origins: dict[tuple[str, str], dict[Cell, Origin]] = {}
        self._edits: dict[str, dict[Position, Provenance]] = {}
        self._dirty: set[tuple[str, str]] = set()
        self._told: set[tuple[str, Position]] = set()
        self._loaded: set[str] = set()
        self._rank: int | None = None
        self._ranked = False

    def load(self, locals_: Iterable[str]) -> None:
        """Read what is known of these issues."""
        fresh = set(locals_) - self._loaded
        if not fresh:
            return
        self._loaded |= fresh
        for row in _ORIGINS(self._tx, self._tracker, listed(fresh)):
            self._origins[row.local, row.part] = {Cell(f, e): Origin(*said) for f, e, said in unpack(row.origins)}
        for row in _EDITS(self._tx, self._tracker, listed(fresh)):
            self._edits.setdefault(row.local, {})[tuple(json.loads(row.position))] = unpack_provenance(row.said)

    def standing(self, local: str, cell: Cell) -> Origin | None:
        """Whose write this local cell shows; its issue must have been loaded."""
        return self._origins.get((local, part_of(cell)), {}).get(cell)

    def stand(self, local: str, cell: Cell, write: Origin) -> None:
        """What a local cell shows is that write from now on."""
        key = (local, part_of(cell))
        part = self._origins.setdefault(key, {})
        if part.get(cell) != write:
            part[cell] = write
            self._dirty.add(key)

    def told(self, local: str, position: Position) -> Provenance | None:
        """Where an edit came from, if any link has told it; its issue must have been loaded."""
        edits = self._edits.get(local, {})
        if position in edits and not edits[position].whole:
            return edits[position]
        found = [said for upto, said in edits.items() if contains(said, upto, position)]
        return min(found, key=lambda said: said.whole, default=None)

    def wrote_later(self, local: str, position: Position, cell: Cell) -> Provenance | None:
        """The edit that a local cell shows, if it is behind that position and any link has told it."""
        shown = self.standing(local, cell)
        behind = (s for at, s in self._edits.get(local, {}).items() if at != position and covers(at, position))
        return None if shown is None else next((said for said in behind if said.of(cell) == shown), None)

    def tell(self, local: str, position: Position, said: Provenance) -> None:
        """Whoever tells this edit next says the same."""
        self._edits.setdefault(local, {})[position] = said
        self._told.add((local, position))

    def number(self) -> int:
        """A fresh rank: greater than all that were given or seen."""
        self._rank = self._highest() + 1
        self._ranked = True
        return self._rank

    def saw(self, write: Origin) -> None:
        """Ours will be greater."""
        if self._highest() < write.rank:
            self._rank, self._ranked = write.rank, True

    def _highest(self) -> int:
        if self._rank is None:
            self._rank = int(_RANK(self._tx, self._tracker).scalar_one_or_none() or 0)
        return self._rank

    def flush(self) -> None:
        """Write back what changed."""
        parts = [
            (self._tracker, *key, pack([(c.field, c.element, tuple(w)) for c, w in self._origins[key].items()]))
            for key in sorted(self._dirty)
        ]
        upsert(self._tx, origin, ("tracker", "local", "part", "origins"), parts, keys=3)
        edits = [
            (self._tracker, local, str(list(position)), pack_provenance(self._edits[local][position]))
            for local, position in sorted(self._told)
        ]
        upsert(self._tx, provenance, ("tracker", "local", "position", "said"), edits, keys=3)
        if self._ranked:
            upsert(self._tx, rank, ("tracker", "rank"), [(self._tracker, self._rank)], keys=1)
        self._dirty.clear()
        self._told.clear()
        self._ranked = False


def forget(tx: Connection, tracker: str, before: Position) -> int:
    """What every link of the tracker has told needs no provenance; returns how many edits that was."""
    rows = tx.execute(select(provenance.c.local, provenance.c.position).where(provenance.c.tracker == tracker)).all()
    old = [row for row in rows if covers(before, tuple(json.loads(row.position)))]
    for row in old:
        tx.execute(
            delete(provenance).where(
                provenance.c.tracker == tracker, provenance.c.local == row.local, provenance.c.position == row.position
            )
        )
    return len(old)


def contains(said: Provenance, upto: Position, position: Position) -> bool:
    """Whether an edit is one of these."""
    return said.after is not None and covers(upto, position) and not covers(said.after, position)


def pack_source(write: Origin | None, path: tuple[str, ...]) -> bytes | None:
    """Where a change comes from, for what has to wait."""
    return None if write is None else pack((write, path))


def unpack_source(data: bytes) -> tuple[Origin, tuple[str, ...]]:
    """The inverse."""
    write, path = unpack(data)
    return Origin(*write), path


def pack_provenance(said: Provenance) -> bytes:
    """As it is stored."""
    cells = [(cell.field, cell.element, write) for cell, write in sorted(said.cells.items())]
    return pack((cells, said.own, said.path, said.author, said.after, said.whole))


def unpack_provenance(data: bytes) -> Provenance:
    """The inverse."""
    cells, own, path, author, after, whole = unpack(data)
    named = {Cell(name, element): Origin(*write) for name, element, write in cells}
    return Provenance(named, None if own is None else Origin(*own), path, author, after, whole)
