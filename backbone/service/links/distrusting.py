"""A stolen key: what it signs counts no more, on either side, and the link waits for a new handshake.

Ours is revoked by the key itself (OpenPGP's own revocation), and the partner is told in a parcel sealed before it.
The partner is believed for its own pinned key only, and only where gpg takes that revocation for good. Our admin may
also say that the partner's key is stolen: then nothing that it signs counts here, whatever the partner says.
"""

from collections.abc import Callable
from dataclasses import replace

from backbone.config import check_name
from backbone.errors import HandshakeRefused, Unreachable, UsageError
from backbone.replication import limits
from backbone.service.links.progress import advance, keep, load
from backbone.service.node import Node
from backbone.service.parties import open_keyring
from backbone.store import links
from backbone.store.engine import Connection
from backbone.store.links import LinkRow
from handshake.base import KeyRing
from handshake.documents import KeyRevocation, decode, encode
from handshake.errors import HandshakeError, KeyRingError, WrongKey
from handshake.events import Failed, Stage
from handshake.transcript import check_key_revocation

_POSSIBLE = (Stage.CONFIRMED, Stage.TESTED, Stage.ACTIVE, Stage.PAUSED, Stage.RESYNC, Stage.FAILED)


async def revoke_ours(node: Node, name: str, reason: str) -> None:
    """Our key was stolen. That the partner is to be told is stored with it; whoever runs the node does it.

    Raises ``UsageError``, or ``BackboneError`` where the key cannot sign its own revocation; then nothing was changed.
    """
    row = await _row(node, name)
    assert row.peer is not None
    keyring = await open_keyring(node, row)
    try:
        said = KeyRevocation(
            link_id=row.link_id, transcript=row.peer["transcript"], fingerprint=keyring.fingerprint,
            certificate=(await keyring.revocation(reason)).decode("ascii"), reason=reason,
        )  # fmt: skip
        encrypt = bool(row.peer.get("encrypt", True))
        sealed = await keyring.seal(encode(said), recipient=row.peer["fingerprint"], encrypt=encrypt)
    except KeyRingError as error:
        raise Unreachable(str(error)) from error
    except HandshakeError as error:
        raise HandshakeRefused(str(error)) from error
    finally:
        await keyring.close()

    def store(tx: Connection) -> None:
        now = node.clock()
        _fail(tx, row.id, lambda found: f"our key is revoked ({reason}): {_advice(found)}")
        found = links.get(tx, row.id)
        told = replace(load(found), revocation=sealed, tell_at=now, tell_until=now + limits.backup_horizon_seconds)
        keep(tx, found, told)

    await node.store.run(store)


async def distrust_partners(node: Node, name: str, reason: str) -> None:
    """Our admin says that the partner's key is stolen. Raises ``UsageError``."""
    row = await _row(node, name)
    await node.store.run(lambda tx: distrust(tx, row.id, reason))


def is_key_revocation(data: bytes) -> bool:
    """Whether a document that the pinned key signed is one; what else is in it is not said."""
    return b'"backbone-key-revocation"' in data


async def read(data: bytes, row: LinkRow, keyring: KeyRing) -> str:
    """Why the partner revokes its key. Raises ``HandshakeError`` where it does not, or it is not its own."""
    assert row.peer is not None, "only a partner revokes its key"
    said, pinned = decode(KeyRevocation, data), str(row.peer["fingerprint"])
    check_key_revocation(
        said, link_id=row.link_id, transcript=bytes.fromhex(row.peer["transcript"]), fingerprint=pinned
    )
    if not await keyring.is_revoked_by(said.certificate.encode("ascii")):
        raise WrongKey("the partner says that its key is revoked, and the key itself does not: nothing was changed")
    return said.reason


def distrust(tx: Connection, row: int, reason: str) -> None:
    """From this transaction on nothing that the partner's key signed counts."""
    keys = links.get(tx, row).keys
    links.save_keys(tx, row, replace(keys, theirs=replace(keys.theirs, revoked=reason or "revoked")))
    _fail(tx, row, lambda found: f"the partner's key is revoked ({reason}): {_advice(found)}")


def _fail(tx: Connection, row: int, sentence: Callable[[LinkRow], str]) -> None:
    found = links.get(tx, row)
    advance(tx, found, Failed(sentence(found)))
    failed = links.get(tx, row)
    progress = load(failed)  # a link that had failed before says why it does so now
    keep(tx, failed, replace(progress, pairing=replace(progress.pairing, reason=sentence(found))))


def _advice(row: LinkRow) -> str:
    again = f"make a new handshake with backbone link create {row.name} --again"
    asks = "ask the partner's admin, by telephone, for a new handshake file"
    return f"nothing is sent or taken any more; {again if row.side == 'master' else asks}"


async def _row(node: Node, name: str) -> LinkRow:
    row = await node.store.read(lambda tx: links.by_name(tx, check_name(name)))
    if row is None:
        raise UsageError(f"there is no link {name!r}")
    if row.peer is None or load(row).pairing.stage not in _POSSIBLE:
        raise UsageError(f"link {name} is {row.state}: there is no partner who believes its key")
    return row
