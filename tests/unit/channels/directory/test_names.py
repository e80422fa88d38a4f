"""A name says what it must, reads back the same, and nothing else is taken for one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.base import Label, Parcel
from channels.directory.names import FileName, candidates, digest, in_order, name_of, parse, prefix
from tests.contract.channels import TAG, parcel
from tests.unit.channels.directory.conftest import file_name

HEX = "0123456789abcdef"
LABELS = st.builds(
    Label,
    tag=st.text(HEX, min_size=16, max_size=16),
    incarnation=st.text(HEX, min_size=8, max_size=8),
    lane=st.sampled_from("cbk"),
    number=st.integers(0, 10**16 - 1),
)
GOOD = f"bb1-{TAG}-a11ce001-c-0000000000000042-1of1-{'0a' * 16}.bbm"


@given(LABELS, st.binary(max_size=64))
def test_a_name_reads_back_as_what_it_was_made_from(label: Label, data: bytes) -> None:
    name = name_of(Parcel(label, data))
    assert name is not None
    assert parse(str(name)) == name == FileName(label, digest(data))


@given(LABELS)
def test_every_name_lives_on_windows(label: Label) -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,89}", file_name(Parcel(label, b"")))


@given(st.text(max_size=120))
def test_any_text_is_a_name_that_reads_back_or_foreign(text: str) -> None:
    parsed = parse(text)
    assert parsed is None or str(parsed) == text


@given(st.integers(0, len(GOOD) - 1), st.characters())
def test_one_changed_letter_is_foreign_or_reads_back(place: int, letter: str) -> None:
    changed = GOOD[:place] + letter + GOOD[place + 1 :]
    parsed = parse(changed)
    assert parsed is None or str(parsed) == changed


@pytest.mark.parametrize(
    "foreign",
    [
        GOOD + "\n",
        GOOD.upper(),
        GOOD.replace("a11ce001", "A11CE001"),
        GOOD.replace(".bbm", " (1).bbm"),
        GOOD.replace(".bbm", ".sync-conflict-20261121-042000-ABCDEFG.bbm"),
        GOOD + "~",
        GOOD + ".part",
        "." + GOOD + ".Xa12b3",
        ".tmp-" + GOOD,
        "../" + GOOD,
        GOOD.replace("-c-", "-x-"),
        GOOD.replace("-c-", "-../-"),
        GOOD.replace("1of1", "0of1"),
        GOOD.replace("1of1", "2of1"),
        GOOD.replace("1of1", "01of1"),
        GOOD.replace("42", "٤٢"),
        GOOD.replace("bb1", "bb2"),
        "Thumbs.db",
        "",
    ],
)
def test_copies_temporaries_and_traversals_are_foreign(foreign: str) -> None:
    assert parse(foreign) is None
    assert in_order(name for name in candidates([foreign], TAG) if parse(name)) == []


def test_a_part_of_several_is_read_but_left_alone() -> None:
    part = GOOD.replace("1of1", "2of3")
    parsed = parse(part)
    assert parsed is not None
    assert (parsed.part, parsed.parts) == (2, 3)
    assert candidates([part, GOOD], TAG) == [GOOD]


@pytest.mark.parametrize(
    "label",
    [
        Label("short", "a11ce001", "c", 1),
        Label(TAG, "A11CE001", "c", 1),
        Label(TAG, "a11ce001", "../c", 1),
        Label(TAG, "a11ce001", "c", -1),
        Label(TAG, "a11ce001", "c", 10**16),
    ],
)
def test_a_label_that_cannot_stand_in_a_name_has_none(label: Label) -> None:
    assert name_of(Parcel(label, b"")) is None


def test_other_links_are_no_candidates() -> None:
    assert candidates([GOOD, GOOD.replace(TAG, "f" * 16)], TAG) == [GOOD]
    assert GOOD.startswith(prefix(TAG))


def test_streams_take_turns_and_each_goes_by_its_numbers() -> None:
    wanted = [("k", 0), ("c", 1), ("b", 1), ("k", 9), ("c", 2), ("b", 2), ("c", 10), ("b", 3)]
    shuffled = sorted((file_name(parcel(number, lane)) for lane, number in wanted), reverse=True)
    ordered = [parsed.label for parsed in map(parse, in_order(shuffled)) if parsed is not None]
    assert [(label.lane, label.number) for label in ordered] == wanted
