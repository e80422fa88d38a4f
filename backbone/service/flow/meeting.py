"""Issues that this link meets and that its kin (the node's other links on the same tracker) know already.

A gid is one and the same over all nodes. What a partner names for the first time may be in our tracker: it came over
another link, or was born here. Then it is not made again; our own picture of it is recorded first, by the rules that
decide what of it this partner may see, and what the partner says is joined with that. Nothing is learnt and nothing
written by naming a gid: an issue that would not be sent over this link is not met over it.
"""

from collections.abc import Mapping, Sequence

from backbone.model import ISSUE, ROW, Applied, Issue
from backbone.replication.identity import creation
from backbone.replication.link import Life
from backbone.service.endpoint import Endpoint
from backbone.service.flow.asking import fits
from backbone.service.flow.outbound import as_edit, fetch_contents
from backbone.service.flow.recording import emit, record
from backbone.service.flow.scoping import Fits
from backbone.service.flow.sighting import Sighted, pictured, sighted
from backbone.service.flow.tasks import Task
from backbone.store import kin, links
from backbone.store.engine import Connection
from backbone.store.shadows import Book, Known


async def meet(ep: Endpoint, tasks: Sequence[Task]) -> None:
    """The issues of these tasks that kin know become known to this link, as far as it takes part in them."""
    unknown, life = await ep.store.read(lambda tx: (_unknown(tx, ep, tasks), links.state(tx, ep.row).life))
    if not unknown:
        return
    found = await _found(ep, unknown, await sighted(ep, ()))
    if not found:
        return
    issues = await ep.tracker.read(sorted(found))
    for issue in issues.values():
        await fetch_contents(ep, issue.cells)
    seen = await pictured(ep, issues.values())
    seen = seen._replace(names={**seen.names, **{(ISSUE, local): gid for local, gid in found.items()}})
    asked = await fits(ep, set(issues), looking_back=True)
    await ep.store.run(lambda tx: _record(tx, ep, life, seen, asked, issues))


def _unknown(tx: Connection, ep: Endpoint, tasks: Sequence[Task]) -> set[str]:
    book = Book(tx, ep.row)
    if not book.kin:
        return set()
    named = {task.change_set.gid for task in tasks}
    book.load_gids(named)
    return {gid for gid in named if book.by_gid(gid) is None}


async def _found(ep: Endpoint, unknown: set[str], seen: Sighted) -> dict[str, str]:
    """Which issues of the tracker these are, with their gids: kin know them, or made them and could not record it."""
    known = await ep.store.read(lambda tx: kin.named(tx, kin.of(tx, ep.row), unknown))
    found = {one.local: gid for gid, one in known.items() if one.kind == ISSUE}
    found.update({local: gid for (kind, local), gid in seen.names.items() if kind == ISSUE and gid in unknown})
    rest = {creation(gid): gid for gid in unknown - known.keys() - set(found.values())}
    applied: Mapping[str, Applied] = await ep.tracker.find(list(rest)) if rest else {}
    return found | {one.local: rest[key] for key, one in applied.items()}


def name_contents(tx: Connection, ep: Endpoint, book: Book, tasks: Sequence[Task]) -> None:
    """Comments, attachments and rows of these issues that kin know, or knew, keep the names that they had in the
    tracker: what was taken out before this link met the issue is not made again.
    """
    if not book.kin:
        return
    tables = ep.theirs.agreement.tables
    said = {o.cell for task in tasks for o in task.change_set.operations if ep.is_owned(o.cell)}
    heard = {cell for cell in said if cell.field in tables or book.heard_of(cell)}
    wanted = {cell.element: cell for cell in heard if book.by_gid(cell.element) is None}
    named = kin.named(tx, book.kin, wanted) if wanted else {}
    book.load_locals((one.kind, one.local) for one in named.values())
    for gid, (kind, local) in named.items():
        if kind == (ROW if wanted[gid].field in tables else wanted[gid].field) and book.by_local(kind, local) is None:
            book.name(Known(gid, kind, local))


def _record(tx: Connection, ep: Endpoint, life: Life, seen: Sighted, asked: Fits, issues: Mapping[str, Issue]) -> None:
    if links.state(tx, ep.row).life != life:
        return
    book = Book(tx, ep.row)
    edits = [as_edit(issue) for issue in issues.values()]
    change_sets = record(tx, ep, book, edits, whole=True, fits=asked, seen=seen)
    book.flush(ep.clock())
    emit(tx, ep, change_sets)
