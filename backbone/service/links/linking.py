"""What an admin does with links: create, join, accept, compare words, pause, resume, revoke.

Making them stands in ``offering`` and ``joining``; this is the door to all of it.
"""

import secrets
from dataclasses import replace

from backbone.config import check_name
from backbone.errors import HandshakeRefused, UsageError
from backbone.replication.agreement import Direction
from backbone.service.healing.renewing import renew
from backbone.service.links import pairing as parcels
from backbone.service.links import revoking
from backbone.service.links.joining import Joined, JoinOptions, Offered, check_join, join_link, read_offer
from backbone.service.links.offering import Created, LinkOptions, check_create, create_link
from backbone.service.links.progress import advance, keep, load, waits_for_words
from backbone.service.links.rejoining import check_again, join_again, offer_again
from backbone.service.node import Node
from backbone.service.parties import open_keyring
from backbone.store import links
from backbone.store.engine import Connection
from backbone.store.links import LinkRow
from handshake import events
from handshake import pairing as table
from handshake.armor import dearmor
from handshake.errors import HandshakeError, Refused
from handshake.events import Stage
from handshake.words import safety_words

_RESYNC = "an admin said that this copy of the node lives: it is joined with the partner again"


def direction(one_way: str | None) -> Direction:
    """Of a link that its master makes. Raises ``UsageError``."""
    ways = {None: Direction.BOTH, "to-partner": Direction.TO_SLAVE, "from-partner": Direction.TO_MASTER}
    if one_way not in ways:
        raise UsageError(f"--one-way is to-partner (our changes go to them) or from-partner, not {one_way!r}")
    return ways[one_way]


async def accept_file(node: Node, data: bytes) -> str:
    """Take an acceptance that was carried by hand; returns the link's name. Raises ``HandshakeRefused``."""
    try:
        parcel = dearmor(data)
    except (HandshakeError, Refused) as error:
        raise HandshakeRefused(str(error)) from error
    rows = await node.store.read(links.every)
    reason = "no link of this node waits for an acceptance"
    for row in rows:
        if row.side != "master":
            continue
        keys = await open_keyring(node, row)
        try:
            await parcels.take_acceptance(node, row, keys, parcel)
        except (HandshakeError, Refused, HandshakeRefused) as error:
            reason = str(error)
        else:
            return row.name
        finally:
            await keys.close()
    raise HandshakeRefused(reason)


async def words(node: Node, name: str) -> tuple[str, ...]:
    """The ten safety words of a link that has a partner. Raises ``UsageError``."""
    row = await _row(node, name)
    if row.peer is None:
        raise UsageError(f"link {name} has no partner yet: the words are known when the acceptance has come")
    return safety_words(bytes.fromhex(row.peer["transcript"]))


async def verify(node: Node, name: str, by: str) -> None:
    """Record that two people compared the words; a link that waited for that goes on."""
    await words(node, name)

    def store(tx: Connection) -> None:
        row = links.by_name(tx, name)
        assert row is not None
        progress = replace(load(row), verified_by=by)
        if waits_for_words(progress.pairing):
            after, _ = table.step(progress.pairing, events.Resumed())
            progress = replace(progress, pairing=after)
        keep(tx, row, progress)

    await node.store.run(store)


async def pause(node: Node, name: str) -> None:
    """Nothing leaves and nothing is applied until ``resume``."""
    await _tell(node, name, events.Paused())


async def resume(node: Node, name: str) -> None:
    """Go on. Raises ``UsageError`` for a link that waits until its words are compared."""
    if waits_for_words(load(await _row(node, name)).pairing):
        raise UsageError(f"link {name} has new keys: compare its words with the partner's admin, then record it with "
                         f"backbone link verify {name} --by WHO")  # fmt: skip
    await _tell(node, name, events.Resumed())


async def resync(node: Node, name: str) -> int:
    """Our copy of the store lives, and is joined with the partner again; returns the counter of its new life.

    Raises ``UsageError`` for a link that is not active, or has no partner.
    """
    row = await _row(node, name)

    def begin(tx: Connection) -> int:
        now = links.get(tx, row.id)
        if now.peer is None or load(now).pairing.stage not in (Stage.ACTIVE, Stage.RESYNC, Stage.PAUSED):
            raise UsageError(f"link {name} is {now.state}: only a link that was active can be joined again")
        return renew(tx, row.id, secrets.token_bytes(8), _RESYNC, node.clock())[0]

    return await node.store.run(begin)


async def revoke(node: Node, name: str, reason: str) -> None:
    """For ever over. That the partner is to be told is stored with it; whoever runs the node does it."""
    revoking.check_reason(reason)
    await _tell(node, name, events.Revoked(reason, ours=True))


async def _tell(node: Node, name: str, given: events.Input) -> None:
    row = await _row(node, name)

    def change(tx: Connection) -> None:
        now = links.get(tx, row.id)
        stage = load(now).pairing.stage
        if (now.side, stage, type(given)) not in {(r.value, s, t) for r, s, t in table.TABLE}:
            raise UsageError(f"link {name} is {stage}: that is not possible now")
        if any(isinstance(effect, events.SendRevocation) for effect in advance(tx, now, given)):
            revoking.begin(tx, row.id, node.clock())

    await node.store.run(change)


async def _row(node: Node, name: str) -> LinkRow:
    row = await node.store.read(lambda tx: links.by_name(tx, check_name(name)))
    if row is None:
        raise UsageError(f"there is no link {name!r}")
    return row


__all__ = [
    "Created", "JoinOptions", "Joined", "LinkOptions", "Offered", "accept_file", "check_again", "check_create",
    "check_join", "create_link", "direction", "join_again", "join_link", "offer_again", "pause", "read_offer", "resume",
    "resync", "revoke", "verify", "words",
]  # fmt: skip
