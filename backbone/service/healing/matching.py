"""How the issues of a partner's state meet those that stand in our tracker (PROTOCOL 2.7): our picture of them is made
true, and what nobody has seen or heard yet is found.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from backbone.model import ATTACHMENT, ISSUE, Applied, Cell, Edit, Issue, Value, covers
from backbone.replication import diff
from backbone.replication.identity import created, made_over, marker
from backbone.replication.link import LinkState, Phase
from backbone.replication.merge import Register
from backbone.replication.message import ChangeSet, Operation
from backbone.replication.resync import Standing, Told, meet
from backbone.service.endpoint import Endpoint
from backbone.service.flow import twinning
from backbone.service.flow.entering import may_join
from backbone.service.flow.outbound import fetch_contents
from backbone.service.flow.recording import emit, record
from backbone.service.flow.sighting import NOTHING, Sighted, names_made, pictured
from backbone.service.flow.tasks import Task
from backbone.service.healing import answering
from backbone.store import blobs, kin, links, lists, resync, shadows
from backbone.store.engine import Connection
from backbone.store.messages import Incoming
from backbone.store.parts import part_of
from backbone.store.shadows import Book, Known

READ_AT_ONCE = 200


class Here(NamedTuple):
    """What our tracker has of some issues."""

    issues: Mapping[str, Issue]
    written: Mapping[str, Sequence[Applied]]
    """What this link wrote: the tracker's other links write what the partner has perhaps not heard."""
    seen: Sighted = NOTHING


async def look(ep: Endpoint, issues: Sequence[str]) -> Here:
    """What our writes made is called as they called it, whichever of our links wrote it."""
    shown, written = await ep.tracker.read(issues), await ep.tracker.written(dict.fromkeys(issues))
    seen = await pictured(ep, shown.values())
    names = await _pointed_to(ep, shown.values())
    if await ep.store.read(lambda tx: kin.of(tx, ep.row)):
        names = {where: name for where, name in names.items() if not ep.born_elsewhere(name)}
        names.update({k: name for ones in written.values() for one in ones for k, name in names_made(ep, one).items()})
        written = {local: [one for one in ones if made_over(one.key, ep.link_id)] for local, ones in written.items()}
    return Here(shown, written, seen._replace(names={**names, **seen.names}))


async def _pointed_to(ep: Endpoint, issues: Iterable[Issue]) -> dict[tuple[str, str], str]:
    """Issues of the partner's that these point to and that neither store remembers: they get their names back at the
    end (``_strays``), and are not to be called otherwise before.
    """
    pointed = {local for issue in issues for kind, local in ep.named_in(issue.cells) if kind == ISSUE}
    unknown = await ep.store.read(lambda tx: unnamed(tx, ep, pointed)) if pointed else []
    found = await ep.tracker.written(dict.fromkeys(unknown)) if unknown else {}
    return {(ISSUE, local): name for local, made in found.items() if (name := first_name(made)) is not None}


def unnamed(tx: Connection, ep: Endpoint, locals_: set[str]) -> list[str]:
    """Which of these issues of our tracker the link does not know."""
    book = Book(tx, ep.row)
    book.load_locals((ISSUE, local) for local in locals_)
    return sorted(local for local in locals_ if book.by_local(ISSUE, local) is None)


def first_name(made: Sequence[Applied]) -> str | None:
    """How the partner calls an issue that one of these writes has made."""
    return next((name for one in made if (name := created(one.key)) is not None), None)


def key_of(ep: Endpoint, state: LinkState, incoming: Incoming, index: int, gid: str) -> str:
    """Of the write by which our tracker follows an issue of the state."""
    return marker(ep.link_id, f"{gid}/joined/{state.life[0]}", state.peer_life[0], incoming.seq, index)


async def meet_state(ep: Endpoint, incoming: Incoming, told: Told) -> tuple[list[Task], set[str]]:
    """Our picture of these issues is made true, unseen edits are recorded; returns what is to be written, and which of
    the issues are not here.
    """
    known = await ep.store.read(lambda tx: answering.named(tx, ep, [issue.gid for issue in told.issues]))
    locals_ = sorted({one.local for one in known.values()})
    here = await look(ep, locals_)
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


def _meet_all(tx: Connection, ep: Endpoint, incoming: Incoming, told: Told, here: Here) -> tuple[list[Task], set[str]]:
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
        key = key_of(ep, state, incoming, index, theirs.gid)
        known = book.by_gid(theirs.gid)
        if known is None:
            if ep.born_here(theirs.gid):
                absent.add(theirs.gid)
            else:
                tasks.append(Task(key, theirs, late=True))
        elif known.local in here.issues and may_join(ep, book, known.gid, here.issues[known.local]):
            operations = meet_one(tx, ep, book, known, theirs, told, here, said)
            if operations:
                tasks.append(Task(key, theirs._replace(operations=operations), late=True))
        else:
            absent.add(theirs.gid)
            ep.log.info("deleted here, or not shared over this link, so not joined", issue=known.local)
    book.flush(ep.clock())
    emit(tx, ep, said)
    return tasks, absent


def meet_one(
    tx: Connection, ep: Endpoint, book: Book, known: Known, theirs: ChangeSet, told: Told, here: Here,
    said: list[ChangeSet],
) -> tuple[Operation, ...]:  # fmt: skip
    """One issue; returns what of the partner's words is news, or not shown here. What we say goes into ``said``."""
    issue = here.issues[known.local]
    written, seen = here.written.get(known.local, ()), known.seen
    later = [one for one in written if seen is None or not covers(seen, one.position)]
    name_contents(tx, ep, book, later)
    twinning.joined(tx, ep, book, known.gid, written)
    if ep.pairing is not None:
        twinning.name_equal(ep, book, theirs, issue)
    shadow = book.load_whole(known.gid)
    standing = _standing(ep, book, issue, later, shadow, theirs)
    name_own_contents(ep, book, issue)
    named, former = {part_of(o.cell) for o in theirs.operations}, told.former.get(known.gid, {})
    met = meet(shadow, theirs.operations, former, standing, ep.policies, lambda cell: part_of(cell) in named)
    book.put(known.gid, met.registers)
    lists.record_conflicts(tx, ep.row, known.gid, met.conflicts, ep.clock())
    if met.lacking:
        said.append(ChangeSet(known.gid, "", "", met.lacking))
    after = {**shadow, **met.registers}
    write_again(tx, ep, known.gid, [o.cell for o in met.lacking if after[o.cell].image != o.value])
    said += record(tx, ep, book, [picture(issue)], whole=True, entered=True, seen=here.seen)
    return met.operations


def write_again(tx: Connection, ep: Endpoint, gid: str, cells: Sequence[Cell]) -> None:
    """What stands and was not written yet, as our tracker refused it, say, in the life that is forgotten."""
    waits = shadows.came_in(tx, ep.row, gid) if cells else ()
    if unwritten := [cell for cell in cells if cell not in waits]:
        wants = f"repair:{links.take_numbers(tx, ep.row, 1)}"
        shadows.wait(tx, ep.row, gid, dict.fromkeys(unwritten, wants))
        shadows.arrived(tx, ep.row, [wants])


def picture(issue: Issue) -> Edit:
    """An issue as it stands: who edited it, and when, nobody knows."""
    return Edit(issue.local, issue.position, "", "", issue.cells)


def name_contents(tx: Connection, ep: Endpoint, book: Book, later: Sequence[Applied]) -> None:
    """Comments, attachments and rows that our own writes made since the backup."""
    for one in later:
        for element, local in one.created.items():
            kind = next((k for c in one.cells if c.element == local and (k := ep.own_kind(c.field))), None)
            if kind is not None and book.by_gid(element[1:]) is None:
                resync.forget_name(tx, ep.row, kind, local, unless=element[1:])
                book.name(Known(element[1:], kind, local))


def name_own_contents(ep: Endpoint, book: Book, issue: Issue) -> None:
    """Comments, attachments and rows that were born here, as the issue stands."""
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
