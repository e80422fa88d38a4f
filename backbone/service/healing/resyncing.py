"""A store that was restored is joined with its tracker and its partner again (PROTOCOL 2.7).

The restored side says that it was (``RESTORED``) until the partner answers (``WELCOME``); the partner then *tells* its
whole state in numbered messages, and goes on as ever behind them. The restored side *joins* each with what its tracker
shows, in the order in which they come; then it numbers what the state lacked, and the link is active again.

``advance`` takes the turn of capture and apply while a link is at either. Every step may be repeated after a crash.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import NamedTuple

from backbone.errors import PeerError
from backbone.model import ATTACHMENT, ISSUE, Applied, Cell, Edit, Issue, Position, Value, covers
from backbone.replication import diff
from backbone.replication.identity import created, creation, made_over, marker
from backbone.replication.link import HeardAll, Joined, LinkState, Phase, Stopped, step
from backbone.replication.merge import NEVER, Register
from backbone.replication.message import ChangeSet, Kind, Operation, inflate
from backbone.replication.proposing import BeginsAnew
from backbone.replication.resync import Standing, Told, decode_told, meet
from backbone.service.endpoint import Endpoint
from backbone.service.evidence import receipting
from backbone.service.flow import applying, control, holding, inbound, resending, resting, twinning
from backbone.service.flow.entering import may_join
from backbone.service.flow.outbound import as_edit, fetch_contents
from backbone.service.flow.recording import emit, record
from backbone.service.flow.sighting import NOTHING, Sighted, made, pictured
from backbone.service.flow.tasks import Task, rounds
from backbone.service.healing import answering
from backbone.service.links import agreeing, talks
from backbone.service.links.progress import joined
from backbone.store import blobs, kin, links, lists, messages, resync, shadows, standing, twins
from backbone.store.engine import Connection
from backbone.store.messages import Incoming
from backbone.store.parts import part_of
from backbone.store.shadows import Book, Known
from backbone.store.twins import PAIRED, PAIRING, TOLD

READ_AT_ONCE = 200


async def apply(ep: Endpoint) -> int:
    """As ``applying.apply``, or a step of joining or telling; returns how much there was."""
    if ep.unlooked:
        return await holding.look(ep)
    done = await advance(ep)
    if done is None and ep.pairing is not None and ep.pairing.wait:
        return 0
    if done is None:
        return await agreeing.advance(ep) or await applying.apply(ep)
    return done


async def advance(ep: Endpoint) -> int | None:
    """One step; returns how much was done, ``None`` when the link is neither told nor joined."""
    state = await ep.store.read(lambda tx: links.state(tx, ep.row))
    if state.phase.works and not state.occupied:
        return None
    if state.phase in (Phase.STOPPED, Phase.AWAITING):
        return 0
    if state.peer_next is not None:
        return await _drain(ep, state) or await answering.begin(ep)
    if state.telling is not None:
        return await answering.tell(ep, state.telling)
    return await _join(ep, state) if state.phase is Phase.JOINING else 0


async def _drain(ep: Endpoint, state: LinkState) -> int:
    """What the earlier life of the partner's store left is applied, in order, up to the first gap."""
    if state.phase is Phase.JOINING:
        return await _join(ep, state)
    if not state.phase.works:
        return 0
    return await inbound.take_parts(ep) or await control.take_control(ep) or await applying.apply_next(ep)


# Joining


async def _join(ep: Endpoint, state: LinkState) -> int:
    """The next message of the partner's state; behind the last, what it lacked."""
    await agreeing.settle(ep)
    if state.heard_all:
        return await _finish(ep)
    found = await ep.store.read(lambda tx: messages.next_in(tx, ep.row, links.state(tx, ep.row), "c", 1))
    if not found or not await inbound.follows(ep, found[0]):
        return 0
    incoming = found[0]
    try:
        if incoming.kind != Kind.STATE:
            raise PeerError(f"a message of kind {incoming.kind!r} in the middle of the partner's state")
        told = decode_told(inflate(incoming.message.header, incoming.message.body))
    except PeerError as error:
        reason = f"message {incoming.seq} of the partner cannot be read ({error})"
        await ep.store.run(lambda tx: _stop(tx, ep, reason))
        return 1
    if told.names:
        await _name(ep, told.names)
    if told.resting:
        await ep.store.run(lambda tx: resting.hear(tx, ep, told.resting))
    tasks, absent = await _meet(ep, incoming, told) if told.issues else ([], set())
    for round_ in rounds(tasks):
        await applying.apply_round(ep, round_)
    await ep.store.run(lambda tx: _took(tx, ep, incoming, told, absent))
    return 1


def _stop(tx: Connection, ep: Endpoint, reason: str) -> None:
    state, _ = step(links.state(tx, ep.row), Stopped(reason), ep.identity, ep.timing)
    links.save_state(tx, ep.row, state)
    inbound.halt(tx, ep, reason)


def _took(tx: Connection, ep: Endpoint, incoming: Incoming, told: Told, absent: set[str]) -> None:
    state = links.state(tx, ep.row)
    if state.phase is not Phase.JOINING or not inbound.take(tx, ep, incoming):
        return
    if told.issues:
        receipting.keep_change_sets(tx, ep, incoming, told.issues)
        keys = [_key(ep, state, incoming, index, issue.gid) for index, issue in enumerate(told.issues)]
        receipting.owe_for_state(tx, ep, told.issues, keys, absent)
    if told.last:
        state, _ = step(links.state(tx, ep.row), HeardAll(), ep.identity, ep.timing)
        links.save_state(tx, ep.row, state)


def _key(ep: Endpoint, state: LinkState, incoming: Incoming, index: int, gid: str) -> str:
    """Of the write by which our tracker follows an issue of the state."""
    return marker(ep.link_id, f"{gid}/joined/{state.life[0]}", state.peer_life[0], incoming.seq, index)


async def _name(ep: Endpoint, names: Sequence[str]) -> None:
    """Find the partner's issues in our tracker: by the key of the write that made them; our own by their names."""
    known = await ep.store.read(lambda tx: answering.named(tx, ep, names))
    unknown = [name for name in names if name not in known]
    keys = {creation(name): name for name in unknown if not ep.born_here(name)}
    made = await ep.tracker.find(list(keys)) if keys else {}
    found = {keys[key]: applied.local for key, applied in made.items()}
    ours = {name for name in unknown if ep.born_here(name)}
    after: str | None = None
    while ours - found.keys() and (page := await ep.tracker.issues(after, READ_AT_ONCE)):
        for issue in page:
            name = ep.gid(ISSUE, issue.local)
            if name in ours:
                found[name] = issue.local
        after = page[-1].local
    await ep.store.run(lambda tx: _keep_names(tx, ep, ISSUE, found))


def _keep_names(tx: Connection, ep: Endpoint, kind: str, found: Mapping[str, str]) -> None:
    for name, local in found.items():
        resync.forget_name(tx, ep.row, kind, local, unless=name)
    book = Book(tx, ep.row)
    book.load_gids(found)
    for name, local in found.items():
        if book.by_gid(name) is None:
            book.name(Known(name, kind, local))
    book.flush(ep.clock())


class _Here(NamedTuple):
    """What our tracker has of some issues."""

    issues: Mapping[str, Issue]
    written: Mapping[str, Sequence[Applied]]
    """What this link wrote: the tracker's other links write what the partner has perhaps not heard."""
    seen: Sighted = NOTHING


async def _look(ep: Endpoint, issues: Sequence[str]) -> _Here:
    """What our writes made is called as they called it, whichever of our links wrote it."""
    shown, written = await ep.tracker.read(issues), await ep.tracker.written(issues)
    seen = await pictured(ep, shown.values())
    names = await _pointed_to(ep, shown.values())
    if await ep.store.read(lambda tx: kin.of(tx, ep.row)):
        names = {where: name for where, name in names.items() if not ep.born_elsewhere(name)}
        names.update({k: name for ones in written.values() for one in ones for k, name in made(ep, one).items()})
        written = {local: [one for one in ones if made_over(one.key, ep.link_id)] for local, ones in written.items()}
    return _Here(shown, written, seen._replace(names={**names, **seen.names}))


async def _pointed_to(ep: Endpoint, issues: Iterable[Issue]) -> dict[tuple[str, str], str]:
    """Issues of the partner's that these point to and that neither store remembers: they get their names back at the
    end (``_strays``), and are not to be called otherwise before.
    """
    pointed = {local for issue in issues for kind, local in ep.named_in(issue.cells) if kind == ISSUE}
    unknown = await ep.store.read(lambda tx: _unknown(tx, ep, pointed)) if pointed else []
    found = await ep.tracker.written(unknown) if unknown else {}
    return {(ISSUE, local): name for local, made in found.items() if (name := _first_name(made)) is not None}


async def _meet(ep: Endpoint, incoming: Incoming, told: Told) -> tuple[list[Task], set[str]]:
    """Our picture of these issues is made true, unseen edits are recorded; returns what is to be written, and which of
    the issues are not here.
    """
    known = await ep.store.read(lambda tx: answering.named(tx, ep, [issue.gid for issue in told.issues]))
    locals_ = sorted({one.local for one in known.values()})
    here = await _look(ep, locals_)
    theirs = {
        str(o.value["sha256"])
        for issue in told.issues
        for o in issue.operations
        if o.cell.field == ATTACHMENT and isinstance(o.value, dict)
    }
    for issue in here.issues.values():
        await fetch_contents(ep, {c: v for c, v in issue.cells.items() if not _is_content(v, theirs)}, known=True)
    return await ep.store.run(lambda tx: _meet_all(tx, ep, incoming, told, here))


def _is_content(value: Value, contents: set[str]) -> bool:
    return isinstance(value, dict) and value.get("sha256") in contents


def _meet_all(tx: Connection, ep: Endpoint, incoming: Incoming, told: Told, here: _Here) -> tuple[list[Task], set[str]]:
    state, absent = links.state(tx, ep.row), set[str]()
    if state.phase is not Phase.JOINING:
        return [], absent
    every = [operation for issue in told.issues for operation in issue.operations]
    links.saw_number(tx, ep.row, diff.highest_number(every))
    for sha256 in {
        str(o.value["sha256"]): o.value for o in every if o.cell.field == ATTACHMENT and isinstance(o.value, dict)
    }:
        if ep.contents.has(sha256):
            blobs.add_sent(tx, ep.row, sha256, ep.contents.path(sha256).stat().st_size)
    resync.mark_told(tx, ep.row, {issue.gid: [o.cell for o in issue.operations] for issue in told.issues})
    book = Book(tx, ep.row)
    book.hear(here.seen.names, here.seen.contents)
    book.load_gids({issue.gid for issue in told.issues} | {o.cell.element for o in every if "-" in o.cell.element})
    tasks: list[Task] = []
    said: list[ChangeSet] = []
    for index, theirs in enumerate(told.issues):
        key = _key(ep, state, incoming, index, theirs.gid)
        known = book.by_gid(theirs.gid)
        if known is None:
            if ep.born_here(theirs.gid):
                absent.add(theirs.gid)
            else:
                tasks.append(Task(key, theirs, late=True))
        elif known.local in here.issues and may_join(ep, book, known.gid, here.issues[known.local]):
            operations = _meet_one(tx, ep, book, known, theirs, told, here, said)
            if operations:
                tasks.append(Task(key, theirs._replace(operations=operations), late=True))
        else:
            absent.add(theirs.gid)
            ep.log.info("deleted here, or not shared over this link, so not joined", issue=known.local)
    book.flush(ep.clock())
    emit(tx, ep, said)
    return tasks, absent


def _meet_one(
    tx: Connection, ep: Endpoint, book: Book, known: Known, theirs: ChangeSet, told: Told, here: _Here,
    said: list[ChangeSet],
) -> tuple[Operation, ...]:  # fmt: skip
    issue = here.issues[known.local]
    written, seen = here.written.get(known.local, ()), known.seen
    later = [one for one in written if seen is None or not covers(seen, one.position)]
    _name_contents(tx, ep, book, later)
    twinning.joined(tx, ep, book, known.gid, written)
    if ep.pairing is not None:
        twinning.name_equal(ep, book, theirs, issue)
    shadow = book.load_whole(known.gid)
    standing = _standing(ep, book, issue, later, shadow, theirs)
    _name_own_contents(ep, book, issue)
    named, former = {part_of(o.cell) for o in theirs.operations}, told.former.get(known.gid, {})
    met = meet(shadow, theirs.operations, former, standing, ep.policies, lambda cell: part_of(cell) in named)
    book.put(known.gid, met.registers)
    lists.record_conflicts(tx, ep.row, known.gid, met.conflicts, ep.clock())
    if met.lacking:
        said.append(ChangeSet(known.gid, "", "", met.lacking))
    after = {**shadow, **met.registers}
    _write_again(tx, ep, known.gid, [o.cell for o in met.lacking if after[o.cell].image != o.value])
    said += record(tx, ep, book, [_picture(issue)], whole=True, entered=True, seen=here.seen)
    return met.operations


def _write_again(tx: Connection, ep: Endpoint, gid: str, cells: Sequence[Cell]) -> None:
    """What stands and was not written yet, as our tracker refused it, say, in the life that is forgotten."""
    waits = shadows.waits_in(tx, ep.row, gid) if cells else ()
    if unwritten := [cell for cell in cells if cell not in waits]:
        wants = f"repair:{links.take_numbers(tx, ep.row, 1)}"
        shadows.wait(tx, ep.row, gid, dict.fromkeys(unwritten, wants))
        shadows.arrived(tx, ep.row, [wants])


def _picture(issue: Issue) -> Edit:
    """An issue as it stands: who edited it, and when, nobody knows."""
    return Edit(issue.local, issue.position, "", "", issue.cells)


def _name_contents(tx: Connection, ep: Endpoint, book: Book, later: Sequence[Applied]) -> None:
    """Comments, attachments and rows that our own writes made since the backup."""
    for one in later:
        for element, local in one.created.items():
            kind = next((k for c in one.cells if c.element == local and (k := ep.own_kind(c.field))), None)
            if kind is not None and book.by_gid(element[1:]) is None:
                resync.forget_name(tx, ep.row, kind, local, unless=element[1:])
                book.name(Known(element[1:], kind, local))


def _name_own_contents(ep: Endpoint, book: Book, issue: Issue) -> None:
    book.load_locals(ep.named_in(issue.cells))
    for agreed, local in ep.owned(issue.cells, ep.names(book)).items():
        ep.name_owned(book, agreed, local)


def _standing(
    ep: Endpoint, book: Book, issue: Issue, later: Sequence[Applied], shadow: Mapping[Cell, Register], theirs: ChangeSet
) -> Standing:
    left: dict[Cell, Value] = {}
    for one in later:
        left.update(one.cells)
    book.load_locals(ep.named_in(issue.cells) | ep.named_in(left))
    names = ep.names(book)
    peers = {o.cell: Register(o.write, o.known, o.value) for o in theirs.operations}
    ours = {
        **shadow,
        **{c: r for c, r in peers.items() if not isinstance(_value(shadow, c), dict) and ep.is_owned(c)},
    }
    now = ep.translation.to_agreed(issue.cells, ep.schema, names, ours, number=issue.local)
    as_theirs = ep.translation.to_agreed(issue.cells, ep.schema, names, {**shadow, **peers}, number=issue.local)
    base = dict(ep.translation.to_agreed(left, ep.schema, names, ours).cells)
    # What was born here, and is neither known nor in the tracker any more, was told to the partner and taken out since.
    base.update({
        o.cell: o.value
        for o in theirs.operations
        if ep.is_owned(o.cell) and o.cell not in now.cells and o.cell not in shadow
        and ep.born_here(o.cell.element)
    })  # fmt: skip
    return Standing(now.cells, as_theirs.cells, base, now.unsaid)


def _value(shadow: Mapping[Cell, Register], cell: Cell) -> Value:
    return shadow[cell].value if cell in shadow else None


async def _strays(ep: Endpoint) -> None:
    """Issues that we made for the partner and that neither store remembers, as both were restored: they get their names
    back, so that they are not taken for new ones of ours. All that they show is said as ours: nobody knows better; a
    side that pairs waits for the partner to say them.
    """
    row = await ep.store.read(lambda tx: links.get(tx, ep.row))
    locals_ = {local async for local in _made(ep, row.cursor if row.populated else None)}
    unknown = await ep.store.read(lambda tx: _unknown(tx, ep, locals_))
    for first in range(0, len(unknown), READ_AT_ONCE):
        here = await _look(ep, unknown[first : first + READ_AT_ONCE])
        ours = {local: name for local, made in here.written.items() if (name := _first_name(made)) is not None}
        for local in ours.keys() & here.issues.keys():
            await fetch_contents(ep, here.issues[local].cells, known=True)
        await ep.store.run(lambda tx, o=ours, h=here: _name_strays(tx, ep, o, h))  # type: ignore[misc]


async def _speak_of_twins(ep: Endpoint) -> None:
    """What points to an issue of ours may have been said before the state showed that it is a twin: it points to what
    the partner knows from then on.
    """
    pointing = await ep.store.read(lambda tx: _pointing_to_twins(tx, ep))
    for first in range(0, len(pointing), READ_AT_ONCE):
        here = await _look(ep, pointing[first : first + READ_AT_ONCE])
        await ep.store.run(lambda tx, h=here: _say_whole(tx, ep, h))  # type: ignore[misc]


def _pointing_to_twins(tx: Connection, ep: Endpoint) -> list[str]:
    former = {ep.gid(ISSUE, one.local) for one in twins.in_state(tx, ep.row, PAIRING, PAIRED, TOLD)}
    book = Book(tx, ep.row)
    gids = resync.shadowed(tx, ep.row) if former else []
    named = [gid for gid in gids if any(cell.element in former for cell in book.load_whole(gid))]
    return [known.local for known in answering.named(tx, ep, named).values()]


def _say_whole(tx: Connection, ep: Endpoint, here: _Here) -> None:
    if links.state(tx, ep.row).phase is not Phase.JOINING:
        return
    book = Book(tx, ep.row)
    book.hear(here.seen.names, here.seen.contents)
    pictures = [_picture(issue) for issue in here.issues.values()]
    emit(tx, ep, record(tx, ep, book, pictures, whole=True, entered=True, seen=here.seen))
    book.flush(ep.clock())


async def _made(ep: Endpoint, since: Position | None) -> AsyncIterator[str]:
    """The issues that were made after ``since``; all of them for ``None``."""
    after: str | None = None
    while since is None and (page := await ep.tracker.issues(after, READ_AT_ONCE)):
        after = page[-1].local
        for issue in page:
            yield issue.local
    while since is not None:
        touched = await ep.tracker.touched(since, READ_AT_ONCE)
        for edit in touched.edits:
            if edit.created:
                yield edit.local
        since = touched.position if touched.more else None


def _unknown(tx: Connection, ep: Endpoint, locals_: set[str]) -> list[str]:
    book = Book(tx, ep.row)
    book.load_locals((ISSUE, local) for local in locals_)
    return sorted(local for local in locals_ if book.by_local(ISSUE, local) is None)


def _first_name(made: Sequence[Applied]) -> str | None:
    return next((name for one in made if (name := created(one.key)) is not None), None)


def _name_strays(tx: Connection, ep: Endpoint, names: Mapping[str, str], here: _Here) -> None:
    if links.state(tx, ep.row).phase is not Phase.JOINING:
        return
    book = Book(tx, ep.row)
    book.hear({**here.seen.names, **{(ISSUE, local): name for local, name in names.items()}}, here.seen.contents)
    book.load_gids(names.values())
    said: list[ChangeSet] = []
    for local, name in names.items():
        if local not in here.issues or book.by_gid(name) is not None:
            continue
        if book.kin and ep.born_elsewhere(name):  # perhaps another partner's, and not to be known over this link
            said += record(tx, ep, book, [as_edit(here.issues[local])], whole=True, seen=here.seen)
            continue
        ep.log.warning("neither store remembers this issue of the partner's", issue=local, gid=name)
        _name_contents(tx, ep, book, here.written[local])
        if ep.pairing is not None:
            twinning.found_again(tx, ep, book, name, here.issues[local])
        else:
            known = Known(name, ISSUE, local)
            book.name(known)
            _meet_one(tx, ep, book, known, ChangeSet(name, "", "", ()), Told(), _Here(here.issues, {}, here.seen), said)
    book.flush(ep.clock())
    emit(tx, ep, said)


async def _finish(ep: Endpoint) -> int:
    """All is joined: what the partner's state did not name is numbered, and the link goes on."""
    await _strays(ep)
    if ep.pairing is not None:
        await _speak_of_twins(ep)
    untold = await ep.store.read(lambda tx: resync.untold(tx, ep.row))
    born: dict[str, tuple[str, str]] = {}
    await _name_what_rests(ep)
    for first in range(0, len(untold), READ_AT_ONCE):
        page = untold[first : first + READ_AT_ONCE]
        here = await _look(ep, [known.local for known in page])
        for known in page:
            issue = here.issues.get(known.local)
            if issue is not None:
                await fetch_contents(ep, issue.cells, known=True)
            if issue is not None and ep.born_here(known.gid):
                born[known.gid] = (ep.translation.person(issue.author, ep.schema), issue.created)
        await ep.store.run(lambda tx, h=here: _name_written(tx, ep, h))  # type: ignore[misc]
    await ep.store.run(lambda tx: _push(tx, ep, untold, born))
    await agreeing.refresh(ep)
    return 1


async def _name_what_rests(ep: Endpoint) -> None:
    """The partner's state is silent about issues that rest, or have just begun to, but speaks of their comments when
    they go on.
    """

    def silent(tx: Connection) -> dict[str, Known]:
        return answering.named(tx, ep, sorted(standing.resting(tx, ep.row) | set(resync.unspoken(tx, ep.row))))

    rests = await ep.store.read(silent)
    here = await _look(ep, [known.local for known in rests.values()]) if rests else _Here({}, {})

    def name(tx: Connection) -> None:
        book = Book(tx, ep.row)
        for local, issue in here.issues.items():
            _name_contents(tx, ep, book, here.written.get(local, ()))
            _name_own_contents(ep, book, issue)
        book.flush(ep.clock())

    await ep.store.run(name)


def _name_written(tx: Connection, ep: Endpoint, here: _Here) -> None:
    """A partner that was restored, too, is silent about what it said of these issues, and says it again: what we made
    of it since the backup has its name then.
    """
    book = Book(tx, ep.row)
    book.load_locals((ISSUE, local) for local in here.written)
    for local, written in here.written.items():
        _name_contents(tx, ep, book, written)
        known = book.by_local(ISSUE, local)
        if known is not None:
            twinning.joined(tx, ep, book, known.gid, written)
    emit(tx, ep, _settle_untold(tx, ep, book, here))
    book.flush(ep.clock())


def _settle_untold(tx: Connection, ep: Endpoint, book: Book, here: _Here) -> list[ChangeSet]:
    """What the partner's state is silent about. What stands and is not shown is written. The partner's comments and
    attachments of which neither store knows more than that they stand here are said as ours: where its people have
    taken them out meanwhile, it answers that (``planning``).
    """
    if links.state(tx, ep.row).phase is not Phase.JOINING:
        return []
    paired = {one.local for one in twins.in_state(tx, ep.row, PAIRING, PAIRED)}  # of these the partner says all
    known = {
        one.gid: here.issues[local] for local in here.issues.keys() - paired if (one := book.by_local(ISSUE, local))
    }
    told = resync.told_parts(tx, ep.row, known)
    said: list[ChangeSet] = []
    for gid, issue in sorted(known.items()):
        untold = {cell: r for cell, r in book.load_whole(gid).items() if (gid, part_of(cell)) not in told}
        unshown = [cell for cell, r in untold.items() if r.write != NEVER and r.image != r.value]
        _write_again(tx, ep, gid, [cell for cell in unshown if cell.field in ep.policies])
        forgotten = {
            cell: register._replace(image=None)
            for cell, register in untold.items()
            if register.write == NEVER and ep.is_owned(cell) and not ep.born_here(cell.element)
        }
        if forgotten:
            book.put(gid, forgotten)
            said += record(tx, ep, book, [_picture(issue)], whole=True, entered=True, seen=here.seen)
    return said


def _push(tx: Connection, ep: Endpoint, untold: Sequence[Known], born: Mapping[str, tuple[str, str]]) -> None:
    state = links.state(tx, ep.row)
    if state.phase is not Phase.JOINING or not state.heard_all:
        return
    named = resync.told_parts(tx, ep.row, [known.gid for known in untold])
    book = Book(tx, ep.row)
    for known in untold:
        operations = tuple(
            Operation(cell, r.value, r.write, r.known)
            for cell, r in book.load_whole(known.gid).items()
            if (known.gid, part_of(cell)) not in named and r.write != NEVER and cell.field in ep.policies
        )
        if operations:
            emit(tx, ep, [ChangeSet(known.gid, *born.get(known.gid, ("", "")), operations)])
    holding.announce(tx, ep)
    resending.ask(tx, ep)
    resting.say_again(tx, ep)
    state, _ = step(links.state(tx, ep.row), Joined(ep.clock()), ep.identity, ep.timing)
    links.save_state(tx, ep.row, state)
    talks.heard(tx, ep, BeginsAnew())
    resync.begin_joining(tx, ep.row)
    joined(tx, links.get(tx, ep.row))
    ep.log.info("joined again", life=state.life[0])
