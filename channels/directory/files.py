"""One parcel, one file: written so that it is whole or not there, read so that nothing planted does harm."""

import errno
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass

from channels.base import ChannelUnavailable
from channels.directory.limits import PREFIX_BYTES

TEMPORARY = ".tmp-"

_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Without O_NONBLOCK a planted fifo would hold the reader for ever."""

_NOT_A_FILE = frozenset({errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EISDIR})
_NO_DIRECTORY_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP})
"""Some shares cannot sync a directory: there the server's own promise has to do."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a regular file held. ``data`` is a short prefix when it is ``oversized``."""

    data: bytes
    oversized: bool
    stamp: tuple[int, int, int]
    """Size, time, inode: a hint that it changed, never a proof that it did not."""


def write(directory: str, name: str, data: bytes, temporary: str) -> None:
    """Make the file durable under its name, and read it back. One blocking operation; raises ``OSError``.

    ``temporary`` begins the name it has meanwhile. A crash leaves that, or the whole file. Raises
    ``ChannelUnavailable`` when what is read back differs.
    """
    path, unfinished = f"{directory}/{name}", f"{directory}/{temporary}{secrets.token_hex(8)}"
    try:
        _write_new(unfinished, data)
        os.replace(unfinished, path)  # noqa: PTH105
    except BaseException:
        with suppress(OSError):
            os.unlink(unfinished)  # noqa: PTH108
        raise
    _sync_directory(directory)
    if not _same(path, data):
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108
        raise ChannelUnavailable(
            f"{path} came back different from what was written: look at the health of the disk or share"
        )


def _write_new(path: str, data: bytes) -> None:
    descriptor = os.open(path, _WRITE, 0o666)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_directory(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise
    finally:
        os.close(descriptor)


def _same(path: str, data: bytes) -> bool:
    try:
        content = read(path, len(data))
    except FileNotFoundError:
        return True  # the reader was quicker and has moved it away, or it is sent again
    return content is not None and not content.oversized and content.data == data


def read(path: str, bytes_max: int) -> Content | None:
    """What a regular file holds, up to ``bytes_max``; ``None`` for a link, fifo, directory or device.

    Raises ``OSError``.
    """
    try:
        descriptor = os.open(path, _READ)
    except OSError as error:
        if error.errno in _NOT_A_FILE:
            return None
        raise
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return None
        if found.st_size > bytes_max:
            return Content(_read(descriptor, PREFIX_BYTES), oversized=True, stamp=stamp(found))
        data = _read(descriptor, min(found.st_size, bytes_max) + 1, bytes_max + 1)
        if len(data) > bytes_max:
            return Content(data[:PREFIX_BYTES], oversized=True, stamp=stamp(found))
        return Content(data, oversized=False, stamp=stamp(found))
    finally:
        os.close(descriptor)


def stamp(found: os.stat_result) -> tuple[int, int, int]:
    """What is compared to see whether a file changed."""
    return found.st_size, found.st_mtime_ns, found.st_ino


def _read(descriptor: int, expected: int, bytes_max: int = PREFIX_BYTES) -> bytes:
    pieces: list[bytes] = []
    left = bytes_max
    while left > 0 and (piece := os.read(descriptor, min(left, max(expected, 1)))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
