import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.base import Label
from channels.mail import armour, limits
from tests.unit.channels.mail.gateways import LABEL, PARCEL

ARMOURED = armour.encode(LABEL, PARCEL.data)


@given(st.binary(max_size=4000))
def test_what_is_armoured_is_found(data: bytes) -> None:
    assert armour.find(b"before" + armour.encode(LABEL, data) + b"after") == [armour.Found(LABEL, data)]


def test_the_text_passes_every_gateway() -> None:
    assert ARMOURED.isascii()
    assert b"\0" not in ARMOURED
    assert max(map(len, ARMOURED.split(b"\r\n"))) <= 76
    assert not re.search(rb"[^\r]\n|\r[^\n]", ARMOURED)


def test_the_overhead_is_what_the_limits_count_on() -> None:
    data = b"x" * limits.parcel_bytes_max(1_000_000)
    assert len(armour.encode(LABEL, data)) <= 1_000_000 - limits.WRAPPING_BYTES + 400
    assert len(data) > 1_000_000 * 0.72


def test_several_are_found_and_not_endlessly_many() -> None:
    texts = [armour.encode(Label(LABEL.tag, "a11ce001", "k", number), b"x") for number in range(50)]
    found = armour.find(b"".join(texts))
    assert [one.label.number for one in found if one.label] == list(range(limits.ARMOURS_MAX))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: text[:-200], "ends in the middle"),
        (lambda text: text.replace(b"AQID", b"AQIE", 1), "changed on the way"),
        (lambda text: text.replace(b"AQID", b"", 1), "changed on the way"),
        (lambda text: text.replace(b"AQID", b"A", 1), "changed on the way"),
        (lambda text: text.replace(b"Digest:", b"Digits:"), "lines above"),
        (lambda text: text.replace(b"a11ce001 c", b"a11ce001 z"), "lines above"),
    ],
)
def test_damage_is_said_and_never_handed_on(damage: Callable[[bytes], bytes], words: str) -> None:
    [found] = armour.find(damage(ARMOURED))
    assert found.problem is not None
    assert words in found.problem
    assert found.data != PARCEL.data


def test_a_damaged_one_keeps_its_label_where_that_is_whole() -> None:
    [found] = armour.find(ARMOURED[:-200])
    assert found.label == LABEL


def test_foreign_text_is_no_armour() -> None:
    assert armour.find(b"-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n") == []


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_no_bytes_raise(head: bytes, body: bytes) -> None:
    for one in armour.find(armour.BEGIN + head + armour.END + body + armour.BEGIN):
        assert one.problem is not None


@given(st.integers(0, len(ARMOURED) - 1), st.integers(0, 255))
def test_one_changed_byte_never_passes_unnoticed(at: int, value: int) -> None:
    changed = ARMOURED[:at] + bytes([value]) + ARMOURED[at + 1 :]
    for one in armour.find(changed):
        assert one.problem is not None or one.data == PARCEL.data
