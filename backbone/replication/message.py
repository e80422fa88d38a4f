"""The wire format of a message, before it is sealed: ``"BKB1" | u32 length | header | body``.

Header and body are msgpack in one canonical form: what is decoded is encoded again, and other bytes are
refused. Decoding bounds everything before it is looked at: sizes, depth, lengths; it refuses duplicate keys,
floats and extension types. All errors are ``PeerError``. Change sets, of which there are many, are decoded straight
into their types; a header or a record, of which a message has one, is decoded first and looked at then.

The body is compressed by us (zstd) and never by OpenPGP, so that it can be inflated within a bound.
``digest`` covers what a repetition must not change; the volatile part of the header (acknowledgement,
credit, time, attempt) is outside it.
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, NamedTuple, NoReturn, Protocol, TypeAlias

import msgpack
import msgspec
import zstandard
from msgspec import Meta
from pydantic import BaseModel, ConfigDict, FailFast, Field, TypeAdapter, ValidationError

from backbone.errors import PeerError
from backbone.model import Cell, Value
from backbone.replication import limits
from backbone.replication.merge import NEVER, Stamp
from backbone.replication.moment import is_moment
from backbone.replication.origin import Origin
from backbone.replication.packing import pack

MAGIC = b"BKB1"
VERSION = 1
SUITE = 1
"""OpenPGP with ed25519/cv25519 keys, AES-256, SHA-512; zstd inside."""


class Kind(StrEnum):
    """What a message is. The first block is numbered; the second is not and may get lost."""

    DATA = "DATA"
    BLOB = "BLOB"
    DIGEST = "DIGEST"
    RECEIPT = "RECEIPT"
    RECEIPTS = "RECEIPTS"
    CTRL = "CTRL"
    STATE = "STATE"
    AGREED = "AGREED"
    """Among the change sets: its sender writes by another agreement behind it (``proposal.py``)."""

    ACK = "ACK"
    NACK = "NACK"
    HELLO = "HELLO"
    RESTORED = "RESTORED"
    WELCOME = "WELCOME"
    CHALLENGE = "CHALLENGE"
    PROBE = "PROBE"
    ECHO = "ECHO"


LIST_COST, MAP_COST = 4, 10
"""An empty one takes as much memory as so many short values."""

NUMBERED = frozenset(
    {Kind.DATA, Kind.BLOB, Kind.DIGEST, Kind.RECEIPT, Kind.RECEIPTS, Kind.CTRL, Kind.STATE, Kind.AGREED}
)
LANE_OF = {
    Kind.DATA: "c", Kind.STATE: "c", Kind.AGREED: "c", Kind.BLOB: "b",
    Kind.DIGEST: "k", Kind.RECEIPT: "k", Kind.RECEIPTS: "k", Kind.CTRL: "k",
}  # fmt: skip
LANES = ("c", "b", "k")

Digest = Annotated[bytes, Field(min_length=32, max_length=32)]
Counter = Annotated[int, Field(ge=0, lt=2**53)]
Hex32 = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Fingerprint = Annotated[str, Field(pattern="^[0-9A-F]{40}([0-9A-F]{24})?$")]
Incarnation = tuple[Counter, Annotated[bytes, Field(min_length=8, max_length=8)]]
"""``(counter, random part)``: one life of a node's store."""
Ranges = Annotated[tuple[tuple[Counter, Counter], ...], Field(max_length=limits.ranges_max), FailFast()]
"""Closed ranges of numbers, ascending."""


class Wire(BaseModel):
    """Strict, frozen, nothing beyond what is named."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class LaneAck(Wire):
    """What we have of the peer's lane: ``recv`` and all before it is stored, ``applied`` took effect."""

    recv: Counter
    applied: Counter
    chain: Digest
    held: Ranges = ()


class Ack(Wire):
    """Our acknowledgement of the peer's stream, in every message."""

    inc: Incarnation
    boot: Counter
    no: Counter
    lanes: dict[str, LaneAck]


class Chunk(Wire):
    """Which part of which attachment a BLOB carries."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    total: Counter
    offset: Counter


class Header(Wire):
    """The signed header; PROTOCOL 2.2."""

    v: int = VERSION
    suite: int = SUITE
    caps: Annotated[bytes, Field(min_length=16, max_length=16)]
    link: Hex32
    sender: Hex32
    receiver: Hex32
    sfp: Fingerprint
    rfp: Fingerprint
    kind: Annotated[str, Field(min_length=1, max_length=16)]
    inc: Incarnation
    boot: Counter
    lane: Annotated[str, Field(pattern="^[a-z]$")] = "k"
    seq: Counter = 0
    dig: Digest
    prev: Digest = bytes(32)
    high: dict[str, Counter]
    ack: Ack
    credit_messages: Counter
    credit_bytes: Counter
    ts: Counter
    att: Counter = 1
    body_enc: Annotated[str, Field(pattern="^(none|zstd)$")]
    raw_len: Annotated[int, Field(ge=0, le=limits.message_raw_bytes_max)]
    chunk: Chunk | None = None
    pol: Digest


@dataclass(frozen=True, slots=True)
class Message:
    header: Header
    body: bytes
    """As it travels: compressed where ``body_enc`` says so."""


class Operation(NamedTuple):
    """A write of one cell: the value with its write stamp and the clock known to its writer."""

    cell: Cell
    value: Value
    write: Stamp
    known: Stamp


class ChangeSet(NamedTuple):
    """The changes of one issue captured together, by one author at one time; applied together."""

    gid: str
    author: str
    at: str
    """A moment as in ``moment.py``, or empty where the tracker does not tell."""
    operations: tuple[Operation, ...]
    origin: Origin | None = None
    """The write that this comes from, where it may come over several nodes."""
    path: tuple[str, ...] = ()
    """The trackers that it has come over, by their places; the sender's is the last."""


def chain(previous: bytes, digest: bytes) -> bytes:
    """The hash of a lane's whole history after one more message."""
    return hashlib.sha256(previous + digest).digest()


def digest(
    link: str, sender: str, inc: tuple[int, bytes], lane: str, seq: int, kind: str, chunk: Chunk | None, body: bytes
) -> bytes:
    """What a repetition of a message must not change (32 bytes)."""
    part = None if chunk is None else [chunk.sha256, chunk.total, chunk.offset]
    stable = pack([link, sender, [inc[0], inc[1]], lane, seq, kind, part])
    return hashlib.sha256(stable + body).digest()


def compress(raw: bytes) -> tuple[str, bytes]:
    """The body as it travels: ``(body_enc, bytes)``."""
    packed = zstandard.ZstdCompressor(level=limits.compression_level).compress(raw)
    return ("zstd", packed) if len(packed) < len(raw) else ("none", raw)


class Packed(Protocol):
    """How a body is packed: what a header, or a row of the outbox, says of it."""

    @property
    def body_enc(self) -> str: ...
    @property
    def raw_len(self) -> int: ...


def inflate(header: Packed, body: bytes) -> bytes:
    """The raw body, of exactly the length that the header announced."""
    if header.body_enc == "none":
        raw = body
    else:
        try:
            # The frame's own size decides what the library allocates, whatever the largest output is.
            if zstandard.frame_content_size(body) not in (-1, header.raw_len):
                raise PeerError("the message's body does not have the length it announces")
            raw = zstandard.ZstdDecompressor(max_window_size=limits.message_raw_bytes_max).decompress(
                body, max_output_size=max(header.raw_len, 1), allow_extra_data=False
            )
        except zstandard.ZstdError as error:
            raise PeerError("the message's body does not inflate to the length it announces") from error
    if len(raw) != header.raw_len:
        raise PeerError("the message's body does not have the length it announces")
    return raw


def encode(message: Message) -> bytes:
    """The bytes that are signed and sealed."""
    header = pack(message.header.model_dump(exclude_none=True))
    return MAGIC + struct.pack(">I", len(header)) + header + message.body


def decode(data: bytes) -> Message:
    """The inverse of ``encode``; verifies the canonical form and the digest."""
    if len(data) > limits.message_raw_bytes_max + limits.header_bytes_max:
        raise PeerError("the message is larger than the protocol allows")
    if data[:4] != MAGIC or len(data) < 8:
        raise PeerError("this is not a message of ours")
    (length,) = struct.unpack(">I", data[4:8])
    if length > limits.header_bytes_max or length > len(data) - 8:
        raise PeerError("the message's header is cut off or too long")
    packed = data[8 : 8 + length]
    try:
        header = Header.model_validate(_unpack(packed))
    except ValidationError as error:
        raise PeerError(f"the message's header is malformed: {_first(error)}") from error
    if pack(header.model_dump(exclude_none=True)) != packed:
        raise PeerError("the message's header is not in canonical form")
    message = Message(header, data[8 + length :])
    if digest_of(message) != header.dig:
        raise PeerError("the message's digest does not match its content")
    return message


def digest_of(message: Message) -> bytes:
    """The digest recomputed from header and body."""
    h = message.header
    return digest(h.link, h.sender, h.inc, h.lane, h.seq, h.kind, h.chunk, message.body)


def encode_change_set(change_set: ChangeSet) -> bytes:
    """One change set as it stands in a body; a time that the peer would refuse is left out."""
    operations = [(*o.cell, o.value, o.write, o.known) for o in change_set.operations]
    at = change_set.at if is_moment(change_set.at) else ""
    if change_set.origin is None:
        return pack((change_set.gid, change_set.author, at, operations))
    return pack((change_set.gid, change_set.author, at, operations, change_set.origin, change_set.path))


def encode_change_sets(encoded: Sequence[bytes]) -> bytes:
    """The raw body of a DATA message, from encoded change sets."""
    header: bytes = msgpack.Packer().pack_array_header(len(encoded))
    return header + b"".join(encoded)


def decode_change_sets(raw: bytes) -> list[ChangeSet]:
    """The inverse. Checks the form only; whether the peer may say this is ``Agreement.check``'s question."""
    try:
        said = _CHANGE_SETS.decode(raw)
    except (ValueError, RecursionError) as error:
        raise PeerError(f"a change set is malformed: {error}") from error
    if sum([len(one.operations) for one in said]) > limits.message_operations_max:
        raise PeerError(f"the message has more than {limits.message_operations_max} operations")
    # What has come over no other node says no origin and no path, and never says that it has none.
    if pack([one if one.origin else one[:_PARTS_HERE] for one in said]) != raw:
        raise PeerError("the change sets are not in canonical form")
    return [_checked(index, one) for index, one in enumerate(said)]


def _checked(index: int, said: "_Said") -> ChangeSet:
    gid, author, at, operations, origin, path = said
    if "\0" in gid or "\0" in author:
        raise PeerError(f"a change set is malformed: {index}: {_NO_NAME}")
    if at and not is_moment(at):
        raise PeerError(f"a change set is malformed: {index}: the time is no date and time in UTC")
    if origin is not None and not path:
        raise PeerError(f"a change set is malformed: {index}: an origin without its path")
    return ChangeSet(gid, author, at, _operations(operations), None if origin is None else Origin(*origin), path)


def _operations(said: "_Operations") -> tuple[Operation, ...]:
    """The writes of an edit mostly have one stamp, and know of nothing but themselves: all these are one object."""
    stamp = NEVER
    operations: list[Operation] = []
    for field, element, value, write, known in said:
        if write != stamp:
            stamp = Stamp(*write)
        if "\0" in element or (type(value) is dict and any("\0" in name for name in value)):
            raise PeerError(f"a change set is malformed: {_NO_NAME}")
        cell = Cell(_name(field), element) if element else _single(field)
        operations.append(Operation(cell, value, stamp, stamp if known == write else Stamp(*known)))
    return tuple(operations)


def _name(name: str) -> str:
    if "\0" in name:
        raise PeerError(f"a change set is malformed: {_NO_NAME}")
    return name


@lru_cache(maxsize=1_024)
def _single(field: str) -> Cell:
    """All issues share the names of their single values."""
    return Cell(_name(field))


def encode_record(record: dict[str, Any]) -> bytes:
    """The raw body of a message with a single record (control, digests, receipts)."""
    return pack(record)


def decode_asked(raw: bytes) -> dict[str, tuple[tuple[int, int], ...]]:
    """What a NACK asks for again, by lane."""
    record = decode_record(raw)
    if not record.keys() <= set(LANES):
        raise PeerError("the partner asks for messages of a lane that the protocol does not know")
    try:
        return _ASKED.validate_python(record)
    except ValidationError as error:
        raise PeerError("the partner asks for messages in a form that the protocol does not know") from error


def decode_record(raw: bytes) -> dict[str, Any]:
    """The inverse; the record's own fields are checked by whoever asked for it."""
    record = _unpack(raw)
    if isinstance(record, dict) and len(record) > limits.record_keys_max:
        raise PeerError(f"the record has more than {limits.record_keys_max} keys")
    if not isinstance(record, dict) or not _is_plain(record, limits.record_depth_max) or pack(record) != raw:
        raise PeerError("the record is not in canonical form")
    return record


def _is_plain(value: object, depth: int) -> bool:
    """Whether a value is made of what a record may hold: no floats, no times, not too deep."""
    if isinstance(value, dict | tuple):
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        return depth > 0 and all(_is_plain(part, depth - 1) for part in parts)
    return value is None or isinstance(value, bool | int | str | bytes)


_Name: TypeAlias = Annotated[str, Meta(max_length=limits.name_bytes_max)]
_NO_NAME = "a name that a database would cut short"
_Text: TypeAlias = Annotated[str, Meta(max_length=limits.text_bytes_max)]
_Count: TypeAlias = Annotated[int, Meta(ge=0, lt=2**53)]
_Row: TypeAlias = Annotated[dict[_Name, _Text | _Count], Meta(max_length=limits.columns_max)]
_Stamp: TypeAlias = tuple[_Count, _Count, _Count, _Count]
_Operations: TypeAlias = Annotated[
    tuple[tuple[_Name, _Name, bool | _Text | _Row | None, _Stamp, _Stamp], ...],
    Meta(max_length=limits.operations_per_change_set_max),
]
_Place: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}\Z")]


class _Said(NamedTuple):
    """A change set as it travels."""

    gid: _Name
    author: _Name
    at: str
    operations: _Operations
    origin: tuple[_Count, _Place, _Count] | None = None
    path: Annotated[tuple[_Place, ...], Meta(max_length=limits.hops_max)] = ()


_PARTS_HERE = 4
_CHANGE_SETS = msgspec.msgpack.Decoder(
    Annotated[tuple[_Said, ...], Meta(max_length=4 * limits.change_sets_per_message)]
)
_ASKED: TypeAdapter[dict[str, tuple[tuple[int, int], ...]]] = TypeAdapter(
    dict[str, Ranges], config=ConfigDict(strict=True)
)


def _unpack(data: bytes) -> Any:
    size = len(data)
    left = limits.message_values_max

    def listed(values: tuple[Any, ...]) -> tuple[Any, ...]:
        nonlocal left
        left -= len(values) + LIST_COST
        if left < 0:
            raise ValueError("too many values")
        return values

    def mapped(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
        nonlocal left
        left -= 2 * len(pairs) + MAP_COST
        if left < 0:
            raise ValueError("too many values")
        return _unique(pairs)

    try:
        value = msgpack.unpackb(
            data,
            raw=False,
            use_list=False,
            strict_map_key=True,
            max_str_len=size,
            max_bin_len=size,
            max_array_len=min(size, limits.message_values_max),
            max_map_len=min(size, limits.message_values_max),
            list_hook=listed,
            object_pairs_hook=mapped,
            ext_hook=_no_extension,
        )
    except (ValueError, msgpack.exceptions.UnpackException, RecursionError) as error:
        raise PeerError("the message is not well-formed msgpack") from error
    return value


def _unique(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("duplicate key")
    return result


def _no_extension(code: int, data: bytes) -> NoReturn:
    raise ValueError(f"extension type {code} of {len(data)} bytes")


def _first(error: ValidationError) -> str:
    one = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in one['loc'])[:100]}: {one['msg'][:100]}"


__all__ = [
    "LANES", "LANE_OF", "NUMBERED", "Ack", "ChangeSet", "Chunk", "Header", "Kind", "LaneAck", "Message", "Operation",
    "chain", "compress", "decode", "decode_asked", "decode_change_sets", "decode_record", "digest",
    "digest_of", "encode", "encode_change_set", "encode_change_sets", "encode_record", "inflate",
]  # fmt: skip
