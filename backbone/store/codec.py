"""How values of the rules stand in the store: msgpack, one function each way."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import msgpack

from backbone.model import Cell
from backbone.replication.link import LinkState, Phase, Receiving, Sending
from backbone.replication.merge import Register, Stamp
from backbone.replication.message import ChangeSet, decode_change_sets, encode_change_set, encode_change_sets
from backbone.replication.packing import pack
from backbone.replication.rekeying import Former, Keys, Ours, Stage, Theirs


def unpack(data: bytes) -> Any:
    """The inverse of ``pack``; arrays come back as tuples."""
    return msgpack.unpackb(data, use_list=False, strict_map_key=False)


def pack_registers(registers: Mapping[Cell, Register]) -> bytes:
    """Registers and images; an image that equals its value takes no room."""
    return pack(
        [
            (c.field, c.element, r.write, None if r.known == r.write else r.known, r.value)
            if r.image == r.value
            else (c.field, c.element, r.write, None if r.known == r.write else r.known, r.value, r.image)
            for c, r in registers.items()
        ]
    )


def unpack_registers(data: bytes) -> dict[Cell, Register]:
    """The inverse."""
    registers: dict[Cell, Register] = {}
    for field, element, write, known, value, *image in unpack(data):
        stamp = Stamp(*write)
        clock = stamp if known is None else Stamp(*known)
        registers[Cell(field, element)] = Register(stamp, clock, value, image[0] if image else value)
    return registers


def pack_change_set(change_set: ChangeSet) -> bytes:
    """One change set, in its wire form."""
    return encode_change_sets([encode_change_set(change_set)])


def unpack_change_set(data: bytes) -> ChangeSet:
    """The inverse."""
    return decode_change_sets(data)[0]


def pack_state(state: LinkState) -> bytes:
    """A link's protocol state."""
    plain = {name: getattr(state, name) for name in _PLAIN}
    plain["phase"] = str(state.phase)
    plain["out"] = {n: (x.last, x.chain, x.stored, x.applied) for n, x in state.out.items()}
    plain["into"] = {n: (x.recv, x.held, x.applied, x.chain, x.high) for n, x in state.into.items()}
    return pack(plain)


@lru_cache(maxsize=64)
def unpack_state(data: bytes) -> LinkState:
    """The inverse. Every step reads its link's state, most of them the same one again."""
    plain: dict[str, Any] = unpack(data)
    plain["phase"] = Phase(plain["phase"])
    plain["out"] = {n: Sending(*x) for n, x in plain["out"].items()}
    plain["into"] = {n: Receiving(*x) for n, x in plain["into"].items()}
    return LinkState(**plain)


def pack_keys(keys: Keys) -> bytes:
    """Which keys of a link are at work."""
    return pack(asdict(keys))


def unpack_keys(data: bytes) -> Keys:
    """The inverse."""
    plain: dict[str, Any] = unpack(data)
    ours, theirs = plain["ours"], plain["theirs"]
    former = theirs.pop("former")
    return Keys(
        Ours(**{**ours, "stage": Stage(ours["stage"])}),
        Theirs(**theirs, former=Former(**former) if former else None),
        plain.get("before", ""),
        plain.get("homes", ()),
    )


def _names(skip: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in LinkState.__dataclass_fields__ if name not in set(skip))


_PLAIN = _names(("phase", "out", "into"))
