"""The side that joins and pairs says its own issues last: until the partner has said all of its own, any of ours may be
the twin of one of theirs.

In three steps: every issue here is *looked* at, and its key noted; then the feed is *followed*, so that what people do
to twins travels and new keys are known; when the partner has said all, our population begins as on any link, with what
twins show and nobody has said yet. Issues that wait for a person's word about their twin are left out, and said once
they are nobody's.
"""

from collections.abc import Collection, Iterable

from backbone.model import ISSUE, Edit, Issue
from backbone.points import passed
from backbone.replication.merge import Side
from backbone.replication.message import Kind, encode_record
from backbone.replication.twins import populated, unsaid
from backbone.service.endpoint import Endpoint
from backbone.service.flow.recording import number
from backbone.service.flow.twinning import shown
from backbone.store import links, lists, twins
from backbone.store.engine import Connection
from backbone.store.shadows import Book
from backbone.store.twins import FREE, LEFT, PAIRED, TOLD, WAITS, Progress

LOOKED_AT_ONCE = 200


def announce(tx: Connection, ep: Endpoint) -> None:
    """Tell the partner, if it may be pairing, that everything that was here before the link is said."""
    if ep.side is Side.MASTER and links.get(tx, ep.row).populated:
        record = populated(links.state(tx, ep.row).out["c"].last)
        number(tx, ep, [(Kind.CTRL, encode_record(record), 0, None)])


def hear(tx: Connection, ep: Endpoint) -> None:
    """The inverse."""
    twins.proceed(tx, ep.row, twins.progress(tx, ep.row)._replace(told=True))


async def look(ep: Endpoint) -> int:
    """One page of our issues: which key each shows; returns how many. Nothing comes in before the last one, and the
    feed is followed from before the first one: what people do to an issue that has just come in is in it.
    """
    now, row, life = await ep.store.read(
        lambda tx: (twins.progress(tx, ep.row), links.get(tx, ep.row), links.state(tx, ep.row).life)
    )
    if row.cursor is None:
        head = await ep.tracker.head()
        await ep.store.run(lambda tx: links.change(tx, ep.row, cursor=head))
    by_itself = ep.pairing is not None and ep.pairing.table is None and not (now.looked or row.populated)
    page = await ep.tracker.issues(now.after, LOOKED_AT_ONCE) if by_itself else ()

    def keep(tx: Connection) -> None:
        if twins.progress(tx, ep.row) == now:
            note(tx, ep, page)
            twins.proceed(tx, ep.row, now._replace(after=page[-1].local) if page else now._replace(looked=True))

    await ep.store.run(keep)
    passed("pairing: looked")
    ep.looked_in = None if page else life
    return max(len(page), 1)


def note(tx: Connection, ep: Endpoint, issues: Iterable[Issue]) -> None:
    """The keys that these issues show."""
    if ep.pairing is None or ep.pairing.table is not None:
        return
    book = Book(tx, ep.row)
    words = {issue.local: ep.pairing.word_of(shown(ep, book, issue)[0]) for issue in issues}
    twins.note(tx, ep.row, words)


def is_waiting(progress: Progress, *, populated: bool) -> bool:
    """Whether the partner has still to say issues of its own before we say ours."""
    return not populated and not progress.told


def known_only(tx: Connection, ep: Endpoint, book: Book, edits: Iterable[Edit]) -> list[Edit]:
    """The edits of issues that the link knows: the others are said in whole, later."""
    every = list(edits)
    book.load_locals((ISSUE, edit.local) for edit in every)
    return [edit for edit in every if book.by_local(ISSUE, edit.local) is not None]


def release(tx: Connection, ep: Endpoint) -> list[str]:
    """Which issues were kept back and are nobody's twin by now, or were paired and said nothing yet: to be said."""
    waiting = twins.in_state(tx, ep.row, WAITS)
    held = lists.held_gids(tx, ep.row) if waiting else set()
    book = Book(tx, ep.row)
    book.load_gids(one.gid for one in waiting)
    over = [
        one._replace(state=LEFT, gid="")
        for one in waiting
        if book.by_gid(one.gid) is not None or (one.gid not in held and not book.load_whole(one.gid))
    ]
    twins.put(tx, ep.row, over)
    return [one.local for one in twins.in_state(tx, ep.row, LEFT, PAIRED)]


def unsay(tx: Connection, ep: Endpoint, book: Book, issues: Collection[str]) -> None:
    """What the twins among these show and nobody has said is news to whoever looks: ``record`` says it."""
    book.load_locals((ISSUE, local) for local in issues)
    rows = [one for one in twins.of_locals(tx, ep.row, issues) if one.state in (PAIRED, LEFT)]
    for one in rows:
        if one.state == PAIRED:
            book.put(one.gid, dict(unsaid(book.load_whole(one.gid))))
    twins.put(tx, ep.row, [one._replace(state=TOLD if one.state == PAIRED else FREE) for one in rows])
