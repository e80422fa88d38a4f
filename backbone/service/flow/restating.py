"""What joined the agreement is said about the issues that are shared already, before anything by it is applied.

Of a field with one value, the side where an issue began says what stands there, also that nothing does; the other side
only notes what it shows. So a default that a tracker put into the partner's issues does not stand against what the
partner meant: where the partner's value comes, it is written, and the one that it replaces is on the list of conflicts;
where the partner has none, ours is said in answer (``applying``). Comments and attachments are said by the side where
each of them began, members of sets by both. Where only one side may write, that side says it.

Pages of issues, each in one transaction with how far we are; a crash repeats one at most.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from backbone.model import ATTACHMENT, COMMENT, ISSUE, SETS, Cell, Cells, Edit, Issue, Touched
from backbone.points import passed
from backbone.replication import diff
from backbone.replication.agreement import Agreement
from backbone.replication.differing import joining, widening
from backbone.replication.mapping import Outward, bringing
from backbone.replication.merge import EMPTY, NEVER, Register, write
from backbone.replication.message import ChangeSet, Operation
from backbone.service.endpoint import Endpoint
from backbone.service.flow.asking import fits
from backbone.service.flow.outbound import fetch_contents, run_complete
from backbone.service.flow.recording import bounded, check_contents, complain, emit, leave, record
from backbone.service.flow.scoping import Fits, rule
from backbone.service.flow.sighting import Sighted, edits_of, sighted
from backbone.store import links, proposals, shadows, standing
from backbone.store.engine import Connection
from backbone.store.shadows import Book, Known
from backbone.store.standing import Standing

SAID_AT_ONCE = 200
_CONTENT = (COMMENT, ATTACHMENT)


class _Fresh(NamedTuple):
    """What joined, and of what else we may say more than before."""

    joined: frozenset[str]
    wider: frozenset[str]


class _Edited(NamedTuple):
    """What people did to the issues of a page, and what the tracker was asked about those."""

    touched: Mapping[str, Touched]
    asked: Fits
    seen: Sighted


async def say_more(ep: Endpoint) -> int:
    """One page; returns how much was done. The last one says so to ``ep``."""
    before, present = await ep.store.read(lambda tx: proposals.last_two(tx, ep.row))
    life = await ep.store.read(lambda tx: links.state(tx, ep.row).life)
    fresh = _fresh(ep, proposals.agreement_of(before), proposals.agreement_of(present))
    page = await ep.store.read(lambda tx: _page(tx, ep, present.said_up_to or ""))
    known = {one.local: one for one in page}
    positions = {one.local: one.seen for one in page if one.seen is not None}
    touched = await ep.tracker.touched_of(positions) if positions else {}
    issues = await ep.tracker.read(list(known)) if known else {}
    for one in touched.values():
        for edit in one.edits:
            await fetch_contents(ep, edit.cells)
    for issue in issues.values():
        await fetch_contents(ep, issue.cells)
    last = page[-1].gid if page else None
    edited = _Edited(touched, await fits(ep, touched), await sighted(ep, edits_of(touched)))

    def keep(tx: Connection, *, complete: bool = True) -> None:
        if links.state(tx, ep.row).life == life:
            _say(tx, ep, fresh, page, issues, edited, complete=complete)
            proposals.change(tx, ep.row, present.version, ep.clock(), said_up_to=last)

    await run_complete(ep, keep)
    passed("restating: said")
    _, present = await ep.store.read(lambda tx: proposals.last_two(tx, ep.row))
    ep.unsaid = present.said_up_to is not None
    return 1


def _fresh(ep: Endpoint, old: Agreement, new: Agreement) -> _Fresh:
    return _Fresh(joining(old, new), widening(old, new, ep.side))


def _page(tx: Connection, ep: Endpoint, after: str) -> list[Known]:
    names = shadows.pages(tx, ep.row, after, SAID_AT_ONCE)
    book = Book(tx, ep.row)
    book.load_gids([one.gid for one in names])
    return [known for one in names if (known := book.by_gid(one.gid)) is not None]


def _say(
    tx: Connection, ep: Endpoint, fresh: _Fresh, page: Sequence[Known], issues: Mapping[str, Issue], edited: _Edited, *,
    complete: bool,
) -> None:  # fmt: skip
    """What people did to these issues first, then what they show."""
    book = Book(tx, ep.row)
    edits = [edit for one in edited.touched.values() for edit in one.edits]
    said = record(tx, ep, book, edits, fits=edited.asked, seen=edited.seen)
    for local, one in edited.touched.items():
        book.load_locals([(ISSUE, local)])
        known = book.by_local(ISSUE, local)
        assert known is not None
        book.see(known.gid, one.position)
    stands = standing.of(tx, ep.row, {known.gid for known in page})
    for known in page:
        issue = issues.get(known.local)
        if issue is not None:
            one_said = _say_one(tx, ep, book, fresh, known, issue, stands.get(known.gid, Standing(known.gid)))
            said += [one_said] if one_said is not None else []
    if complete:
        check_contents(ep, book, said)
    book.flush(ep.clock())
    emit(tx, ep, said)


def _say_one(
    tx: Connection, ep: Endpoint, book: Book, fresh: _Fresh, known: Known, issue: Issue, stands: Standing
) -> ChangeSet | None:
    """What is outside the link is noted, and enters with the issue; what rests is said when it goes on."""
    shadow = book.load_whole(known.gid)
    book.load_locals(ep.named_in(issue.cells))
    names = ep.names(book)
    edit = Edit(issue.local, issue.position, "", "", {})
    said_now = ep.translation.to_agreed(issue.cells, ep.schema, names, shadow, number=issue.local)
    outward = _sayable(tx, ep, fresh, known.gid, edit, said_now)
    ruling = rule(ep, stands, shadow, outward.cells, outward.quiet, None)
    if ruling.problem:
        complain(tx, ep, edit, known.gid, ruling.problem)
    if ruling.leaves:
        leave(tx, ep, book, stands, edit)
        shadow = book.load_whole(known.gid)
    outward = outward._replace(quiet=ruling.quiet)
    inc, n = links.state(tx, ep.row).life[0], links.take_numbers(tx, ep.row, 1)
    registers = dict(_first_said(ep, fresh, known.gid, shadow, outward, inc, n))
    operations = [Operation(c, r.value, r.write, r.known) for c, r in registers.items() if r.write != NEVER]
    before, cells = _said_by_both(ep, fresh, shadow, outward)
    captured = diff.capture(before, cells, ep.side, inc, n, outward.quiet)
    for agreed, local in ep.owned(issue.cells, names).items():
        if agreed in captured.registers:
            ep.name_owned(book, agreed, local)
    book.put(known.gid, {**registers, **captured.registers})
    said = (*operations, *captured.operations)
    return ChangeSet(known.gid, "", "", said) if said else None


def _sayable(tx: Connection, ep: Endpoint, fresh: _Fresh, gid: str, edit: Edit, outward: Outward) -> Outward:
    """Without what cannot be said: what of it is fresh is on the list."""
    for cell, problem in zip(outward.unsaid, outward.problems, strict=True):
        if cell.field in fresh.joined:
            complain(tx, ep, edit, gid, problem)
    new = {cell: value for cell, value in outward.cells.items() if cell.field in fresh.joined | fresh.wider}
    too_long = new.keys() - bounded(tx, ep, edit, gid, new).keys()
    cells = {cell: value for cell, value in outward.cells.items() if cell not in too_long}
    return outward._replace(cells=cells, unsaid=(*outward.unsaid, *too_long))


def _first_said(
    ep: Endpoint, fresh: _Fresh, gid: str, shadow: diff.Shadow, outward: Outward, inc: int, n: int
) -> Iterator[tuple[Cell, Register]]:
    """Of what joined: a field with one value is said by the side where the issue began, and noted by the other; so is a
    comment or an attachment of the partner's.
    """
    for name in sorted(fresh.joined):
        cell = Cell(name)
        register, shown = shadow.get(cell, EMPTY), outward.cells.get(cell)
        if not _is_single(ep, name) or register.write != NEVER or cell in outward.unsaid:
            continue
        direction = ep.agreement.direction_of(name)
        both = direction.allows(ep.side) and direction.allows(ep.side.other)
        ours = ep.is_ours(gid, shadow) if both else direction.allows(ep.side)
        if ours and (both or shown is not None) and not outward.quiet.keeps(cell):
            yield cell, write(register, shown, ep.side, inc, n)._replace(image=shown)
        elif shown is not None:
            yield cell, register._replace(image=shown)
    for cell, shown in outward.cells.items():
        if _is_theirs(ep, outward, cell) and cell.field in fresh.joined and cell not in shadow:
            yield cell, EMPTY._replace(image=shown)


def _said_by_both(ep: Endpoint, fresh: _Fresh, shadow: diff.Shadow, outward: Outward) -> tuple[diff.Shadow, Cells]:
    """Members of sets, comments and attachments that joined; and what may be said of a field now and differs from what
    was. Both as ``diff.capture`` takes them.
    """
    before = dict(shadow)
    cells = {
        cell: value
        for cell, value in outward.cells.items()
        if not _is_theirs(ep, outward, cell)
        and (
            cell.field == diff.BROUGHT
            or cell.field in fresh.wider
            or (cell.field in fresh.joined and not _is_single(ep, cell.field))
        )
    }
    for name in fresh.wider:
        if _is_single(ep, name) and Cell(name) not in outward.unsaid:
            cells.setdefault(Cell(name), None)
    for cell in cells:
        if cell in before and cell.field in fresh.wider:
            before[cell] = before[cell]._replace(image=before[cell].value)
    return before, cells


def _is_theirs(ep: Endpoint, outward: Outward, cell: Cell) -> bool:
    """Whether it is a comment or an attachment that began at the partner's, or that the partner told us of."""
    is_brought = bringing.note(cell.element) in outward.cells
    return cell.field in _CONTENT and not ep.born_here(cell.element) and not is_brought


def _is_single(ep: Endpoint, name: str) -> bool:
    field = ep.agreement.fields.get(name)
    return field is not None and field.type not in SETS
