"""Where changes come from, in a tracker that several links share: what of an edit came from elsewhere when we tell it,
and what of a change is old news when it comes. ``replication/origin.py`` has the rule.

A link without kin says no origins and keeps none.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from backbone.model import Applied, Cell, Cells, Edit, Position, Value, covers
from backbone.replication.diff import Plan
from backbone.replication.mapping import Inward
from backbone.replication.merge import write
from backbone.replication.message import ChangeSet, Operation
from backbone.replication.origin import Origin, Verdict, believed, differ, judge
from backbone.service.endpoint import Endpoint
from backbone.service.flow.sighting import Sighted, resolved
from backbone.store import links
from backbone.store.engine import Connection
from backbone.store.ledger import Ledger, Provenance
from backbone.store.shadows import Book, Known

_PICTURE = 0
"""The rank of what is told without anybody having edited it: older than every edit."""


def whence(ep: Endpoint, ledger: Ledger, edit: Edit, seen: Sighted) -> Provenance:
    """Where an edit came from. The first link that asks decides, and its kin tell the same."""
    ledger.load([edit.local])
    found = ledger.told(edit.local, edit.position)
    if found is not None:
        return _apart(found, edit.position) if found.whole else found
    begun = next((one for one in seen.edits if one.local == edit.local and one.has(edit.position)), None)
    upto, found = (begun.upto, begun.said) if begun else (edit.position, Provenance({}))
    later = {cell: said for cell in edit.cells if (said := ledger.wrote_later(edit.local, upto, cell)) is not None}
    found = found._replace(own=_before(_fresh(ep, ledger), later))
    ledger.tell(edit.local, upto, found)
    _stand(ledger, edit.local, found, edit.cells.keys() - later.keys())
    return found


def _before(write: Origin, later: Mapping[Cell, Provenance]) -> Origin:
    """What is told late, because stores were put back: a later edit of somebody's here stays the later one."""
    ranks = [said.own.rank for cell, said in later.items() if said.own is not None and cell not in said.cells]
    return write._replace(rank=max(min(ranks) - 1, 0)) if ranks else write


def told(
    ep: Endpoint, ledger: Ledger | None, edit: Edit, said: ChangeSet, at_home: Mapping[Cell, Cell],
    whence: Provenance | None, known: Known | None, seen: Sighted,
) -> list[ChangeSet]:  # fmt: skip
    """What is said of an edit, with where it comes from; ``whence`` is ``None`` of a complete picture."""
    if ledger is None:
        return [said]
    if whence is not None:
        return change_sets(ep, whence, said, at_home)
    if known is None:
        return [picture(ep, ledger, edit, said, seen)]
    return [missed(ep, ledger, edit, said, at_home, known.seen)]


def change_sets(ep: Endpoint, whence: Provenance, whole: ChangeSet, at_home: Mapping[Cell, Cell]) -> list[ChangeSet]:
    """What is said of an edit, apart by origin. ``at_home`` has the local cells of comments and attachments."""
    groups: dict[tuple[Origin, bool], list[Operation]] = {}
    for operation in whole.operations:
        groups.setdefault(_origin_of(ep, whence, operation.cell, at_home), []).append(operation)
    made: list[ChangeSet] = []
    for (origin, is_ours), operations in groups.items():
        author = whole.author if is_ours else ep.translation.stranger(whence.author)
        path = (ep.place,) if is_ours else (*whence.path, ep.place)
        made.append(ChangeSet(whole.gid, author, whole.at, tuple(operations), origin, path))
    return made


def _origin_of(ep: Endpoint, whence: Provenance, agreed: Cell, at_home: Mapping[Cell, Cell]) -> tuple[Origin, bool]:
    """The write that an agreed cell comes from, and whether it is one of this tracker's own."""
    local = at_home.get(agreed)
    fields = ep.translation.locals_of(agreed.field)
    likely = [local] if local else [c for c in whence.cells if c.field in fields]
    exact = [cell for cell in likely if cell.element == agreed.element or cell == local]
    for cell in (*exact, *likely):
        if cell in whence.cells:
            return whence.cells[cell], False
    return (whence.own, True) if whence.own is not None else (max(whence.cells.values()), False)


def _apart(told: Provenance, position: Position) -> Provenance:
    """One of the edits that were told together."""
    return Provenance({}, told.own._replace(number=sum(position)) if told.own is not None else None)


def picture(ep: Endpoint, ledger: Ledger, edit: Edit, whole: ChangeSet, seen: Sighted) -> ChangeSet:
    """An issue that this link meets for the first time, as it stands: nobody edited it now."""
    ledger.load([edit.local])
    for one in seen.untold.get(edit.local, ()):
        if covers(edit.position, one.position):
            whence(ep, ledger, one, seen)
    old = Origin(_PICTURE, ep.place, sum(edit.position))
    origins = {ledger.standing(edit.local, cell) for cell in edit.cells}
    origin = origins.pop() if len(origins) == 1 else None
    ledger.tell(edit.local, edit.position, Provenance({}, old, after=(0,) * len(edit.position), whole=True))
    for cell in edit.cells:
        if ledger.standing(edit.local, cell) is None:
            ledger.stand(edit.local, cell, old)
    return whole._replace(origin=origin or old, path=(ep.place,))


def missed(
    ep: Endpoint, ledger: Ledger, edit: Edit, whole: ChangeSet, at_home: Mapping[Cell, Cell], after: Position | None
) -> ChangeSet:
    """What was found in an issue beyond all edits that were told: a write of now, and so are those edits."""
    ledger.load([edit.local])
    origin = _fresh(ep, ledger)._replace(number=sum(edit.position))
    since = after or (0,) * len(edit.position)
    ledger.tell(edit.local, edit.position, Provenance({}, origin, after=since, whole=True))
    for operation in whole.operations:
        names = ep.translation.locals_of(operation.cell.field)
        local = at_home.get(operation.cell) or (Cell(names[0], operation.cell.element) if names else None)
        if local is not None:
            ledger.stand(edit.local, local, origin)
    return whole._replace(origin=origin, path=(ep.place,))


class Judged(NamedTuple):
    """A change set as it meets what the tracker shows."""

    plan: Plan
    inward: Inward
    said: Provenance
    """Of the write to come; a comment or attachment to be made has the element ``+MARKER``."""
    stands: Mapping[Cell, Origin]
    """Whose write each local cell shows from now on."""
    again: Mapping[Cell, Origin]
    """Agreed cells that the partner must be told again, with the origin of what is shown."""


def meet(
    ep: Endpoint, ledger: Ledger, local: str | None, change_set: ChangeSet, plan: Plan,
    translate: Callable[[Cells], Inward], called: Callable[[str], str | None], after: Position | None,
    made: Provenance | None,
) -> Judged:  # fmt: skip
    """``plan`` is the link's; ``translate`` gives local words, ``called`` the local name of a gid; ``after`` is how far
    the issue is known. ``made``: the write is in the tracker, and this is what it said.
    """
    if local is not None:
        ledger.load([local])
    origin = believed(change_set.origin)
    afar = origin is not None
    if origin is None:
        origin = _fresh(ep, ledger)
    ledger.saw(origin)
    news = _News(ep, ledger, local, origin, plan, called, made)
    wanted = news.wanted(change_set.operations) if afar else plan.targets
    inward = translate(wanted)
    if inward.problems:
        wanted = plan.targets
        inward = translate(wanted)
    for cell in list(inward.at):
        news.weigh(cell, wanted[cell], inward.at[cell])
    kept = inward.without(news.dropped, inward.waiting)
    if not kept.at and news.dropped:
        kept = Inward({}, {}, inward.waiting, inward.problems)
    targets = {cell: value for cell, value in wanted.items() if cell not in news.dropped}
    said = Provenance(news.written, None, change_set.path, change_set.author, after)
    return Judged(Plan(plan.registers, targets, tuple(news.conflicts.values())), kept, said, news.stands, news.again)


class _News:
    """One change set weighed cell by cell."""

    def __init__(
        self, ep: Endpoint, ledger: Ledger, local: str | None, origin: Origin, plan: Plan,
        called: Callable[[str], str | None], made: Provenance | None,
    ) -> None:  # fmt: skip
        self._ep, self._ledger, self._local, self._called = ep, ledger, local, called
        self._origin, self._plan, self._made = origin, plan, made
        self.conflicts = {conflict.cell: conflict for conflict in plan.conflicts}
        self.dropped: set[Cell] = set()
        self.written: dict[Cell, Origin] = {}
        self.stands: dict[Cell, Origin] = {}
        self.again: dict[Cell, Origin] = {}
        self._stood: dict[Cell, bool] = {}

    def wanted(self, operations: Iterable[Operation]) -> Cells:
        """All that has to be weighed: also what the link took for the older write."""
        for operation in operations:
            self._stood[operation.cell] = self._plan.registers[operation.cell].write == operation.write
        return {operation.cell: operation.value for operation in operations}

    def weigh(self, cell: Cell, value: Value, local: Cell) -> None:
        register = self._plan.registers[cell]
        verdict = self._verdict(cell, local)
        shows = register.image == value
        if verdict.stands is not None:
            self.stands[local] = verdict.stands
        if not verdict.writes or shows:
            self.dropped.add(cell)
        elif verdict.stands is not None:
            self.written[local] = verdict.stands
        if verdict.again and not shows and verdict.stands is not None:
            self.again[cell] = verdict.stands
        self._settle_conflict(cell, value, local, verdict)

    def _verdict(self, cell: Cell, local: Cell) -> Verdict:
        if self._made is not None and local in self._made.cells:
            return Verdict(writes=True, stands=self._made.cells[local])
        ours = self._standing(cell, local)
        stood = self._stood.get(cell, True)
        return judge(self._ep.theirs.policies[cell.field], self._origin, ours, theirs_stands=stood)

    def _standing(self, cell: Cell, local: Cell) -> Origin | None:
        """What is to be made may have been here, and been taken out."""
        name = self._called(cell.element) if local.element.startswith("+") else None
        shown = local if name is None else Cell(local.field, name)
        return None if self._local is None else self._ledger.standing(self._local, shown)

    def _settle_conflict(self, cell: Cell, value: Value, local: Cell, verdict: Verdict) -> None:
        """The record says who lost in the end; a write that knew of the other one is none."""
        conflict = self.conflicts.get(cell)
        if conflict is None:
            return
        ours = self._standing(cell, local)
        shown = self._plan.registers[cell].image
        if ours is not None and not differ(self._origin, ours):
            del self.conflicts[cell]
        elif verdict.writes and conflict.lost_here is False:
            self.conflicts[cell] = replace(conflict, stands=value, lost=shown, lost_here=True)
        elif not verdict.writes and conflict.lost_here:
            self.conflicts[cell] = replace(conflict, stands=shown, lost=value, lost_here=False)


def settle(ledger: Ledger, local: str, judged: Judged) -> None:
    """Nothing was written: what the tracker shows has the later origin."""
    ledger.load([local])
    for cell, origin in judged.stands.items():
        ledger.stand(local, cell, origin)


def applied(ep: Endpoint, ledger: Ledger, judged: Judged, outcome: Applied) -> None:
    """The write is in the tracker: its edits come back on the links of our kin, and this is what they tell."""
    ledger.load([outcome.local])
    if ledger.told(outcome.local, outcome.position) is None:
        said = resolved(judged.said, outcome)._replace(own=_fresh(ep, ledger))
        ledger.tell(outcome.local, outcome.position, said)
        _stand(ledger, outcome.local, said, outcome.cells)
    for cell, origin in judged.stands.items():
        if cell not in judged.said.cells:
            ledger.stand(outcome.local, cell, origin)


def say_again(tx: Connection, ep: Endpoint, book: Book, gid: str, judged: Judged) -> list[ChangeSet]:
    """What the tracker shows, as fresh writes of this link with the origins that they have."""
    ledger = book.ledger
    cells = [c for c in judged.again if c.field in ep.policies and ep.translation.may_send(c.field)]
    cells = [cell for cell in cells if ep.agreement.direction_of(cell.field).allows(ep.side)]
    if ledger is None or not cells:
        return []
    n, inc = links.take_numbers(tx, ep.row, 1), links.state(tx, ep.row).life[0]
    registers = book.fields(gid, cells)
    groups: dict[Origin, list[Operation]] = {}
    for cell in cells:
        after = write(registers[cell], registers[cell].image, ep.side, inc, n)
        book.put(gid, {cell: after})
        groups.setdefault(judged.again[cell], []).append(Operation(cell, after.value, after.write, after.known))
    return [ChangeSet(gid, "", "", tuple(said), origin, (ep.place,)) for origin, said in groups.items()]


def _fresh(ep: Endpoint, ledger: Ledger) -> Origin:
    number = ledger.number()
    return Origin(number, ep.place, number)


def _stand(ledger: Ledger, local: str, said: Provenance, cells: Iterable[Cell]) -> None:
    for cell in cells:
        write = said.of(cell)
        if write is not None:
            ledger.stand(local, cell, write)
