"""Issues that rest: frozen as they left the scope, or cut by a person, here or at the partner's.

Both trackers keep the issue. What people do to it is registered, and what the partner says of it is joined, but
nothing leaves (``recording.emit``) and nothing is written. When neither side wants it to rest any longer, each says all
that it wrote itself and writes what it has heard: the joins do not mind that some of it is said twice.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from backbone.errors import PeerError
from backbone.model import ATTACHMENT, ISSUE, Cell, Edit
from backbone.points import passed
from backbone.replication import diff, limits
from backbone.replication.mapping import Inward
from backbone.replication.mapping.entry import has_entered
from backbone.replication.merge import NEVER, Register, Side, Stamp, write
from backbone.replication.message import ChangeSet, Operation
from backbone.replication.resync import Told
from backbone.replication.scope.standing import read_announcement
from backbone.service.endpoint import Endpoint
from backbone.service.flow.outbound import fetch_contents
from backbone.service.flow.recording import emit, record, stand
from backbone.service.flow.sighting import pictured
from backbone.store import links, lists, shadows, standing
from backbone.store.engine import Connection
from backbone.store.shadows import Book
from backbone.store.standing import ADDED, CUT, RESTS, Standing

WOKEN_AT_ONCE = 20
ALL = -1
"""Instead of the number of what was said last: the partner was restored, and is told nothing of it yet."""
FORGOTTEN = "it rested before this store was restored"
BY_HAND = "somebody cut it from this link by hand"


def awaits(gid: str) -> str:
    """For what the cells of an issue that rests wait."""
    return f"rest:{gid}"


def kept_back(gid: str, inward: Inward, plan: diff.Plan) -> Inward:
    """Instead of what would be written now."""
    return Inward({}, waiting=dict.fromkeys(plan.targets, awaits(gid)), problems=inward.problems)


async def wake(ep: Endpoint) -> int:
    """Issues that go on say what was kept back; returns how many."""
    found = await ep.store.read(lambda tx: _waking(tx, ep))
    if not found:
        return 0
    issues = await ep.tracker.read([local for local in found.values() if local is not None])
    for issue in issues.values():
        await fetch_contents(ep, {c: v for c, v in issue.cells.items() if c.field == ATTACHMENT})
    passed("wake: contents fetched")

    def say(tx: Connection) -> None:
        for gid in found:
            before = standing.get(tx, ep.row, gid)
            if before.waking:
                standing.put(tx, ep.row, before._replace(waking=False), ep.clock())
                _say_all(tx, ep, gid, theirs_too=before.said == ALL)

    await ep.store.run(say)
    passed("wake: said")
    return len(found)


def _waking(tx: Connection, ep: Endpoint) -> dict[str, str | None]:
    book = Book(tx, ep.row)
    gids = standing.waking(tx, ep.row, WOKEN_AT_ONCE)
    book.load_gids(gids)
    return {gid: known.local if (known := book.by_gid(gid)) else None for gid in gids}


def _say_all(tx: Connection, ep: Endpoint, gid: str, *, theirs_too: bool) -> None:
    book = Book(tx, ep.row)
    registers = book.load_whole(gid)
    again = _said_at_leaving(tx, ep, registers)
    book.put(gid, again)
    operations = tuple(
        Operation(cell, r.value, r.write, r.known)
        for cell, r in {**registers, **again}.items()
        if (is_ours(ep.side, r.write) or (theirs_too and r.write != NEVER)) and not cell.field.startswith(diff.NOTE)
        and cell.field in ep.policies and ep.agreement.direction_of(cell.field).allows(ep.side)
    )  # fmt: skip
    book.flush(ep.clock())
    shadows.arrived(tx, ep.row, [awaits(gid)])
    emit(tx, ep, [ChangeSet(gid, "", "", operations)] if operations else [])


def is_ours(side: Side, stamp: Stamp) -> bool:
    """Whether that side wrote it last: who writes takes a number above all that it has seen."""
    return (stamp.master_n > stamp.slave_n) is (side is Side.MASTER) and stamp != NEVER


def _said_at_leaving(tx: Connection, ep: Endpoint, registers: Mapping[Cell, Register]) -> dict[Cell, Register]:
    """What was said to the partner when the issue left gives way to what our tracker shows."""
    said = {Cell(name) for name in ep.scope.rules.close_with}
    untrue = {c: r for c, r in registers.items() if c in said and r.value != r.image and is_ours(ep.side, r.write)}
    if not untrue:
        return {}
    n, inc = links.take_numbers(tx, ep.row, 1), links.state(tx, ep.row).life[0]
    return {cell: write(r, r.image, ep.side, inc, n) for cell, r in untrue.items()}


def take(tx: Connection, ep: Endpoint, record: Mapping[str, Any]) -> None:
    """What the partner says of an issue that rests, or goes on. Raises ``PeerError``."""
    said = read_announcement(record)
    if ep.born_here(said.gid) and Book(tx, ep.row).by_gid(said.gid) is None:
        raise PeerError("the partner lets an issue of ours rest that this link does not know")
    stand(tx, ep, standing.get(tx, ep.row, said.gid)._replace(theirs=said.standing), tell=False)


def in_messages(tx: Connection, ep: Endpoint) -> list[Told]:
    """What a restored partner must know before it says anything: which issues rest, on whose side."""
    rows = [
        (one.gid, _rest(one.ours), _rest(one.theirs))
        for one in standing.every(tx, ep.row)
        if not one.is_free and (one.theirs or has_entered(Book(tx, ep.row).load_whole(one.gid)))
    ]
    pages = range(0, len(rows), limits.state_names)
    return [Told(resting=tuple(rows[first : first + limits.state_names])) for first in pages]


def hear(tx: Connection, ep: Endpoint, said: Iterable[tuple[str, str, str]]) -> None:
    """The inverse: our store has forgotten, so the partner knows better."""
    clock = links.get(tx, ep.row).clock
    for gid, theirs, ours in said:
        before = standing.get(tx, ep.row, gid)
        known = Standing(gid, before.ours, theirs, before.why, said=before.said or clock)
        after = known._replace(ours=ours, why=before.why or FORGOTTEN) if ours else known
        standing.put(tx, ep.row, after, ep.clock())


def say_again(tx: Connection, ep: Endpoint) -> None:
    """A store that was restored lets rest what it let rest before, even if the partner has heard otherwise since."""
    for one in standing.every(tx, ep.row):
        if one.ours in RESTS:
            stand(tx, ep, one, tell=True)


def is_kept_back(tx: Connection, ep: Endpoint, book: Book, gid: str) -> bool:
    """Whether an issue rests and holds writes that the partner has not heard: then its state is not told in pieces, but
    all of it is said when it goes on.
    """
    one = standing.get(tx, ep.row, gid)
    unheard = one.rests and any(
        is_ours(ep.side, register.write) and register.write.newest > one.said
        for register in book.load_whole(gid).values()
    )
    if unheard:
        standing.put(tx, ep.row, one._replace(said=ALL), ep.clock())
    return unheard


def _rest(word: str) -> str:
    return word if word in RESTS else ""


async def cut(ep: Endpoint, item: int, arguments: Mapping[str, Any]) -> None:
    """A person cuts one issue from the link: both sides keep it."""
    local = str(arguments["issue"])
    there = await ep.tracker.read([local])

    def keep(tx: Connection) -> None:
        book = Book(tx, ep.row)
        book.load_locals([(ISSUE, local)])
        known = book.by_local(ISSUE, local)
        gid = ep.names(book).gid_of(ISSUE, local)
        before = standing.get(tx, ep.row, gid)
        problem = ""
        if known is None and local not in there:
            problem = f"the tracker has no issue {local!r}"
        elif before.ours == CUT:
            problem = f"{local} is cut already"
        else:
            entered = known is not None and has_entered(book.load_whole(gid))
            stand(tx, ep, before._replace(ours=CUT, why=BY_HAND), tell=entered)
        lists.answer(tx, item, {"problem": problem})

    await ep.store.run(keep)


async def add(ep: Endpoint, item: int, arguments: Mapping[str, Any]) -> None:
    """A person adds one issue, whatever the scope says; one that was cut goes on as the issue that it was."""
    local = str(arguments["issue"])
    issue = (await ep.tracker.read([local])).get(local)
    if issue is not None:
        await fetch_contents(ep, issue.cells)
    seen = await pictured(ep, [issue] if issue is not None else [])

    def keep(tx: Connection) -> None:
        book = Book(tx, ep.row)
        book.hear(seen.names, seen.contents)
        book.load_locals([(ISSUE, local)])
        gid = ep.names(book).gid_of(ISSUE, local)
        before = standing.get(tx, ep.row, gid)
        known = book.by_local(ISSUE, local)
        problem = ""
        if issue is None:
            problem = f"the tracker has no issue {local!r}"
        elif before.theirs in RESTS and before.ours not in RESTS:
            problem = f"the partner has taken {local} out of the link ({before.theirs}): ask them to add it again"
        else:
            stand(tx, ep, before._replace(ours=ADDED, why=""), tell=before.ours in RESTS)
            edit = Edit(local, issue.position, issue.author, issue.created, issue.cells, created=known is None)
            change_sets = record(tx, ep, book, [edit], whole=True, seen=seen)
            book.flush(ep.clock())
            emit(tx, ep, change_sets)
        lists.answer(tx, item, {"problem": problem, "theirs": before.theirs})

    await ep.store.run(keep)
