"""What two nodes say to each other about a changed agreement: the records, and what binds them.

The master's proposal, its withdrawal and the slave's answer travel in the control lane; each names the proposal's
version and digest. The digest covers link, version, the digest of the agreement before it, and every word of the new
one; the first in the chain is the handshake's transcript. That a side works by it from here on is a message in the
lane of change sets (``AGREED``): before it the old agreement holds, behind it the new one.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError

from backbone.errors import ConfigError, PeerError
from backbone.replication import limits
from backbone.replication.agreement import Agreement
from backbone.replication.message import Wire, decode_record, encode_record

PROPOSE, WITHDRAW, ANSWER = "propose", "withdraw", "answer"
_Version = Annotated[int, Field(ge=1, le=limits.agreement_versions_max)]
_Digest = Annotated[bytes, Field(min_length=32, max_length=32)]


class Proposed(Wire):
    """The master proposes; ``base`` is the digest of the agreement that is in effect."""

    type: Annotated[str, Field(pattern=f"^{PROPOSE}$")] = PROPOSE
    version: _Version
    base: _Digest
    digest: _Digest
    agreement: Annotated[str, Field(max_length=limits.agreement_bytes_max)]
    """As ``spell`` spells it."""


class Withdrawn(Wire):
    """The master takes its proposal back."""

    type: Annotated[str, Field(pattern=f"^{WITHDRAW}$")] = WITHDRAW
    version: _Version


class Answered(Wire):
    """What the slave's admin says to it."""

    type: Annotated[str, Field(pattern=f"^{ANSWER}$")] = ANSWER
    version: _Version
    digest: _Digest
    accepted: bool
    reason: Annotated[str, Field(max_length=limits.reason_characters_max)] = ""


class Standing(Wire):
    """By which agreement a side writes: said in a WELCOME to a store that was put back, where it is not the first."""

    version: _Version
    base: _Digest
    digest: _Digest
    agreement: Annotated[str, Field(max_length=limits.agreement_bytes_max)]


_Words = TypeVar("_Words", Proposed, Standing)


class Agreed(Wire):
    """The body of an ``AGREED`` message: what its sender writes behind it, it writes by this agreement."""

    version: _Version
    digest: _Digest


def spell(agreement: Agreement) -> str:
    """An agreement in its one form: JSON of all that it says, keys in order."""
    return json.dumps(agreement.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def digest_of(link: str, version: int, base: bytes, agreement: Agreement) -> bytes:
    """What a proposal's answer, and the messages with which it takes effect, name (32 bytes)."""
    said = encode_record({"link": link, "version": version, "base": base, "agreement": spell(agreement)})
    return hashlib.sha256(said).digest()


def read_proposed(link: str, record: Mapping[str, Any]) -> tuple[Proposed, Agreement]:
    """A proposal of the partner's and the agreement in it. Raises ``PeerError``: nothing of it counts then."""
    return _read(link, record, Proposed)


def read_standing(link: str, record: Mapping[str, Any]) -> tuple[Standing, Agreement]:
    """By which agreement the partner writes. Raises ``PeerError``."""
    return _read(link, record, Standing)


def _read(link: str, record: Mapping[str, Any], kind: type[_Words]) -> tuple[_Words, Agreement]:
    try:
        said = kind.model_validate(record)
        plain = json.loads(said.agreement)
    except (ValidationError, ValueError, RecursionError) as error:
        raise PeerError("the partner's proposal of another agreement is malformed") from error
    if not isinstance(plain, dict):
        raise PeerError("the partner's proposal of another agreement is malformed")
    try:
        agreement = Agreement.parse(plain, "the proposed agreement")
    except ConfigError as error:
        raise PeerError(f"the partner proposes an agreement that cannot be: {str(error)[:300]}") from error
    if spell(agreement) != said.agreement or digest_of(link, said.version, said.base, agreement) != said.digest:
        raise PeerError("the partner's proposal does not have the digest that it names")
    return said, agreement


def read_withdrawn(record: Mapping[str, Any]) -> Withdrawn:
    """Raises ``PeerError``."""
    try:
        return Withdrawn.model_validate(record)
    except ValidationError as error:
        raise PeerError("the partner's withdrawal of a proposal is malformed") from error


def read_answered(record: Mapping[str, Any]) -> Answered:
    """Raises ``PeerError``."""
    try:
        return Answered.model_validate(record)
    except ValidationError as error:
        raise PeerError("the partner's answer to a proposal is malformed") from error


def encode_agreed(said: Agreed) -> bytes:
    """The raw body of an ``AGREED`` message."""
    return encode_record(said.model_dump())


def decode_agreed(raw: bytes) -> Agreed:
    """The inverse. Raises ``PeerError``."""
    try:
        return Agreed.model_validate(decode_record(raw))
    except ValidationError as error:
        raise PeerError("the message that says by which agreement the partner writes is malformed") from error
