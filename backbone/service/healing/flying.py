"""What is in flight between two nodes: issues of which one side's digests know more than the other's."""

from backbone.replication.link import LinkState
from backbone.replication.merge import Side
from backbone.replication.message import Kind, decode_change_sets, inflate
from backbone.service.endpoint import Endpoint
from backbone.store import messages
from backbone.store.engine import Connection
from backbone.store.shadows import Book

MOVED_MAX = 1_000
"""With more messages or issues in flight an audit would say little: it is made again later."""


def touched(tx: Connection, ep: Endpoint, state: LinkState, since: int) -> set[str] | None:
    """The issues of our messages beyond number ``since``; ``None`` when there are too many, or some are forgotten."""
    last = state.out["c"].last
    if since >= last:
        return set()
    if last - since > MOVED_MAX:
        return None
    rows = messages.get_out(tx, ep.row, state.life, [("c", seq) for seq in range(since + 1, last + 1)])
    if len(rows) < last - since:
        return None
    found: set[str] = set()
    for row in rows:
        if row.kind == Kind.AGREED:
            continue
        assert row.body is not None, "the lane of change sets holds bodies"
        found.update(change_set.gid for change_set in decode_change_sets(inflate(row, row.body)))
    return found if len(found) <= MOVED_MAX else None


def written_since(tx: Connection, ep: Endpoint, gid: str, clock: int) -> bool:
    """Whether the partner wrote to it after its clock stood there: it was applied here since the answer was made."""
    theirs = 1 if ep.side is Side.SLAVE else 3
    registers = Book(tx, ep.row).load_whole(gid).values()
    return any(max(register.write[theirs], register.known[theirs]) > clock for register in registers)
