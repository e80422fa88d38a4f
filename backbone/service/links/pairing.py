"""The handshake as it happens: files and parcels in, the state table, files and parcels out (DESIGN.md 5).

``handshake.pairing`` says what is possible; here its effects are carried out. What a person does (create, join,
accept, verify, pause, revoke) stands behind ``linking``; what parcels do stands here.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field, ValidationError

from backbone.errors import HandshakeRefused, PeerError
from backbone.points import passed
from backbone.replication import limits
from backbone.replication.agreement import Strict
from backbone.replication.link import LinkState
from backbone.replication.message import Kind, Message, decode_record, encode_record, inflate
from backbone.replication.rekeying import Keys
from backbone.service.endpoint import Endpoint
from backbone.service.flow.inbound import PARCEL_KEPT_BYTES, label_life
from backbone.service.flow.outbound import post, unnumbered
from backbone.service.flow.recording import number
from backbone.service.links import distrusting, revoking, rotating
from backbone.service.links.progress import Progress, advance, keep, load
from backbone.service.node import Node
from backbone.store import links, lists
from backbone.store.engine import Connection
from backbone.store.links import LinkRow
from channels.base import Channel, Delivery, Label, Parcel
from handshake import events, pairing
from handshake.base import KeyRing
from handshake.documents import Acceptance, Confirmation, Offer, Tested, decode, encode
from handshake.errors import HandshakeError, Refused
from handshake.limits import FILE_BYTES_MAX
from handshake.transcript import check_acceptance, check_confirmation, check_tested

REPEATED_AFTER_SECONDS = 30.0
"""An unanswered step of the handshake is repeated after this time, or after the channel's resend floor."""


class Echo(Strict):
    """What arrived of a probe."""

    size: Annotated[int, Field(strict=True, ge=0, le=limits.message_raw_bytes_max)]
    sha256: Annotated[bytes, Field(strict=True, min_length=32, max_length=32)]


# What arrives


async def listen(node: Node, row: LinkRow, channel: Channel, keyring: KeyRing) -> bool:
    """The master waits for an acceptance; ``True`` when one was taken. Anything else is left for later."""
    deliveries = await channel.receive(16)
    taken = False
    for delivery in deliveries:
        try:
            await take_acceptance(node, row, keyring, delivery.parcel.data)
        except (HandshakeError, HandshakeRefused, Refused) as error:
            if not late(delivery, error, row.keys):
                await node.store.run(lambda tx, e=error: _refused(tx, row.id, str(e)))  # type: ignore[misc]
            await channel.confirm([delivery.token])
        else:
            await channel.confirm([delivery.token])
            taken = True
            break
    rest = [d.token for d in deliveries]
    if taken:
        await channel.forget([token for token in rest if token != delivery.token])
    return taken


def _refused(tx: Connection, row_id: int, why: str) -> None:
    """An admin reads it until an acceptance is taken."""
    row = links.get(tx, row_id)
    keep(tx, row, replace(load(row), alarm=why))


async def take_acceptance(node: Node, row: LinkRow, keyring: KeyRing, parcel: bytes) -> None:
    """A slave's acceptance: opened, checked against our offer, its key pinned, its signature checked, stored.

    Raises ``HandshakeError`` or ``Refused``; then nothing was changed.
    """
    data = await keyring.open_stranger(parcel, message_bytes_max=FILE_BYTES_MAX)
    acceptance = decode(Acceptance, data)
    progress = load(row)
    if not progress.offer:
        raise HandshakeRefused("the handshake file of this link was accepted already")
    seen = check_acceptance(progress.offer, acceptance)
    if progress.partner is not None and acceptance.node != progress.partner["node"]:
        raise HandshakeRefused("the new handshake file was joined by another node than the link's partner")
    await keyring.add_peer(acceptance.certificate.encode(), acceptance.fingerprint)
    passed("handshake: key pinned")
    signed = await keyring.open(parcel, signer=acceptance.fingerprint, message_bytes_max=FILE_BYTES_MAX)
    assert signed == data, "the same bytes open twice"
    peer = {
        "node": acceptance.node,
        "name": acceptance.node_name,
        "fingerprint": acceptance.fingerprint,
        "transcript": seen.hex(),
        "suite": acceptance.suite,
        "encrypt": decode(Offer, progress.offer).agreement.get("encrypt", True),
        "address": acceptance.channel.address.get("mail"),
    }

    def store(tx: Connection) -> None:
        now = node.clock()
        given = events.AcceptanceReceived(acceptance.fingerprint, seen.hex(), int(now))
        after, _ = pairing.step(progress.pairing, given)
        kept = Progress(after, b"", hashlib.sha256(data).digest(), partner=progress.partner)
        keep(tx, row, kept, peer=peer)
        life = life_of(acceptance.incarnation)
        state = LinkState(node.life, node.boot, life, spoke_at=now)
        if progress.partner is not None:
            state = replace(links.state(tx, row.id), peer_life=life, peer_boot=0)
        links.save_state(tx, row.id, state)

    await node.store.run(store)
    passed("handshake: acceptance stored")


def late(delivery: Delivery, error: Exception, keys: Keys) -> bool:
    """Whether a parcel is one of before a new handshake: what it held is told anew."""
    foreign = isinstance(error, Refused) and error.reason == "not_for_us"
    return foreign and bool(keys.before) and delivery.parcel.label.incarnation == keys.before


def incarnation(life: tuple[int, bytes]) -> str:
    """One life of a store, as it stands in the documents."""
    return f"{life[0]:08x}{life[1].hex()}"


def life_of(text: str) -> tuple[int, bytes]:
    if len(text) != 24:
        raise HandshakeRefused("the partner's document names its store in a form that this version does not know")
    return int(text[:8], 16), bytes.fromhex(text[8:])


def peer_state(node: Node, offer: Offer, now: float) -> LinkState:
    """The slave's protocol state, before the first message."""
    return LinkState(node.life, node.boot, life_of(offer.incarnation), spoke_at=now)


async def take_documents(ep: Endpoint, documents: Sequence[bytes]) -> None:
    """Documents that came as parcels, signed by the pinned key: a confirmation, an acceptance again, a revocation."""
    for data in documents:
        row = await ep.store.read(lambda tx: links.get(tx, ep.row))
        assert row.peer is not None
        try:
            if distrusting.is_key_revocation(data):
                why = await distrusting.read(data, row, ep.keyring)
                await ep.store.run(lambda tx, w=why: distrusting.distrust(tx, ep.row, w))  # type: ignore[misc]
                await rotating.refresh(ep)
            elif revoking.is_revocation(data):
                await _advance(ep, revoking.read(data, row))
            elif row.side == "slave" and b'"backbone-confirmation"' in data:
                confirmation = decode(Confirmation, data)
                seen = bytes.fromhex(row.peer["transcript"])
                check_confirmation(confirmation, link_id=ep.link_id, transcript=seen)
                await _advance(ep, events.ConfirmationReceived(confirmation.transcript))
            elif b'"backbone-tested"' in data:
                tested = decode(Tested, data)
                check_tested(tested, link_id=ep.link_id, transcript=bytes.fromhex(row.peer["transcript"]))
                await _advance(ep, events.PeerEchoSeen(waiting=tested.waiting))
            elif hmac.compare_digest(load(row).acceptance, hashlib.sha256(data).digest()):
                given = events.AcceptanceReceived(row.peer["fingerprint"], row.peer["transcript"], int(ep.clock()))
                await _advance(ep, given)
        except HandshakeError as error:
            ep.log.warning("refused", reason=str(error))
            await ep.store.run(lambda tx, e=error: links.change(tx, ep.row, reason=str(e)))  # type: ignore[misc]


async def take_probes(ep: Endpoint, messages: Sequence[Message]) -> None:
    """The connection test: a probe is answered with what arrived of it, an answer is compared with what was sent."""
    for message in messages:
        try:
            await _take_probe(ep, message)
        except (PeerError, ValidationError) as error:
            why = str(error) if isinstance(error, PeerError) else "it does not say what a connection test has to say"
            await ep.store.run(lambda tx, m=message, w=why: _set_aside(tx, ep, m, w))  # type: ignore[misc]


async def _take_probe(ep: Endpoint, message: Message) -> None:
    body = inflate(message.header, message.body)
    if message.header.kind == Kind.PROBE:
        answer = encode_record({"size": len(body), "sha256": hashlib.sha256(body).digest()})
        state = await ep.store.read(lambda tx: links.state(tx, ep.row))
        await post(ep, unnumbered(ep, state, Kind.ECHO, answer))
        return
    echo = Echo.model_validate(decode_record(body))
    if echo.size in _sizes(ep) and echo.sha256 == hashlib.sha256(probe(ep, echo.size)).digest():
        await _advance(ep, events.EchoSeen(echo.size))


def _set_aside(tx: Connection, ep: Endpoint, message: Message, why: str) -> None:
    reason = f"a message of the connection test ({message.header.kind}) is malformed: {why}"
    lists.set_aside(tx, ep.row, "message", reason, ep.clock(), payload=message.body[:PARCEL_KEPT_BYTES],
                    advice="tell the partner's admin")  # fmt: skip
    ep.log.warning("quarantined", reason=reason)


def _sizes(ep: Endpoint) -> frozenset[int]:
    return load(ep.store.read_now(lambda tx: links.get(tx, ep.row))).pairing.sizes


def probe(ep: Endpoint, size: int) -> bytes:
    """What a probe of this size holds: incompressible, and the same each time."""
    return hashlib.shake_128(f"{ep.link_id} {ep.side} {size}".encode()).digest(size)


def take_tested(tx: Connection, ep: Endpoint, record: dict[str, Any]) -> None:
    """The partner says that all its probes came back."""
    row = links.get(tx, ep.row)
    for effect in advance(tx, row, events.PeerEchoSeen(waiting=bool(record.get("waiting")))):
        if isinstance(effect, events.TellTested):
            _tell_tested(tx, ep, effect)


def expire(tx: Connection, row_id: int) -> None:
    """The offer's time is over: nobody can accept it any more."""
    advance(tx, links.get(tx, row_id), events.Expired())


# What leaves


async def repeat(ep: Endpoint) -> None:
    """An unanswered step is repeated."""
    await _advance(ep, events.Waited())


async def begin(ep: Endpoint) -> None:
    """A process's first words at a stage to which it did not come by itself; the master confirms what it accepted."""
    if load(await ep.store.read(lambda tx: links.get(tx, ep.row))).pairing.role == "master":
        await _send_confirmation(ep)
    await repeat(ep)


async def _advance(ep: Endpoint, given: events.Input) -> None:
    def change(tx: Connection) -> tuple[events.Effect, ...]:
        row = links.get(tx, ep.row)
        effects = advance(tx, row, given)
        for effect in effects:
            if isinstance(effect, events.TellTested) and not load(row).pairing.again:
                _tell_tested(tx, ep, effect)
        return effects

    effects = await ep.store.run(change)
    passed("handshake: step stored")
    for effect in effects:
        match effect:
            case events.SendAcceptance():
                row = await ep.store.read(lambda tx: links.get(tx, ep.row))
                await _send(ep, load(row).acceptance)
            case events.SendConfirmation():
                await _send_confirmation(ep)
            case events.TellTested():
                await _say_tested(ep, waiting=effect.waiting)
            case events.SendProbes():
                await _send_probes(ep, effect.sizes)
            case events.Alarm():
                ep.log.error("alarm", reason=effect.sentence)
            case _:
                pass


def _tell_tested(tx: Connection, ep: Endpoint, effect: events.TellTested) -> None:
    number(tx, ep, [(Kind.CTRL, encode_record({"type": "tested", "waiting": effect.waiting}), 0, None)])


async def _say_tested(ep: Endpoint, *, waiting: bool) -> None:
    """Of a new handshake for an old link: a document, because the numbers rest."""
    row = await ep.store.read(lambda tx: links.get(tx, ep.row))
    if load(row).pairing.again:
        assert row.peer is not None
        document = encode(Tested(link_id=ep.link_id, transcript=row.peer["transcript"], waiting=waiting))
        await _send(ep, await ep.keyring.seal(document, recipient=ep.identity.peer_fingerprint, encrypt=ep.encrypt))


async def _send_confirmation(ep: Endpoint) -> None:
    row = await ep.store.read(lambda tx: links.get(tx, ep.row))
    assert row.peer is not None
    document = encode(Confirmation(link_id=ep.link_id, transcript=row.peer["transcript"]))
    await _send(ep, await ep.keyring.seal(document, recipient=ep.identity.peer_fingerprint, encrypt=ep.encrypt))


async def _send_probes(ep: Endpoint, sizes: frozenset[int]) -> None:
    state = await ep.store.read(lambda tx: links.state(tx, ep.row))
    for size in sorted(sizes):
        await post(ep, unnumbered(ep, state, Kind.PROBE, probe(ep, size)))


async def _send(ep: Endpoint, parcel: bytes) -> None:
    state = await ep.store.read(lambda tx: links.state(tx, ep.row))
    await ep.channel.send(Parcel(Label(ep.tag, label_life(state.life), "k", 0), parcel))
    passed("handshake: document sent")


def probe_sizes(channel: Channel) -> frozenset[int]:
    """The connection test's sizes: small, middle, and the largest part of an attachment."""
    largest = min(limits.blob_part_bytes, channel.limits.parcel_bytes_max - limits.seal_bytes)
    return frozenset({1024, min(256 * 1024, largest), largest})
