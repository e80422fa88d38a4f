"""One process per node: whoever writes trackers and channels holds the lock. Looking at a node needs none.

The kernel lets go of the lock when the process ends, however it ends; the file stays and means nothing by itself.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backbone.store.engine import StoreError

_PID_BYTES_MAX = 20


class LockHeld(StoreError):
    """Another process runs this node."""


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Holds the lock file ``path`` while the block runs. Raises ``LockHeld`` at once when it is taken.

    A child made by ``os.fork`` would share the lock; one made by ``subprocess`` does not.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"the lock {path} cannot be opened: {error.strerror}; check the folder's owner") from error
    try:
        _take(handle, path)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _take(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise StoreError(
                f"the lock {path} cannot be taken: {error.strerror}; keep the node's folder on a local disk"
            ) from error
        raise LockHeld(
            f"the node in {path.parent} is run by another process{_holder(handle)}; stop that one first, or look at "
            "it with `backbone status`"
        ) from error


def _holder(handle: int) -> str:
    pid = os.pread(handle, _PID_BYTES_MAX, 0)
    return f" (pid {pid.decode()})" if pid.isdigit() else ""
