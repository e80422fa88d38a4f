"""What hostile bytes are made of: a valid sample, spoilt. Seeded, so that a seed gives the same bytes again.

Half of the mutations know no format: bits, cuts, splices, lengths that lie. The other half take a sample apart by its
form (msgpack, JSON), put something hostile into one place, and put it together again, so that it passes the parser's
first gates.
"""

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgpack

Mutation = Callable[[random.Random, bytes, Sequence[bytes]], bytes]

INPUT_BYTES_MAX = 1 << 18
"""Of one spoilt sample; what is larger than a parser may see has tests of its own."""
NUMBERS = (0, 1, 2, 15, 16, 31, 32, 127, 128, 255, 256, 4095, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**32,
           2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**64 - 1)  # fmt: skip
PIECES = (
    b"\0", b"\r", b"\n", b"\r\n\r\n", b"\n ", b"\r\n\t", b"> ", b" ", b"\t", b"\xff\xfe", b"\x85", b"\xe2\x80\xa8",
    b"\xed\xa0\x80", b"\xc1", b"\xc7\0\x05", b"\xd6\xff\0\0\0\0", b"\xdd\xff\xff\xff\xff", b"\xdf\0\xff\xff\xff",
    b"\xc6\x7f\xff\xff\xff", b"\x91", b"\x81", b"[", b"{", b"(", b'"', b"'", b"\\", b'\\"', b"a.", b"%s", b":", b"=",
    b"==", b"--", b".", b"-1", b"1e999", b"nan", b"9" * 5000, b"0x", b"\\u0000", b"\\ud800", b"null", b"true",
    b"../../etc/passwd",
)  # fmt: skip
NUMERAL = re.compile(rb"[0-9]+")


def spoilt(dice: random.Random, samples: Sequence[bytes], form: str = "bytes") -> bytes:
    """One sample, mutated once or a few times."""
    data = dice.choice(samples)
    bytes_max = dice.choice((*[INPUT_BYTES_MAX >> 5] * 15, INPUT_BYTES_MAX))
    mutations = (*PLAIN, *FORMED[form])
    for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
        data = dice.choice(mutations)(dice, data, samples)[:bytes_max]
    return data


def _bits(dice: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    spoilt_ = bytearray(data)
    for _bit in range(dice.choice((1, 1, 2, 8))):
        if spoilt_:
            spoilt_[dice.randrange(len(spoilt_))] ^= 1 << dice.randrange(8)
    return bytes(spoilt_)


def _noise(dice: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = _place(dice, data)
    return data[:at] + dice.randbytes(dice.choice((1, 2, 4, 16, 300))) + data[at + dice.choice((0, 1, 4)) :]


def _cut(dice: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: _place(dice, data)]


def _hole(dice: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = _place(dice, data)
    return data[:at] + data[at + dice.choice((1, 2, 5, 40, 1000)) :]


def _again(dice: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = _place(dice, data)
    piece = data[at : at + dice.choice((1, 1, 2, 3, 20, 200))]
    return data[:at] + piece * dice.choice((2, 3, 20, 1500, 20_000)) + data[at:]


def _splice(dice: random.Random, data: bytes, samples: Sequence[bytes]) -> bytes:
    other = dice.choice(samples)
    return data[: _place(dice, data)] + other[_place(dice, other) :]


def _lie(dice: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """A number over what may be a length."""
    width = dice.choice((1, 2, 4, 8))
    number = dice.choice(NUMBERS) % (1 << 8 * width)
    at = _place(dice, data)
    return data[:at] + number.to_bytes(width, dice.choice(("big", "little"))) + data[at + width :]


def _numeral(dice: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    found = list(NUMERAL.finditer(data[: 1 << 16]))
    if not found:
        return data
    one = dice.choice(found)
    number = dice.choice((b"-1", b"9" * 400, b"9" * 5000, *(str(n).encode() for n in NUMBERS)))
    return data[: one.start()] + number + data[one.end() :]


def _piece(dice: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = _place(dice, data)
    return data[:at] + dice.choice(PIECES) * dice.choice((1, 1, 1, 2, 50, 3000, 100_000)) + data[at:]


def _lines(dice: random.Random, data: bytes, samples: Sequence[bytes]) -> bytes:
    lines = data.split(b"\n")
    others = dice.choice(samples).split(b"\n")
    at = dice.randrange(len(lines))
    match dice.randrange(4):
        case 0:
            lines[at : at + 1] = []
        case 1:
            lines.insert(at, dice.choice(others))
        case 2:
            lines[at], lines[0] = lines[0], lines[at]
        case _:
            lines[at : at + 1] = [lines[at]] * dice.choice((2, 50, 3000))
    return b"\n".join(lines)


def _place(dice: random.Random, data: bytes) -> int:
    """Often near the beginning, where most formats keep what matters."""
    return dice.randrange(min(len(data), dice.choice((8, 64, 1 << 20))) + 1)


def _hostile(dice: random.Random) -> Any:
    """A value where another was expected."""
    deep: Any = None
    for _ in range(dice.choice((0, 3, 15, 17, 100, 400))):
        deep = [deep] if dice.random() < 0.5 else {"a": deep}
    return dice.choice(
        (
            deep, None, True, False, "", "\0", "x" * 2000, "\x85\u2028", "../../x", "\N{PILE OF POO}" * 20, -1, 1.5,
            [], {}, [[]] * 300, {str(n): n for n in range(300)}, {"type": "tested"}, dice.choice(NUMBERS),
            "9" * 5000, "sha256:" + "0" * 64, "A" * 40, "0" * 64, "2026-13-41T25:61:61Z", [0, 0, 0, 2**53 - 1],
        )
    )  # fmt: skip


def _planted(dice: random.Random, value: Any, other: Any) -> Any:
    """The value with one place in it changed."""
    if isinstance(value, dict) and value and dice.random() < 0.9:
        return _planted_in_map(dice, value, other)
    if isinstance(value, list) and value and dice.random() < 0.9:
        return _planted_in_list(dice, value, other)
    return other if dice.random() < 0.1 else _hostile(dice)


def _planted_in_map(dice: random.Random, value: dict[Any, Any], other: Any) -> dict[Any, Any]:
    key = dice.choice(list(value))
    match dice.randrange(8):
        case 0:
            return {k: v for k, v in value.items() if k != key}
        case 1:
            return {**value, str(_hostile(dice))[:3000]: _hostile(dice)}
        case 2:
            return {(dice.choice(("", "\0", "sha256", "c")) if k == key else k): v for k, v in value.items()}
        case _:
            return {**value, key: _planted(dice, value[key], other)}


def _planted_in_list(dice: random.Random, value: list[Any], other: Any) -> list[Any]:
    at = dice.randrange(len(value))
    match dice.randrange(8):
        case 0:
            return value[:at] + value[at + 1 :]
        case 1:
            return value[:at] + [value[at]] * dice.choice((2, 70, 600)) + value[at:]
        case 2:
            return [*value, _hostile(dice)]
        case _:
            return [*value[:at], _planted(dice, value[at], other), *value[at + 1 :]]


def _in_msgpack(dice: random.Random, data: bytes, samples: Sequence[bytes]) -> bytes:
    try:
        value = _plain(msgpack.unpackb(data, strict_map_key=False, raw=False))
        other = _plain(msgpack.unpackb(dice.choice(samples), strict_map_key=False, raw=False))
        packed: bytes = msgpack.packb(_planted(dice, value, other))
    except Exception:  # noqa: BLE001 - what was spoilt before has no form any more
        return _bits(dice, data, samples)
    return packed


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _in_json(dice: random.Random, data: bytes, samples: Sequence[bytes]) -> bytes:
    try:
        value, other = json.loads(data), json.loads(dice.choice(samples))
        text = json.dumps(_planted(dice, value, other), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return text.encode()
    except (ValueError, RecursionError):
        return _bits(dice, data, samples)


PLAIN: Sequence[Mutation] = (_bits, _noise, _cut, _hole, _again, _splice, _lie, _piece)
FORMED: Mapping[str, Sequence[Mutation]] = {
    "bytes": (),
    "text": (_lines, _lines, _numeral, _numeral),
    "msgpack": (_in_msgpack,) * 8,
    "json": (_in_json,) * 8,
}
