"""The end of joining again after a restore (PROTOCOL 2.7): behind the last message of the partner's state, what it was
silent about gets its names back, is settled and said, and the link goes on.
"""

from collections.abc import AsyncIterator, Mapping, Sequence

from backbone.model import ISSUE, Position
from backbone.replication.link import Joined, Phase, step
from backbone.replication.merge import NEVER
from backbone.replication.message import ChangeSet, Operation
from backbone.replication.proposing import BeginsAnew
from backbone.replication.resync import Told
from backbone.service.endpoint import Endpoint
from backbone.service.flow import holding, resending, resting, twinning
from backbone.service.flow.outbound import as_edit, fetch_contents
from backbone.service.flow.recording import emit, record
from backbone.service.healing import answering
from backbone.service.healing.matching import (
    READ_AT_ONCE,
    Here,
    first_name,
    look,
    meet_one,
    name_contents,
    name_own_contents,
    picture,
    unnamed,
    write_again,
)
from backbone.service.links import agreeing, talks
from backbone.service.links.progress import joined
from backbone.store import links, resync, standing, twins
from backbone.store.engine import Connection
from backbone.store.parts import part_of
from backbone.store.shadows import Book, Known
from backbone.store.twins import PAIRED, PAIRING, TOLD


async def finish(ep: Endpoint) -> int:
    """All is joined: what the partner's state did not name is numbered, and the link goes on."""
    head = await ep.tracker.head()
    await _strays(ep)
    if ep.pairing is not None:
        await _speak_of_twins(ep)
    untold = await ep.store.read(lambda tx: resync.untold(tx, ep.row))
    born: dict[str, tuple[str, str]] = {}
    await _name_what_rests(ep)
    for first in range(0, len(untold), READ_AT_ONCE):
        page = untold[first : first + READ_AT_ONCE]
        here = await look(ep, [known.local for known in page])
        for known in page:
            issue = here.issues.get(known.local)
            if issue is not None:
                await fetch_contents(ep, issue.cells, known=True)
            if issue is not None and ep.born_here(known.gid):
                born[known.gid] = (ep.translation.person(issue.author, ep.schema), issue.created)
        await ep.store.run(lambda tx, h=here: _name_written(tx, ep, h))  # type: ignore[misc]
    await ep.store.run(lambda tx: _push(tx, ep, untold, born, head))
    await agreeing.refresh(ep)
    return 1


async def _strays(ep: Endpoint) -> None:
    """Issues that we made for the partner and that neither store remembers, as both were restored: they get their names
    back, so that they are not taken for new ones of ours. All that they show is said as ours: nobody knows better; a
    side that pairs waits for the partner to say them.
    """
    row = await ep.store.read(lambda tx: links.get(tx, ep.row))
    locals_ = {local async for local in _made(ep, row.cursor if row.populated else None)}
    unknown = await ep.store.read(lambda tx: unnamed(tx, ep, locals_))
    for first in range(0, len(unknown), READ_AT_ONCE):
        here = await look(ep, unknown[first : first + READ_AT_ONCE])
        ours = {local: name for local, made in here.written.items() if (name := first_name(made)) is not None}
        for local in ours.keys() & here.issues.keys():
            await fetch_contents(ep, here.issues[local].cells, known=True)
        await ep.store.run(lambda tx, o=ours, h=here: _name_strays(tx, ep, o, h))  # type: ignore[misc]


def _name_strays(tx: Connection, ep: Endpoint, names: Mapping[str, str], here: Here) -> None:
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
        name_contents(tx, ep, book, here.written[local])
        if ep.pairing is not None:
            twinning.found_again(tx, ep, book, name, here.issues[local])
        else:
            known = Known(name, ISSUE, local)
            book.name(known)
            meet_one(tx, ep, book, known, ChangeSet(name, "", "", ()), Told(), Here(here.issues, {}, here.seen), said)
    book.flush(ep.clock())
    emit(tx, ep, said)


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


async def _speak_of_twins(ep: Endpoint) -> None:
    """What points to an issue of ours may have been said before the state showed that it is a twin: it points to what
    the partner knows from then on.
    """
    pointing = await ep.store.read(lambda tx: _pointing_to_twins(tx, ep))
    for first in range(0, len(pointing), READ_AT_ONCE):
        here = await look(ep, pointing[first : first + READ_AT_ONCE])
        await ep.store.run(lambda tx, h=here: _say_whole(tx, ep, h))  # type: ignore[misc]


def _pointing_to_twins(tx: Connection, ep: Endpoint) -> list[str]:
    former = {ep.gid(ISSUE, one.local) for one in twins.in_state(tx, ep.row, PAIRING, PAIRED, TOLD)}
    book = Book(tx, ep.row)
    gids = resync.shadowed(tx, ep.row) if former else []
    named = [gid for gid in gids if any(cell.element in former for cell in book.load_whole(gid))]
    return [known.local for known in answering.named(tx, ep, named).values()]


def _say_whole(tx: Connection, ep: Endpoint, here: Here) -> None:
    if links.state(tx, ep.row).phase is not Phase.JOINING:
        return
    book = Book(tx, ep.row)
    book.hear(here.seen.names, here.seen.contents)
    pictures = [picture(issue) for issue in here.issues.values()]
    emit(tx, ep, record(tx, ep, book, pictures, whole=True, entered=True, seen=here.seen))
    book.flush(ep.clock())


async def _name_what_rests(ep: Endpoint) -> None:
    """The partner's state is silent about issues that rest, or have just begun to, but speaks of their comments when
    they go on.
    """

    def silent(tx: Connection) -> dict[str, Known]:
        return answering.named(tx, ep, sorted(standing.resting(tx, ep.row) | set(resync.unspoken(tx, ep.row))))

    rests = await ep.store.read(silent)
    here = await look(ep, [known.local for known in rests.values()]) if rests else Here({}, {})

    def name(tx: Connection) -> None:
        book = Book(tx, ep.row)
        for local, issue in here.issues.items():
            name_contents(tx, ep, book, here.written.get(local, ()))
            name_own_contents(ep, book, issue)
        book.flush(ep.clock())

    await ep.store.run(name)


def _name_written(tx: Connection, ep: Endpoint, here: Here) -> None:
    """A partner that was restored, too, is silent about what it said of these issues, and says it again: what we made
    of it since the backup has its name then.
    """
    book = Book(tx, ep.row)
    book.load_locals((ISSUE, local) for local in here.written)
    for local, written in here.written.items():
        name_contents(tx, ep, book, written)
        known = book.by_local(ISSUE, local)
        if known is not None:
            twinning.joined(tx, ep, book, known.gid, written)
    emit(tx, ep, _settle_untold(tx, ep, book, here))
    book.flush(ep.clock())


def _settle_untold(tx: Connection, ep: Endpoint, book: Book, here: Here) -> list[ChangeSet]:
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
        write_again(tx, ep, gid, [cell for cell in unshown if cell.field in ep.policies])
        forgotten = {
            cell: register._replace(image=None)
            for cell, register in untold.items()
            if register.write == NEVER and ep.is_owned(cell) and not ep.born_here(cell.element)
        }
        if forgotten:
            book.put(gid, forgotten)
            said += record(tx, ep, book, [picture(issue)], whole=True, entered=True, seen=here.seen)
    return said


def _push(
    tx: Connection, ep: Endpoint, untold: Sequence[Known], born: Mapping[str, tuple[str, str]], head: Position
) -> None:
    """``head`` is how far the tracker was certainly read: what we wrote up to there has been seen to."""
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
    links.change(tx, ep.row, joined_at=head)
    talks.heard(tx, ep, BeginsAnew())
    resync.begin_joining(tx, ep.row)
    joined(tx, links.get(tx, ep.row))
    ep.log.info("joined again", life=state.life[0])
