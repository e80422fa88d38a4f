"""The ``identity``, ``shadow`` and ``waiting`` tables: what a link knows of each issue.

A ``Book`` is the picture that one transaction works on: it reads what is asked for in bulk, is changed in
memory, and is written back in bulk by ``flush``.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Self

from sqlalchemy import Connection, CursorResult, and_, func, select

from backbone.model import ATTACHMENT, COMMENT, ISSUE, Cell, Position, Value
from backbone.replication.diff import Shadow
from backbone.replication.digest import of_value
from backbone.replication.merge import NEVER, Register
from backbone.replication.receipt import Outcome
from backbone.store import evidence, kin
from backbone.store.codec import pack_registers, unpack_registers
from backbone.store.engine import upsert
from backbone.store.ledger import Ledger
from backbone.store.parts import FIELDS, part_of
from backbone.store.prepared import among, listed, prepared
from backbone.store.tables import former, identity, shadow, waiting
from backbone.store.twins import Twin

_CONTENT = (COMMENT, ATTACHMENT)

_NAMES = select(identity.c.gid, identity.c.kind, identity.c.local, identity.c.seen)
_BY_LOCAL = prepared(
    lambda link, kind, locals_: _NAMES.where(
        identity.c.link == link, identity.c.kind == kind, among(identity.c.local, locals_)
    )
)
_BY_GID = prepared(lambda link, gids: _NAMES.where(identity.c.link == link, among(identity.c.gid, gids)))
_PARTS = select(shadow.c.gid, shadow.c.part, shadow.c.registers)
_SOME_PARTS = prepared(
    lambda link, gids, parts: _PARTS.where(
        shadow.c.link == link, among(shadow.c.gid, gids), among(shadow.c.part, parts)
    )
)
_WHOLE = prepared(lambda link, gid: _PARTS.where(shadow.c.link == link, shadow.c.gid == gid))
_WHOLES = prepared(
    lambda link, gids: (
        select(shadow.c.gid, shadow.c.registers)
        .join(identity, and_(identity.c.link == shadow.c.link, identity.c.gid == shadow.c.gid))
        .where(shadow.c.link == link, among(shadow.c.gid, gids), identity.c.kind == ISSUE)
    )
)
_ANY_WAITS = prepared(lambda link: select(waiting.c.gid).where(waiting.c.link == link).limit(1))
_ARRIVED = prepared(
    lambda link, wants: waiting.update().where(waiting.c.link == link, among(waiting.c.wants, wants)).values(ready=1)
)
_READY = prepared(lambda link, limit: select(waiting).where(waiting.c.link == link, waiting.c.ready == 1).limit(limit))
_WANTS = waiting.c.wants
_REPAIRS = prepared(
    lambda link, gid: select(_WANTS).where(waiting.c.link == link, waiting.c.gid == gid, _WANTS.like("repair:%"))
)
_NAMED = prepared(
    lambda link, gid: select(_WANTS).where(
        waiting.c.link == link, waiting.c.gid == gid, waiting.c.ready == 1, _WANTS.like("ref:%")
    )
)
_CAME_IN = prepared(
    lambda link, gid: select(waiting.c.field, waiting.c.element, waiting.c.digest).where(
        waiting.c.link == link, waiting.c.gid == gid
    )
)
_RECEIPTED = prepared(
    lambda link, gid, field, element, digest: (
        waiting.update()
        .where(waiting.c.link == link, waiting.c.gid == gid, waiting.c.field == field, waiting.c.element == element)
        .values(digest=digest)
    )
)
_COMPLETED = prepared(
    lambda link, gid, field, element: waiting.delete().where(
        waiting.c.link == link, waiting.c.gid == gid, waiting.c.field == field, waiting.c.element == element
    )
)


class Known(NamedTuple):
    """A shared issue, comment or attachment, and its name here. ``seen`` is of issues only."""

    gid: str
    kind: str
    local: str
    seen: Position | None = None


class Book:
    """Identities and shadows of some issues, within one transaction; or within several, one after the other, between
    which nobody else writes them.
    """

    def __init__(self, tx: Connection, link: int) -> None:
        self._tx = tx
        self._link = link
        self._by_gid: dict[str, Known | None] = {}
        self._by_local: dict[tuple[str, str], Known | None] = {}
        self._parts: dict[tuple[str, str], dict[Cell, Register]] = {}
        self._dirty_names: dict[str, Known] = {}
        self._dirty_parts: set[tuple[str, str]] = set()
        self._former: set[tuple[str, Cell, bytes]] = set()
        self._kin: list[int] | None = None
        self._ledger: Ledger | None = None
        self._elsewhere: dict[tuple[str, str], str] = {}
        self._contents: dict[Cell, Value] = {}
        self._owed: list[Outcome] = []
        self.twins: dict[str, Twin] = {}
        """Of the issues that are planned, those with a twin here, by their gid."""

    def within(self, tx: Connection) -> Self:
        """Go on in another transaction."""
        self._tx = tx
        self._ledger = None
        return self

    # reading

    def load_locals(self, names: Iterable[tuple[str, str]]) -> None:
        """Read the identities of these ``(kind, local)``."""
        fresh = {name for name in names if name not in self._by_local}
        if not fresh:
            return
        wanted: dict[str, list[str]] = {}
        for kind, local in fresh:
            self._by_local[kind, local] = None
            wanted.setdefault(kind, []).append(local)
        for kind, locals_ in wanted.items():
            self._keep_names(_BY_LOCAL(self._tx, self._link, kind, listed(locals_)))
        missing = {kind: [n for n in locals_ if not self._by_local[kind, n]] for kind, locals_ in wanted.items()}
        if any(missing.values()) and self.kin:
            self._elsewhere = {**kin.gids(self._tx, self.kin, missing), **self._elsewhere}

    def load_gids(self, gids: Iterable[str]) -> None:
        """Read the identities of these gids."""
        fresh = [gid for gid in set(gids) if gid not in self._by_gid]
        self._by_gid.update(dict.fromkeys(fresh))
        if fresh:
            self._keep_names(_BY_GID(self._tx, self._link, listed(fresh)))

    def load_cells(self, cells: Mapping[str, Iterable[Cell]]) -> None:
        """Read the registers of these cells, by gid; an issue's fields come together."""
        wanted: dict[str, set[str]] = {}
        for gid, named in cells.items():
            for part in (FIELDS, *(part_of(cell) for cell in named if cell.field in _CONTENT)):
                if (gid, part) not in self._parts:
                    self._parts[gid, part] = {}
                    wanted.setdefault(gid, set()).add(part)
        if wanted:
            parts = {part for named in wanted.values() for part in named}
            self._keep_parts(_SOME_PARTS(self._tx, self._link, listed(wanted), listed(parts)))
            contents = parts - {FIELDS}
            if contents and self.kin:
                self._learn(kin.registers(self._tx, self.kin, wanted, contents))

    def load_whole(self, gid: str) -> dict[Cell, Register]:
        """Every register of one issue."""
        self._keep_parts(_WHOLE(self._tx, self._link, gid))
        if self.kin:
            self._learn(kin.contents(self._tx, self.kin, gid))
        return self.registers(gid)

    def by_local(self, kind: str, local: str) -> Known | None:
        """Something by its name here, after ``load_locals``."""
        return self._by_local.get((kind, local))

    def by_gid(self, gid: str) -> Known | None:
        """Something by its gid, after ``load_gids``; read at once if it was not named before."""
        if gid not in self._by_gid:
            self.load_gids([gid])
        return self._by_gid[gid]

    @property
    def ledger(self) -> Ledger | None:
        """Where what the tracker shows came from; ``None`` where no other link shares it."""
        if self._ledger is None and self.kin:
            self._ledger = Ledger(self._tx, kin.tracker(self._tx, self._link))
        return self._ledger

    @property
    def kin(self) -> list[int]:
        """The node's other links on the same tracker."""
        if self._kin is None:
            self._kin = kin.of(self._tx, self._link)
        return self._kin

    def elsewhere(self, kind: str, local: str) -> str | None:
        """The gid by which kin know something that this link has no name for, after ``load_locals``."""
        return self._elsewhere.get((kind, local))

    def said_elsewhere(self, cell: Cell) -> Value:
        """What kin say of a comment or attachment, after ``load_cells``; ``None`` where they do not know it."""
        return self._contents.get(cell)

    def heard_of(self, cell: Cell) -> bool:
        """Whether kin know, or knew, this comment or attachment of an issue, after ``load_cells``."""
        return cell in self._contents

    def hear(self, names: Mapping[tuple[str, str], str], contents: Mapping[Cell, Value]) -> None:
        """What kin have made and not recorded yet: gids by kind and local name; comments and attachments."""
        self._elsewhere.update(names)
        self._contents.update(contents)

    def fields(self, gid: str, cells: Iterable[Cell]) -> dict[Cell, Register]:
        """The registers of an issue's fields and of the comments and attachments among ``cells``."""
        merged = dict(self._parts.get((gid, FIELDS), {}))
        for cell in cells:
            if cell.field in _CONTENT:
                merged.update(self._parts.get((gid, part_of(cell)), {}))
        return merged

    def registers(self, gid: str) -> dict[Cell, Register]:
        """Everything read so far of one issue."""
        merged: dict[Cell, Register] = {}
        for (owner, _), part in self._parts.items():
            if owner == gid:
                merged.update(part)
        return merged

    # writing

    def name(self, known: Known) -> None:
        """Something has this name here, from now on."""
        before = self._by_gid.get(known.gid)
        if before != known:
            self._remember(known)
            self._dirty_names[known.gid] = known

    def see(self, gid: str, position: Position) -> None:
        """The issue's journals are reflected here up to ``position``."""
        known = self._by_gid[gid]
        assert known is not None
        self.name(Known(gid, known.kind, known.local, position))

    def put(self, gid: str, registers: Shadow) -> None:
        """Registers that changed; their parts must have been read."""
        fields = (gid, FIELDS)
        for cell, register in registers.items():
            key = (gid, part_of(cell)) if cell.field in _CONTENT else fields
            part = self._parts.get(key)
            if part is None:
                part = self._parts[key] = {}
            before = part.get(cell)
            if before is not None and before.value != register.value and before.write != NEVER:
                self.replaced(gid, cell, before.value)
            part[cell] = register
            self._dirty_parts.add(key)

    def replaced(self, gid: str, cell: Cell, value: Value) -> None:
        """The cell had this value once, or the partner wrote it and it did not stand."""
        self._former.add((gid, cell, of_value(value)))

    def owe(self, outcome: Outcome) -> None:
        """The peer is to be told what became of one of its change sets."""
        self._owed.append(outcome)

    def flush(self, now: float) -> None:
        """Write back what changed. ``now`` is in seconds since 1970."""
        link = self._link
        names = [
            (link, gid, kind, local, None if seen is None else str(list(seen)))
            for gid, kind, local, seen in sorted(self._dirty_names.values())
        ]
        upsert(self._tx, identity, ("link", "gid", "kind", "local", "seen"), names, keys=2)
        parts = [(link, *key, pack_registers(self._parts[key])) for key in sorted(self._dirty_parts)]
        upsert(self._tx, shadow, ("link", "gid", "part", "registers"), parts, keys=3)
        history = [(link, gid, cell.field, cell.element, digest, now) for gid, cell, digest in sorted(self._former)]
        upsert(self._tx, former, ("link", "gid", "field", "element", "digest", "replaced_at"), history, keys=5)
        if self._ledger is not None:
            self._ledger.flush()
        evidence.owe(self._tx, link, self._owed, now)
        self._owed.clear()
        self._former.clear()
        self._dirty_names.clear()
        self._dirty_parts.clear()

    def _learn(self, registers: Shadow) -> None:
        for cell, register in registers.items():
            self._contents.setdefault(cell, register.value)

    def _remember(self, known: Known) -> None:
        self._by_gid[known.gid] = known
        self._by_local[known.kind, known.local] = known

    def _keep_names(self, rows: CursorResult[*tuple[Any, ...]]) -> None:
        for row in rows:
            seen = None if row.seen is None else tuple(json.loads(row.seen))
            self._remember(Known(row.gid, row.kind, row.local, seen))

    def _keep_parts(self, rows: CursorResult[*tuple[Any, ...]]) -> None:
        for gid, part, registers in rows:
            if (gid, part) not in self._dirty_parts:
                self._parts[gid, part] = unpack_registers(registers)


def pages(tx: Connection, link: int, after: str, limit: int) -> list[Known]:
    """Shared issues in the order of their gids, behind ``after``."""
    rows = tx.execute(
        select(identity)
        .where(identity.c.link == link, identity.c.kind == ISSUE, identity.c.gid > after)
        .order_by(identity.c.gid)
        .limit(limit)
    )
    return [Known(r.gid, r.kind, r.local) for r in rows]


def wholes(tx: Connection, link: int, gids: Iterable[str]) -> dict[str, dict[Cell, Register]]:
    """Every register of these issues that are shared: those that have a name here."""
    found: dict[str, dict[Cell, Register]] = {}
    for gid, registers in _WHOLES(tx, link, listed(gids)):
        found.setdefault(gid, {}).update(unpack_registers(registers))
    return found


def count(tx: Connection, link: int) -> int:
    """How many issues are shared."""
    query = select(func.count()).where(identity.c.link == link, identity.c.kind == ISSUE)
    return int(tx.execute(query).scalar_one())


def local_names(tx: Connection, link: int) -> Iterator[tuple[str, str]]:
    """``(gid, local)`` of every shared issue."""
    for row in tx.execute(
        select(identity.c.gid, identity.c.local).where(identity.c.link == link, identity.c.kind == ISSUE)
    ):
        yield row.gid, row.local


def wait(
    tx: Connection, link: int, gid: str, cells: Mapping[Cell, str], source: bytes | None = None,
    digests: Mapping[Cell, str] | None = None,
) -> None:  # fmt: skip
    """These cells wait for an issue or an attachment's content; ``source`` says where they come from, ``digests`` in
    which change sets they came (``None``: in which they are known to have come).
    """
    said = came_in(tx, link, gid) if digests is None else digests
    rows = [(link, gid, *cell, wants, 0, source, said.get(cell, "")) for cell, wants in cells.items()]
    upsert(tx, waiting, ("link", "gid", "field", "element", "wants", "ready", "source", "digest"), rows, keys=4)


def came_in(tx: Connection, link: int, gid: str) -> dict[Cell, str]:
    """What waits of this issue, and in which change sets it came, by digest; empty for what nobody said."""
    return {Cell(row.field, row.element): row.digest for row in _CAME_IN(tx, link, gid)}


def waits(tx: Connection, link: int) -> set[str]:
    """The digests of the change sets of which something waits, on the whole link."""
    return set(tx.execute(select(waiting.c.digest).distinct().where(waiting.c.link == link)).scalars())


def receipted(tx: Connection, link: int, gid: str, cells: Iterable[Cell], digest: str) -> int:
    """Those of these cells that wait came in the change set with this digest; returns how many wait."""
    present = came_in(tx, link, gid)
    return sum(_RECEIPTED(tx, link, gid, *cell, digest).rowcount for cell in cells if cell in present)


def arrived(tx: Connection, link: int, wants: Iterable[str]) -> None:
    """What was waited for is here: issues, in relations and in texts, contents."""
    come = list(wants)
    if not come or _ANY_WAITS(tx, link).first() is None:
        return
    _ARRIVED(tx, link, listed(form for one in come for form in (one, f"ref:{one}")))


class Ready(NamedTuple):
    """Cells of one issue that can be completed together: they come from one place."""

    source: bytes | None
    cells: list[Cell]


def ready(tx: Connection, link: int, limit: int) -> dict[str, Ready]:
    """What can be completed next, by issue."""
    found: dict[str, Ready] = {}
    for row in _READY(tx, link, limit):
        one = found.setdefault(row.gid, Ready(row.source, []))
        if one.source == row.source:
            one.cells.append(Cell(row.field, row.element))
    return found


def asked_again(tx: Connection, link: int, gid: str) -> str:
    """For which repair, or named issues, cells of this issue are written once more; empty for none."""
    repairs = _REPAIRS(tx, link, gid).scalars()
    return max(repairs, default="") + "".join(sorted(_NAMED(tx, link, gid).scalars()))


def completed(tx: Connection, link: int, gid: str, cells: Iterable[Cell]) -> None:
    """These wait no longer."""
    for cell in cells:
        _COMPLETED(tx, link, gid, cell.field, cell.element)
