"""A store that was restored is joined with its tracker and its partner again (PROTOCOL 2.7).

The restored side says that it was (``RESTORED``) until the partner answers (``WELCOME``); the partner then *tells* its
whole state in numbered messages, and goes on as ever behind them. The restored side *joins* each with what its tracker
shows, in the order in which they come; then it numbers what the state lacked, and the link is active again.

``advance`` takes the turn of capture and apply while a link is at either. Every step may be repeated after a crash.
"""

from collections.abc import Mapping, Sequence

from backbone.errors import PeerError
from backbone.model import ISSUE
from backbone.replication.identity import creation
from backbone.replication.link import HeardAll, LinkState, Phase, Stopped, step
from backbone.replication.message import Kind, inflate
from backbone.replication.resync import Told, decode_told
from backbone.service.endpoint import Endpoint
from backbone.service.evidence import receipting
from backbone.service.flow import applying, control, holding, inbound, resting
from backbone.service.flow.tasks import rounds
from backbone.service.healing import answering
from backbone.service.healing.finishing import finish
from backbone.service.healing.matching import READ_AT_ONCE, key_of, meet_state
from backbone.service.links import agreeing
from backbone.store import links, messages, resync
from backbone.store.engine import Connection
from backbone.store.messages import Incoming
from backbone.store.shadows import Book, Known


async def apply(ep: Endpoint) -> int:
    """As ``applying.apply``, or a step of joining or telling; returns how much there was."""
    state = await ep.store.read(lambda tx: links.state(tx, ep.row))
    if ep.pairing is not None and ep.looked_in != state.life:
        return await holding.look(ep)
    done = await advance(ep, state)
    if done is None and ep.pairing is not None and ep.pairing.wait:
        return 0
    if done is None:
        return await agreeing.advance(ep) or await applying.apply(ep)
    return done


async def advance(ep: Endpoint, state: LinkState) -> int | None:
    """One step; returns how much was done, ``None`` when the link is neither told nor joined."""
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


async def _join(ep: Endpoint, state: LinkState) -> int:
    """The next message of the partner's state; behind the last, what it lacked."""
    await agreeing.settle(ep)
    if state.heard_all:
        return await finish(ep)
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
    tasks, absent = await meet_state(ep, incoming, told) if told.issues else ([], set())
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
        keys = [key_of(ep, state, incoming, index, issue.gid) for index, issue in enumerate(told.issues)]
        receipting.owe_for_state(tx, ep, told.issues, keys, absent)
    if told.last:
        state, _ = step(links.state(tx, ep.row), HeardAll(), ep.identity, ep.timing)
        links.save_state(tx, ep.row, state)


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
