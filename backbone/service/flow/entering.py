"""Issues of the partner's that the link's file does not want here yet: what was said is kept, and nothing written.

When a change makes them wanted, they are made with all of it.
"""

from backbone.model import Issue
from backbone.replication.diff import Plan, Shadow
from backbone.replication.mapping.entry import has_entered
from backbone.replication.mapping.sources import Sources
from backbone.replication.merge import NEVER
from backbone.replication.message import ChangeSet, Operation
from backbone.replication.receipt import Became
from backbone.replication.scope.expression import ExpressionError
from backbone.replication.scope.judging import Circumstances
from backbone.replication.scope.rules import Part
from backbone.service.endpoint import Endpoint
from backbone.service.evidence import receipting
from backbone.service.flow import quarantine
from backbone.service.flow.tasks import Task
from backbone.store import resync, shadows
from backbone.store.engine import Connection
from backbone.store.shadows import Book


def with_stored(book: Book, change_set: ChangeSet) -> tuple[Operation, ...]:
    """All that the partner ever said of an issue, the newest last."""
    said = {operation.cell for operation in change_set.operations}
    stored = [(cell, r) for cell, r in _said(book, change_set.gid).items() if cell not in said]
    return (*(Operation(cell, r.value, r.write, r.known) for cell, r in stored), *change_set.operations)


def _said(book: Book, gid: str) -> Shadow:
    return {cell: r for cell, r in book.load_whole(gid).items() if r.write != NEVER}


def enters(ep: Endpoint, plan: Plan) -> bool:
    """Whether an issue of the partner's that is so is wanted here; ``plan`` has all its registers. Raises
    ``ExpressionError``.
    """
    if not _guards_theirs(ep):
        return True
    values = {cell: r.value for cell, r in plan.registers.items()}
    if not ep.translation.entry.theirs(values):
        return False
    part = ep.scope.part(values, Circumstances(here=False, now=ep.clock(), link=ep.name))
    return part in (Part.FULL, Part.READ_ONLY)


def _guards_theirs(ep: Endpoint) -> bool:
    """Whether the link's file looks at an issue of the partner's before it is made here."""
    return ep.translation.entry.guards_theirs or ep.scope.guards_theirs


def guards_ours(ep: Endpoint) -> bool:
    """Whether the link's file looks at an issue of ours before anything of it leaves."""
    return ep.translation.entry.guards_ours or ep.scope.guards


def nameable(tx: Connection, ep: Endpoint) -> list[str]:
    """The gids that a restored partner may hear: not those of issues that stay here, or are others'."""
    known = resync.shadowed(tx, ep.row)
    return [gid for gid in known if has_entered(Book(tx, ep.row).load_whole(gid))] if guards_ours(ep) else known


def takes_part(ep: Endpoint, book: Book, gid: str) -> bool:
    """Whether an issue that this link has a name for was ever sent over it, or came over it: a partner that has heard
    of its gid otherwise may not write to it. What began at the partner's came from there.
    """
    return not guards_ours(ep) or ep.born_there(gid) or has_entered(book.load_whole(gid))


def may_join(ep: Endpoint, book: Book, gid: str, issue: Issue) -> bool:
    """The same while a store that forgot is joined again: what would enter as it stands has perhaps entered before."""
    if takes_part(ep, book, gid):
        return True
    entry = ep.translation.entry
    if not entry.ours(Sources(issue.cells, {}, entry.sources)):
        return False
    book.load_locals(ep.named_in(issue.cells))
    shown = ep.translation.to_agreed(issue.cells, ep.schema, ep.names(book), {}, fresh=True, number=issue.local).cells
    here = ep.is_ours(gid, book.load_whole(gid))
    try:
        return ep.scope.part(shown, Circumstances(here, ep.clock(), ep.name)) is not Part.SKIPPED
    except ExpressionError:
        return False


def keep_outside(tx: Connection, ep: Endpoint, book: Book, task: Task, plan: Plan) -> None:
    """One that is not wanted here: what was said is known, and nothing waits."""
    gid = task.change_set.gid
    book.put(gid, plan.registers)
    receipting.owe(tx, ep, task.change_set, Became.RECEIVED, "kept, and not shown in the tracker")
    if task.late:
        shadows.completed(tx, ep.row, gid, [o.cell for o in task.change_set.operations])
    if task.held:
        quarantine.released(tx, ep, task.key, gid)
