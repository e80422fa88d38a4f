"""From the channel to the inbox: store -> open -> admit; and the lanes beside the change sets.

``receive`` opens what lies ready, asks the link's rules, and keeps each message in the inbox or in quarantine;
only then is the delivery confirmed. ``take_parts`` and ``take_control`` carry out the lanes ``b`` and ``k`` in
order; ``applying`` does the lane ``c``.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backbone.errors import PeerError
from backbone.points import passed
from backbone.replication import limits, rekeying
from backbone.replication.link import (
    Acknowledged,
    Drop,
    Effect,
    Halt,
    Healed,
    Life,
    LinkState,
    Phase,
    Range,
    Reborn,
    Received,
    Refuse,
    Stopped,
    Store,
    Took,
    Welcome,
    step,
)
from backbone.replication.message import LANES, Kind, Message, decode, decode_asked, inflate
from backbone.replication.resync import decode_welcome
from backbone.service.endpoint import Endpoint, Voice
from backbone.service.evidence import receipting
from backbone.service.healing.renewing import begin_life
from backbone.service.links import rotating
from backbone.service.links.progress import joined, roll_back
from backbone.service.links.talks import told
from backbone.store import blobs, links, lists, messages, shadows
from backbone.store.engine import Connection
from backbone.store.messages import Incoming
from channels.base import ChannelUnavailable, Delivery
from handshake.documents import Acceptance
from handshake.documents import decode as decode_document
from handshake.errors import HandshakeError, Refused
from handshake.limits import FILE_BYTES_MAX

RECEIVED_AT_ONCE = 16
PARCEL_KEPT_BYTES = 1 << 20
"""So much of a bad parcel is kept in quarantine: enough to look at, not enough to fill the disk."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What became of one delivery: a message, or why it is none."""

    delivery: Delivery
    message: Message | None
    reason: str = ""
    document: bytes | None = None
    """A handshake document instead of a message."""
    late: bool = False
    """Of before the present keys: what it said is told anew."""
    key: str = ""
    """The partner's subkey that signed."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one call of ``receive`` did."""

    count: int
    special: tuple[Message, ...] = ()
    """Unnumbered messages for the connection test."""
    documents: tuple[bytes, ...] = ()
    """Handshake documents, signed by the pinned key."""


async def receive(ep: Endpoint) -> Report:
    """Keep what lies ready; confirmed only after it is in the store. Raises what the channel raises."""
    deliveries = await ep.channel.receive(RECEIVED_AT_ONCE)
    if not deliveries:
        return Report(0)
    try:
        opened = await _open_all(ep, deliveries)
        passed("receive: opened")
        special, applied, life = await ep.store.run(lambda tx: _admit_all(tx, ep, opened))
    except BaseException:
        await ep.channel.forget([d.token for d in deliveries])
        raise
    passed("receive: stored")
    try:
        await ep.channel.confirm([d.token for d in deliveries])
    except BaseException:
        await ep.channel.forget([d.token for d in deliveries])
        raise
    passed("receive: confirmed")
    with contextlib.suppress(ChannelUnavailable):
        for lane, seq in applied.items():
            await ep.channel.acknowledged(ep.tag, label_life(life), lane, seq)
    documents = tuple(one.document for one in opened if one.document is not None)
    return Report(len(deliveries), special, documents)


async def _open_all(ep: Endpoint, deliveries: Sequence[Delivery]) -> list[Opened]:
    opened: list[Opened] = []
    for result in await ep.together([_open(ep, delivery) for delivery in deliveries]):
        if isinstance(result, BaseException):
            raise result
        opened.append(result)
    return opened


async def _open(ep: Endpoint, delivery: Delivery) -> Opened:
    if delivery.problem is not None:
        return Opened(delivery, None, delivery.problem)
    try:
        data, key = await ep.keyring.open_signed(
            delivery.parcel.data,
            signer=ep.identity.peer_fingerprint,
            message_bytes_max=limits.message_raw_bytes_max + limits.header_bytes_max,
            encrypted=ep.encrypt,
        )
        if data.startswith(b"{"):
            return await _document(ep, delivery, data, key)
        return Opened(delivery, decode(data), key=key)
    except (Refused, PeerError) as error:
        if await _is_late(ep, delivery, error):
            return Opened(delivery, None, late=True)
        return Opened(delivery, None, await _whose(ep, delivery, str(error)))


async def _document(ep: Endpoint, delivery: Delivery, data: bytes, key: str) -> Opened:
    trusted = rekeying.trusted(ep.keys.theirs, key)
    if rotating.is_keys_now(data):
        await rotating.take_in(ep, data, trusted=trusted)
        return Opened(delivery, None, late=True)
    return Opened(delivery, None, document=data) if trusted else Opened(delivery, None, rekeying.REPLACED)


async def _is_late(ep: Endpoint, delivery: Delivery, error: Refused | PeerError) -> bool:
    """Whether a parcel may be one of before our present keys, or, where our store was put back, one under a key of the
    partner's that came after the copy: what it said is told anew.
    """
    if not isinstance(error, Refused):
        return False
    if error.reason == "not_for_us":
        return ep.keys.before == delivery.parcel.label.incarnation
    phase = (await ep.store.read(lambda tx: links.state(tx, ep.row))).phase
    return error.reason == "unknown_signer" and phase is Phase.RESTORED


async def _whose(ep: Endpoint, delivery: Delivery, reason: str) -> str:
    """A parcel that is not the partner's may be a second acceptance: then somebody else has the handshake file."""
    try:
        data = await ep.keyring.open_stranger(delivery.parcel.data, message_bytes_max=FILE_BYTES_MAX)
        key = decode_document(Acceptance, data).fingerprint
    except (Refused, HandshakeError):
        return reason
    return (
        f"a second acceptance of this link's handshake file came, from key {key}: somebody else has the file; "
        "compare the safety words with the partner's admin, or revoke the link"
    )


def _admit_all(
    tx: Connection, ep: Endpoint, opened: Sequence[Opened]
) -> tuple[tuple[Message, ...], Mapping[str, int], Life]:
    """Messages for the connection test, what the partner has newly applied in each lane, and of which life of ours."""
    before = state = links.state(tx, ep.row)
    special: list[Message] = []
    for one in opened:
        if one.late:
            ep.log.info("dropped", reason="of before the present keys")
        if one.late or one.document is not None:
            continue
        if one.message is None:
            set_parcel_aside(tx, ep, one.delivery, one.reason)
            continue
        state, taken = _admit(tx, ep, state, one)
        if taken and one.message.header.kind in (Kind.PROBE, Kind.ECHO):
            special.append(one.message)
    links.save_state(tx, ep.row, state)
    applied = {lane: out.applied for lane, out in state.out.items() if out.applied > before.out[lane].applied}
    return tuple(special), applied, state.life


def _admit(tx: Connection, ep: Endpoint, state: LinkState, one: Opened) -> tuple[LinkState, bool]:
    """The link's state after a message, and whether what it says counts."""
    message = one.message
    assert message is not None
    header = message.header
    by_former = rekeying.judge(ep.keys.theirs, header, one.key, state, ep.clock())
    if by_former is not None:
        _carry_out(tx, ep, state, one, by_former)
        return state, False
    known = None
    if header.seq and header.lane in state.into and state.into[header.lane].has(header.seq):
        known = messages.known_digest(tx, ep.row, state.peer_life, header.lane, header.seq)
    chains = {lane: link for lane in LANES if (link := _chain_at(tx, ep, state, message, lane)) is not None}
    ahead = _ahead(tx, ep, state, message)
    welcome = _welcome(ep, message)
    asked = _asked(ep, message)
    highest = {lane: max(last for _, last in ranges) for lane, ranges in asked.items() if ranges}
    given = Received(ep.clock(), header, known, chains, ahead, welcome, highest, ep.random_bytes(8))
    before = state
    state, effects = step(state, given, ep.identity, ep.timing)
    if welcome is not None and before.phase is Phase.RESTORED and state.phase is Phase.JOINING:
        state = _agreed(tx, ep, state, welcome)
    for effect in effects:
        _carry_out(tx, ep, state, one, effect)
    taken = not any(isinstance(e, Refuse | Drop) for e in effects)
    if taken:
        for lane, ranges in asked.items():
            messages.mark_asked(tx, ep.row, state.life, lane, ranges)
    return state, taken


def _agreed(tx: Connection, ep: Endpoint, state: LinkState, welcome: Welcome) -> LinkState:
    """A partner that tells its state by an agreement which we do not remember: a person has to look first."""
    try:
        reason = told(tx, ep, welcome.agreement)
    except PeerError as error:
        reason = str(error)
    if reason is None:
        return state
    state, _ = step(state, Stopped(reason), ep.identity, ep.timing)
    links.save_state(tx, ep.row, state)
    halt(tx, ep, reason)
    return state


def label_life(life: Life) -> str:
    """Our store's life as it stands on the outside of parcels: 8 hex digits."""
    return life[1].hex()[:8]


def _welcome(ep: Endpoint, message: Message) -> Welcome | None:
    if message.header.kind != Kind.WELCOME:
        return None
    try:
        return decode_welcome(inflate(message.header, message.body))
    except PeerError as error:
        ep.log.warning("ignored", kind="WELCOME", reason=str(error))
        return None


def _ahead(tx: Connection, ep: Endpoint, state: LinkState, message: Message) -> int:
    header = message.header
    if header.lane not in state.into or header.seq <= state.into[header.lane].applied + 1:
        return 0
    return messages.bytes_ahead(tx, ep.row, state, header.lane) + len(message.body)


def _chain_at(tx: Connection, ep: Endpoint, state: LinkState, message: Message, lane: str) -> bytes | None:
    said = message.header.ack.lanes.get(lane)
    if said is None or tuple(message.header.ack.inc) != tuple(state.life):
        return None
    if said.applied == 0:
        return bytes(32)
    if said.applied == state.out[lane].applied == state.out[lane].last:
        return state.out[lane].chain
    return messages.chain_at(tx, ep.row, state.life, lane, said.applied)


def _carry_out(tx: Connection, ep: Endpoint, state: LinkState, one: Opened, effect: Effect) -> None:
    message = one.message
    assert message is not None
    header = message.header
    match effect:
        case Store():
            messages.put_in(tx, ep.row, [message], ep.clock())
            receipting.keep_parcel(tx, ep, message, one.delivery.parcel.data)
        case Drop():
            ep.log.info("dropped", reason=effect.reason, lane=header.lane, seq=header.seq)
        case Refuse():
            set_parcel_aside(tx, ep, one.delivery, effect.reason)
        case Halt():
            halt(tx, ep, effect.reason)
        case Reborn():
            begin_life(tx, ep.row, state, ep.clock())
            ep.log.warning("restored", reason=effect.reason, life=state.life[0])
        case Healed():
            joined(tx, links.get(tx, ep.row))
            ep.log.info("the partner's store was restored", life=header.inc[0])
        case Acknowledged():
            ep.log.debug("acknowledged", lane=effect.lane, stored=effect.stored, applied=effect.applied)


def halt(tx: Connection, ep: Endpoint, reason: str) -> None:
    """The link stops in a clear state; a person reads why in ``backbone status``."""
    roll_back(tx, links.get(tx, ep.row), reason)
    ep.log.error("stopped", reason=reason)


def _asked(ep: Endpoint, message: Message) -> Mapping[str, Sequence[Range]]:
    """What the partner lacks of ours, by lane."""
    if message.header.kind != Kind.NACK:
        return {}
    try:
        return decode_asked(inflate(message.header, message.body))
    except PeerError as error:
        ep.log.warning("ignored", kind="NACK", reason=str(error))
        return {}


def set_parcel_aside(tx: Connection, ep: Voice, delivery: Delivery, reason: str) -> None:
    """Anybody who can write to the share or the mailbox can bring this about, as often as he likes."""
    data = delivery.parcel.data
    aside = lists.parcels_aside(tx, ep.row)
    if aside.last is not None and aside.items >= limits.parcels_aside_max:
        lists.set_aside_change(tx, aside.last, ep.clock(), attempts=aside.attempts + 1)
        return
    room = max(0, min(PARCEL_KEPT_BYTES, limits.parcels_aside_bytes_max - aside.bytes_kept))
    lists.set_aside(
        tx,
        ep.row,
        "parcel",
        reason,
        ep.clock(),
        payload=data[:room],
        advice="nothing was changed; ask the partner's admin if it goes on; skip it when it is understood",
    )
    ep.log.warning("quarantined", reason=reason, bytes=len(data))


async def follows(ep: Endpoint, incoming: Incoming) -> bool:
    """Whether this message continues the history that was applied; the link stops when it does not."""
    if await ep.store.read(lambda tx: links.state(tx, ep.row).into[incoming.lane].chain) == incoming.prev:
        return True
    await ep.store.run(lambda tx: _take(tx, ep, incoming))
    return False


def take(tx: Connection, ep: Endpoint, incoming: Incoming) -> bool:
    """The effects of the lane's next message are durable with this transaction; ``False`` when the link stopped."""
    state = _take(tx, ep, incoming)
    if state is None:
        return False
    links.save_state(tx, ep.row, state)
    messages.took(tx, ep.row, state.peer_life, incoming.lane, incoming.seq)
    return True


def _take(tx: Connection, ep: Endpoint, incoming: Incoming) -> LinkState | None:
    before = links.state(tx, ep.row)
    lane = before.into[incoming.lane]
    if lane.applied == lane.recv or incoming.seq != lane.applied + 1:
        return None  # a new life, of ours or the partner's, began meanwhile
    unhurried = incoming.kind == Kind.RECEIPTS
    given = Took(ep.clock(), incoming.lane, incoming.digest, incoming.prev, unhurried)
    state, effects = step(before, given, ep.identity, ep.timing)
    for effect in effects:
        if isinstance(effect, Drop):
            links.save_state(tx, ep.row, state)
            ep.log.warning("dropped", reason=effect.reason, lane=incoming.lane, seq=incoming.seq)
            return None
        if isinstance(effect, Halt):
            links.save_state(tx, ep.row, state)
            halt(tx, ep, effect.reason)
            return None
    return state


async def take_parts(ep: Endpoint) -> int:
    """The next parts of attachments: to disk, then durable, then taken."""
    found = await ep.store.read(lambda tx: messages.next_in(tx, ep.row, links.state(tx, ep.row), "b", 4))
    for incoming in found:
        await ep.store.run(lambda tx, incoming=incoming: _take_part(tx, ep, incoming))  # type: ignore[misc]
        passed("parts: taken")
    return len(found)


def _take_part(tx: Connection, ep: Endpoint, incoming: Incoming) -> None:
    if not take(tx, ep, incoming):
        return
    header = incoming.message.header
    chunk = header.chunk
    problem = None
    if incoming.kind != Kind.BLOB or chunk is None:
        problem = f"a message of unknown kind {incoming.kind!r} in the attachments' lane"
    elif chunk.total > ep.attachment_bytes_max or chunk.offset + header.raw_len > chunk.total:
        problem = "an attachment is larger than the agreement allows"
    else:
        problem = _keep_part(tx, ep, incoming)
    if problem is not None:
        lists.set_aside(tx, ep.row, "message", problem, ep.clock(), advice="tell the partner's admin")


def _keep_part(tx: Connection, ep: Endpoint, incoming: Incoming) -> str | None:
    header = incoming.message.header
    chunk = header.chunk
    assert chunk is not None
    have = blobs.received(tx, ep.row, chunk.sha256, chunk.total)
    if blobs.is_complete(tx, ep.row, chunk.sha256):
        shadows.arrived(tx, ep.row, [f"sha256:{chunk.sha256}"])
        return None
    if chunk.offset != have:
        return "a part of an attachment does not follow the one before it"
    part = inflate(header, incoming.message.body)
    if not ep.contents.has(chunk.sha256):  # whole already when a crash came between the file and the store
        ep.contents.append(ep.row, chunk.sha256, have, part)
    passed("parts: appended")
    have += len(part)
    if have < chunk.total:
        blobs.advance(tx, ep.row, chunk.sha256, have, complete=False)
        return None
    if not ep.contents.finish(ep.row, chunk.sha256):
        return "an attachment's content does not have the hash under which it was announced"
    passed("parts: complete")
    blobs.advance(tx, ep.row, chunk.sha256, have, complete=True)
    shadows.arrived(tx, ep.row, [f"sha256:{chunk.sha256}"])
    return None


def stop(tx: Connection, ep: Endpoint, incoming: Incoming, reason: str) -> None:
    """A message that is beyond repair: the link stops at it, and what it was is in quarantine."""
    state, _ = step(links.state(tx, ep.row), Stopped(reason), ep.identity, ep.timing)
    links.save_state(tx, ep.row, state)
    lists.set_aside(
        tx, ep.row, "message", reason, ep.clock(), payload=incoming.message.body, advice="tell the partner's admin"
    )
    halt(tx, ep, reason)
