"""A link's keys for people: which sign now, until when, and how far a change of them has come."""

from dataclasses import dataclass

from backbone.service.node import Node
from backbone.service.parties import open_keyring
from backbone.service.watching.picture import ends
from backbone.service.watching.status import doing
from backbone.store.links import LinkRow
from handshake.certificate import Certificate
from handshake.keyring import GnupgKeyRing


@dataclass(frozen=True, slots=True)
class KeyShown:
    """One side's key on one link. ``fingerprint`` is what was pinned, and stays; ``signing`` is the subkey at work."""

    link: str
    whose: str
    fingerprint: str
    signing: str
    ends_at: float | None
    """When the first of signing and encryption runs out, in seconds since 1970."""
    former: int
    """How many signing subkeys came before it."""
    state: str
    """How far a change has come; empty where none is under way."""


async def shown(node: Node, row: LinkRow) -> list[KeyShown]:
    """Ours, and the partner's where one is known. Raises ``BackboneError``."""
    keyring = await open_keyring(node, row)
    assert isinstance(keyring, GnupgKeyRing)
    await keyring.close()
    theirs = row.keys.theirs
    found = [_key(row.name, "our", keyring.own, row.keys.ours.signing, doing(row.keys))]
    if keyring.peer is not None:
        waits = "the partner has told its new key, and the old one still signs" if theirs.coming else ""
        found.append(_key(row.name, "the partner's", keyring.peer, theirs.signing, waits))
    return found


def _key(link: str, whose: str, certificate: Certificate, signing: str, state: str) -> KeyShown:
    every = [subkey.fingerprint for subkey in certificate.subkeys if "s" in subkey.uses]
    at_work = signing or every[0]
    before = every.index(at_work) if at_work in every else 0
    end = ends(certificate)
    return KeyShown(link, whose, certificate.fingerprint, at_work, None if end is None else float(end), before, state)
