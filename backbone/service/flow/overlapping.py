"""What applying has to know while, and after, the agreement changes: by which one a change set is checked, and what we
say with it besides.
"""

from backbone.errors import PeerError
from backbone.model import SETS
from backbone.replication import diff
from backbone.replication.agreement import Agreement
from backbone.replication.diff import Shadow
from backbone.replication.differing import turned
from backbone.replication.merge import Side
from backbone.replication.message import ChangeSet
from backbone.replication.overlap import Overlap, operations_of
from backbone.replication.scope.expression import ExpressionError
from backbone.replication.scope.judging import Circumstances
from backbone.replication.scope.rules import Part
from backbone.service.endpoint import Endpoint
from backbone.service.flow.tasks import Task
from backbone.store import links
from backbone.store.engine import Connection
from backbone.store.shadows import Book


def check(ep: Endpoint, task: Task) -> None:
    """By the agreement by which it was written; what a person released may be older. Raises ``PeerError``."""
    writer = None if task.late else ep.side.other
    try:
        ep.theirs.agreement.check(task.change_set, writer)
    except PeerError:
        if not (task.held and any(_allows(one, task.change_set, writer) for one in ep.known)):
            raise


def _allows(agreement: Agreement, change_set: ChangeSet, writer: Side | None) -> bool:
    try:
        agreement.check(change_set, writer)
    except PeerError:
        return False
    return True


def overlap(tx: Connection, ep: Endpoint, book: Book, task: Task) -> Overlap:
    """What a changed agreement asks for. A change set that waited for a person may come from before the change."""
    links.saw_number(tx, ep.row, diff.highest_number(task.change_set.operations))
    contested = turned(ep.earlier.agreement, ep.agreement) if ep.earlier else frozenset()
    return Overlap(
        fills=lambda name: _fills(ep, name) and not _is_read_only(ep, book, task.change_set.gid),
        contested=lambda name: name in contested or (task.held and name in ep.policies),
        side=ep.side,
        inc=links.state(tx, ep.row).life[0],
        n=links.take_numbers(tx, ep.row, 1),
    )


def _fills(ep: Endpoint, name: str) -> bool:
    """Whether it is a field with one value, and ours may be said."""
    field = ep.agreement.fields.get(name)
    return (
        field is not None and field.type not in SETS and field.direction.allows(ep.side) and ep.translation.sends(name)
    )


def _is_read_only(ep: Endpoint, book: Book, gid: str) -> bool:
    """Whether nothing that we show of this issue of the partner's may be said."""
    if not ep.scope.guards_theirs or ep.is_ours(gid, book.load_whole(gid)):
        return False
    shown = {c: r.image for c, r in book.load_whole(gid).items() if not c.field.startswith(diff.NOTE)}
    try:
        return ep.scope.part(shown, Circumstances(here=False, now=ep.clock(), link=ep.name)) is Part.READ_ONLY
    except ExpressionError:
        return True


def said_with(gid: str, anew: Shadow) -> list[ChangeSet]:
    """What the peer must hear of it: one change set, or none."""
    return [ChangeSet(gid, "", "", operations_of(anew))] if anew else []
