"""Issues of the partner's that are here already: paired with ours instead of made (``replication.twins``).

Only the side that joins does so. What its tracker has for an issue that comes in is read before the transaction in
which that is planned (``sight``). A twin is *adopted* there: it gets the partner's name, and what it shows is noted
without being said; then the change set is planned as for any issue that is known, and the first write leaves the marker
by which a restored store finds it again.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from backbone.model import ISSUE, Applied, Cell, Cells, Issue, Value
from backbone.replication import diff
from backbone.replication.diff import Conflict, Plan, Shadow
from backbone.replication.identity import creation
from backbone.replication.merge import EMPTY, NEVER, Register
from backbone.replication.message import ChangeSet, Operation
from backbone.replication.scope.expression import ExpressionError
from backbone.replication.scope.judging import Circumstances
from backbone.replication.scope.rules import Part
from backbone.replication.twins import Doubt, Found, Speaker, choose, greet, met, same_contents
from backbone.service.endpoint import Endpoint
from backbone.service.flow.asking import fits
from backbone.service.flow.scoping import Fits
from backbone.service.flow.tasks import Task
from backbone.store import links, lists, shadows, standing, twins
from backbone.store.engine import Connection
from backbone.store.shadows import Book
from backbone.store.standing import CUT
from backbone.store.twins import PAIRED, PAIRING, WAITS, Twin


class Sight(NamedTuple):
    """What our tracker has for one issue of the partner's."""

    word: str
    issues: Mapping[str, Issue]
    """The twin, or those that may be it, as they stand."""
    found: tuple[Found, ...] = ()
    """Where it has no twin yet: those that may be it."""


Sights: TypeAlias = Mapping[str, Sight]
"""By the partner's gid."""
NOTHING_SEEN: Sights = MappingProxyType({})


async def sight(ep: Endpoint, book: Book, tasks: Sequence[Task]) -> Sights:
    """What is here of the issues that come in, while pairing is under way."""
    if ep.pairing is None:
        return NOTHING_SEEN
    wanted = await ep.store.read(lambda tx: dict(_wanted(tx, ep, book.within(tx), tasks)))
    locals_ = sorted({local for _, named in wanted.values() for local in named})
    if not locals_:
        return NOTHING_SEEN
    issues = await ep.tracker.read(locals_)
    asked = await fits(ep, set(issues), looking_back=True)
    return await ep.store.read(lambda tx: _sights(tx, ep, book.within(tx), wanted, issues, asked))


def _wanted(
    tx: Connection, ep: Endpoint, book: Book, tasks: Sequence[Task]
) -> Iterable[tuple[str, tuple[str, tuple[str, ...]]]]:
    """Of each issue its key, and which of ours are to be read."""
    assert ep.pairing is not None
    gids = {task.change_set.gid for task in tasks}
    paired = twins.of_gids(tx, ep.row, gids)
    book.twins = dict(paired)
    begun = links.get(tx, ep.row).populated
    waiting = twins.in_state(tx, ep.row, WAITS) if begun else ()
    for task in tasks:
        gid = task.change_set.gid
        known = book.by_gid(gid)
        if gid in paired:
            if paired[gid].is_unsaid and known is not None:
                yield gid, (paired[gid].word, (known.local,))
        elif known is None and not ep.born_here(gid):
            word = _word_of(tx, ep, book, task)
            if begun:
                yield gid, (word, tuple(one.local for one in waiting if one.gid == gid))
            elif word:
                yield gid, (word, _candidates(tx, ep, word))


def _candidates(tx: Connection, ep: Endpoint, word: str) -> tuple[str, ...]:
    assert ep.pairing is not None
    if ep.pairing.table is not None:
        return ep.pairing.table.get(word, ())
    return tuple(one.local for one in twins.with_words(tx, ep.row, [word]))


def _word_of(tx: Connection, ep: Endpoint, book: Book, task: Task) -> str:
    """The key as the partner said it last: what waits behind a change set may say it anew."""
    assert ep.pairing is not None
    cell, gid = Cell(ep.pairing.key), task.change_set.gid
    values: dict[Cell, Value] = {cell: book.load_whole(gid).get(cell, EMPTY).value}
    later = [held for _, held in lists.held_change_sets(tx, ep.row) if held.gid == gid] if task.held else []
    for change_set in (task.change_set, *later):
        values.update({o.cell: o.value for o in change_set.operations if o.cell == cell})
    return ep.pairing.word_of(values)


def _sights(
    tx: Connection, ep: Endpoint, book: Book, wanted: Mapping[str, tuple[str, tuple[str, ...]]],
    issues: Mapping[str, Issue], asked: Fits,
) -> Sights:  # fmt: skip
    seen: dict[str, Sight] = {}
    for gid, (word, locals_) in wanted.items():
        here = {local: issues[local] for local in locals_ if local in issues}
        found = () if gid in book.twins else tuple(_found(tx, ep, book, word, here, asked))
        seen[gid] = Sight(word, here, found)
    return seen


def _found(
    tx: Connection, ep: Endpoint, book: Book, word: str, issues: Mapping[str, Issue], asked: Fits
) -> Iterable[Found]:
    """Those that still show the key."""
    assert ep.pairing is not None
    book.load_locals((ISSUE, local) for local in issues)
    for local, issue in issues.items():
        values, outside = shown(ep, book, issue)
        if ep.pairing.table is None and ep.pairing.word_of(values) != word:
            continue
        cut = standing.get(tx, ep.row, ep.names(book).gid_of(ISSUE, local)).ours == CUT
        out_of_scope = outside or cut or not _is_in_scope(ep, values, asked.get(local))
        yield Found(local, out_of_scope)


def shown(ep: Endpoint, book: Book, issue: Issue) -> tuple[Cells, bool]:
    """An issue's fields in agreed words, and whether ``[[only_if]]`` keeps it outside."""
    fields = {cell: value for cell, value in issue.cells.items() if ep.own_kind(cell.field) is None}
    outward = ep.translation.to_agreed(fields, ep.schema, ep.names(book), {}, fresh=True, number=issue.local)
    return outward.cells, outward.quiet.outside


def _is_in_scope(ep: Endpoint, values: Cells, fits_: bool | None) -> bool:
    try:
        return ep.scope.part(values, Circumstances(True, ep.clock(), ep.name, fits=fits_)) is Part.FULL
    except ExpressionError:
        return False


# In the transaction in which a change set is planned.


def load(tx: Connection, ep: Endpoint, book: Book, tasks: Sequence[Task]) -> None:
    """Which of these issues have a twin here."""
    if ep.pairing is not None:
        book.twins = dict(twins.of_gids(tx, ep.row, {task.change_set.gid for task in tasks}))


def advice(ep: Endpoint) -> str:
    """What a person can do about a doubt."""
    assert ep.pairing is not None
    where = f"name the right one in {'the' if ep.pairing.table is not None else 'a'} table (docs/pairing.md)"
    return f"give all but one another {ep.pairing.key}, or {where}, then retry; nothing of them is sent until then"


def keep_back(tx: Connection, ep: Endpoint, book: Book, gid: str, sights: Sights) -> None:
    """Whatever may be the twin of an issue that is not made here now says nothing either: else it would be a double
    there.
    """
    seen = sights.get(gid)
    if seen is not None:
        free = [one.local for one in seen.found if not _is_taken(book, one.local)]
        rows = [Twin(local, seen.word, gid, WAITS) for local in free]
        twins.put(tx, ep.row, rows)


def _is_taken(book: Book, local: str) -> bool:
    """Whether it has a name already, on this link or on another one of its tracker."""
    return book.by_local(ISSUE, local) is not None or book.elsewhere(ISSUE, local) is not None


def adopted(tx: Connection, ep: Endpoint, book: Book, gid: str, sights: Sights) -> bool:
    """Whether the issue has a twin here, which now has its name. Raises ``Doubt``."""
    seen = sights.get(gid)
    if ep.pairing is None or seen is None:
        return False
    found = [one._replace(taken=_is_taken(book, one.local)) for one in seen.found]
    local = choose(ep.pairing, seen.word, found)
    if local is None:
        return False
    issue = seen.issues[local]
    stored = book.load_whole(gid)
    values, _ = shown(ep, book, issue)
    book.name(shadows.Known(gid, ISSUE, local, issue.position))
    book.put(gid, {cell: stored.get(cell, EMPTY)._replace(image=value) for cell, value in values.items()})
    lost = [
        Conflict(cell, stored[cell].value, value, lost_here=True, open=False)
        for cell, value in values.items()
        if cell in stored and stored[cell].write != NEVER and stored[cell].value != value
    ]
    lists.record_conflicts(tx, ep.row, gid, lost, ep.clock())
    _stands(tx, ep, book, Twin(local, seen.word, gid, PAIRING))
    shadows.arrived(tx, ep.row, [gid])
    ep.log.info("paired", issue=local, gid=gid)
    return True


def _stands(tx: Connection, ep: Endpoint, book: Book, twin: Twin) -> None:
    book.twins[twin.gid] = twin
    twins.put(tx, ep.row, [twin])


def is_begun(book: Book, gid: str) -> bool:
    """Whether the write that leaves the marker of a twin is still to be made."""
    twin = book.twins.get(gid)
    return twin is not None and twin.state == PAIRING


def wrote(tx: Connection, ep: Endpoint, book: Book, gid: str) -> None:
    """That write is in the tracker."""
    if is_begun(book, gid):
        _stands(tx, ep, book, book.twins[gid]._replace(state=PAIRED))


def joined(tx: Connection, ep: Endpoint, book: Book, gid: str, written: Iterable[Applied]) -> None:
    """Our store was put back to a copy that was made before that write: the tracker would take another one with the
    same marker for the one that it has.
    """
    if ep.pairing is not None and any(one.key == creation(gid) for one in written):
        book.twins = {**book.twins, **twins.of_gids(tx, ep.row, [gid])}
        wrote(tx, ep, book, gid)


def found_again(tx: Connection, ep: Endpoint, book: Book, gid: str, issue: Issue) -> None:
    """An issue that has the marker of one of the partner's, whose name neither store remembers: it is paired, and the
    partner will say all of it. What stands in it that we made of the partner's words has its names already.
    """
    assert ep.pairing is not None
    book.load_locals(ep.named_in(issue.cells))
    names = ep.names(book)
    named = {own: cell for cell, own in ep.owned(issue.cells, names).items() if book.by_gid(cell.element) is not None}
    fields = {cell: value for cell, value in issue.cells.items() if ep.own_kind(cell.field) is None or cell in named}
    values = ep.translation.to_agreed(fields, ep.schema, names, {}, number=issue.local).cells
    book.name(shadows.Known(gid, ISSUE, issue.local, issue.position))
    book.put(gid, {cell: EMPTY._replace(image=value) for cell, value in values.items()})
    _stands(tx, ep, book, Twin(issue.local, ep.pairing.word_of(values), gid, PAIRED))


def name_contents(ep: Endpoint, book: Book, change_set: ChangeSet, sights: Sights) -> None:
    """Comments and attachments of the partner's that stand in the twin already are those that stand there."""
    twin, seen = book.twins.get(change_set.gid), sights.get(change_set.gid)
    if twin is not None and twin.is_unsaid and seen is not None and twin.local in seen.issues:
        name_equal(ep, book, change_set, seen.issues[twin.local])


def name_equal(ep: Endpoint, book: Book, change_set: ChangeSet, issue: Issue) -> None:
    """The same for an issue as it stands here."""
    content = {o.cell: o.value for o in change_set.operations if ep.is_owned(o.cell)}
    theirs = {c: v for c, v in content.items() if not ep.born_here(c.element) and book.by_gid(c.element) is None}
    cells = {c: v for c, v in issue.cells.items() if ep.own_kind(c.field)} if theirs else {}
    book.load_locals(ep.named_in(cells))
    names = ep.names(book)
    ours = {
        agreed: own
        for agreed, own in ep.owned(cells, names).items()
        if agreed not in content and book.by_local(ep.naming[own.field], own.element) is None
    }
    said = ep.translation.to_agreed({c: cells[c] for c in ours.values()}, ep.schema, names, {}).cells
    for cell, own in same_contents({c: v for c, v in said.items() if c in ours}, theirs).items():
        ep.name_owned(book, cell, ours[own])
        as_theirs = {cell: EMPTY._replace(value=theirs[cell])}
        image = ep.translation.to_agreed({ours[own]: cells[ours[own]]}, ep.schema, names, as_theirs).cells[cell]
        book.put(change_set.gid, {cell: EMPTY._replace(image=image)})


def greeted(
    tx: Connection, ep: Endpoint, book: Book, change_set: ChangeSet, shadow: Shadow, operations: Sequence[Operation]
) -> dict[Cell, Register]:
    """What our side says against the partner's word of a twin that was not said in whole yet."""
    twin = book.twins.get(change_set.gid)
    if twin is None or not twin.is_unsaid:
        return {}
    links.saw_number(tx, ep.row, diff.highest_number(operations))
    inc, n = links.state(tx, ep.row).life[0], links.take_numbers(tx, ep.row, 1)
    fields = ep.agreement.fields
    may_say = frozenset(n for n in fields if fields[n].direction.allows(ep.side) and ep.translation.sends(n))
    values = [(o.cell, o.value) for o in operations]
    return greet(ep.policies, shadow, values, Speaker(ep.side, inc, n), may_say)


def after_greeting(book: Book, gid: str, shadow: Shadow, plan: Plan) -> Plan:
    """The plan of what the partner says of a twin, or as it was."""
    twin = book.twins.get(gid)
    return met(shadow, plan) if twin is not None and twin.is_unsaid else plan


__all__ = [
    "NOTHING_SEEN", "Doubt", "Sight", "Sights", "adopted", "advice", "after_greeting", "found_again", "greeted",
    "is_begun", "joined", "keep_back", "load", "name_contents", "name_equal", "shown", "sight", "wrote",
]  # fmt: skip
