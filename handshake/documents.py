"""The documents of a handshake: Offer, Acceptance, Confirmation, Tested, and Revocation (DESIGN.md 5, PROTOCOL.md 2.5).

Each is one JSON object in canonical form: UTF-8, keys sorted, no space between tokens, no key twice, no
fractions. The bytes that were signed are the bytes that are hashed.
"""

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from handshake.errors import Malformed, NotAHandshake, WrongVersion
from handshake.limits import AGREEMENT_BYTES_MAX, CERTIFICATE_BYTES_MAX, FILE_BYTES_MAX, JSON_DEPTH_MAX, JSON_VALUES_MAX

VERSION = 1
PROTOCOLS: tuple[int, ...] = (1,)
SUITES: tuple[int, ...] = (1,)
"""Suite 1: OpenPGP v4, ed25519/cv25519 or what the certificate says, AES-256, SHA-512, MDC."""

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_BRACKET = re.compile(rb"[\[{\]}]")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)', re.DOTALL)
"""Also one without an end, and never read twice: else a megabyte of quotation marks takes hours."""


def _is_time(text: str) -> str:
    datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    return text


def _is_small(agreement: dict[str, Any]) -> dict[str, Any]:
    if len(canonical(agreement)) > AGREEMENT_BYTES_MAX:
        raise ValueError(f"has more than {AGREEMENT_BYTES_MAX} bytes")
    return agreement


Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{40}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Time = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z$"), AfterValidator(_is_time)
]
Line = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$")]
Description = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*$")]
Armored = Annotated[str, StringConstraints(max_length=CERTIFICATE_BYTES_MAX, pattern=r"^[\x0a\x0d\x20-\x7e]+$")]
Incarnation = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8,64}$")]
Number = Annotated[int, Field(ge=1, le=255)]
Numbers = Annotated[tuple[Number, ...], Field(min_length=1, max_length=16)]
Address = Annotated[dict[Slug, Line], Field(max_length=16)]
Agreement = Annotated[dict[str, Any], AfterValidator(_is_small)]


class _Document(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)
    FORMAT: ClassVar[str]


class ChannelAddress(BaseModel):
    """Which kind of channel, and how to reach the writer on it."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Slug
    address: Address


class Offer(_Document):
    """What the master signs and hands over. Whoever holds it can accept it once: it carries the token."""

    FORMAT: ClassVar[str] = "backbone-handshake"

    format: Literal["backbone-handshake"] = "backbone-handshake"
    version: Literal[1] = 1
    protocols: Numbers
    suites: Numbers
    link_id: Id
    name: Slug
    description: Description
    created: Time
    expires: Time
    node: Id
    node_name: Line
    incarnation: Incarnation
    certificate: Armored
    fingerprint: Fingerprint
    channel: ChannelAddress
    agreement: Agreement
    token: Digest = Field(repr=False)
    nonce: Digest
    backup_horizon_days: Annotated[int, Field(ge=1, le=3650)]


class Acceptance(_Document):
    """The slave's answer. ``proof`` shows that its writer holds the offer, without showing the token."""

    FORMAT: ClassVar[str] = "backbone-acceptance"

    format: Literal["backbone-acceptance"] = "backbone-acceptance"
    version: Literal[1] = 1
    link_id: Id
    offer_digest: Digest
    node: Id
    node_name: Line
    incarnation: Incarnation
    certificate: Armored
    fingerprint: Fingerprint
    channel: ChannelAddress
    protocol: Number
    suite: Number
    nonce: Digest
    proof: Digest


class Confirmation(_Document):
    """The master's last word: this exchange and no other."""

    FORMAT: ClassVar[str] = "backbone-confirmation"

    format: Literal["backbone-confirmation"] = "backbone-confirmation"
    version: Literal[1] = 1
    link_id: Id
    transcript: Digest


class Revocation(_Document):
    """One side's last word, at any time: this link is over, for ever. Its repetitions say nothing more."""

    FORMAT: ClassVar[str] = "backbone-revocation"

    format: Literal["backbone-revocation"] = "backbone-revocation"
    version: Literal[1] = 1
    link_id: Id
    transcript: Digest
    reason: Line


class Tested(_Document):
    """All probes of its writer came back. Of a link's first handshake a numbered message says so; of a later one, whose
    numbers rest, this does.
    """

    FORMAT: ClassVar[str] = "backbone-tested"

    format: Literal["backbone-tested"] = "backbone-tested"
    version: Literal[1] = 1
    link_id: Id
    transcript: Digest
    waiting: bool


class KeyRevocation(_Document):
    """One side's key was stolen: what it signs counts no more. ``certificate`` is the key's own revocation."""

    FORMAT: ClassVar[str] = "backbone-key-revocation"

    format: Literal["backbone-key-revocation"] = "backbone-key-revocation"
    version: Literal[1] = 1
    link_id: Id
    transcript: Digest
    fingerprint: Fingerprint
    certificate: Armored
    reason: Line


class KeysNow(_Document):
    """For a store that was put back: the key that signs now, said under one that its copy may know."""

    FORMAT: ClassVar[str] = "backbone-keys"

    format: Literal["backbone-keys"] = "backbone-keys"
    version: Literal[1] = 1
    link_id: Id
    certificate: Armored
    signing: Fingerprint
    sealing: Fingerprint


D = TypeVar("D", Offer, Acceptance, Confirmation, Revocation, Tested, KeyRevocation, KeysNow)


def encode(document: Offer | Acceptance | Confirmation | Revocation | Tested | KeyRevocation | KeysNow) -> bytes:
    """The one form of a document that is signed, sent and hashed."""
    return canonical(document.model_dump(mode="json"))


def decode(kind: type[D], data: bytes) -> D:
    """Read a document. Raises ``NotAHandshake``, ``WrongVersion`` or ``Malformed``."""
    values = read_object(data)
    if values.get("format") != kind.FORMAT:
        raise NotAHandshake(f"the document is not a {kind.FORMAT}")
    if values.get("version") != VERSION or isinstance(values["version"], bool):
        raise WrongVersion(
            f"the document has version {_shown(values.get('version'))}, and this program reads version {VERSION}: "
            "let both nodes run the same version of Backbone"
        )
    try:
        document = kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "document"
        raise Malformed(f"the {kind.FORMAT} is not well formed: {place[:80]}: {first['msg'][:200]}") from None
    if encode(document) != data:
        raise Malformed(f"the {kind.FORMAT} is not in canonical form")
    return document


def read_object(data: bytes) -> dict[str, Any]:
    """A JSON object from an untrusted source, bounded in bytes and depth. Raises ``Malformed``."""
    if len(data) > FILE_BYTES_MAX:
        raise Malformed(f"the document has {len(data)} bytes, and {FILE_BYTES_MAX} are allowed")
    bare = _STRING.sub(b"", data)
    if _too_deep(bare):
        raise Malformed(f"the document is nested deeper than {JSON_DEPTH_MAX}")
    if bare.count(b",") > JSON_VALUES_MAX:
        raise Malformed(f"the document holds more than {JSON_VALUES_MAX} values")
    try:
        values = json.loads(
            data.decode("utf-8"), object_pairs_hook=_pairs, parse_float=_no_fraction, parse_constant=_no_fraction
        )
    except ValueError as error:
        raise Malformed("the document is not canonical JSON") from error
    if not isinstance(values, dict):
        raise Malformed("the document is not a JSON object")
    return values


def canonical(values: Any) -> bytes:
    """JSON with one spelling. Raises ``ValueError`` for what has none."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode(
        "utf-8"
    )


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key stands twice")
    return values


def _no_fraction(text: str) -> None:
    raise ValueError("fractions have no canonical form")


def _too_deep(bare: bytes) -> bool:
    """Counts brackets, strings taken out, before a recursive parser sees them."""
    depth = 0
    for bracket in _BRACKET.finditer(bare):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > JSON_DEPTH_MAX:
            return True
    return False


def _shown(version: object) -> str:
    return str(version) if isinstance(version, int) else "of an unknown form"
