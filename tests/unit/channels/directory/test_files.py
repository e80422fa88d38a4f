"""A file is whole or not there; nothing planted is followed, waited for or read without end."""

import errno
import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from channels.base import ChannelUnavailable
from channels.directory.files import read, write
from channels.directory.limits import PREFIX_BYTES


def test_what_is_written_is_there_under_its_name_only(tmp_path: Path) -> None:
    write(str(tmp_path), "name", b"data", ".tmp-")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("name", b"data")]


def test_file_and_directory_are_synced_on_their_side_of_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power failure would show: nothing is visible before it is durable."""
    happened: list[str] = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor: int) -> None:
        happened.append("sync directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")
        fsync(descriptor)

    def watched_replace(source: str, target: str) -> None:
        happened.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    write(str(tmp_path), "name", b"data", ".tmp-")
    assert happened == ["sync file", "rename", "sync directory"]


def test_a_share_that_cannot_sync_directories_is_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def files_only(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", files_only)
    write(str(tmp_path), "name", b"data", ".tmp-")
    assert (tmp_path / "name").read_bytes() == b"data"


def test_a_share_that_keeps_something_else_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = os.replace

    def lose_the_end(source: str, target: str) -> None:
        os.truncate(source, 2)
        replace(source, target)

    monkeypatch.setattr(os, "replace", lose_the_end)
    with pytest.raises(ChannelUnavailable, match="came back different"):
        write(str(tmp_path), "name", b"data", ".tmp-")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_nothing(small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        write(str(small_disk), "name", os.urandom(3 * 1024 * 1024), ".tmp-")
    assert list(small_disk.iterdir()) == []


def test_a_failed_rename_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "name").mkdir()
    with pytest.raises(IsADirectoryError):
        write(str(tmp_path), "name", b"data", ".tmp-")
    assert [path.name for path in tmp_path.iterdir()] == ["name"]


def test_a_link_planted_under_the_name_is_replaced_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / "name").symlink_to(victim)
    write(str(tmp_path), "name", b"data", ".tmp-")
    assert victim.read_bytes() == b"precious"
    assert (tmp_path / "name").read_bytes() == b"data"


def test_a_reader_that_is_quicker_than_our_second_look_is_no_failure(tmp_path: Path) -> None:
    stop = threading.Event()

    def take_away() -> None:
        while not stop.is_set():
            (tmp_path / "name").unlink(missing_ok=True)

    reader = threading.Thread(target=take_away)
    reader.start()
    try:
        for _ in range(30):
            write(str(tmp_path), "name", b"data", ".tmp-")
    finally:
        stop.set()
        reader.join()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".tmp-")]


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 100_000])
def test_all_of_a_regular_file_is_read(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "name").write_bytes(data)
    content = read(str(tmp_path / "name"), 100_000)
    assert content is not None
    assert (content.data, content.oversized) == (data, False)


def test_of_an_oversized_file_only_a_prefix_is_read(tmp_path: Path) -> None:
    with (tmp_path / "name").open("wb") as file:
        file.truncate(1 << 40)
    content = read(str(tmp_path / "name"), 100_000)
    assert content is not None
    assert (len(content.data), content.oversized) == (PREFIX_BYTES, True)


def test_links_fifos_sockets_directories_and_devices_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"data")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "directory").mkdir()
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "socket"))
        for name in ("link", "circle", "fifo", "directory", "socket"):
            assert read(str(tmp_path / name), 100) is None
    assert read("/dev/zero", 100) is None


def test_what_is_gone_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(str(tmp_path / "name"), 100)
