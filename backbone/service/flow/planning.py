"""What a change set comes to here, before anything is written: joined, judged by the link's rules, kept as an intent.

Also what is known once the tracker shows it (``settle``), or will not take it (``refuse``).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from backbone.errors import PeerError
from backbone.model import ATTACHMENT, ISSUE, NOTHING, Applied, Cell, Cells, Touched, Write
from backbone.replication import diff
from backbone.replication.diff import Plan, Shadow
from backbone.replication.identity import creation
from backbone.replication.mapping import Inward, Names, Occasion
from backbone.replication.mapping.references import WANTED
from backbone.replication.message import ChangeSet
from backbone.replication.overlap import renew
from backbone.replication.receipt import Became
from backbone.replication.resync import without_taken_out
from backbone.replication.scope.expression import ExpressionError
from backbone.replication.single import with_one_target
from backbone.service.endpoint import Endpoint
from backbone.service.evidence import receipting
from backbone.service.flow import quarantine, resting, tracing, twinning
from backbone.service.flow.entering import enters, keep_outside, takes_part, with_stored
from backbone.service.flow.meeting import name_contents
from backbone.service.flow.overlapping import check, overlap, said_with
from backbone.service.flow.recording import check_contents, emit, record
from backbone.service.flow.scoping import Fits
from backbone.service.flow.shadowing import shadow_for
from backbone.service.flow.sighting import Sighted
from backbone.service.flow.tasks import Task, for_resume
from backbone.service.flow.tracing import Judged
from backbone.service.flow.twinning import NOTHING_SEEN, Doubt, Sights
from backbone.store import blobs, intents, kin, links, lists, shadows, standing
from backbone.store.engine import Connection
from backbone.store.kin import pack_said
from backbone.store.ledger import Provenance, pack_source
from backbone.store.shadows import Book, Known

NOTHING_SAID: Shadow = MappingProxyType({})


class Planned(NamedTuple):
    """A task as it meets the present state."""

    task: Task
    plan: Plan
    inward: Inward
    write: Write
    anew: Shadow = NOTHING_SAID
    """What we say with it once more, or in answer: the agreement has changed."""
    judged: Judged | None = None
    """Where it comes from, and what is old news in it; ``None`` where no other link shares the tracker."""


def load(tx: Connection, ep: Endpoint, tasks: Sequence[Task]) -> Book:
    book = Book(tx, ep.row)
    gids: set[str] = set()
    cells: dict[str, list[Cell]] = {}
    for task in tasks:
        gids.add(task.change_set.gid)
        named = [operation.cell for operation in task.change_set.operations]
        gids.update([element for _, element in named if "-" in element])
        cells[task.change_set.gid] = named
    book.load_gids(gids)
    book.load_cells(cells)
    return book


def plan(
    tx: Connection, ep: Endpoint, book: Book, tasks: Sequence[Task], touched: Mapping[str, Touched], asked: Fits,
    seen: Sighted, sights: Sights = NOTHING_SEEN, *, complete: bool,
) -> list[Planned]:  # fmt: skip
    """Record what people did, join, and keep intents; what needs no write is finished here."""
    edits = [edit for one in touched.values() for edit in one.edits]
    change_sets = record(tx, ep, book, edits, fits=asked, seen=seen)
    if complete:
        check_contents(ep, book, change_sets)
    for local, one in touched.items():
        known = book.by_local(ISSUE, local)
        assert known is not None
        book.see(known.gid, one.position)
    name_contents(tx, ep, book, tasks)
    stuck = lists.held_gids(tx, ep.row)
    resting_ = standing.resting(tx, ep.row, {task.change_set.gid for task in tasks})
    names = ep.names(book)
    links.saw_number(tx, ep.row, diff.highest_number(o for task in tasks for o in task.change_set.operations))
    about = _About(touched, stuck, resting_, sights)
    every = [p for task in tasks if (p := _plan_one(tx, ep, book, names, task, about)) is not None]
    planned = [p for p in every if not _is_settled(tx, ep, book, p, change_sets)]
    said = {p.write.key: pack_said(p.task.change_set, p.judged.said) for p in planned if p.judged is not None}
    intents.begin(tx, ep.row, [for_resume(p.task, p.write.key) for p in planned], said)
    book.flush(ep.clock())
    emit(tx, ep, change_sets)
    return planned


class _About(NamedTuple):
    """What is known about the issues of a round."""

    touched: Mapping[str, Touched]
    stuck: set[str]
    resting: set[str]
    sights: Sights


def _plan_one(tx: Connection, ep: Endpoint, book: Book, names: Names, task: Task, about: _About) -> Planned | None:
    gid = task.change_set.gid
    if gid in about.stuck and not task.held:
        lists.hold(tx, ep.row, task.key, task.change_set)
        receipting.owe(tx, ep, task.change_set, Became.RECEIVED, "waits behind another change of its issue")
        return None
    known = book.by_gid(gid)
    refusal = _why_not(ep, book, task, known, about.touched)
    if refusal is not None:
        twinning.keep_back(tx, ep, book, gid, about.sights)
        refuse(tx, ep, task, refusal, heals=False)
        return None
    twinning.name_contents(ep, book, task.change_set, about.sights)
    planned = _join(tx, ep, book, names, task)
    if gid in about.resting:
        kept = resting.kept_back(gid, planned.inward, planned.plan)
        settle(tx, ep, book, planned._replace(inward=kept, judged=None))
        return None
    ready = planned if known is not None else _met(tx, ep, book, names, planned, about.sights)
    if ready is not None and ready.inward.problems:
        refuse(tx, ep, task, "; ".join(ready.inward.problems))
        return None
    return ready


def _met(tx: Connection, ep: Endpoint, book: Book, names: Names, planned: Planned, sights: Sights) -> Planned | None:
    """An issue that the link does not know: it is to be made, or has a twin here; or it is not wanted, or nobody can
    say which of ours it is.
    """
    task = planned.task
    gid = task.change_set.gid
    if not _is_wanted(tx, ep, book, planned):
        twinning.keep_back(tx, ep, book, gid, sights)
        return None
    try:
        has_twin = twinning.adopted(tx, ep, book, gid, sights)
    except Doubt as doubt:
        twinning.keep_back(tx, ep, book, gid, sights)
        refuse(tx, ep, task, f"{doubt}; {twinning.advice(ep)}", heals=False)
        return None
    if not has_twin:
        return planned
    twinning.name_contents(ep, book, task.change_set, sights)
    return _join(tx, ep, book, names, task)


def _is_wanted(tx: Connection, ep: Endpoint, book: Book, planned: Planned) -> bool:
    """Whether an issue that is not here shall be; else what was said is kept, or refused."""
    try:
        wanted = enters(ep, planned.plan)
    except ExpressionError as error:
        refuse(tx, ep, planned.task, f"links/{ep.name}.toml: [scope]: {error}")
        return False
    if not wanted:
        keep_outside(tx, ep, book, planned.task, planned.plan)
    return wanted


def _is_settled(tx: Connection, ep: Endpoint, book: Book, one: Planned, change_sets: list[ChangeSet]) -> bool:
    """What needs no write; what we say with it is added to ``change_sets``."""
    if one.write.local is None or one.write.cells or twinning.is_begun(book, one.task.change_set.gid):
        return False
    change_sets += settle(tx, ep, book, one, one.write.local)
    change_sets += said_with(one.task.change_set.gid, one.anew)
    return True


def _why_not(ep: Endpoint, book: Book, task: Task, known: Known | None, touched: Mapping[str, Touched]) -> str | None:
    try:
        check(ep, task)
        _check_rows(ep, book, task.change_set)
    except PeerError as error:
        return str(error)
    if known is None and ep.born_here(task.change_set.gid):
        return "the partner names an issue of ours that this link does not know"
    if known is not None and known.local not in touched:
        return f"{known.local} was deleted here"
    # What is late was let in when it came: it waited since, or a store that forgot is joined again.
    if known is None or task.late or known.gid in book.twins or takes_part(ep, book, known.gid):
        return None
    return "the partner names an issue that is not shared over this link"


def _check_rows(ep: Endpoint, book: Book, change_set: ChangeSet) -> None:
    """Raises ``PeerError`` for more rows than an issue may have."""
    if ep.theirs.agreement.tables:
        present = book.fields(change_set.gid, ())
        ep.theirs.agreement.check_rows(change_set, [c for c, r in present.items() if r.value is not None])


def _join(
    tx: Connection, ep: Endpoint, book: Book, names: Names, task: Task, made: Provenance | None = None
) -> Planned:
    """``made``: the write is in the tracker, and this is what it said."""
    change_set = task.change_set
    known = book.by_gid(change_set.gid)
    begun = twinning.is_begun(book, change_set.gid)
    said = [o.cell for o in change_set.operations]
    coming = [o.value for o in change_set.operations]
    shadow = book.load_whole(change_set.gid) if begun else shadow_for(ep, book, change_set.gid, said, {}, coming)
    stored = (known is None or begun) and bool(shadow)
    operations = with_stored(book, change_set) if stored else change_set.operations
    terms, anew = ep.theirs, twinning.greeted(tx, ep, book, change_set, shadow, operations)
    shadow.update(anew)
    plan = diff.plan(shadow, operations, terms.policies, redo=stored or task.late or task.held)
    plan = twinning.after_greeting(book, change_set.gid, shadow, plan)
    if ep.version > 1 and known is not None:
        plan, renewed = renew(shadow, operations, plan, overlap(tx, ep, book, task))
        anew = {**anew, **renewed}
    plan, left = _with_one_target(tx, ep, shadow, plan)
    plan, gone = _without_taken_out(tx, ep, book, plan, is_known=known is not None)
    anew = {**anew, **left, **gone}

    def translate(cells: Cells) -> Inward:
        return terms.translation.to_local(
            cells, ep.schema, names, shadow, lambda sha256: blobs.is_complete(tx, ep.row, sha256),
            Occasion(task.key, change_set.at, known is None, change_set.author),
        )  # fmt: skip

    judged = None
    if book.ledger is not None:
        local, seen = (known.local, known.seen) if known else (None, None)
        judged = tracing.meet(ep, book.ledger, local, change_set, plan, translate, names.local_of, seen, made)
        plan, inward = judged.plan, judged.inward
    else:
        inward = translate(plan.targets)
    cells: Cells = inward.cells if known else {**terms.translation.on_create, **inward.cells}
    write = Write(
        key=task.key if known and not begun else creation(change_set.gid),
        local=known.local if known else None,
        expected=known.seen if known else None,
        cells=cells,
        author=terms.translation.login(change_set.author, ep.schema),
        at=change_set.at,
        files=_files(ep, inward.cells),
    )
    return Planned(task, plan, inward, write, anew, judged)


def _with_one_target(tx: Connection, ep: Endpoint, shadow: Shadow, plan: Plan) -> tuple[Plan, Shadow]:
    words = ep.theirs.translation

    def holds_one(name: str) -> bool:
        return words.holds_one(name, ep.schema) and words.sends(name)

    if not any(value is True and holds_one(cell.field) for cell, value in plan.targets.items()):
        return plan, {}
    inc = links.state(tx, ep.row).life[0]
    return with_one_target(shadow, plan, holds_one, ep.side, inc, lambda: links.take_numbers(tx, ep.row, 1))


def _without_taken_out(
    tx: Connection, ep: Endpoint, book: Book, plan: Plan, *, is_known: bool
) -> tuple[Plan, Shadow]:  # fmt: skip
    """Of an issue that is known all is named that the tracker shows; and of ours each that the partner knows, but not
    the one that was called so before it was paired.
    """

    def is_gone(cell: Cell) -> bool:
        if not cell.element or not ep.born_here(cell.element) or book.by_gid(cell.element) is not None:
            return False
        return is_known or not ep.is_owned(cell)

    if not any(is_gone(cell) for cell in plan.targets):
        return plan, {}
    inc = links.state(tx, ep.row).life[0]
    if inc == 1:  # our store forgot nothing: the partner names what never was
        return plan, {}
    return without_taken_out(plan, is_gone, ep.side, inc, lambda: links.take_numbers(tx, ep.row, 1))


def _files(ep: Endpoint, cells: Cells) -> Mapping[str, str]:
    """Of an attachment that is there already, and gets another name, the content may be gone here."""
    wanted = [str(v["sha256"]) for c, v in cells.items() if c.field == ATTACHMENT and isinstance(v, dict)]
    return {sha256: str(ep.contents.path(sha256)) for sha256 in wanted if ep.contents.has(sha256)} or NOTHING


def settle(tx: Connection, ep: Endpoint, book: Book, planned: Planned, local: str | None = None) -> list[ChangeSet]:
    """What is known once the tracker shows it (or needs no write): registers, conflicts, what waits. ``local`` is how
    the tracker calls the issue where it shows what was said; returns what the partner must hear again.
    """
    gid = planned.task.change_set.gid
    book.put(gid, planned.plan.registers)
    again: list[ChangeSet] = []
    if planned.judged is not None and book.ledger is not None and local is not None:
        if not planned.write.cells:
            tracing.settle(book.ledger, local, planned.judged)
        again = tracing.say_again(tx, ep, book, gid, planned.judged)
    if planned.plan.conflicts:
        lists.record_conflicts(tx, ep.row, gid, planned.plan.conflicts, ep.clock())
        for conflict in planned.plan.conflicts:
            book.replaced(gid, conflict.cell, conflict.lost)
    change_set, waiting = planned.task.change_set, planned.inward.waiting
    became = receipting.outcome(change_set, planned.plan.registers, len(waiting))
    waited = shadows.came_in(tx, ep.row, gid) if waiting or planned.task.late else {}
    if planned.task.late:
        shadows.completed(tx, ep.row, gid, [o.cell for o in change_set.operations])
    if waiting:
        digests = waited if planned.task.late else dict.fromkeys(waiting, became.digest)
        shadows.wait(tx, ep.row, gid, waiting, pack_source(change_set.origin, change_set.path), digests)
        come = [wants for wants in waiting.values() if _is_here(tx, ep, book, wants)]
        shadows.arrived(tx, ep.row, [wants.removeprefix(WANTED) for wants in come])
    freed = quarantine.released(tx, ep, planned.task.key, gid) if planned.task.held else quarantine.NOTHING_FREED
    complete = {*waited.values(), *(() if freed.amended else freed.completes)}
    if complete:
        receipting.came(tx, ep, complete - {*shadows.came_in(tx, ep.row, gid).values()})
    if not (planned.task.late or freed.amended or freed.completes):
        book.owe(became)
    return again


def _is_here(tx: Connection, ep: Endpoint, book: Book, wants: str) -> bool:
    """What a cell waits for may have come while the rest of its change set was being written."""
    kind, _, name = wants.partition(":")
    return blobs.is_complete(tx, ep.row, name) if kind == "sha256" else book.by_gid(name or wants) is not None


def plan_again(
    tx: Connection, ep: Endpoint, book: Book, tasks: Sequence[Task], made: Mapping[str, Applied]
) -> list[Planned]:
    """The plans of writes that the tracker is known to have made: nothing is recorded or intended."""
    names = ep.names(book)
    said = kin.said(tx, ep.row)
    planned = [_join(tx, ep, book, names, task, _said_then(book, task, said)) for task in tasks]
    return [one._replace(inward=_as_made(one, made[one.write.key])) for one in planned]


def _said_then(book: Book, task: Task, said: Mapping[str, tuple[ChangeSet, Provenance]]) -> Provenance | None:
    """What the intent of a write that was made says of where it comes from."""
    key = task.key if book.by_gid(task.change_set.gid) else creation(task.change_set.gid)
    return said[key][1] if key in said else None


def _as_made(one: Planned, made: Applied) -> Inward:
    """What has come since the write was made is not in it: that cell still waits."""
    inward, wants = one.inward, dict(one.inward.waiting)
    missed = {a for a, c in inward.at.items() if c not in made.cells and c.element not in made.created}
    for agreed in missed:
        value = one.plan.targets[agreed]
        wants[agreed] = f"sha256:{value['sha256']}" if isinstance(value, dict) else agreed.element
    return inward.without(missed, wants)


def refuse(tx: Connection, ep: Endpoint, task: Task, words: str, *, heals: bool = True) -> None:
    """The tracker (or a rule) will not take it: its issue waits, and the peer is told."""
    completes = quarantine.completes(lists.set_aside_by_key(tx, ep.row, task.key))
    if task.late:
        waited, cells = shadows.came_in(tx, ep.row, task.change_set.gid), [o.cell for o in task.change_set.operations]
        shadows.completed(tx, ep.row, task.change_set.gid, cells)
        completes = frozenset(digest for cell in cells if (digest := waited.get(cell)))
    if task.late or completes:
        receipting.came(tx, ep, completes, f"what had to wait: {words}")
    else:
        receipting.owe(tx, ep, task.change_set, Became.REFUSED, words)
    quarantine.refuse(tx, ep, task.key, task.change_set, words, heals=heals, part_of=completes)
