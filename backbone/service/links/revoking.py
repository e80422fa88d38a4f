"""The end of a link: the partner is told, and a link that is stopped for another reason still hears it.

That the partner is to be told stands in the store from the moment of the revocation, so a crash does not lose it.
A revocation is a document of its own, signed and bound to this exchange, and not a numbered message: it can be said
when our numbers cannot be trusted any more. Nobody acknowledges it; it is said a few times, ever more slowly.
"""

from dataclasses import replace

from pydantic import ValidationError

from backbone.errors import UsageError
from backbone.replication import limits, rekeying
from backbone.service.endpoint import Voice
from backbone.service.flow.inbound import set_parcel_aside
from backbone.service.links import distrusting
from backbone.service.links.progress import Progress, advance, keep, load
from backbone.service.node import Node
from backbone.service.parties import tag_of
from backbone.store import links
from backbone.store.engine import Connection
from backbone.store.links import LinkRow
from channels.base import Channel, Label, Parcel
from handshake.base import KeyRing
from handshake.documents import Revocation, decode, encode
from handshake.errors import HandshakeError, Refused
from handshake.events import Revoked, Stage
from handshake.limits import FILE_BYTES_MAX
from handshake.transcript import check_revocation

TOLD_MAX = 5
"""A channel may lose a parcel; it hardly loses five over days."""
AGAIN_GROWTH = 8.0
"""From a channel's resend time (30 s in a directory) to days in five steps."""
HEARD_AT_ONCE = 16


def check_reason(reason: str) -> None:
    """Whether the partner can be told so. Raises ``UsageError``."""
    try:
        Revocation(link_id="0" * 32, transcript="0" * 64, reason=reason)
    except ValidationError as error:
        raise UsageError("the reason does not fit: write one line of at most 200 characters") from error


def begin(tx: Connection, row_id: int, now: float) -> None:
    """We revoked: the partner is told from now on."""
    row = links.get(tx, row_id)
    keep(tx, row, replace(load(row), tell_at=now, tell_until=now + limits.backup_horizon_seconds))


def is_revocation(data: bytes) -> bool:
    """Whether a document that the pinned key signed is one; what else is in it is not said."""
    return b'"backbone-revocation"' in data


def read(data: bytes, row: LinkRow) -> Revoked:
    """What the partner says. Raises ``HandshakeError`` where it is not about this link."""
    assert row.peer is not None, "only a partner revokes"
    revocation = decode(Revocation, data)
    check_revocation(revocation, link_id=row.link_id, transcript=bytes.fromhex(row.peer["transcript"]))
    return Revoked(revocation.reason, ours=False)


async def tell(node: Node, row_id: int, channel: Channel, keyring: KeyRing) -> float | None:
    """Tell the partner if it is time; returns the seconds until the next time, ``None`` when it was told enough.

    Raises what channel and key ring raise; then it is still to be told.
    """
    row = await node.store.read(lambda tx: links.get(tx, row_id))
    progress, now = load(row), node.clock()
    if progress.tell_at is None or row.peer is None:
        return None
    if now < progress.tell_at:
        return progress.tell_at - now
    if now > progress.tell_until:
        await node.store.run(lambda tx: keep(tx, links.get(tx, row_id), replace(progress, tell_at=None)))
        return None
    sealed = progress.revocation or await _sealed(row, progress, keyring)
    await channel.send(Parcel(Label(tag_of(row.link_id), node.life[1].hex()[:8], "k", 0), sealed))
    wait = channel.limits.resend_floor_seconds * AGAIN_GROWTH**progress.told
    again = now + wait if progress.told + 1 < TOLD_MAX else None
    await node.store.run(lambda tx: _told(tx, row_id, again))
    return None if again is None else wait


async def _sealed(row: LinkRow, progress: Progress, keyring: KeyRing) -> bytes:
    assert row.peer is not None, "only a partner is told"
    reason = progress.pairing.reason or ""
    document = encode(Revocation(link_id=row.link_id, transcript=row.peer["transcript"], reason=reason))
    encrypt = bool(row.peer.get("encrypt", True))
    return await keyring.seal(document, recipient=row.peer["fingerprint"], encrypt=encrypt)


def _told(tx: Connection, row_id: int, again: float | None) -> None:
    row = links.get(tx, row_id)
    progress = load(row)
    keep(tx, row, replace(progress, told=progress.told + 1, tell_at=again))


async def hear(node: Node, voice: Voice) -> bool:
    """Of a link that is stopped: whether the partner has revoked it, or its key. What a revoked key has signed is set
    aside; all else stays in the channel, unconfirmed.
    """
    row = await node.store.read(lambda tx: links.get(tx, voice.row))
    assert row.peer is not None, "only a partner revokes"
    while deliveries := await voice.channel.receive(HEARD_AT_ONCE):
        for delivery in deliveries:
            try:
                data = await voice.keyring.open(
                    delivery.parcel.data, signer=row.peer["fingerprint"], message_bytes_max=FILE_BYTES_MAX,
                    encrypted=voice.encrypt,
                )  # fmt: skip
                heard = await _take(node, row, voice.keyring, data)
            except Refused as refused:
                if row.keys.theirs.revoked and refused.reason == "replaced_key":
                    await node.store.run(lambda tx, d=delivery: set_parcel_aside(tx, voice, d, rekeying.REVOKED))  # type: ignore[misc]
                    await voice.channel.confirm([delivery.token])
                continue
            except HandshakeError:
                continue
            if heard:
                await voice.channel.confirm([delivery.token])
                return True
    return False


async def _take(node: Node, row: LinkRow, keyring: KeyRing, data: bytes) -> bool:
    if is_revocation(data):
        given = read(data, row)
        await node.store.run(lambda tx: _revoke(tx, row.id, given))
        return True
    if distrusting.is_key_revocation(data):
        reason = await distrusting.read(data, row, keyring)
        await node.store.run(lambda tx: distrusting.distrust(tx, row.id, reason))
        return True
    return False


def _revoke(tx: Connection, row_id: int, given: Revoked) -> None:
    row = links.get(tx, row_id)
    if load(row).pairing.stage is not Stage.REVOKED:
        advance(tx, row, given)
