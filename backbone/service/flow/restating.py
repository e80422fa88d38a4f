"""What joined the agreement is said about the issues that are shared already, before anything by it is applied.

Of a field with one value, the side where an issue began says what stands there, also that nothing does; the other side
only notes what it shows. So a default that a tracker put into the partner's issues does not stand against what the
partner meant: where the partner's value comes, it is written, and the one that it replaces is on the list of conflicts;
where the partner has none, ours is said in answer (``applying``). Comments and attachments are said by the side where
each of them began, members of sets by both. Where only one side may write, that side says it.

Pages of issues, each in one transaction with how far we are; a crash repeats one at most.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from backbone.model import ATTACHMENT, COMMENT, ISSUE, SETS, Cell, Cells, Edit, Issue, Touched
from backbone.points import passed
from backbone.replication import diff
from backbone.replication.agreement import Agreement
from backbone.replication.differing import joining, widening
from backbone.replication.mapping import Outward
from backbone.replication.mapping.entry import has_entered
from backbone.replication.merge import EMPTY, NEVER, Register, write
from backbone.replication.message import ChangeSet, Operation
from backbone.service.endpoint import Endpoint
from backbone.service.flow.outbound import fetch_contents
from backbone.service.flow.recording import complain, emit, record
from backbone.store import links, proposals, shadows
from backbone.store.engine import Connection
from backbone.store.shadows import Book, Known

SAID_AT_ONCE = 200
_CONTENT = (COMMENT, ATTACHMENT)


class _Fresh(NamedTuple):
    """What joined, and of what else we may say more than before."""

    joined: frozenset[str]
    wider: frozenset[str]


async def say_more(ep: Endpoint) -> int:
    """One page; returns how much was done. The last one says so to ``ep``."""
    before, present = await ep.store.read(lambda tx: proposals.last_two(tx, ep.row))
    fresh = _fresh(ep, Agreement.parse(before.agreement, "before"), Agreement.parse(present.agreement, "now"))
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

    def keep(tx: Connection) -> None:
        _say(tx, ep, fresh, page, issues, touched)
        proposals.change(tx, ep.row, present.version, ep.clock(), said_up_to=last)

    await ep.store.run(keep)
    passed("restating: said")
    ep.unsaid = last is not None
    return 1


def _fresh(ep: Endpoint, old: Agreement, new: Agreement) -> _Fresh:
    return _Fresh(joining(old, new), widening(old, new, ep.side))


def _page(tx: Connection, ep: Endpoint, after: str) -> list[Known]:
    names = shadows.pages(tx, ep.row, after, SAID_AT_ONCE)
    book = Book(tx, ep.row)
    book.load_gids([one.gid for one in names])
    return [known for one in names if (known := book.by_gid(one.gid)) is not None]


def _say(
    tx: Connection, ep: Endpoint, fresh: _Fresh, page: Iterable[Known], issues: Mapping[str, Issue],
    touched: Mapping[str, Touched],
) -> None:  # fmt: skip
    """What people did to these issues first, then what they show."""
    book = Book(tx, ep.row)
    said = record(tx, ep, book, [edit for one in touched.values() for edit in one.edits])
    for local, one in touched.items():
        book.load_locals([(ISSUE, local)])
        known = book.by_local(ISSUE, local)
        assert known is not None
        book.see(known.gid, one.position)
    for known in page:
        issue = issues.get(known.local)
        shadow = book.load_whole(known.gid)
        if issue is not None and (has_entered(shadow) or not ep.translation.entry.guards_ours):
            one_said = _say_one(tx, ep, book, fresh, known, issue, shadow)
            said += [one_said] if one_said is not None else []
    book.flush(ep.clock())
    emit(tx, ep, said)


def _say_one(
    tx: Connection, ep: Endpoint, book: Book, fresh: _Fresh, known: Known, issue: Issue, shadow: diff.Shadow
) -> ChangeSet | None:
    book.load_locals(ep.named_in(issue.cells))
    names = ep.names(book)
    outward = ep.translation.to_agreed(issue.cells, ep.schema, names, shadow)
    for cell, problem in zip(outward.unsaid, outward.problems, strict=True):
        if cell.field in fresh.joined:
            complain(tx, ep, Edit(issue.local, issue.position, "", "", {}), known.gid, problem)
    inc, n = links.state(tx, ep.row).life[0], links.take_numbers(tx, ep.row, 1)
    registers = dict(_first_said(ep, fresh, known.gid, shadow, outward, inc, n))
    operations = [Operation(c, r.value, r.write, r.known) for c, r in registers.items() if r.write != NEVER]
    before, cells = _said_by_both(ep, fresh, shadow, outward)
    captured = diff.capture(before, cells, ep.side, inc, n, outward.quiet)
    for cell in issue.cells:
        if cell.field in _CONTENT and book.by_local(cell.field, cell.element) is None:
            agreed = Cell(cell.field, names.gid_of(cell.field, cell.element))
            if agreed in captured.registers:
                book.name(Known(agreed.element, cell.field, cell.element))
    book.put(known.gid, {**registers, **captured.registers})
    said = (*operations, *captured.operations)
    return ChangeSet(known.gid, "", "", said) if said else None


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
        ours = ep.born_here(gid) if both else direction.allows(ep.side)
        if ours and (both or shown is not None) and not outward.quiet.keeps(cell):
            yield cell, write(register, shown, ep.side, inc, n)._replace(image=shown)
        elif shown is not None:
            yield cell, register._replace(image=shown)
    for cell, shown in outward.cells.items():
        if _is_theirs(ep, cell) and cell.field in fresh.joined and cell not in shadow:
            yield cell, EMPTY._replace(image=shown)


def _said_by_both(ep: Endpoint, fresh: _Fresh, shadow: diff.Shadow, outward: Outward) -> tuple[diff.Shadow, Cells]:
    """Members of sets, comments and attachments that joined; and what may be said of a field now and differs from what
    was. Both as ``diff.capture`` takes them.
    """
    before = dict(shadow)
    cells = {
        cell: value
        for cell, value in outward.cells.items()
        if not _is_theirs(ep, cell)
        and (cell.field in fresh.wider or (cell.field in fresh.joined and not _is_single(ep, cell.field)))
    }
    for name in fresh.wider:
        if _is_single(ep, name) and Cell(name) not in outward.unsaid:
            cells.setdefault(Cell(name), None)
    for cell in cells:
        if cell in before and cell.field in fresh.wider:
            before[cell] = before[cell]._replace(image=before[cell].value)
    return before, cells


def _is_theirs(ep: Endpoint, cell: Cell) -> bool:
    """Whether it is a comment or an attachment that began at the partner's."""
    return cell.field in _CONTENT and not ep.born_here(cell.element)


def _is_single(ep: Endpoint, name: str) -> bool:
    field = ep.agreement.fields.get(name)
    return field is not None and field.type not in SETS
