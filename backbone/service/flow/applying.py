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
from contextlib import suppress

from backbone.errors import PeerError
from backbone.model import ATTACHMENT, ISSUE, Applied, Cell, Cells, Edit, Outcome, Refused, Stale, Touched
from backbone.points import passed
from backbone.replication import diff
from backbone.replication.identity import creation, marker
from backbone.replication.link import Life
from backbone.replication.mapping import Names
from backbone.replication.merge import EMPTY, Register
from backbone.replication.message import ChangeSet, Kind, inflate
from backbone.replication.receipt import Became
from backbone.replication.resync import spoken
from backbone.service.endpoint import Endpoint
from backbone.service.evidence import receipting
from backbone.service.flow import planning, tracing, twinning
from backbone.service.flow.asking import fits
from backbone.service.flow.completing import completable
from backbone.service.flow.enlisting import enlist
from backbone.service.flow.inbound import follows, stop, take
from backbone.service.flow.making import made
from backbone.service.flow.meeting import meet as meet_issues
from backbone.service.flow.outbound import fetch_contents
from backbone.service.flow.overlapping import said_with
from backbone.service.flow.planning import Planned
from backbone.service.flow.recording import NotFetched, emit, record
from backbone.service.flow.restating import say_more
from backbone.service.flow.shadowing import shadow_for
from backbone.service.flow.sighting import edits_of, names_made, sighted
from backbone.service.flow.tasks import Task, as_task, rounds
from backbone.service.flow.twinning import sight
from backbone.service.links.agreeing import meet
from backbone.store import intents, links, lists, messages, shadows
from backbone.store.engine import Connection, Transaction
from backbone.store.intents import Intent
from backbone.store.messages import Incoming
from backbone.store.shadows import Book, Known

ATTEMPTS_IN_A_ROW = 20
"""How often a write is planned anew because somebody edits the issue at the same moment."""
HELD_AT_ONCE = 100


async def resume(ep: Endpoint) -> None:
    """Finish what a crash interrupted. Must succeed once before anything is captured or applied."""
    begun = await ep.store.read(lambda tx: intents.begun(tx, ep.row))
    if not begun:
        return
    found = await ep.tracker.find([one.key for one in begun])
    passed("resume: found")
    tasks = await _interrupted(ep, [one for one in begun if one.key in found])

    def finish(tx: Connection) -> None:
        book = planning.load(tx, ep, tasks)
        twinning.load(tx, ep, book, tasks)
        planned = planning.plan_again(tx, ep, book, tasks, found)
        _finish(tx, ep, book, planned, [found[p.write.key] for p in planned])
        intents.ended(tx, ep.row)

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
    if ep.unsaid:
        return await say_more(ep)
    done = await apply_next(ep)
    done += await _apply_held(ep)
    return done + await _apply_late(ep)


async def apply_next(ep: Endpoint) -> int:
    """The next message of change sets; returns how much was in it."""
    if ep.unsaid:
        return await say_more(ep)
    found = await ep.store.read(lambda tx: _next(tx, ep, 2))
    if not found:
        return 0
    incoming, *behind = found
    if not await follows(ep, incoming):
        return 1
    if incoming.kind != Kind.DATA:
        await _take_other(ep, incoming)
        return 1
    tasks = await _tasks(ep, incoming)
    if tasks is None:
        return 1
    ep.ahead.comes(behind)
    turns = rounds(tasks) or [[]]
    for turn in turns[:-1]:
        await apply_round(ep, turn)
    await apply_round(ep, turns[-1], lambda tx: _taken(tx, ep, incoming, tasks))
    return max(len(tasks), 1)


def _taken(tx: Connection, ep: Endpoint, incoming: Incoming, tasks: Sequence[Task]) -> None:
    if take(tx, ep, incoming):
        receipting.keep_change_sets(tx, ep, incoming, [task.change_set for task in tasks])


def _next(tx: Connection, ep: Endpoint, limit: int = 1) -> list[Incoming]:
    return messages.next_in(tx, ep.row, links.state(tx, ep.row), "c", limit)


async def _tasks(ep: Endpoint, incoming: Incoming) -> list[Task] | None:
    """The change sets of one message; ``None`` when the message is beyond repair, and the link stopped."""
    header = incoming.message.header
    try:
        change_sets = ep.ahead.take(incoming)
    except PeerError as error:
        reason = f"message {header.seq} of the partner cannot be read ({error})"
        await ep.store.run(lambda tx: stop(tx, ep, incoming, reason))
        return None
    return [
        Task(marker(ep.link_id, change_set.gid, header.inc[0], header.seq, index), change_set)
        for index, change_set in enumerate(change_sets)
    ]


async def _take_other(ep: Endpoint, incoming: Incoming) -> None:
    """What stands among the change sets and is none."""
    match incoming.kind:
        case Kind.AGREED:
            await meet(ep, incoming)
        case Kind.STATE:
            await ep.store.run(lambda tx: _pass_over(tx, ep, incoming))
        case _:
            await ep.store.run(lambda tx: _keep_unknown(tx, ep, incoming))


def _pass_over(tx: Connection, ep: Endpoint, incoming: Incoming) -> None:
    """A state that nobody waits for any more: our store has joined with that of the partner's life before, and the
    partner, who began a new one too, joins with ours.
    """
    if not take(tx, ep, incoming):
        return
    ep.log.info("a state that nobody waits for", seq=incoming.seq)
    issues: list[ChangeSet] = []
    with suppress(PeerError):
        issues = spoken(inflate(incoming.message.header, incoming.message.body))
    receipting.keep_change_sets(tx, ep, incoming, issues)
    for issue in issues:
        receipting.owe(tx, ep, issue, Became.SUPERSEDED, "a later state is told in place of this one")


def _keep_unknown(tx: Connection, ep: Endpoint, incoming: Incoming) -> None:
    if take(tx, ep, incoming):
        reason = f"a message of kind {incoming.kind!r}, which this version does not know"
        payload = incoming.message.body
        lists.set_aside(tx, ep.row, "message", reason, ep.clock(), payload=payload, advice="update Backbone")


async def apply_round(ep: Endpoint, tasks: Sequence[Task], then: Transaction[object] = lambda _: None) -> None:
    """Plan, write, read back; what somebody edited in between is planned again.

    ``then`` stands in the transaction after which nothing of the round is left.
    """
    remaining = list(tasks)
    async with ep.turn:
        for attempt in range(ATTEMPTS_IN_A_ROW):
            try:
                remaining = await _attempt(ep, remaining, then, complete=not attempt)
            except NotFetched as lacking:
                await fetch_contents(ep, lacking.cells, known=True)
            if not remaining:
                return
    await ep.store.run(lambda tx: _give_up(tx, ep, remaining, then))


async def _attempt(ep: Endpoint, tasks: Sequence[Task], then: Transaction[object], *, complete: bool) -> list[Task]:
    """One attempt; returns what somebody edited meanwhile. One book serves its three transactions. ``complete``: what
    people did is said with all its contents. Raises ``NotFetched``, and nothing is written.
    """
    await enlist(ep, tasks)
    await meet_issues(ep, tasks)
    book, touched, life = await _read(ep, tasks)
    asked, seen = await fits(ep, touched), await sighted(ep, edits_of(touched))
    sights = await sight(ep, book, tasks)

    def plan(tx: Connection) -> list[Planned]:
        if links.state(tx, ep.row).life != life:
            return []
        planned = planning.plan(tx, ep, book.within(tx), tasks, touched, asked, seen, sights, complete=complete)
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

    def finish(tx: Connection) -> bool:
        if links.state(tx, ep.row).life != life:
            return False
        _finish(tx, ep, book.within(tx), planned, outcomes)
        if not stale:
            then(tx)
        return True

    finished, _ = await ep.together([ep.store.run(finish), ep.ahead.decode()])
    if isinstance(finished, BaseException):
        raise finished
    if finished:
        ep.echoes.wrote(outcomes)
    passed("apply: finished")
    return [p.task for p in planned if p.write.key in stale]


def _give_up(tx: Connection, ep: Endpoint, tasks: Sequence[Task], then: Transaction[object]) -> None:
    for task in tasks:
        planning.refuse(tx, ep, task, "the issue is edited again and again while it is being written")
    then(tx)


async def _read(ep: Endpoint, tasks: Sequence[Task]) -> tuple[Book, Mapping[str, Touched], Life]:
    """What is known of these issues, what people did to them since they were last seen, by local name, and in which
    life of our store this was read: should another begin meanwhile, it is worth nothing.
    """
    book, life = await ep.store.read(lambda tx: (planning.load(tx, ep, tasks), links.state(tx, ep.row).life))
    known = [book.by_gid(task.change_set.gid) for task in tasks]
    positions = {k.local: k.seen for k in known if k is not None and k.seen is not None}
    if not positions:
        return book, {}, life
    touched = await ep.tracker.touched_of(positions)
    for one in touched.values():
        for edit in one.edits:
            await fetch_contents(ep, edit.cells)
    return book, touched, life


def _finish(tx: Connection, ep: Endpoint, book: Book, planned: Sequence[Planned], outcomes: Sequence[Outcome]) -> None:
    """Keep what came of each write, and tell the peer what the tracker did beyond it."""
    names = ep.names(book)
    effects: list[Edit] = []
    born: list[str] = []
    said: list[ChangeSet] = []
    for one, outcome in zip(planned, outcomes, strict=True):
        if isinstance(outcome, Applied):
            said += _settled(tx, ep, book, one, outcome)
            effects += _applied(tx, ep, book, names, one, outcome)
            said += said_with(one.task.change_set.gid, one.anew)
            born += [one.task.change_set.gid] if one.write.local is None else []
            made_now = [cell.element for cell in one.inward.cells if cell.field == ATTACHMENT]
            born += [element[1:] for element in made_now if element in outcome.created]
        elif isinstance(outcome, Refused):
            planning.refuse(tx, ep, one.task, outcome.words)
    change_sets = [*said, *record(tx, ep, book, effects)]
    for edit in effects:
        known = book.by_local(ISSUE, edit.local)
        assert known is not None
        book.see(known.gid, edit.position)
    intents.ended(tx, ep.row)
    shadows.arrived(tx, ep.row, born)
    book.flush(ep.clock())
    emit(tx, ep, change_sets)


def _settled(tx: Connection, ep: Endpoint, book: Book, one: Planned, outcome: Applied) -> list[ChangeSet]:
    """Names and registers of one write; returns what the partner must hear again."""
    gid = one.task.change_set.gid
    book.name(Known(gid, ISSUE, outcome.local, outcome.position))
    if outcome.created:
        # Also what this write did not ask for: it may have been made in a life that our store forgot.
        for (kind, local), name in names_made(ep, outcome).items():
            book.name(Known(name, kind, local))
    if one.judged is not None and book.ledger is not None:
        tracing.applied(ep, book.ledger, one.judged, outcome)
    said = planning.settle(tx, ep, book, one, outcome.local)
    twinning.wrote(tx, ep, book, gid)
    return said


def _applied(tx: Connection, ep: Endpoint, book: Book, names: Names, one: Planned, outcome: Applied) -> list[Edit]:
    """The images of one write; returns what the tracker changed beyond it, as an edit."""
    gid = one.task.change_set.gid
    targets: Cells = {cell: one.plan.targets[cell] for cell in one.inward.at}
    if one.inward.verbatim and outcome.cells == one.inward.cells:
        agreed, shadow = targets, book.fields(gid, targets)
    else:
        shadow = shadow_for(ep, book, gid, targets, outcome.cells)
        book.load_locals(ep.named_in(outcome.cells))
        agreed = ep.theirs.translation.to_agreed(outcome.cells, ep.schema, names, shadow, number=outcome.local).cells
    registers, beyond = diff.read_back(shadow, targets, agreed)
    before = {cell: value for cell, value in beyond.items() if f"+{cell.element}" in outcome.created}
    book.put(gid, {**registers, **_made_before(book, gid, before)} if before else registers)
    if not beyond.keys() - before.keys() and ep.earlier is None:
        return []
    book.name(Known(gid, ISSUE, outcome.local, one.write.expected))  # what changed beyond it was not seen yet
    own = {c: v for c, v in outcome.cells.items() if c not in one.write.cells and not _is_new(c, outcome)}
    return [Edit(outcome.local, outcome.position, "", one.write.at or "", own)]


def _made_before(book: Book, gid: str, shown: Cells) -> dict[Cell, Register]:
    """Of comments, attachments and rows that this write did not ask for, and that were made with the issue in a life
    that our store forgot: they are shown, whatever is known of them.
    """
    book.load_cells({gid: shown})
    known = book.fields(gid, shown)
    return {cell: known.get(cell, EMPTY)._replace(image=value) for cell, value in shown.items()}


def _is_new(cell: Cell, outcome: Applied) -> bool:
    return cell.element in outcome.created.values()


async def _apply_held(ep: Endpoint) -> int:
    ready = await ep.store.read(lambda tx: lists.held_ready(tx, ep.row, HELD_AT_ONCE))
    if ready:
        await apply_round(ep, [Task(key, change_set, held=True) for key, change_set in ready])
    return len(ready)


async def _apply_late(ep: Endpoint) -> int:
    """Cells whose other end has arrived since."""
    ready = await ep.store.read(lambda tx: completable(tx, ep))
    if ready:
        await apply_round(ep, ready)
    return len(ready)
