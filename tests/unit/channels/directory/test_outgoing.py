"""What goes out of SEND, and what does not."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from channels.base import ChannelUnavailable, Label, Parcel
from channels.directory import limits
from channels.directory.outgoing import Outgoing
from channels.directory.place import resolve, sentinel_name
from tests.contract.channels import ALICE, TAG, parcel
from tests.unit.channels.directory.conftest import Clock, file_name

DAY = limits.DAY_SECONDS


def upto(number: int, lane: str = "c") -> Label:
    return Label(TAG, ALICE, lane, number)


def lay(directory: Path, name: str, age_seconds: float = 0.0) -> str:
    if not (directory / sentinel_name(TAG)).exists():  # touched again, it would be another directory's
        (directory / sentinel_name(TAG)).touch()
    (directory / name).touch()
    at = time.time() - age_seconds
    os.utime(directory / name, (at, at))
    return name


def left(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()} - {sentinel_name(TAG)}


def test_all_copies_up_to_the_number_go_and_nothing_else(tmp_path: Path) -> None:
    for one in (parcel(1), parcel(2), parcel(2, data=b"sealed again")):
        lay(tmp_path, file_name(one))
    kept = {
        lay(tmp_path, file_name(parcel(3))),
        lay(tmp_path, file_name(parcel(1, "b"))),
        lay(tmp_path, file_name(parcel(1, incarnation="a11ce000"))),
        lay(tmp_path, file_name(parcel(1)).replace(TAG, "f" * 16)),
        lay(tmp_path, file_name(parcel(1)).replace("1of1", "1of2")),
        lay(tmp_path, "notes by a person.txt", age_seconds=99 * DAY),
    }
    Outgoing(TAG).acknowledged(resolve(tmp_path, TAG), upto(2))
    assert left(tmp_path) == kept


def test_a_day_old_control_parcel_and_unfinished_file_go(tmp_path: Path) -> None:
    lay(tmp_path, file_name(parcel(0, "k")), age_seconds=DAY + 60)
    lay(tmp_path, f".tmp-{TAG}-0123456789abcdef", age_seconds=DAY + 60)
    kept = {
        lay(tmp_path, file_name(parcel(0, "k", data=b"young")), age_seconds=DAY - 60),
        lay(tmp_path, f".tmp-{TAG}-fedcba9876543210"),
        lay(tmp_path, f".tmp-{'f' * 16}-0123456789abcdef", age_seconds=9 * DAY),
        lay(tmp_path, ".tmp-somebody-else", age_seconds=9 * DAY),
        lay(tmp_path, file_name(parcel(0, "k", incarnation="b0b00001")), age_seconds=9 * DAY),
    }
    Outgoing(TAG).acknowledged(resolve(tmp_path, TAG), upto(0, "k"))
    assert left(tmp_path) == kept


def test_control_parcels_that_nobody_takes_away_are_bounded_in_number(tmp_path: Path) -> None:
    for age in range(limits.UNNUMBERED_FILES_MAX + 5):
        lay(tmp_path, file_name(Parcel(upto(0, "k"), str(age).encode())), age_seconds=age)
    Outgoing(TAG).acknowledged(resolve(tmp_path, TAG), upto(0, "k"))
    oldest = file_name(Parcel(upto(0, "k"), str(limits.UNNUMBERED_FILES_MAX).encode()))
    assert len(left(tmp_path)) == limits.UNNUMBERED_FILES_MAX
    assert oldest not in left(tmp_path)


def test_stale_files_are_looked_for_once_a_minute(tmp_path: Path) -> None:
    steady = Clock()
    outgoing = Outgoing(TAG, steady)
    kept = {lay(tmp_path, file_name(parcel(9)))}
    outgoing.acknowledged(resolve(tmp_path, TAG), upto(1))
    stale = {lay(tmp_path, file_name(parcel(0, "k")), age_seconds=2 * DAY)}
    outgoing.acknowledged(resolve(tmp_path, TAG), upto(2))
    assert left(tmp_path) == kept | stale
    steady.now += limits.TIDY_EVERY_SECONDS
    outgoing.acknowledged(resolve(tmp_path, TAG), upto(3))
    assert left(tmp_path) == kept


def test_what_is_sent_goes_when_it_is_acknowledged_without_another_listing(tmp_path: Path) -> None:
    outgoing = Outgoing(TAG, Clock())
    kept = {lay(tmp_path, file_name(parcel(9)))}
    place = resolve(tmp_path, TAG)
    outgoing.acknowledged(place, upto(1))
    unseen = {lay(tmp_path, file_name(parcel(2, data=b"laid by somebody else")))}
    for number in (3, 1, 2):
        outgoing.send(place, file_name(parcel(number)), parcel(number))
    outgoing.acknowledged(place, upto(2))
    assert left(tmp_path) == kept | unseen | {file_name(parcel(3))}


def test_what_somebody_else_laid_goes_within_a_minute(tmp_path: Path) -> None:
    steady = Clock()
    outgoing = Outgoing(TAG, steady)
    lay(tmp_path, file_name(parcel(1)))
    outgoing.acknowledged(resolve(tmp_path, TAG), upto(1))
    late = lay(tmp_path, file_name(parcel(1, data=b"sealed again")))
    outgoing.acknowledged(resolve(tmp_path, TAG), upto(1))
    assert left(tmp_path) == {late}
    steady.now += limits.TIDY_EVERY_SECONDS
    outgoing.acknowledged(resolve(tmp_path, TAG), upto(1))
    assert left(tmp_path) == set()


def test_a_directory_in_place_of_the_first_is_listed_at_once(tmp_path: Path) -> None:
    outgoing = Outgoing(TAG, Clock())
    first, second = tmp_path / "first", tmp_path / "second"
    for directory in (first, second):
        directory.mkdir()
        lay(directory, file_name(parcel(1)))
        outgoing.acknowledged(resolve(directory, TAG), upto(1))
    assert left(first) | left(second) == set()


def test_what_could_not_be_removed_goes_at_the_next_call(small_disk: Path) -> None:
    outgoing = Outgoing(TAG, Clock())
    lay(small_disk, file_name(parcel(1)))
    place = resolve(small_disk, TAG)
    outgoing.acknowledged(place, upto(0))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(ChannelUnavailable, match="read-only"):
        outgoing.acknowledged(place, upto(1))
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    outgoing.acknowledged(place, upto(1))
    assert left(small_disk) == set()


def test_a_directory_planted_under_a_name_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / file_name(parcel(1))).mkdir()
    lay(tmp_path, file_name(parcel(2)))
    Outgoing(TAG).acknowledged(resolve(tmp_path, TAG), upto(2))
    assert left(tmp_path) == {file_name(parcel(1))}
