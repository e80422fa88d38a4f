"""What a local edit leaves in the store: registers, images, numbered messages. Runs inside a transaction."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from backbone.model import ATTACHMENT, ISSUE, Cell, Cells, Edit, Position, Value, covers, in_words
from backbone.replication import diff, limits
from backbone.replication.link import LinkState, Numbered, step
from backbone.replication.mapping import Names, bringing
from backbone.replication.mapping.entry import has_entered
from backbone.replication.merge import EMPTY, NEVER, write
from backbone.replication.message import (
    LANE_OF,
    ChangeSet,
    Chunk,
    Kind,
    Operation,
    chain,
    compress,
    digest,
    encode_change_set,
    encode_change_sets,
    encode_record,
)
from backbone.replication.retrying import next_try
from backbone.replication.scope.rules import Leaving
from backbone.replication.scope.standing import announcement
from backbone.service.endpoint import Endpoint
from backbone.service.flow import tracing
from backbone.service.flow.scoping import NOT_ASKED, Fits, Ruling, rule
from backbone.service.flow.shadowing import shadow_for
from backbone.service.flow.sighting import NOTHING, Sighted
from backbone.store import blobs, evidence, links, lists, messages, shadows, standing
from backbone.store.engine import Connection
from backbone.store.messages import Outgoing
from backbone.store.shadows import Book, Known
from backbone.store.standing import CUT, FROZEN, Standing

_TOO_FAR = (
    f"came over {limits.hops_max} trackers and is not sent on: look for a ring of links, or link the companies directly"
)
_SHOWN_CHARACTERS = 200
"""So much of a value that was put back is kept for a person."""


def record(
    tx: Connection, ep: Endpoint, book: Book, edits: Sequence[Edit], *, whole: bool = False, entered: bool = False,
    fits: Fits = NOT_ASKED, seen: Sighted = NOTHING,
) -> list[ChangeSet]:  # fmt: skip
    """Register local edits, in commit order, and return what the peer must hear. Images follow the tracker.

    Edits that were seen already are passed over. ``whole``: these are no steps but complete pictures of issues, so what
    is not in one is absent. ``entered``: the partner knows them, though our store may have forgotten that. ``fits`` is
    what the tracker was asked about them. ``seen`` is what kin were writing when the edits were read.
    """
    book.hear(seen.names, seen.contents)
    book.load_locals((ISSUE, edit.local) for edit in edits)
    fresh = [edit for edit in edits if whole or not _was_seen(book.by_local(ISSUE, edit.local), edit)]
    if not fresh:
        return []
    names = ep.names(book, {edit.local for edit in fresh})
    change_sets: list[ChangeSet] = []
    first, inc = links.take_numbers(tx, ep.row, len(fresh)), links.state(tx, ep.row).life[0]
    named = _load(ep, book, names, fresh)
    stands = standing.of(tx, ep.row, {one.gid for one in named})
    for number, one in enumerate(named, first):
        before = stands.get(one.gid, Standing(one.gid))
        made = _record_one(
            tx, ep, book, names, one, inc, number, whole=whole, entered=entered, stands=before,
            fits=fits.get(one.edit.local), seen=seen,
        )  # fmt: skip
        if made is None:
            continue
        said_now, ruling = made
        if ruling.leaves:
            emit(tx, ep, [said for said in change_sets if said.gid == one.gid])
            change_sets = [said for said in change_sets if said.gid != one.gid]
            stands[one.gid] = leave(tx, ep, book, before, one.edit)
        elif ruling.returns:
            stands[one.gid] = stand(tx, ep, before._replace(ours="", why=""), tell=True)
        else:
            change_sets += said_now
    return change_sets


def stand(tx: Connection, ep: Endpoint, after: Standing, *, tell: bool) -> Standing:
    """An issue rests or goes on, on our side, from now on. ``tell``: the partner knows it, and is told."""
    before = standing.get(tx, ep.row, after.gid)
    wakes = before.rests and after.is_free
    said = before.said if before.rests else links.get(tx, ep.row).clock
    after = after._replace(waking=wakes, said=said)
    standing.put(tx, ep.row, after, ep.clock())
    if tell:
        told = after.ours if after.ours in standing.RESTS else ""
        last = links.state(tx, ep.row).out["c"].last if told else 0
        number(tx, ep, [(Kind.CTRL, encode_record(announcement(after.gid, told, last)), 0, None)])
    return after


def leave(tx: Connection, ep: Endpoint, book: Book, before: Standing, edit: Edit) -> Standing:
    """An issue that has entered is in scope no longer: with this edit, which stays here."""
    leaving = ep.scope.leaving
    if leaving is Leaving.CLOSE:
        n, inc = links.take_numbers(tx, ep.row, 1), links.state(tx, ep.row).life[0]
        operations = []
        for name, value in ep.scope.rules.close_with.items():
            cell = Cell(name)
            register = book.fields(before.gid, [cell]).get(cell, EMPTY)
            after = write(register, value, ep.side, inc, n)
            book.put(before.gid, {cell: after})
            operations.append(Operation(cell, value, after.write, after.known))
        author = ep.translation.person(edit.author, ep.schema)
        emit(tx, ep, [ChangeSet(before.gid, author, edit.at, tuple(operations))])
    ours = CUT if leaving is Leaving.UNLINK else FROZEN
    ep.log.info("left the scope", issue=edit.local, standing=ours)
    return stand(tx, ep, before._replace(ours=ours, why="it is out of the scope of this link"), tell=True)


class NotFetched(Exception):
    """What is said names attachments whose contents nobody has copied from the tracker: ``cells``, in local words."""

    def __init__(self, cells: Cells) -> None:
        super().__init__("contents are not here")
        self.cells = cells


def check_contents(ep: Endpoint, book: Book, change_sets: Iterable[ChangeSet]) -> None:
    """Raises ``NotFetched``: an issue that enters the link late says all that it has, and what stayed here was
    perhaps never copied, or was pruned.
    """
    lacking: dict[Cell, Value] = {}
    for change_set in change_sets:
        for cell, value, *_ in change_set.operations:
            if cell.field == ATTACHMENT and isinstance(value, dict) and not ep.contents.has(str(value["sha256"])):
                known = book.by_gid(cell.element)
                if known is not None:
                    lacking[Cell(ATTACHMENT, known.local)] = value
    if lacking:
        raise NotFetched(lacking)


def emit(tx: Connection, ep: Endpoint, change_sets: Iterable[ChangeSet]) -> int:
    """Number what the peer must hear, in as few messages as their limits allow; returns the change sets.

    Whatever asks for it, nothing of an issue that rests leaves: it is said when the issue goes on.
    """
    said = list(change_sets)
    if said:
        resting = standing.resting(tx, ep.row, {change_set.gid for change_set in said})
        said = [change_set for change_set in said if change_set.gid not in resting]
    body_bytes = ep.body_bytes
    pieces = [(change_set.gid, piece) for change_set in said for piece in _encoded(change_set, body_bytes)]
    if not pieces:
        return 0
    batches: list[list[tuple[str, bytes]]] = [[]]
    size = 0
    for gid, encoded in pieces:
        if batches[-1] and (len(batches[-1]) >= limits.change_sets_per_message or size + len(encoded) > body_bytes):
            batches.append([])
            size = 0
        batches[-1].append((gid, encoded))
        size += len(encoded)
    outgoing: list[tuple[Kind, bytes, int, Chunk | None]] = [
        (Kind.DATA, encode_change_sets([encoded for _, encoded in batch]), len(batch), None) for batch in batches
    ]
    keep_names(tx, ep, [[gid for gid, _ in batch] for batch in batches])
    number(tx, ep, [*outgoing, *_attachments(tx, ep, said)])
    return len(pieces)


def keep_names(tx: Connection, ep: Endpoint, gids: Iterable[Iterable[str]]) -> None:
    """Of which issues each of the next messages in the lane of change sets speaks: to be found again as evidence."""
    state = links.state(tx, ep.row)
    first = state.out["c"].last + 1
    rows = [(state.life[0], "c", seq, "\n".join(dict.fromkeys(named))) for seq, named in enumerate(gids, first)]
    evidence.keep(tx, ep.row, rows, ep.clock(), ours=True)


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
    readable = chunk is not None or kind is Kind.RECEIPTS  # what a third party reads, with gpg alone, stays as it is
    encoding, body = ("none", raw) if readable else compress(raw)
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
    """An edit, the gid of its issue, and its comments, attachments and rows by their cell in agreed words."""

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
        own = ep.owned(edit.cells, names)
        named.append(_Named(edit, gid, own))
        wanted.setdefault(gid, []).extend(own)
    book.load_cells(wanted)
    return named


def _record_one(
    tx: Connection, ep: Endpoint, book: Book, names: Names, one: _Named, inc: int, fresh: int, *, whole: bool,
    entered: bool, stands: Standing, fits: bool | None, seen: Sighted,
) -> tuple[list[ChangeSet], Ruling] | None:  # fmt: skip
    edit, gid, own = one
    known = book.by_local(ISSUE, edit.local)
    if not whole and _was_seen(known, edit):
        return None
    guarded = ep.translation.entry.guards_ours or ep.scope.guards or stands.ours != ""
    shadow = shadow_for(ep, book, gid, own, edit.cells)
    if known is not None and (whole or guarded or not has_entered(shadow)):
        shadow = book.load_whole(gid)
    brings = known is None and not shadow and ep.born_elsewhere(gid)
    outward = ep.translation.to_agreed(edit.cells, ep.schema, names, shadow, fresh=known is None, number=edit.local)
    for problem in outward.problems:
        complain(tx, ep, edit, gid, problem)
    shown = diff.whole(_shared(ep, shadow), outward.cells, outward.unsaid) if whole else outward.cells
    cells = bounded(tx, ep, edit, gid, shown)
    ruling = rule(ep, stands, shadow, cells, outward.quiet, fits, entered=entered, brings=brings)
    if ruling.problem:
        complain(tx, ep, edit, gid, ruling.problem)
    provenance = tracing.whence(ep, book.ledger, edit, seen) if book.ledger is not None and not whole else None
    if provenance is not None and len(provenance.path) >= limits.hops_max:
        ruling = ruling._replace(quiet=diff.Quiet(outside=True))
        complain(tx, ep, edit, gid, _TOO_FAR)
    captured = diff.capture(_shared(ep, shadow), cells, ep.side, inc, fresh, ruling.quiet)
    book.name(Known(gid, ISSUE, edit.local, _later(known.seen if known else None, edit.position)))
    for cell in own.keys() & captured.registers.keys():
        ep.name_owned(book, cell, own[cell])
    book.put(gid, {**captured.registers, bringing.note(): bringing.NOTED} if brings else captured.registers)
    if ruling.put_back and edit.author:
        _put_back(tx, ep, gid, edit, captured.registers)
    if not captured.operations:
        return [], ruling
    said = ChangeSet(gid, ep.translation.person(edit.author, ep.schema), edit.at, captured.operations)
    return tracing.told(ep, book.ledger, edit, said, own, provenance, known, seen), ruling


def _put_back(tx: Connection, ep: Endpoint, gid: str, edit: Edit, changed: diff.Shadow) -> None:
    """What people changed in an issue that is read-only here is written again, like what waits for its other end; what
    they added to it stays here.
    """
    wrong = [
        cell
        for cell, register in changed.items()
        if not cell.field.startswith(diff.NOTE) and (register.write != NEVER or not ep.is_owned(cell))
    ]
    if not wrong:
        return
    wants = f"repair:put back {links.take_numbers(tx, ep.row, 1)}"
    shadows.wait(tx, ep.row, gid, dict.fromkeys(wrong, wants))
    shadows.arrived(tx, ep.row, [wants])
    words = ", ".join(f"{cell.field} to {_in_words(changed[cell].image)}" for cell in sorted(wrong))
    reason = f"{edit.local}: {edit.author} changed {words}, but this issue is read-only here: that is put back"
    advice = "tell whoever changed it that the partner keeps this issue, then: backbone queue skip NUMBER"
    lists.set_aside(tx, ep.row, "read-only", reason, ep.clock(), gid=gid, local=edit.local, advice=advice)


def _in_words(value: Value) -> str:
    return "nothing" if value is None else repr(in_words(value)[:_SHOWN_CHARACTERS])


def _shared(ep: Endpoint, shadow: diff.Shadow) -> diff.Shadow:
    """Without what the partner may still write, and we no longer."""
    if ep.earlier is None:
        return shadow
    return {c: r for c, r in shadow.items() if c.field in ep.policies or c.field.startswith(diff.NOTE)}


def _was_seen(known: Known | None, edit: Edit) -> bool:
    """Our own writes come back in the feed, and what was read before a write: their positions are covered."""
    return known is not None and known.seen is not None and covers(known.seen, edit.position)


def _later(seen: Position | None, position: Position) -> Position:
    return position if seen is None else tuple(max(a, b) for a, b in zip(seen, position, strict=True))


def bounded(tx: Connection, ep: Endpoint, edit: Edit, gid: str, cells: Cells) -> Cells:
    """Without what is too long to travel: that is on the list."""
    too_long = [cell for cell, value in cells.items() if diff.size_of(value) > limits.text_bytes_max]
    if not too_long:
        return cells
    for cell in too_long:
        complain(tx, ep, edit, gid, f"{cell.field}: the text is longer than {limits.text_bytes_max} bytes")
    return {cell: value for cell, value in cells.items() if cell not in too_long}


def complain(tx: Connection, ep: Endpoint, edit: Edit, gid: str, problem: str) -> None:
    """Something of an edit cannot be said: it is on the list, and tried again by its schedule."""
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
