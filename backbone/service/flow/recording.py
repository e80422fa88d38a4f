"""What a local edit leaves in the store: registers, images, numbered messages. Runs inside a transaction."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from backbone.model import ATTACHMENT, COMMENT, ISSUE, Cell, Cells, Edit, Position, covers
from backbone.replication import diff, limits
from backbone.replication.link import LinkState, Numbered, step
from backbone.replication.mapping import Names
from backbone.replication.message import (
    LANE_OF,
    ChangeSet,
    Chunk,
    Kind,
    chain,
    compress,
    digest,
    encode_change_set,
    encode_change_sets,
)
from backbone.replication.retrying import next_try
from backbone.service.endpoint import Endpoint
from backbone.service.flow import tracing
from backbone.service.flow.sighting import NOTHING, Sighted
from backbone.store import blobs, links, lists, messages
from backbone.store.engine import Connection
from backbone.store.messages import Outgoing
from backbone.store.shadows import Book, Known

_CONTENT = (COMMENT, ATTACHMENT)
_TOO_FAR = (
    f"came over {limits.hops_max} trackers and is not sent on: look for a ring of links, or link the companies directly"
)


def record(
    tx: Connection, ep: Endpoint, book: Book, edits: Sequence[Edit], seen: Sighted = NOTHING, *, whole: bool = False
) -> list[ChangeSet]:
    """Register local edits, in commit order, and return what the peer must hear. Images follow the tracker.

    Edits that were seen already are passed over. ``seen`` was asked for after they were read. ``whole``: these are no
    steps but complete pictures of issues, so what is not in one is absent.
    """
    book.hear(seen.names, seen.contents)
    book.load_locals((ISSUE, edit.local) for edit in edits)
    fresh = [edit for edit in edits if whole or not _was_seen(book.by_local(ISSUE, edit.local), edit)]
    if not fresh:
        return []
    names = ep.names(book)
    change_sets: list[ChangeSet] = []
    first, inc = links.take_numbers(tx, ep.row, len(fresh)), links.state(tx, ep.row).life[0]
    for number, one in enumerate(_load(ep, book, names, fresh), first):
        change_sets += _record_one(tx, ep, book, names, one, inc, number, seen, whole=whole)
    return change_sets


def emit(tx: Connection, ep: Endpoint, change_sets: Iterable[ChangeSet]) -> int:
    """Number what the peer must hear, in as few messages as their limits allow; returns the change sets."""
    said = list(change_sets)
    body_bytes = ep.body_bytes
    pieces = [piece for change_set in said for piece in _encoded(change_set, body_bytes)]
    if not pieces:
        return 0
    outgoing: list[tuple[Kind, bytes, int, Chunk | None]] = []
    batch: list[bytes] = []
    size = 0
    for encoded in pieces:
        if batch and (len(batch) >= limits.change_sets_per_message or size + len(encoded) > body_bytes):
            outgoing.append((Kind.DATA, encode_change_sets(batch), len(batch), None))
            batch, size = [], 0
        batch.append(encoded)
        size += len(encoded)
    outgoing.append((Kind.DATA, encode_change_sets(batch), len(batch), None))
    outgoing += _attachments(tx, ep, said)
    number(tx, ep, outgoing)
    return len(pieces)


def _encoded(change_set: ChangeSet, body_bytes: int) -> list[bytes]:
    """Nearly always one; several for what is too large to be sent and applied quickly."""
    encoded = encode_change_set(change_set)
    if len(change_set.operations) <= limits.operations_per_change_set and len(encoded) <= body_bytes:
        return [encoded]
    return [encode_change_set(piece) for piece in diff.in_pieces(change_set, body_bytes)]


def number(tx: Connection, ep: Endpoint, outgoing: Sequence[tuple[Kind, bytes, int, Chunk | None]]) -> None:
    """Give each ``(kind, raw body, change sets, chunk)`` its lane's next number and put it into the outbox."""
    state = links.state(tx, ep.row)
    rows: list[Outgoing] = []
    for kind, raw, count, chunk in outgoing:
        state, row = _number_one(ep, state, kind, raw, count, chunk)
        rows.append(row)
    messages.put_out(tx, ep.row, state.life, rows, ep.clock())
    links.save_state(tx, ep.row, state)


def _number_one(
    ep: Endpoint, state: LinkState, kind: Kind, raw: bytes, count: int, chunk: Chunk | None
) -> tuple[LinkState, Outgoing]:
    lane = LANE_OF[kind]
    sending = state.out[lane]
    seq = sending.last + 1
    encoding, body = ("none", raw) if chunk else compress(raw)
    dig = digest(ep.link_id, ep.identity.us, state.life, lane, seq, kind, chunk, body)
    row = Outgoing(
        lane=lane,
        seq=seq,
        kind=kind,
        digest=dig,
        prev=sending.chain,
        chain=chain(sending.chain, dig),
        body_enc=encoding,
        raw_len=len(raw),
        body=None if chunk else body,
        chunk=chunk,
        change_sets=count,
    )
    after, _ = step(state, Numbered(lane, dig), ep.identity, ep.timing)
    return after, row


class _Named(NamedTuple):
    """An edit, the gid of its issue, and its comments and attachments by their cell in agreed words."""

    edit: Edit
    gid: str
    own: dict[Cell, Cell]


def _load(ep: Endpoint, book: Book, names: Names, edits: Sequence[Edit]) -> list[_Named]:
    book.load_locals(name for edit in edits for name in ep.named_in(edit.cells))
    gid_of = names.gid_of
    named: list[_Named] = []
    wanted: dict[str, list[Cell]] = {}
    for edit in edits:
        gid = gid_of(ISSUE, edit.local)
        own = {Cell(c.field, gid_of(c.field, c.element)): c for c in edit.cells if c.field in _CONTENT}
        named.append(_Named(edit, gid, own))
        wanted.setdefault(gid, []).extend(own)
    book.load_cells(wanted)
    return named


def _record_one(
    tx: Connection, ep: Endpoint, book: Book, names: Names, one: _Named, inc: int, fresh: int, seen: Sighted,
    *, whole: bool,
) -> list[ChangeSet]:  # fmt: skip
    edit, gid, own = one
    known = book.by_local(ISSUE, edit.local)
    if not whole and _was_seen(known, edit):
        return []
    guarded = ep.translation.entry.guards_ours
    shadow = book.load_whole(gid) if (whole or guarded) and known is not None else book.fields(gid, own)
    outward = ep.translation.to_agreed(edit.cells, ep.schema, names, shadow, fresh=known is None, number=edit.local)
    for problem in outward.problems:
        _complain(tx, ep, edit, gid, problem)
    shown = diff.whole(shadow, outward.cells, outward.unsaid) if whole else outward.cells
    cells = _bounded(tx, ep, edit, gid, shown)
    provenance = tracing.whence(ep, book.ledger, edit, seen) if book.ledger is not None and not whole else None
    quiet = outward.quiet
    if provenance is not None and len(provenance.path) >= limits.hops_max:
        quiet = diff.Quiet(outside=True)
        _complain(tx, ep, edit, gid, _TOO_FAR)
    captured = diff.capture(shadow, cells, ep.side, inc, fresh, quiet)
    book.name(Known(gid, ISSUE, edit.local, _later(known.seen if known else None, edit.position)))
    for cell in own.keys() & captured.registers.keys():
        if book.by_local(cell.field, own[cell].element) is None:
            book.name(Known(cell.element, cell.field, own[cell].element))
    book.put(gid, captured.registers)
    if not captured.operations:
        return []
    said = ChangeSet(gid, ep.translation.person(edit.author, ep.schema), edit.at, captured.operations)
    if book.ledger is None:
        return [said]
    if provenance is not None:
        return tracing.change_sets(ep, provenance, said, own)
    if known is None:
        return [tracing.picture(ep, book.ledger, edit, said, seen)]
    return [tracing.missed(ep, book.ledger, edit, said, own, known.seen)]


def _was_seen(known: Known | None, edit: Edit) -> bool:
    """Our own writes come back in the feed, and what was read before a write: their positions are covered."""
    return known is not None and known.seen is not None and covers(known.seen, edit.position)


def _later(seen: Position | None, position: Position) -> Position:
    return position if seen is None else tuple(max(a, b) for a, b in zip(seen, position, strict=True))


def _bounded(tx: Connection, ep: Endpoint, edit: Edit, gid: str, cells: Cells) -> Cells:
    too_long = [cell for cell, value in cells.items() if diff.size_of(value) > limits.text_bytes_max]
    if not too_long:
        return cells
    for cell in too_long:
        _complain(tx, ep, edit, gid, f"{cell.field}: the text is longer than {limits.text_bytes_max} bytes")
    return {cell: value for cell, value in cells.items() if cell not in too_long}


def _complain(tx: Connection, ep: Endpoint, edit: Edit, gid: str, problem: str) -> None:
    advice = f"amend links/{ep.name}.toml or the issue, then: backbone queue retry NUMBER"
    now = ep.clock()
    lists.set_aside(
        tx, ep.row, "outbound", f"{edit.local}: {problem}", now, gid=gid, local=edit.local, advice=advice,
        next_at=next_try(1, now),
    )  # fmt: skip


def _attachments(
    tx: Connection, ep: Endpoint, change_sets: Iterable[ChangeSet]
) -> list[tuple[Kind, bytes, int, Chunk | None]]:
    """The parts of the contents that these change sets name, even if the peer had them once: it keeps a content only
    until nothing names it. Change sets and parts are numbered in one transaction, so that each part's header tells the
    peer of the change sets which need it (``pruning``).
    """
    said: set[str] = set()
    parts: list[tuple[Kind, bytes, int, Chunk | None]] = []
    for change_set in change_sets:
        for operation in change_set.operations:
            value = operation.value
            if operation.cell.field != ATTACHMENT or not isinstance(value, dict):
                continue
            sha256, total = str(value["sha256"]), int(value["size"])
            if sha256 not in said and ep.contents.has(sha256):
                said.add(sha256)
                blobs.add_sent(tx, ep.row, sha256, total)
                step_ = ep.part_bytes
                for offset in range(0, max(total, 1), step_):
                    part = ep.contents.read(sha256, offset, step_)
                    parts.append((Kind.BLOB, part, 0, Chunk(sha256=sha256, total=total, offset=offset)))
    return parts
