"""Issues of the partner's that the link's file does not want here yet: what was said is kept, and nothing written.

When a change makes them wanted, they are made with all of it.
"""

from backbone.model import Issue
from backbone.replication.diff import Plan
from backbone.replication.mapping.entry import has_entered
from backbone.replication.mapping.sources import Sources
from backbone.replication.message import ChangeSet, Operation
from backbone.service.endpoint import Endpoint
from backbone.store.shadows import Book


def with_stored(book: Book, change_set: ChangeSet) -> tuple[Operation, ...]:
    """All that the partner ever said of an issue, the newest last."""
    said = {operation.cell for operation in change_set.operations}
    stored = [(cell, r) for cell, r in book.load_whole(change_set.gid).items() if cell not in said]
    return (*(Operation(cell, r.value, r.write, r.known) for cell, r in stored), *change_set.operations)


def enters(ep: Endpoint, plan: Plan) -> bool:
    """Whether an issue that is so is wanted here; ``plan`` has all its registers."""
    entry = ep.translation.entry
    return not entry.guards_theirs or entry.theirs({cell: r.value for cell, r in plan.registers.items()})


def takes_part(ep: Endpoint, book: Book, gid: str) -> bool:
    """Whether an issue that this link has a name for was ever sent over it, or came over it: a partner that has heard
    of its gid otherwise may not write to it.
    """
    return not ep.translation.entry.guards_ours or has_entered(book.load_whole(gid))


def may_join(ep: Endpoint, book: Book, gid: str, issue: Issue) -> bool:
    """The same while a store that forgot is joined again: what would enter as it stands has perhaps entered before."""
    entry = ep.translation.entry
    return takes_part(ep, book, gid) or entry.ours(Sources(issue.cells, {}, entry.sources))
