"""A command wakes the process that runs the node: a byte in a pipe of the node's folder.

A wake-up is a hint and may get lost: what was asked stands in the store, where whoever runs the node looks by itself.
"""

import asyncio
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_READ_BYTES = 4096


@contextmanager
def listening(path: Path, wake: Callable[[], None]) -> Iterator[None]:
    """Call ``wake`` in the running loop when somebody knocks; in a folder that takes no pipe nobody is heard."""
    try:
        handle = _open(path)
    except OSError:
        yield
        return
    loop = asyncio.get_running_loop()

    def heard() -> None:
        with suppress(BlockingIOError):
            os.read(handle, _READ_BYTES)
        wake()

    loop.add_reader(handle, heard)
    try:
        yield
    finally:
        loop.remove_reader(handle)
        path.unlink(missing_ok=True)
        os.close(handle)


def knock(path: Path) -> bool:
    """Wake whoever listens; ``False`` when nobody does."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if not stat.S_ISFIFO(os.fstat(handle).st_mode):
            return False
        with suppress(BlockingIOError):
            os.write(handle, b"!")
        return True
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    """Both ends at once: a pipe whose writers have all gone would be ready to read for ever."""
    with suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    handle = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISFIFO(os.fstat(handle).st_mode):
        os.close(handle)
        raise FileExistsError(f"{path} is no pipe")
    return handle
