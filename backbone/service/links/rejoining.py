"""A new handshake for a link that there was: after a key was lost or stolen, or a node put back from before it.

Both sides get new keys, in key folders beside the old ones, and begin a new life of the link. Pairings of issues,
numbers of writes, agreement and lists stay; when the words were compared, both stores are joined as after a restore.
The file is taken only where an admin says ``--again``, for the same link and from the same node, and the words are
those of the new exchange: somebody who has an old key can neither answer it nor pass for one of the two.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from backbone.config import check_name, load_link
from backbone.errors import HandshakeRefused, UsageError
from backbone.replication.agreement import Agreement
from backbone.replication.link import Life
from backbone.replication.rekeying import Keys
from backbone.service.flow.inbound import label_life
from backbone.service.healing.renewing import renew
from backbone.service.links import pairing as parcels
from backbone.service.links.joining import Joined, Offered, answer, peer_of
from backbone.service.links.making import TIME, new_keys
from backbone.service.links.offering import Created, LinkOptions, offer_of
from backbone.service.links.progress import Progress, keep, load
from backbone.service.node import Node
from backbone.service.parties import address_of, open_channel
from backbone.store import links
from backbone.store.codec import pack_keys
from backbone.store.engine import Connection
from backbone.store.links import LinkRow
from handshake import events
from handshake import pairing as table
from handshake.armor import armor
from handshake.base import KeyRing
from handshake.documents import ChannelAddress, encode
from handshake.errors import HandshakeError
from handshake.events import Stage
from handshake.limits import OFFER_DAYS
from handshake.transcript import check_offer, transcript
from handshake.words import safety_words

_BEGUN = "a new handshake for this link was begun: it is joined with the partner again when that is through"


@dataclass(frozen=True, slots=True)
class AgainOptions:
    """What the master's admin says when a link gets a new handshake file."""

    description: str = ""
    expires_days: int = OFFER_DAYS
    passphrase: str | None = None


async def offer_again(node: Node, name: str, options: AgainOptions) -> Created:
    """A new handshake file, with a new key, for a link of ours that had a partner. Raises ``BackboneError``."""
    row = await node.store.read(lambda tx: links.by_name(tx, check_name(name)))
    if row is None:
        raise UsageError(f"there is no link {name!r}: without --again a new one is made")
    if row.side != "master":
        raise UsageError(f"the partner is the master of link {name}: its admin makes the new handshake file")
    partner = _partner(row)
    home = secrets.token_hex(4)
    async with new_keys(node, name, home, first=False) as keys:
        life = await node.store.run(lambda tx: _begin(tx, node, row.id))
        config = load_link(node.folder, name, node.config)
        address = ChannelAddress(kind=config.channel.kind, address=address_of(node, name, row.link_id, config))
        now = datetime.fromtimestamp(node.clock(), UTC)
        expires = now + timedelta(days=options.expires_days)
        said = LinkOptions("", {}, options.description, encrypt=bool(partner.get("encrypt", True)))
        agreement = Agreement.parse(row.agreement, f"the agreement of link {name}")
        offer = offer_of(node, name, row.link_id, keys, said, agreement, address, now, expires,
                         (await keys.public_key()).decode())  # fmt: skip
        document = encode(offer.model_copy(update={"incarnation": parcels.incarnation(life)}))
        file = await keys.sign(document, passphrase=options.passphrase)
        sizes = parcels.probe_sizes(open_channel(node, name, row.link_id, config, partner))
        given = events.OfferedAgain(int(expires.timestamp()), sizes)

        def store(tx: Connection) -> None:
            found = links.get(tx, row.id)
            after, _ = table.step(load(found).pairing, given)
            progress = Progress(after, offer=document, partner=partner)
            keep(tx, found, progress, peer=None, **_with(tx, found, home, keys, partner))

        await node.store.run(store)
        return Created(file, keys.fingerprint, expires.strftime(TIME))


async def check_again(node: Node, offered: Offered) -> tuple[LinkRow, tuple[int, int]]:
    """Whether this file is a new handshake of a link of ours, from its master; protocol and suite. Writes nothing.

    Raises ``HandshakeRefused``.
    """
    offer = offered.offer
    row = await node.store.read(lambda tx: links.by_link_id(tx, offer.link_id))
    if row is None:
        raise HandshakeRefused("this handshake file is of a link that this node does not have: join it without --again")
    if row.side != "slave" or _partner(row)["node"] != offer.node:
        raise HandshakeRefused(
            f"this handshake file names link {row.name}, and another node wrote it than its master: do not use it, and "
            "tell the partner's admin by telephone"
        )
    if _partner(row)["fingerprint"] == offer.fingerprint:
        raise HandshakeRefused("this is the handshake file that was joined before: a file works once")
    now = datetime.fromtimestamp(node.clock(), UTC).strftime(TIME)
    try:
        return row, check_offer(offer, now=now, node=node.node_id)
    except HandshakeError as error:
        raise HandshakeRefused(str(error)) from error


async def join_again(node: Node, offered: Offered) -> Joined:
    """The slave's half of it, with a new key of its own. Raises ``BackboneError``."""
    row, chosen = await check_again(node, offered)
    offer, partner, home = offered.offer, _partner(row), secrets.token_hex(4)
    async with new_keys(node, row.name, home, first=False) as keys:
        life = await node.store.run(lambda tx: _begin(tx, node, row.id))
        config = load_link(node.folder, row.name, node.config)
        address = ChannelAddress(kind=config.channel.kind, address=address_of(node, row.name, row.link_id, config))
        said = await answer(node, offered, keys, chosen, address, life)
        sealed = await keys.seal(encode(said), recipient=offer.fingerprint)
        seen = transcript(offered.data, said)
        peer = {**peer_of(offered, seen, chosen), "encrypt": bool(partner.get("encrypt", True))}
        expires = datetime.strptime(offer.expires, TIME).replace(tzinfo=UTC)
        sizes = parcels.probe_sizes(open_channel(node, row.name, row.link_id, config, peer))
        given = events.ImportedAgain(offer.fingerprint, seen.hex(), int(expires.timestamp()), sizes)

        def store(tx: Connection) -> None:
            found = links.get(tx, row.id)
            after, _ = table.step(load(found).pairing, given)
            values = _with(tx, found, home, keys, partner)
            keep(tx, found, Progress(after, acceptance=sealed, partner=partner), peer=peer, **values)
            state = links.state(tx, row.id)
            links.save_state(tx, row.id, replace(state, peer_life=parcels.life_of(offer.incarnation), peer_boot=0))

        await node.store.run(store)
        return Joined(row.name, keys.fingerprint, offer.fingerprint, safety_words(seen), armor(sealed))


def _partner(row: LinkRow) -> dict[str, Any]:
    """Whose link it is, also while a new handshake for it is under way. Raises ``UsageError``."""
    progress = load(row)
    known = row.peer or progress.partner
    if known is None or progress.pairing.stage in (Stage.DRAFT, Stage.REVOKED):
        raise UsageError(f"link {row.name} is {row.state}: only a link that had a partner can have a new handshake")
    return dict(known)


def _begin(tx: Connection, node: Node, row: int) -> Life:
    """A new life of the link: what was under way in the old one is told anew, under the new keys."""
    return renew(tx, row, secrets.token_bytes(8), _BEGUN, node.clock())


def _with(tx: Connection, row: LinkRow, home: str, keys: KeyRing, partner: Mapping[str, Any]) -> dict[str, Any]:
    """The new key folder; the old one is kept, for evidence."""
    former = (row.home, row.our_fingerprint, str(partner["fingerprint"]))
    homes = row.keys.homes if row.peer is None else (*row.keys.homes, former)
    before = label_life(links.state(tx, row.id).peer_life) if row.peer is not None else row.keys.before
    kept = Keys(before=before, homes=homes)
    return {"home": home, "our_fingerprint": keys.fingerprint, "keys": pack_keys(kept)}
