"""The master's half of a link: everything is checked before anything is written."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from backbone.replication import limits
from backbone.replication.agreement import Agreement, Direction
from backbone.replication.mapping import Rules
from backbone.replication.merge import Side
from backbone.service.links import pairing as parcels
from backbone.service.links.making import (
    TIME,
    add_row,
    agreement_of,
    check_mapping,
    check_new,
    new_keys,
    rules_of,
    schema_of,
    write_config,
)
from backbone.service.links.progress import Progress
from backbone.service.node import Node
from backbone.service.parties import address_of, open_channel
from handshake import events
from handshake import pairing as table
from handshake.base import KeyRing
from handshake.documents import PROTOCOLS, SUITES, ChannelAddress, Offer, encode
from handshake.events import Pairing, Role
from handshake.limits import OFFER_DAYS


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """What the master's admin says when a link is made."""

    tracker: str
    channel: Mapping[str, Any]
    description: str = ""
    agreement: Path | None = None
    mapping: Path | None = None
    expires_days: int = OFFER_DAYS
    encrypt: bool = True
    passphrase: str | None = None
    one_way: Direction = Direction.BOTH
    """Whose changes travel, where only one side's do."""


@dataclass(frozen=True, slots=True)
class Created:
    """A link was made: the handshake file to hand over."""

    file: bytes
    fingerprint: str
    expires: str


async def check_create(node: Node, name: str, options: LinkOptions) -> tuple[Agreement, Rules]:
    """Whether the master's half can be made; writes nothing. Raises ``BackboneError``."""
    await check_new(node, name)
    schema = await schema_of(node, options.tracker)
    agreement = agreement_of(options.agreement, schema)
    if options.one_way is not Direction.BOTH:
        agreement = agreement.one_way(options.one_way)
    rules = rules_of(options.mapping, agreement, schema)
    check_mapping(agreement, rules, schema, node, options.mapping, Side.MASTER)
    return agreement, rules


async def create_link(node: Node, name: str, options: LinkOptions) -> Created:
    """Make the master's half of a link and its handshake file. Raises ``BackboneError``; then nothing was made."""
    agreement, rules = await check_create(node, name, options)
    link_id, home = secrets.token_hex(16), secrets.token_hex(4)
    async with new_keys(node, name, home) as keys:
        config = write_config(node, name, link_id, options.tracker, options.channel, rules)
        address = ChannelAddress(kind=config.channel.kind, address=address_of(node, name, link_id, config))
        now = datetime.fromtimestamp(node.clock(), UTC)
        expires = now + timedelta(days=options.expires_days)
        document = encode(_offer(node, name, link_id, keys, options, agreement, address, now, expires,
                                 (await keys.public_key()).decode()))  # fmt: skip
        file = await keys.sign(document, passphrase=options.passphrase)
        sizes = parcels.probe_sizes(open_channel(node, name, link_id, config))
        made, _ = table.step(Pairing(Role.MASTER), events.OfferMade(int(expires.timestamp()), sizes))
        progress = Progress(made, offer=document)
        await node.store.run(
            lambda tx: add_row(
                tx, node, name, link_id, home, keys, progress, agreement, side="master", tracker=options.tracker
            )
        )
        return Created(file, keys.fingerprint, expires.strftime(TIME))


def _offer(
    node: Node, name: str, link_id: str, keys: KeyRing, options: LinkOptions, agreement: Agreement,
    address: ChannelAddress, now: datetime, expires: datetime, certificate: str,
) -> Offer:  # fmt: skip
    return Offer(
        protocols=PROTOCOLS,
        suites=SUITES,
        link_id=link_id,
        name=name,
        description=options.description,
        created=now.strftime(TIME),
        expires=expires.strftime(TIME),
        node=node.node_id,
        node_name=node.name,
        incarnation=parcels.incarnation(node.life),
        certificate=certificate,
        fingerprint=keys.fingerprint,
        channel=address,
        agreement={**agreement.model_dump(mode="json"), "encrypt": options.encrypt},
        token=secrets.token_hex(32),
        nonce=secrets.token_hex(32),
        backup_horizon_days=limits.backup_horizon_seconds // 86400,
    )
