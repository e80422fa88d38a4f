"""From the tracker to the channel: capture -> record -> number -> seal -> send.

``capture`` reads the tracker's feed and records, in one transaction, registers, images, cursor and the numbered
messages. ``send`` seals what is due and hands it to the channel. Between the two stands only the store: either
may die at any line.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from backbone.model import ATTACHMENT, ISSUE, Cells, Edit, Issue, Position, Touched, covers
from backbone.points import passed
from backbone.replication import limits
from backbone.replication.history import History, only_last
from backbone.replication.link import Life, LinkState, Phase, Say, Spoke, Tick, acknowledgement, step
from backbone.replication.message import Header, Kind, Message, compress, digest, encode, encode_record
from backbone.replication.resync import encode_welcome
from backbone.replication.sending import Waiting, due, due_at
from backbone.service.endpoint import Endpoint, Voice
from backbone.service.flow import holding
from backbone.service.flow.asking import fits
from backbone.service.flow.recording import NotFetched, check_contents, emit, record
from backbone.service.flow.scoping import NOT_ASKED, Fits
from backbone.service.flow.sighting import NOTHING, Sighted, pictured, sighted
from backbone.store import links, messages, twins
from backbone.store.engine import Connection, StoreError
from backbone.store.links import LinkRow
from backbone.store.messages import Outgoing
from backbone.store.shadows import Book
from channels.base import Label, Parcel
from handshake.documents import KeysNow
from handshake.documents import encode as encode_document

CAPTURED_AT_ONCE = 1_000
"""Edits, and issues while nobody knows how large they are."""
POPULATED_FIRST = 50
"""The first pages of a population are small, so that the partner soon has something to do while we read on; not where
parcels are dear.
"""
POPULATED_NEXT = 4
"""Then a page is so many times all those before it: each message costs both sides some 50 ms, whatever it holds."""
FILLED = 0.9
"""Of a message, by a page of a population: what stands beyond it would be a message of its own."""
KEYS_TOLD = 3
"""Under so many of our former keys the present one is told: a backup is hardly older than three of them."""
BACKLOG = limits.window_messages
"""Capture rests while so many messages wait for the peer: the tracker's own journal is the queue then."""


async def capture(ep: Endpoint) -> int:
    """One piece of what happened in the tracker, recorded and numbered; returns how many edits were looked at."""
    row, state = await ep.store.read(lambda tx: (links.get(tx, ep.row), links.state(tx, ep.row)))
    if not state.phase.works or state.occupied:
        return 0
    if row.cursor is None:
        head = await ep.tracker.head()
        await ep.store.run(lambda tx: links.change(tx, ep.row, cursor=head))
        return await capture(ep)
    if ep.pairing is not None and (done := await _pairing(ep, row, state.life)) is not None:
        return done
    if not row.populated:
        each = await ep.store.read(lambda tx: messages.bytes_each(tx, ep.row, state))
        return await _populate(ep, row.populate_after, row.cursor, _page_size(ep, row, each), state.life)
    touched, edits = await _not_ours(ep, row.cursor)
    if touched.position == row.cursor:
        return 0
    await _fetch_contents(ep, edits)
    asked, seen = await fits(ep, {edit.local for edit in edits}), await sighted(ep, edits)
    passed("capture: contents fetched")

    def keep(tx: Connection, *, complete: bool = True) -> None:
        if links.state(tx, ep.row).life == state.life:
            if edits:
                _keep(tx, ep, _without(tx, ep, edits), asked, seen, complete=complete)
            links.change(tx, ep.row, cursor=touched.position)

    await run_complete(ep, keep)
    passed("capture: recorded")
    return max(len(touched.edits), 1)


async def _not_ours(ep: Endpoint, cursor: Position) -> tuple[Touched, list[Edit]]:
    """A piece of the feed, and what of it may be somebody else's. Pieces that are all ours are passed over at once:
    left to the next turns, they would fall behind what is written meanwhile, and be forgotten as ours.
    """
    while True:
        touched = await ep.tracker.touched(cursor, CAPTURED_AT_ONCE)
        edits = ep.echoes.without(touched.edits)
        if edits or not touched.more:
            return touched, edits
        cursor = touched.position


def _without(tx: Connection, ep: Endpoint, edits: Sequence[Edit]) -> Sequence[Edit]:
    """The edits, but for those of issues of which nothing is said yet."""
    kept = twins.kept_back(tx, ep.row) if ep.pairing is not None else ()
    return [edit for edit in edits if edit.local not in kept] if kept else edits


async def _pairing(ep: Endpoint, row: LinkRow, life: Life) -> int | None:
    """What takes the turn of capture while issues are paired; ``None`` when it goes on as on any link."""
    progress, left = await ep.store.run(lambda tx: (twins.progress(tx, ep.row), holding.release(tx, ep)))
    if not progress.looked:
        return await holding.look(ep)
    if holding.is_waiting(progress, populated=row.populated):
        assert row.cursor is not None
        return await _follow(ep, row.cursor, life)
    return await _say_left(ep, left, life) if left and row.populated else None


async def _follow(ep: Endpoint, cursor: Position, life: Life) -> int:
    """A piece of the feed, while the partner says its own issues: only what the link knows is said."""
    touched = await ep.tracker.touched(cursor, CAPTURED_AT_ONCE)
    if touched.position == cursor:
        return 0
    edits = ep.echoes.without(touched.edits)
    await _fetch_contents(ep, edits)
    named = {edit.local for edit in edits}
    asked, seen = await fits(ep, named), await sighted(ep, edits)
    issues = await ep.tracker.read(sorted(named))

    def keep(tx: Connection, *, complete: bool = True) -> None:
        if links.state(tx, ep.row).life == life:
            book = Book(tx, ep.row)
            _keep(tx, ep, holding.known_only(tx, ep, book, edits), asked, seen, complete=complete)
            holding.note(tx, ep, issues.values())
            links.change(tx, ep.row, cursor=touched.position)

    await run_complete(ep, keep)
    passed("pairing: followed")
    return max(len(edits), 1)


async def _say_left(ep: Endpoint, issues: Sequence[str], life: Life) -> int:
    """Issues that were kept back and are nobody's twin are said like any that was here before the link."""
    found = await ep.tracker.read(issues)
    edits = [as_edit(issue) for issue in found.values()]
    await _fetch_contents(ep, edits)
    asked, seen = await fits(ep, set(found), looking_back=True), await pictured(ep, found.values())

    def keep(tx: Connection, *, complete: bool = True) -> None:
        if links.state(tx, ep.row).life == life:
            _keep(tx, ep, edits, asked, seen, whole=True, complete=complete, unsaid=issues)

    await run_complete(ep, keep)
    passed("pairing: said what was left")
    return len(issues)


async def has_edits(ep: Endpoint) -> bool:
    """Whether somebody edited something since the last capture; ``False`` while the first snapshots are taken."""
    row, state = await ep.store.read(lambda tx: (links.get(tx, ep.row), links.state(tx, ep.row)))
    if row.cursor is None or not row.populated or not state.phase.works:
        return False
    return (await ep.tracker.touched(row.cursor, 1)).position != row.cursor


async def numbered(ep: Endpoint) -> int:
    """How many change-set messages were ever made."""
    return await ep.store.read(lambda tx: links.state(tx, ep.row).out["c"].last)


def _page_size(ep: Endpoint, row: LinkRow, bytes_each: float | None) -> int:
    """As many issues as a message holds, going by those before: so many are in memory at a time, however large."""
    grown = limits.change_sets_per_message if ep.channel.limits.patient else POPULATED_NEXT * row.clock
    fits = CAPTURED_AT_ONCE if bytes_each is None else int(ep.body_bytes * FILLED / bytes_each)
    return max(POPULATED_FIRST, min(grown, fits, limits.change_sets_per_message))


async def _populate(ep: Endpoint, after: str | None, cursor: Position, size: int, life: Life) -> int:
    """One page, of up to ``size``, of the issues that existed before the link did.

    What came from the partner since, and was seen at or behind the feed's cursor, is left to the feed.
    """
    page = await ep.tracker.issues(after, size)
    left = await ep.store.read(lambda tx: _left_to_the_feed(tx, ep, page, cursor))
    edits = [as_edit(issue) for issue in page if issue.local not in left]
    await _fetch_contents(ep, edits)
    steps = await _steps(ep, [issue for issue in page if issue.local not in left])
    asked = await fits(ep, {edit.local for edit in edits}, looking_back=True)
    seen = await pictured(ep, page)

    def keep(tx: Connection, *, complete: bool = True) -> None:
        if links.state(tx, ep.row).life != life:
            return
        if page:
            unsaid = [edit.local for edit in edits] if ep.pairing is not None else ()
            _keep(tx, ep, edits, asked, seen, whole=True, before=steps, complete=complete, unsaid=unsaid)
            links.change(tx, ep.row, populate_after=page[-1].local)
        elif not links.get(tx, ep.row).populated:
            links.change(tx, ep.row, populated=1)
            holding.announce(tx, ep)

    await run_complete(ep, keep)
    passed("populate: recorded")
    return max(len(page), 1)


def _left_to_the_feed(tx: Connection, ep: Endpoint, page: Sequence[Issue], cursor: Position) -> set[str]:
    book = Book(tx, ep.row)
    book.load_locals((ISSUE, issue.local) for issue in page)
    known = (book.by_local(ISSUE, issue.local) for issue in page)
    left = {k.local for k in known if k is not None and k.seen is not None and covers(k.seen, cursor)}
    if ep.pairing is None:
        return left
    rows = twins.of_locals(tx, ep.row, [issue.local for issue in page])
    waiting = {one.local for one in rows if one.state == twins.WAITS}
    return (left - {one.local for one in rows if one.state == twins.PAIRED}) | waiting


def as_edit(issue: Issue) -> Edit:
    """A complete picture, for ``record`` with ``whole``."""
    return Edit(issue.local, issue.position, issue.author, issue.created, issue.cells, created=True)


async def run_complete(ep: Endpoint, keep: Callable[..., None]) -> None:
    """One transaction; again where it lacked contents, which are fetched meanwhile. What the tracker does not give
    then (it was changed since, and is said anew soon) is said without its content.
    """
    try:
        await ep.store.run(keep)
    except NotFetched as lacking:
        await fetch_contents(ep, lacking.cells, known=True)
        await ep.store.run(partial(keep, complete=False))


def _keep(
    tx: Connection, ep: Endpoint, edits: Sequence[Edit], asked: Fits = NOT_ASKED, seen: Sighted = NOTHING, *,
    whole: bool = False, before: Sequence[Edit] = (), complete: bool = True, unsaid: Sequence[str] = (),
) -> None:  # fmt: skip
    """``before`` are the steps that led to complete pictures. ``complete``: all contents must be here. Raises
    ``NotFetched``. ``unsaid``: what twins among these issues show is said with it.
    """
    book = Book(tx, ep.row)
    if unsaid:
        holding.unsay(tx, ep, book, unsaid)
    change_sets = record(tx, ep, book, before, fits=asked, seen=seen) if before else []
    change_sets += record(tx, ep, book, edits, whole=whole, fits=asked, seen=seen)
    if complete:
        check_contents(ep, book, change_sets)
    book.flush(ep.clock())
    emit(tx, ep, only_last(change_sets) if ep.history is History.LAST else change_sets)


async def _steps(ep: Endpoint, page: Sequence[Issue]) -> list[Edit]:
    """How these issues became what they are, where the tracker's journal knows it from the beginning."""
    if ep.history is not History.ALL or not page:
        return []
    touched = await ep.tracker.touched_of({issue.local: (0,) * len(issue.position) for issue in page})
    steps: list[Edit] = []
    for issue in page:
        known = touched[issue.local].edits if issue.local in touched else ()
        if known and known[0].created:
            steps += [edit for edit in known if covers(issue.position, edit.position)]
    for edit in steps:
        await fetch_contents(ep, edit.cells)
    return steps


async def _fetch_contents(ep: Endpoint, edits: Iterable[Edit]) -> None:
    """Copy the contents of new attachments beside the store: they are sent from there, whatever becomes of them."""
    for edit in edits:
        await fetch_contents(ep, edit.cells)


async def fetch_contents(ep: Endpoint, cells: Cells, *, known: bool = False) -> None:
    """As above, for one bag of local cells. ``known``: also those that would not leave, were they new."""
    for cell, value in cells.items():
        if cell.field != ATTACHMENT or not isinstance(value, dict):
            continue
        sha256 = str(value["sha256"])
        if (known or ep.translation.may_leave(value)) and not ep.contents.has(sha256):
            fresh = ep.contents.fresh()
            await ep.tracker.open_attachment(cell.element, fresh)
            ep.contents.adopt(fresh, sha256)


async def backlog(ep: Endpoint) -> int:
    """How many of our change-set messages the peer has not applied."""

    def count(tx: Connection) -> int:
        lane = links.state(tx, ep.row).out["c"]
        return lane.last - lane.applied

    return await ep.store.read(count)


@dataclass(frozen=True, slots=True)
class _Due:
    state: LinkState
    numbered: list[Outgoing]
    say: tuple[Kind, ...]
    wait: float


async def send(ep: Voice, at_once: int = 8) -> float:
    """Seal and send what is due now, up to ``at_once`` messages; returns the seconds until something is due again.

    What the channel did not take stays due. Raises what the channel raises, after recording what it did take; and
    ``StoreError``, after all else has left, where the content of an attachment is gone.
    """
    found = await ep.store.read(lambda tx: _find_due(tx, ep, at_once))
    if not found.numbered and not found.say:
        return found.wait
    ready, gone = _readable(ep, found)
    ready += [_unnumbered(ep, found.state, kind) for kind in found.say]
    if Kind.WELCOME in found.say and ep.keys.ours.sealing:
        await _say_keys(ep, found.state)
    results = await ep.together([post(ep, message) for message in ready])
    sent = [m for m, result in zip(ready, results, strict=True) if not isinstance(result, BaseException)]
    if sent:
        await ep.store.run(lambda tx: _mark(tx, ep, sent, found.state))
        passed("send: marked")
    for result in results:
        if isinstance(result, BaseException):
            raise result
    if gone:
        files = ", ".join(str(ep.contents.path(sha256)) for sha256 in gone)
        raise StoreError(
            f"attachments to be sent are gone: put back {files} from a copy of this node's folder, or have them read "
            "from the tracker again with backbone resync"
        )
    return 0.0


def _readable(ep: Voice, found: _Due) -> tuple[list[Message], list[str]]:
    """What can be sent; and of which contents, by SHA-256, the file is gone: the store was put back alone, perhaps."""
    ready: list[Message] = []
    gone: list[str] = []
    for out in found.numbered:
        try:
            ready.append(_numbered(ep, found.state, out))
        except FileNotFoundError:
            assert out.chunk is not None, "all else stands in the store"
            gone.append(out.chunk.sha256)
    return ready, list(dict.fromkeys(gone))


async def _say_keys(ep: Voice, state: LinkState) -> None:
    """Before we tell our state to a store that was put back: its copy may be older than our key, and knows one of those
    before it. Whoever has an old key of ours cannot say this to a partner that knows a later one.
    """
    ours = ep.keys.ours
    certificate = (await ep.keyring.public_key()).decode("ascii")
    document = encode_document(
        KeysNow(link_id=ep.link_id, certificate=certificate, signing=ours.signing, sealing=ours.sealing)
    )
    for signing in ep.keyring.former[:KEYS_TOLD]:
        receiver = ep.identity.peer_fingerprint
        sealed = await ep.keyring.seal(document, recipient=receiver, encrypt=ep.encrypt, signing=signing)
        await ep.channel.send(Parcel(Label(ep.tag, state.life[1].hex()[:8], "k", 0), sealed))


def _find_due(tx: Connection, ep: Voice, at_once: int) -> _Due:
    now = ep.clock()
    state, effects = step(links.state(tx, ep.row), Tick(now), ep.identity, ep.timing)
    waiting = messages.waiting(tx, ep.row, state, limits.window_messages)
    chosen = due(state, waiting, now, ep.timing)[:at_once]
    numbered = messages.get_out(tx, ep.row, state.life, [(w.lane, w.seq) for w in chosen]) if chosen else []
    numbered.sort(key=lambda out: (out.lane != "k", out.lane == "b", out.seq))
    say = tuple(effect.kind for effect in effects if isinstance(effect, Say))
    if numbered:
        say = tuple(kind for kind in say if kind is not Kind.ACK)
    return _Due(state, numbered, say, _next_due(state, waiting, now, ep))


def _next_due(state: LinkState, waiting: Sequence[Waiting], now: float, ep: Voice) -> float:
    if state.phase in (Phase.STOPPED, Phase.AWAITING):
        return limits.heartbeat_seconds if state.challenge_due is None else max(0.0, state.challenge_due - now)
    due_ats = (state.ack_due, state.ask_due, state.hello_due, state.hold_until, state.welcome_due)
    times = [t for t in due_ats if t is not None]
    times.append((state.spoke_at or now) + limits.heartbeat_seconds)
    if state.phase is Phase.RUNNING or state.told:
        times += [due_at(state, w, now, ep.timing) for w in waiting if w.sent_at is not None]
    return max(0.0, min(times) - now)


def _mark(tx: Connection, ep: Voice, sent: Sequence[Message], told: LinkState) -> None:
    """``told`` is the state that the messages were made from: in the meantime more may have come in."""
    now = ep.clock()
    state = links.state(tx, ep.row)
    keys = [(m.header.lane, m.header.seq) for m in sent if m.header.seq and tuple(m.header.inc) == tuple(state.life)]
    if keys:
        messages.mark_sent(tx, ep.row, state.life, keys, now)
    state, _ = step(state, Tick(now), ep.identity, ep.timing)
    state, _ = step(state, Spoke(now, told.into), ep.identity, ep.timing)
    links.save_state(tx, ep.row, state)


async def post(ep: Voice, message: Message) -> None:
    """Seal one message and hand it to the channel."""
    sealed = await ep.keyring.seal(encode(message), recipient=ep.identity.peer_fingerprint, encrypt=ep.encrypt)
    header = message.header
    label = Label(ep.tag, header.inc[1].hex()[:8], header.lane, header.seq)
    passed("send: sealed")
    await ep.channel.send(Parcel(label, sealed))
    passed("send: sent")
    ep.log.debug("sent", kind=header.kind, lane=header.lane, seq=header.seq, bytes=len(sealed))


def _numbered(ep: Voice, state: LinkState, out: Outgoing) -> Message:
    body = out.body
    if out.chunk is not None:
        body = ep.contents.read(out.chunk.sha256, out.chunk.offset, out.raw_len)
    assert body is not None
    header = _header(ep, state, Kind(out.kind)).model_copy(
        update={
            "lane": out.lane, "seq": out.seq, "dig": out.digest, "prev": out.prev, "body_enc": out.body_enc,
            "raw_len": out.raw_len, "chunk": out.chunk, "att": out.attempts + 1,
        }
    )  # fmt: skip
    return Message(header, body)


def _unnumbered(ep: Voice, state: LinkState, kind: Kind) -> Message:
    raw = b""
    if kind is Kind.NACK:
        raw = encode_record({lane: into.missing() for lane, into in state.into.items()})
    elif kind is Kind.WELCOME:
        raw = encode_welcome(state, ep.standing)
    return unnumbered(ep, state, kind, raw)


def unnumbered(ep: Voice, state: LinkState, kind: Kind, raw: bytes) -> Message:
    """A message outside the numbered streams. What is missing stands in its acknowledgement."""
    encoding, body = compress(raw)
    dig = digest(ep.link_id, ep.identity.us, state.life, "k", 0, kind, None, body)
    header = _header(ep, state, kind).model_copy(update={"dig": dig, "body_enc": encoding, "raw_len": len(raw)})
    return Message(header, body)


def _header(ep: Voice, state: LinkState, kind: Kind) -> Header:
    identity = ep.identity
    return Header(
        caps=identity.caps,
        link=identity.link,
        sender=identity.us,
        receiver=identity.peer,
        sfp=identity.our_fingerprint,
        rfp=identity.peer_fingerprint,
        kind=kind,
        inc=state.life,
        boot=state.boot,
        dig=bytes(32),
        high={lane: sending.last for lane, sending in state.out.items()},
        ack=acknowledgement(state),
        credit_messages=limits.window_messages,
        credit_bytes=limits.window_bytes,
        ts=int(ep.clock()),
        body_enc="none",
        raw_len=0,
        pol=identity.policy_hash,
    )
