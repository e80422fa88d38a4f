"""The slave's half of a link: what a handshake file says, and joining it."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backbone.errors import HandshakeRefused, Unreachable
from backbone.replication.agreement import Agreement
from backbone.replication.mapping import Rules
from backbone.replication.merge import Side
from backbone.service.links import pairing as parcels
from backbone.service.links.making import (
    TIME,
    add_row,
    check_mapping,
    check_new,
    new_keys,
    rules_of,
    schema_of,
    write_config,
)
from backbone.service.links.progress import Progress
from backbone.service.node import Node
from backbone.service.parties import MAIL, address_of, open_channel
from backbone.store import links
from backbone.store.engine import Connection
from handshake import events
from handshake import pairing as table
from handshake.armor import armor
from handshake.base import KeyRing
from handshake.documents import Acceptance, ChannelAddress, Offer, decode, encode
from handshake.errors import HandshakeError, KeyRingError
from handshake.events import Pairing, Role
from handshake.file import verify_file
from handshake.limits import FILE_BYTES_MAX
from handshake.transcript import check_offer, digest, prove, transcript
from handshake.words import safety_words

_NO_PROOF = "0" * 64


@dataclass(frozen=True, slots=True)
class JoinOptions:
    """What the slave's admin says when a handshake file is joined."""

    tracker: str
    channel: Mapping[str, Any]
    name: str | None = None
    mapping: Path | None = None


@dataclass(frozen=True, slots=True)
class Offered:
    """What a handshake file says, for a person."""

    offer: Offer
    agreement: Agreement
    encrypt: bool
    data: bytes = field(repr=False)
    certificate: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Joined:
    """An offer was joined: what both admins compare, and the acceptance for carrying by hand."""

    name: str
    fingerprint: str
    peer_fingerprint: str
    words: tuple[str, ...]
    acceptance: bytes


async def read_offer(data: bytes, passphrase: str | None = None) -> Offered:
    """What a handshake file says, its signature verified. Raises ``HandshakeRefused`` or ``Unreachable``."""
    try:
        signed = await verify_file(data, FILE_BYTES_MAX, passphrase=passphrase)
        offer = decode(Offer, signed.payload)
    except HandshakeError as error:
        raise HandshakeRefused(str(error)) from error
    except KeyRingError as error:
        raise Unreachable(str(error)) from error
    terms = dict(offer.agreement)
    encrypt = bool(terms.pop("encrypt", True))
    return Offered(offer, Agreement.parse(terms, "the agreement offered"), encrypt, signed.payload, signed.certificate)


async def check_join(node: Node, offered: Offered, options: JoinOptions) -> tuple[str, tuple[int, int], Rules]:
    """Whether the slave's half can be made: its name, protocol and suite, mapping; writes nothing.

    Raises ``HandshakeRefused`` for a file that is too old, our own, or used before, else ``BackboneError``.
    """
    offer = offered.offer
    name = options.name or offer.name
    now = datetime.fromtimestamp(node.clock(), UTC).strftime(TIME)
    try:
        chosen = check_offer(offer, now=now, node=node.node_id)
    except HandshakeError as error:
        raise HandshakeRefused(str(error)) from error
    known = await node.store.read(lambda tx: links.by_link_id(tx, offer.link_id))
    if known is not None:
        raise HandshakeRefused(f"this handshake file was joined already, as link {known.name}: a file works once")
    await check_new(node, name)
    schema = await schema_of(node, options.tracker)
    rules = rules_of(options.mapping, offered.agreement, schema)
    check_mapping(offered.agreement, rules, schema, node, options.mapping, Side.SLAVE)
    return name, chosen, rules


async def join_link(node: Node, offered: Offered, options: JoinOptions) -> Joined:
    """Make the slave's half. Raises ``BackboneError``; then nothing was made."""
    name, chosen, rules = await check_join(node, offered, options)
    offer, now = offered.offer, node.clock()
    home = secrets.token_hex(4)
    async with new_keys(node, name, home) as keys:
        channel = {"kind": offer.channel.kind, **_partner(offer), **options.channel}
        config = write_config(node, name, offer.link_id, options.tracker, channel, rules)
        address = ChannelAddress(kind=config.channel.kind, address=address_of(node, name, offer.link_id, config))
        answer = await _answer(node, offered, keys, chosen, address)
        sealed = await keys.seal(encode(answer), recipient=offer.fingerprint)
        seen = transcript(offered.data, answer)
        sizes = parcels.probe_sizes(open_channel(node, name, offer.link_id, config))
        expires = datetime.strptime(offer.expires, TIME).replace(tzinfo=UTC)
        given = events.OfferImported(offer.fingerprint, seen.hex(), int(expires.timestamp()), sizes)
        made, _ = table.step(Pairing(Role.SLAVE), given)
        peer = {
            "node": offer.node, "name": offer.node_name, "fingerprint": offer.fingerprint,
            "transcript": seen.hex(), "suite": chosen[1], "encrypt": offered.encrypt,
            "address": offer.channel.address.get(MAIL),
        }  # fmt: skip

        def store(tx: Connection) -> None:
            progress = Progress(made, acceptance=sealed)
            row = add_row(
                tx,
                node,
                name,
                offer.link_id,
                home,
                keys,
                progress,
                offered.agreement,
                side="slave",
                peer=peer,
                tracker=options.tracker,
            )
            links.save_state(tx, row, parcels.peer_state(node, offer, now))

        await node.store.run(store)
        return Joined(name, keys.fingerprint, offer.fingerprint, safety_words(seen), armor(sealed))


def _partner(offer: Offer) -> dict[str, str]:
    """By mail the partner's address stands in the link's file, for an admin to see."""
    address = offer.channel.address.get(MAIL)
    return {"partner": address} if offer.channel.kind == MAIL and address else {}


async def _answer(
    node: Node, offered: Offered, keys: KeyRing, chosen: tuple[int, int], address: ChannelAddress
) -> Acceptance:
    await keys.add_peer(offered.certificate, offered.offer.fingerprint)
    answer = Acceptance(
        link_id=offered.offer.link_id,
        offer_digest=digest(offered.data),
        node=node.node_id,
        node_name=node.name,
        incarnation=parcels.incarnation(node.life),
        certificate=(await keys.public_key()).decode(),
        fingerprint=keys.fingerprint,
        channel=address,
        protocol=chosen[0],
        suite=chosen[1],
        nonce=secrets.token_hex(32),
        proof=_NO_PROOF,
    )
    return prove(offered.data, answer)
