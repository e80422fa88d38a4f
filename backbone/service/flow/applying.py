"""From the inbox to the tracker: read -> record local edits -> plan -> intend -> write -> read back.

One message at a time, its issues side by side, the change sets of one issue in rounds. For each round:

1. The tracker is asked what people did to these issues since they were last seen.
2. One transaction records those edits as local writes, joins each change set, and keeps an *intent* for each write.
3. The tracker makes the writes, each under its key and only if nobody edited in between.
4. One transaction keeps registers, images, names and conflicts, and ends the intents.

A crash between 3 and 4 is found by ``resume``: a write whose key the tracker knows is finished, any other is
planned again from the beginning. Nothing else touches shadows meanwhile: capture and apply take turns.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from backbone.errors import PeerError
from backbone.model import (
    ATTACHMENT,
    ISSUE,
    NOTHING,
    Applied,
    Cell,
    Cells,
    Edit,
    Outcome,
    Refused,
    Stale,
    Touched,
    Write,
)
from backbone.points import passed
from backbone.replication import diff
from backbone.replication.diff import Plan
from backbone.replication.identity import creation, marker
from backbone.replication.link import Life, Stopped, step
from backbone.replication.mapping import Inward, Names, Occasion
from backbone.replication.message import ChangeSet, Kind, decode_change_sets, inflate
from backbone.service.endpoint import Endpoint
from backbone.service.flow import quarantine, tracing
from backbone.service.flow.entering import enters, takes_part, with_stored
from backbone.service.flow.inbound import follows, halt, take
from backbone.service.flow.late import late
from backbone.service.flow.making import made
from backbone.service.flow.meeting import meet, name_contents
from backbone.service.flow.outbound import fetch_contents
from backbone.service.flow.recording import emit, record
from backbone.service.flow.sighting import Sighted, sighted
from backbone.service.flow.tasks import Task, as_task, for_resume, rounds
from backbone.service.flow.tracing import Judged
from backbone.store import blobs, kin, links, lists, messages, shadows
from backbone.store.engine import Connection, Transaction
from backbone.store.kin import pack_said
from backbone.store.ledger import Provenance, pack_source
from backbone.store.lists import Intent
from backbone.store.messages import Incoming
from backbone.store.shadows import Book, Known

ATTEMPTS_IN_A_ROW = 20
"""How often a write is planned anew because somebody edits the issue at the same moment."""
HELD_AT_ONCE = 100


class Planned(NamedTuple):
    """A task as it meets the present state."""

    task: Task
    plan: Plan
    inward: Inward
    write: Write
    judged: Judged | None = None
    """Where it comes from, and what is old news in it; ``None`` where no other link shares the tracker."""


async def resume(ep: Endpoint) -> None:
    """Finish what a crash interrupted. Must succeed once before anything is captured or applied."""
    begun = await ep.store.read(lambda tx: lists.begun(tx, ep.row))
    if not begun:
        return
    found = await ep.tracker.find([one.key for one in begun])
    passed("resume: found")
    tasks = await _interrupted(ep, [one for one in begun if one.key in found])

    def finish(tx: Connection) -> None:
        book = _load(tx, ep, tasks)
        planned = _plan_again(tx, ep, book, tasks, found)
        _finish(tx, ep, book, planned, [found[p.write.key] for p in planned])
        lists.ended(tx, ep.row)

    await ep.store.run(finish)
    passed("resume: finished")


async def _interrupted(ep: Endpoint, begun: Sequence[Intent]) -> list[Task]:
    """A message is taken when its last intent ends: until then the inbox knows what was to be done."""
    coming: dict[str, Task] = {}
    if any(one.work is None for one in begun):
        (incoming,) = await ep.store.read(lambda tx: _next(tx, ep))
        for task in await _tasks(ep, incoming) or ():
            coming[task.key] = task
            coming.setdefault(creation(task.change_set.gid), task)
    return [coming[one.key] if one.work is None else as_task(one.work) for one in begun]


async def apply(ep: Endpoint) -> int:
    """The next message of change sets, what a person released, what can be completed; returns how much there was."""
    done = await apply_next(ep)
    done += await _apply_held(ep)
    return done + await _apply_late(ep)


async def apply_next(ep: Endpoint) -> int:
    """The next message of change sets; returns how much was in it."""
    found = await ep.store.read(lambda tx: _next(tx, ep))
    if not found:
        return 0
    incoming = found[0]
    if not await follows(ep, incoming):
        return 1
    tasks = await _tasks(ep, incoming)
    if tasks is None:
        return 1
    turns = rounds(tasks) or [[]]
    for turn in turns[:-1]:
        await apply_round(ep, turn)
    await apply_round(ep, turns[-1], lambda tx: take(tx, ep, incoming))
    return max(len(tasks), 1)


def _next(tx: Connection, ep: Endpoint) -> list[Incoming]:
    return messages.next_in(tx, ep.row, links.state(tx, ep.row), "c", 1)


async def _tasks(ep: Endpoint, incoming: Incoming) -> list[Task] | None:
    """The change sets of one message; ``None`` when the message is beyond repair, and the link stopped."""
    header = incoming.message.header
    if incoming.kind != Kind.DATA:
        await ep.store.run(lambda tx: _keep_unknown(tx, ep, incoming))
        return None
    try:
        change_sets = decode_change_sets(inflate(header, incoming.message.body))
    except PeerError as error:
        reason = f"message {header.seq} of the partner cannot be read ({error})"
        await ep.store.run(lambda tx: _stop(tx, ep, incoming, reason))
        return None
    return [
        Task(marker(ep.link_id, change_set.gid, header.inc[0], header.seq, index), change_set)
        for index, change_set in enumerate(change_sets)
    ]


def _keep_unknown(tx: Connection, ep: Endpoint, incoming: Incoming) -> None:
    reason = f"a message of kind {incoming.kind!r}, which this version does not know"
    payload = incoming.message.body
    lists.set_aside(tx, ep.row, "message", reason, ep.clock(), payload=payload, advice="update Backbone")
    take(tx, ep, incoming)


def _stop(tx: Connection, ep: Endpoint, incoming: Incoming, reason: str) -> None:
    state, _ = step(links.state(tx, ep.row), Stopped(reason), ep.identity, ep.timing)
    links.save_state(tx, ep.row, state)
    lists.set_aside(
        tx, ep.row, "message", reason, ep.clock(), payload=incoming.message.body, advice="tell the partner's admin"
    )
    halt(tx, ep, reason)


async def apply_round(ep: Endpoint, tasks: Sequence[Task], then: Transaction[object] = lambda _: None) -> None:
    """Plan, write, read back; what somebody edited in between is planned again.

    ``then`` stands in the transaction after which nothing of the round is left.
    """
    remaining = list(tasks)
    async with ep.turn:
        for _ in range(ATTEMPTS_IN_A_ROW):
            remaining = await _attempt(ep, remaining, then)
            if not remaining:
                return
    await ep.store.run(lambda tx: _give_up(tx, ep, remaining, then))


async def _attempt(ep: Endpoint, tasks: Sequence[Task], then: Transaction[object]) -> list[Task]:
    """One attempt; returns what somebody edited meanwhile. One book serves its three transactions."""
    await meet(ep, tasks)
    book, touched, life = await _read(ep, tasks)
    seen = await sighted(ep)

    def plan(tx: Connection) -> list[Planned]:
        if links.state(tx, ep.row).life != life:
            return []
        planned = _plan(tx, ep, book.within(tx), tasks, touched, seen)
        if not planned:
            then(tx)
        return planned

    planned = await ep.store.run(plan)
    passed("apply: planned")
    if not planned:
        return []
    outcomes = await made(ep, [p.write for p in planned])
    passed("apply: written")
    stale = {outcome.key for outcome in outcomes if isinstance(outcome, Stale)}

    def finish(tx: Connection) -> None:
        if links.state(tx, ep.row).life != life:
            return
        _finish(tx, ep, book.within(tx), planned, outcomes)
        if not stale:
            then(tx)

    await ep.store.run(finish)
    passed("apply: finished")
    return [p.task for p in planned if p.write.key in stale]


def _give_up(tx: Connection, ep: Endpoint, tasks: Sequence[Task], then: Transaction[object]) -> None:
    for task in tasks:
        _refuse(tx, ep, task, "the issue is edited again and again while it is being written")
    then(tx)


async def _read(ep: Endpoint, tasks: Sequence[Task]) -> tuple[Book, Mapping[str, Touched], Life]:
    """What is known of these issues, what people did to them since they were last seen, by local name, and in which
    life of our store this was read: should another begin meanwhile, it is worth nothing.
    """
    book, life = await ep.store.read(lambda tx: (_load(tx, ep, tasks), links.state(tx, ep.row).life))
    known = [book.by_gid(task.change_set.gid) for task in tasks]
    positions = {k.local: k.seen for k in known if k is not None and k.seen is not None}
    if not positions:
        return book, {}, life
    touched = await ep.tracker.touched_of(positions)
    for one in touched.values():
        for edit in one.edits:
            await fetch_contents(ep, edit.cells)
    return book, touched, life


def _plan(
    tx: Connection, ep: Endpoint, book: Book, tasks: Sequence[Task], touched: Mapping[str, Touched], seen: Sighted
) -> list[Planned]:
    """Record what people did, join, and keep intents; what needs no write is finished here."""
    change_sets = record(tx, ep, book, [edit for one in touched.values() for edit in one.edits], seen)
    for local, one in touched.items():
        known = book.by_local(ISSUE, local)
        assert known is not None
        book.see(known.gid, one.position)
    name_contents(tx, book, tasks)
    stuck = lists.held_gids(tx, ep.row)
    names = ep.names(book)
    links.saw_number(tx, ep.row, diff.highest_number([o for t in tasks for o in t.change_set.operations]))
    found = (_plan_one(tx, ep, book, names, task, touched, stuck, change_sets) for task in tasks)
    planned = [one for one in found if one is not None]
    said = {p.write.key: pack_said(p.task.change_set, p.judged.said) for p in planned if p.judged is not None}
    lists.begin(tx, ep.row, [for_resume(p.task, p.write.key) for p in planned], said)
    book.flush(ep.clock())
    emit(tx, ep, change_sets)
    return planned


def _load(tx: Connection, ep: Endpoint, tasks: Sequence[Task]) -> Book:
    book = Book(tx, ep.row)
    gids: set[str] = set()
    cells: dict[str, list[Cell]] = {}
    for task in tasks:
        gids.add(task.change_set.gid)
        named = [operation.cell for operation in task.change_set.operations]
        gids.update(cell.element for cell in named if "-" in cell.element)
        cells[task.change_set.gid] = named
    book.load_gids(gids)
    book.load_cells(cells)
    return book


def _plan_one(
    tx: Connection, ep: Endpoint, book: Book, names: Names, task: Task, touched: Mapping[str, Touched], stuck: set[str],
    change_sets: list[ChangeSet],
) -> Planned | None:  # fmt: skip
    """What the partner must hear of it is put into ``change_sets``."""
    gid = task.change_set.gid
    if gid in stuck and not task.held:
        lists.hold(tx, ep.row, task.key, task.change_set)
        return None
    known = book.by_gid(gid)
    refusal = _why_not(ep, book, task, known, touched)
    if refusal is not None:
        _refuse(tx, ep, task, refusal, heals=False)
        return None
    planned = _join(tx, ep, book, names, task)
    if known is None and not enters(ep, planned.plan):
        book.put(gid, planned.plan.registers)
        return None
    if planned.inward.problems:
        _refuse(tx, ep, task, "; ".join(planned.inward.problems))
        return None
    if known is not None and not planned.write.cells:
        change_sets += _settle(tx, ep, book, planned, known.local)
        return None
    return planned


def _why_not(ep: Endpoint, book: Book, task: Task, known: Known | None, touched: Mapping[str, Touched]) -> str | None:
    try:
        ep.agreement.check(task.change_set, None if task.late else ep.side.other)
    except PeerError as error:
        return str(error)
    if known is None and ep.born_here(task.change_set.gid):
        return "the partner names an issue of ours that this link does not know"
    if known is not None and known.local not in touched:
        return f"{known.local} was deleted here"
    if known is not None and not takes_part(ep, book, known.gid):
        return "the partner names an issue that is not shared over this link"
    return None


def _join(
    tx: Connection, ep: Endpoint, book: Book, names: Names, task: Task, made: Provenance | None = None
) -> Planned:
    change_set = task.change_set
    known = book.by_gid(change_set.gid)
    shadow = book.fields(change_set.gid, [o.cell for o in change_set.operations])
    stored = known is None and ep.translation.entry.guards_theirs
    operations = with_stored(book, change_set) if stored else change_set.operations
    plan = diff.plan(shadow, operations, ep.policies, redo=stored or task.late or task.held)

    def translate(cells: Cells) -> Inward:
        return ep.translation.to_local(
            cells, ep.schema, names, shadow, lambda sha256: blobs.is_complete(tx, ep.row, sha256),
            Occasion(task.key, change_set.at, known is None),
        )  # fmt: skip

    judged = None
    if book.ledger is not None:
        local, seen = (known.local, known.seen) if known else (None, None)
        judged = tracing.meet(ep, book.ledger, local, change_set, plan, translate, names.local_of, seen, made)
        plan, inward = judged.plan, judged.inward
    else:
        inward = translate(plan.targets)
    cells: Cells = inward.cells if known else {**ep.translation.on_create, **inward.cells}
    write = Write(
        key=task.key if known else creation(change_set.gid),
        local=known.local if known else None,
        expected=known.seen if known else None,
        cells=cells,
        author=ep.translation.login(change_set.author),
        at=change_set.at,
        files=_files(ep, inward.cells),
    )
    return Planned(task, plan, inward, write, judged)


def _files(ep: Endpoint, cells: Cells) -> Mapping[str, str]:
    wanted = [str(v["sha256"]) for c, v in cells.items() if c.field == ATTACHMENT and isinstance(v, dict)]
    return {sha256: str(ep.contents.path(sha256)) for sha256 in wanted} if wanted else NOTHING


def _settle(tx: Connection, ep: Endpoint, book: Book, planned: Planned, local: str) -> list[ChangeSet]:
    """What is known once the tracker shows it (or needs no write): registers, conflicts, what waits. Returns what the
    partner must hear.
    """
    gid = planned.task.change_set.gid
    book.put(gid, planned.plan.registers)
    again: list[ChangeSet] = []
    if planned.judged is not None and book.ledger is not None:
        if not planned.write.cells:
            tracing.settle(book.ledger, local, planned.judged)
        again = tracing.say_again(tx, ep, book, gid, planned.judged)
    if planned.plan.conflicts:
        lists.record_conflicts(tx, ep.row, gid, planned.plan.conflicts, ep.clock())
        for conflict in planned.plan.conflicts:
            book.replaced(gid, conflict.cell, conflict.lost)
    if planned.task.late:
        shadows.completed(tx, ep.row, gid, [o.cell for o in planned.task.change_set.operations])
    waiting = planned.inward.waiting
    if waiting:
        change_set = planned.task.change_set
        shadows.wait(tx, ep.row, gid, waiting, pack_source(change_set.origin, change_set.path))
        shadows.arrived(tx, ep.row, [wants for wants in waiting.values() if _is_here(tx, ep, book, wants)])
    if planned.task.held:
        quarantine.released(tx, ep, planned.task.key, gid)
    return again


def _is_here(tx: Connection, ep: Endpoint, book: Book, wants: str) -> bool:
    """What a cell waits for may have come while the rest of its change set was being written."""
    kind, _, sha256 = wants.partition(":")
    return blobs.is_complete(tx, ep.row, sha256) if kind == "sha256" else book.by_gid(wants) is not None


def _plan_again(
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


def _finish(tx: Connection, ep: Endpoint, book: Book, planned: Sequence[Planned], outcomes: Sequence[Outcome]) -> None:
    """Keep what came of each write, and tell the peer what the tracker did beyond it."""
    names = ep.names(book)
    effects: list[Edit] = []
    again: list[ChangeSet] = []
    born: list[str] = []
    for one, outcome in zip(planned, outcomes, strict=True):
        if isinstance(outcome, Applied):
            again += _settle_applied(tx, ep, book, one, outcome)
            effects += _applied(tx, ep, book, names, one, outcome)
            born += [one.task.change_set.gid] if one.write.local is None else []
        elif isinstance(outcome, Refused):
            _refuse(tx, ep, one.task, outcome.words)
    change_sets = [*again, *record(tx, ep, book, effects)]
    for one, outcome in zip(planned, outcomes, strict=True):
        if isinstance(outcome, Applied):
            book.see(one.task.change_set.gid, outcome.position)
    lists.ended(tx, ep.row)
    shadows.arrived(tx, ep.row, born)
    book.flush(ep.clock())
    emit(tx, ep, change_sets)


def _settle_applied(tx: Connection, ep: Endpoint, book: Book, one: Planned, outcome: Applied) -> list[ChangeSet]:
    """Names and registers of one write; returns what the partner must hear again."""
    gid = one.task.change_set.gid
    book.name(Known(gid, ISSUE, outcome.local, one.write.expected))
    if outcome.created:
        for cell in one.inward.cells:
            if cell.element in outcome.created:
                book.name(Known(cell.element[1:], cell.field, outcome.created[cell.element]))
    if one.judged is not None and book.ledger is not None:
        tracing.applied(ep, book.ledger, one.judged, outcome)
    return _settle(tx, ep, book, one, outcome.local)


def _applied(tx: Connection, ep: Endpoint, book: Book, names: Names, one: Planned, outcome: Applied) -> list[Edit]:
    """The images of one write; returns what the tracker changed beyond it, as an edit."""
    gid = one.task.change_set.gid
    shadow = book.fields(gid, one.inward.at)
    book.load_locals(ep.named_in(outcome.cells))
    agreed = ep.translation.to_agreed(outcome.cells, ep.schema, names, shadow, number=outcome.local).cells
    targets = {cell: one.plan.targets[cell] for cell in one.inward.at}
    registers, effects = diff.read_back(shadow, targets, agreed)
    book.put(gid, registers)
    if not effects:
        return []
    own = {c: v for c, v in outcome.cells.items() if c not in one.write.cells and not _is_new(c, outcome)}
    return [Edit(outcome.local, outcome.position, "", one.write.at or "", own)]


def _is_new(cell: Cell, outcome: Applied) -> bool:
    return cell.element in outcome.created.values()


def _refuse(tx: Connection, ep: Endpoint, task: Task, words: str, *, heals: bool = True) -> None:
    """The tracker (or a rule) will not take it: its issue waits, and the peer is told."""
    if task.late:
        shadows.completed(tx, ep.row, task.change_set.gid, [o.cell for o in task.change_set.operations])
    quarantine.refuse(tx, ep, task.key, task.change_set, words, heals=heals)


async def _apply_held(ep: Endpoint) -> int:
    ready = await ep.store.read(lambda tx: lists.held_ready(tx, ep.row, HELD_AT_ONCE))
    if ready:
        await apply_round(ep, [Task(key, change_set, held=True) for key, change_set in ready])
    return len(ready)


async def _apply_late(ep: Endpoint) -> int:
    """Cells whose other end has arrived since."""
    ready = await ep.store.read(lambda tx: late(tx, ep))
    if ready:
        await apply_round(ep, ready)
    return len(ready)
