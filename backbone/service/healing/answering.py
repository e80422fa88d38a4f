"""Our whole state is told to a partner whose store was restored (PROTOCOL 2.7): what we have of each shared issue, in
numbered messages, and behind it everything as ever.
"""

from collections.abc import Iterator, Mapping, Sequence

from backbone.model import Cell, Issue
from backbone.replication import diff, limits
from backbone.replication.link import Answering, Telling, step
from backbone.replication.merge import NEVER
from backbone.replication.message import ChangeSet, Kind, Operation
from backbone.replication.proposing import BeginsAnew
from backbone.replication.resync import Told, encode_told, in_messages
from backbone.service.endpoint import Endpoint
from backbone.service.flow import holding, resending, resting
from backbone.service.flow.entering import nameable
from backbone.service.flow.recording import keep_names, number
from backbone.service.links import agreeing, rotating, talks
from backbone.store import links, lists, resync
from backbone.store.engine import Connection
from backbone.store.shadows import Book, Known


async def begin(ep: Endpoint) -> int:
    """The partner's new life is answered, and our state begins to be told."""
    certificate = await ep.keyring.public_key()
    await ep.store.run(lambda tx: _answer(tx, ep, certificate))
    await agreeing.refresh(ep)
    await agreeing.settle(ep)
    return 1


def _answer(tx: Connection, ep: Endpoint, certificate: bytes) -> None:
    before = links.state(tx, ep.row)
    if before.peer_next is None:
        return
    state, _ = step(before, Answering(ep.clock()), ep.identity, ep.timing)
    links.save_state(tx, ep.row, state)
    if state.peer_life != before.peer_life:
        resync.drop_peers_old_life(tx, ep.row, ep.clock())
        _forget_held(tx, ep)
    # Also where our own store was put back and has joined with this life of the partner's before it asked: whatever was
    # numbered until now is passed over.
    talks.heard(tx, ep, BeginsAnew())
    rotating.say_again(tx, ep, certificate)
    names = nameable(tx, ep)
    pages = [names[first : first + limits.state_names] for first in range(0, len(names), limits.state_names)]
    told = [Told(names=tuple(page)) for page in pages] + resting.in_messages(tx, ep)
    number(tx, ep, [(Kind.STATE, encode_told(one), 0, None) for one in told])


def _forget_held(tx: Connection, ep: Endpoint) -> None:
    """What the earlier life wrote and our tracker would not take is not in our state, so the partner says it again;
    what waited behind it is tried now: nothing else would release it.
    """
    book = Book(tx, ep.row)
    for key, change_set in lists.held_change_sets(tx, ep.row):
        book.load_cells({change_set.gid: [o.cell for o in change_set.operations]})
        registers = book.fields(change_set.gid, [o.cell for o in change_set.operations])
        if any(o.cell not in registers or registers[o.cell].write != o.write for o in change_set.operations):
            lists.unhold(tx, ep.row, key)
            lists.let_go(tx, ep.row, change_set.gid)
            item = lists.set_aside_by_key(tx, ep.row, key)
            if item is not None:
                lists.set_aside_change(tx, item.id, ep.clock(), state="resynced")


async def tell(ep: Endpoint, after: str) -> int:
    """One page of our state; the last one says so."""
    page = await ep.store.read(lambda tx: resync.shadowed(tx, ep.row, after, limits.state_issues))
    known = await ep.store.read(lambda tx: named(tx, ep, page))
    found = await ep.tracker.read([one.local for one in known.values()])
    last = len(page) < limits.state_issues

    def number_page(tx: Connection) -> None:
        said = list(_said(tx, ep, page, {name: found[one.local] for name, one in known.items() if one.local in found}))
        every = list(in_messages(said, ep.body_bytes, last=last))
        keep_names(tx, ep, [[issue.gid for issue in told.issues] for told in every])
        number(tx, ep, [(Kind.STATE, encode_told(told), 0, None) for told in every])
        state, _ = step(links.state(tx, ep.row), Telling(None if last else page[-1]), ep.identity, ep.timing)
        links.save_state(tx, ep.row, state)
        if last:
            holding.announce(tx, ep)
        if last and state.phase.works:
            resending.ask(tx, ep)

    await ep.store.run(number_page)
    return 1


def named(tx: Connection, ep: Endpoint, gids: Sequence[str]) -> dict[str, Known]:
    """Those of these issues that the link knows."""
    book = Book(tx, ep.row)
    book.load_gids(gids)
    return {name: known for name in gids if (known := book.by_gid(name)) is not None}


def _said(
    tx: Connection, ep: Endpoint, page: Sequence[str], issues: Mapping[str, Issue]
) -> Iterator[tuple[ChangeSet, Mapping[Cell, list[bytes]]]]:
    """Each issue's registers, in pieces where they are many; author and time where it was born here."""
    former = resync.history(tx, ep.row, page, limits.state_history_max)
    book = Book(tx, ep.row)
    for name in page:
        if resting.is_kept_back(tx, ep, book, name):
            continue
        issue = issues.get(name) if ep.born_here(name) else None
        author = ep.translation.person(issue.author, ep.schema) if issue else ""
        operations = tuple(
            Operation(cell, r.value, r.write, r.known)
            for cell, r in book.load_whole(name).items()
            if r.write != NEVER and cell.field in ep.policies
        )
        whole = ChangeSet(name, author, issue.created if issue else "", operations)
        for piece in diff.in_pieces(whole, ep.body_bytes):
            cells = former.get(name, {})
            yield piece, {o.cell: cells[o.cell] for o in piece.operations if o.cell in cells}
