"""What binds an offer and its acceptance together: digest, transcript, proof, and the checks of both sides.

The transcript is SHA-256 over a label and the parts, each with its length in front so that no two lists of parts
have the same bytes. It covers the whole offer and the whole acceptance; the fingerprints, nonces and
choices are in it by name, so that a later format of the documents cannot leave them out.
"""

import hashlib
import hmac

from handshake.documents import (
    PROTOCOLS,
    SUITES,
    Acceptance,
    Confirmation,
    KeyRevocation,
    Offer,
    Revocation,
    Tested,
    canonical,
    decode,
)
from handshake.errors import Expired, OwnFile, WrongKey, WrongLink, WrongProof, WrongTranscript, WrongVersion

_LABEL = b"backbone handshake transcript 1"
_PROOF_LABEL = b"backbone handshake proof 1"


def digest(offer: bytes) -> str:
    """The name of an offer: SHA-256 of its bytes, in hex."""
    return hashlib.sha256(offer).hexdigest()


def transcript(offer: bytes, acceptance: Acceptance) -> bytes:
    """32 bytes that are equal on both sides only if both saw the same documents. ``proof`` is not part of it."""
    offered = decode(Offer, offer)
    answer = acceptance.model_dump(mode="json", exclude={"proof"})
    parts = (
        hashlib.sha256(offer).digest(),
        offered.fingerprint.encode(),
        acceptance.fingerprint.encode(),
        offered.link_id.encode(),
        offered.nonce.encode(),
        acceptance.nonce.encode(),
        acceptance.protocol.to_bytes(1, "big"),
        acceptance.suite.to_bytes(1, "big"),
        hashlib.sha256(canonical(answer)).digest(),
    )
    return hashlib.sha256(_joined(_LABEL, *parts)).digest()


def proof(token: str, transcript: bytes) -> str:
    """HMAC-SHA-256 (RFC 2104) of the transcript under the offer's token, in hex."""
    return hmac.new(bytes.fromhex(token), _joined(_PROOF_LABEL, transcript), hashlib.sha256).hexdigest()


def prove(offer: bytes, acceptance: Acceptance) -> Acceptance:
    """The same acceptance with its proof filled in."""
    token = decode(Offer, offer).token
    return acceptance.model_copy(update={"proof": proof(token, transcript(offer, acceptance))})


def check_offer(offer: Offer, *, now: str, node: str) -> tuple[int, int]:
    """May the node with id ``node`` accept this at ``now`` (UTC, as in the documents)? Protocol and suite to use.

    Raises ``OwnFile``, ``Expired`` or ``WrongVersion``.
    """
    if offer.node == node:
        raise OwnFile("this handshake file was written here: hand it to the other company's admin")
    if now > offer.expires:
        raise Expired(f"the handshake file expired at {offer.expires}: ask the other admin for a new one")
    return _choose(offer.protocols, PROTOCOLS, "protocol"), _choose(offer.suites, SUITES, "suite")


def check_acceptance(offer: bytes, acceptance: Acceptance) -> bytes:
    """Whether the acceptance answers this offer; the transcript. Whether in time decides ``pairing``.

    Raises ``WrongLink``, ``OwnFile``, ``WrongVersion`` or ``WrongProof``.
    """
    offered = decode(Offer, offer)
    if acceptance.link_id != offered.link_id:
        raise WrongLink("the acceptance belongs to another link")
    if acceptance.offer_digest != digest(offer):
        raise WrongLink("the acceptance answers another handshake file of this link: accept the newest one")
    if acceptance.node == offered.node or acceptance.fingerprint == offered.fingerprint:
        raise OwnFile("the acceptance comes from this node itself: the file was joined at home")
    if acceptance.protocol not in offered.protocols or acceptance.suite not in offered.suites:
        raise WrongVersion("the acceptance chose a protocol or suite that was not offered")
    seen = transcript(offer, acceptance)
    if not hmac.compare_digest(proof(offered.token, seen), acceptance.proof):
        raise WrongProof("the acceptance was not written by a holder of the handshake file")
    return seen


def check_confirmation(confirmation: Confirmation, *, link_id: str, transcript: bytes) -> None:
    """Whether the master confirms our exchange. Raises ``WrongLink`` or ``WrongTranscript``."""
    if confirmation.link_id != link_id:
        raise WrongLink("the confirmation belongs to another link")
    if not hmac.compare_digest(confirmation.transcript, transcript.hex()):
        raise WrongTranscript("the master confirmed another answer than ours: somebody else used the handshake file")


def check_revocation(revocation: Revocation, *, link_id: str, transcript: bytes) -> None:
    """Whether it is our link that is revoked. Raises ``WrongLink`` or ``WrongTranscript``."""
    if revocation.link_id != link_id:
        raise WrongLink("the revocation belongs to another link")
    if not hmac.compare_digest(revocation.transcript, transcript.hex()):
        raise WrongTranscript("the revocation belongs to another handshake of this link")


def check_tested(tested: Tested, *, link_id: str, transcript: bytes) -> None:
    """Whether it is our exchange that was tested. Raises ``WrongLink`` or ``WrongTranscript``."""
    if tested.link_id != link_id:
        raise WrongLink("the report of the connection test belongs to another link")
    if not hmac.compare_digest(tested.transcript, transcript.hex()):
        raise WrongTranscript("the report of the connection test belongs to another handshake of this link")


def check_key_revocation(revocation: KeyRevocation, *, link_id: str, transcript: bytes, fingerprint: str) -> None:
    """Whether it is its own key of our link. Raises ``WrongLink``, ``WrongTranscript`` or ``WrongKey``."""
    if revocation.link_id != link_id:
        raise WrongLink("the key's revocation belongs to another link")
    if not hmac.compare_digest(revocation.transcript, transcript.hex()):
        raise WrongTranscript("the key's revocation belongs to another handshake of this link")
    if revocation.fingerprint != fingerprint:
        raise WrongKey("the partner revokes a key that is not its own: nothing was changed")


def _joined(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _choose(offered: tuple[int, ...], known: tuple[int, ...], what: str) -> int:
    both = set(offered) & set(known)
    if not both:
        raise WrongVersion(
            f"the handshake file offers no {what} that this program knows: let both nodes run the same version"
        )
    return max(both)
