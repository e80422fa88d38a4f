"""``.done`` holds what was received for a while, and no more than that."""

import os
import time
from pathlib import Path

from channels.directory import limits
from channels.directory.done import Done
from tests.contract.channels import TAG, parcel
from tests.unit.channels.directory.conftest import Clock, file_name


def fill(directory: Path, count: int, size: int = 1) -> list[str]:
    done = directory / ".done"
    done.mkdir(exist_ok=True)
    names = [file_name(parcel(number)) for number in range(1, count + 1)]
    for name in names:
        (done / name).touch()
        os.truncate(done / name, size)
    return names


def left(directory: Path) -> set[str]:
    return {path.name for path in (directory / ".done").iterdir()}


def test_moving_makes_the_directory_and_a_vanished_file_is_no_trouble(tmp_path: Path) -> None:
    name = file_name(parcel(1))
    (tmp_path / name).write_bytes(b"data")
    done = Done(TAG, Clock(), time.time)
    assert done.move(str(tmp_path), name)
    assert done.move(str(tmp_path), name)
    assert (tmp_path / ".done" / name).read_bytes() == b"data"


def test_a_week_old_goes_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    others = {"note.txt", file_name(parcel(1)).replace(TAG, "f" * 16)}
    for name in others:
        (tmp_path / ".done" / name).touch()
    Done(TAG, Clock(), lambda: time.time() + limits.DONE_SECONDS - 60).prune(str(tmp_path))
    assert len(left(tmp_path)) == 5
    Done(TAG, Clock(), lambda: time.time() + limits.DONE_SECONDS + 60).prune(str(tmp_path))
    assert left(tmp_path) == others


def test_an_old_file_moved_today_stays_a_week(tmp_path: Path) -> None:
    name = file_name(parcel(1))
    (tmp_path / name).touch()
    os.utime(tmp_path / name, (1, 1))
    done = Done(TAG, Clock(), time.time)
    done.move(str(tmp_path), name)
    done.prune(str(tmp_path))
    assert left(tmp_path) == {name}


def test_too_many_bytes_go_and_the_smaller_rest_stays(tmp_path: Path) -> None:
    fill(tmp_path, 4, size=limits.DONE_BYTES_MAX // 2)
    Done(TAG, Clock(), time.time).prune(str(tmp_path))
    assert len(left(tmp_path)) == 2


def test_pruning_looks_once_an_hour(tmp_path: Path) -> None:
    steady = Clock()
    done = Done(TAG, steady, lambda: time.time() + 2 * limits.DONE_SECONDS)
    done.prune(str(tmp_path))
    names = fill(tmp_path, 2)
    done.prune(str(tmp_path))
    assert left(tmp_path) == set(names)
    steady.now += limits.PRUNE_EVERY_SECONDS
    done.prune(str(tmp_path))
    assert left(tmp_path) == set()


def test_pruning_looks_earlier_when_much_was_moved(tmp_path: Path) -> None:
    done = Done(TAG, Clock(), lambda: time.time() + 2 * limits.DONE_SECONDS)
    done.prune(str(tmp_path))
    for number in range(limits.PRUNE_EVERY_FILES):
        name = file_name(parcel(number, data=b""))
        (tmp_path / name).touch()
        assert done.move(str(tmp_path), name)
    done.prune(str(tmp_path))
    assert left(tmp_path) == set()


def test_a_link_in_its_place_is_not_used(tmp_path: Path) -> None:
    done = Done(TAG, Clock(), time.time)
    assert done.usable(str(tmp_path))
    (tmp_path / ".done").symlink_to("/tmp")
    assert not done.usable(str(tmp_path))
