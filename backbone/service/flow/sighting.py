"""What kin were writing to the tracker when it was read: in the tracker already, and perhaps not recorded yet.

Whoever has read the tracker asks afterwards: a write that was read had its intent in the store before, and there it
is still, or else what came of it is recorded.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from backbone.errors import TrackerUnavailable
from backbone.model import ATTACHMENT, COMMENT, ISSUE, Applied, Cell, Edit, Issue, Position, Touched, Value, covers
from backbone.replication.message import ChangeSet
from backbone.service.endpoint import Endpoint
from backbone.service.flow.remembering import check_own, may_be_ours
from backbone.store import kin
from backbone.store.ledger import Provenance, contains

_CONTENT = (COMMENT, ATTACHMENT)


class Begun(NamedTuple):
    """A write of kin's that is in the tracker."""

    local: str
    upto: Position
    said: Provenance

    def has(self, position: Position) -> bool:
        """Whether an edit of the issue belongs to it."""
        return contains(self.said, self.upto, position)


class Sighted(NamedTuple):
    """``names`` are gids by kind of thing and local name; ``contents`` what was said of comments and attachments."""

    names: Mapping[tuple[str, str], str]
    contents: Mapping[Cell, Value]
    edits: Sequence[Begun] = ()
    untold: Mapping[str, Sequence[Edit]] = MappingProxyType({})
    """Of issues of which a picture is told: edits that kin have perhaps not told yet."""


NOTHING = Sighted({}, {})


async def sighted(ep: Endpoint, edits: Iterable[Edit]) -> Sighted:
    """What the tracker has of the writes that kin have begun. These ``edits`` were read: raises ``Forgotten`` where one
    of them is a write of ours that our store does not know.
    """
    own = await check_own(ep, {edit.local for edit in edits if may_be_ours(ep, edit)})
    return _with_names(ep, await _sighted(ep), own)


def edits_of(touched: Mapping[str, Touched]) -> Iterator[Edit]:
    """What was read of each of some issues."""
    return (edit for one in touched.values() for edit in one.edits)


async def _sighted(ep: Endpoint) -> Sighted:
    begun = await ep.store.read(lambda tx: kin.begun(tx, kin.of(tx, ep.row)))
    if not begun:
        return NOTHING
    names: dict[tuple[str, str], str] = {}
    contents: dict[Cell, Value] = {}
    edits: list[Begun] = []
    for key, applied in (await ep.tracker.find(list(begun))).items():
        change_set, said = begun[key]
        names[ISSUE, applied.local] = change_set.gid
        names.update(names_made(ep, applied))
        contents.update(_said(change_set))
        edits.append(Begun(applied.local, applied.position, resolved(said, applied)))
    return Sighted(names, contents, edits)


async def pictured(ep: Endpoint, issues: Iterable[Issue]) -> Sighted:
    """The same for whoever tells whole issues, which were read before: what people did to them and nobody told yet is
    told with them, and must not be taken for something older. Raises ``TrackerUnavailable`` where the tracker's
    journals do not reach as far as its issues yet, and ``Forgotten`` as above.
    """
    read = {issue.local: issue.position for issue in issues}
    own = await check_own(ep, read)
    found = _with_names(ep, await _sighted(ep), own)
    seen = await ep.store.read(lambda tx: kin.seen(tx, kin.of(tx, ep.row), read))
    if not seen:
        return found
    first = (0,) * len(await ep.tracker.head())
    touched = await ep.tracker.touched_of({local: position or first for local, position in seen.items()})
    if not all(covers(one.position, read[local]) for local, one in touched.items()):
        raise TrackerUnavailable(f"tracker {ep.tracker_name} shows changes that its history does not have yet")
    return found._replace(untold={local: one.edits for local, one in touched.items()})


def _with_names(ep: Endpoint, found: Sighted, own: Iterable[Applied]) -> Sighted:
    names = {key: name for one in own for key, name in names_made(ep, one).items()}
    return found._replace(names={**names, **found.names}) if names else found


def resolved(said: Provenance, applied: Applied) -> Provenance:
    """The same with the names that the tracker gave to what was made."""
    cells = {Cell(c.field, applied.created.get(c.element, c.element)): write for c, write in said.cells.items()}
    return said._replace(cells=cells, after=said.after or (0,) * len(applied.position))


def names_made(ep: Endpoint, applied: Applied) -> dict[tuple[str, str], str]:
    """Comments, attachments and rows that the write made, as it called them."""
    kinds = {cell.element: kind for cell in applied.cells if (kind := ep.own_kind(cell.field)) is not None}
    return {(kinds[local], local): mark[1:] for mark, local in applied.created.items() if local in kinds}


def _said(change_set: ChangeSet) -> dict[Cell, Value]:
    return {o.cell: o.value for o in change_set.operations if o.cell.field in _CONTENT}
