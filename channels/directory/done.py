"""``RECEIVE/.done``: what was received and stored stays for a while, for people."""

import os
import stat
from collections.abc import Callable
from contextlib import suppress

from channels.directory import names
from channels.directory.limits import (
    DONE_BYTES_MAX,
    DONE_FILES_MAX,
    DONE_SECONDS,
    PRUNE_EVERY_FILES,
    PRUNE_EVERY_SECONDS,
)

DONE = ".done"


class Done:
    """Moves parcels into ``.done`` and keeps it small. Blocking; called by one thread at a time."""

    def __init__(self, tag: str, steady: Callable[[], float], wall: Callable[[], float]) -> None:
        self._tag = tag
        self._steady = steady
        self._wall = wall
        self._pruned: float | None = None
        self._moved = 0

    def move(self, directory: str, name: str) -> bool:
        """Whether the file is out of the way: moved, or gone already."""
        try:
            self._move(directory, name)
        except OSError:
            return False
        self._moved += 1
        return True

    def _move(self, directory: str, name: str) -> None:
        source, target = f"{directory}/{name}", f"{directory}/{DONE}/{name}"
        try:
            os.replace(source, target)  # noqa: PTH105
        except FileNotFoundError:
            with suppress(FileExistsError):
                os.mkdir(f"{directory}/{DONE}")  # noqa: PTH102
            with suppress(FileNotFoundError):
                os.replace(source, target)  # noqa: PTH105

    def usable(self, directory: str) -> bool:
        """False when somebody put a link or file in its place: parcels are not moved to wherever that leads."""
        try:
            return stat.S_ISDIR(os.lstat(f"{directory}/{DONE}").st_mode)
        except FileNotFoundError:
            return True
        except OSError:
            return False

    def prune(self, directory: str) -> None:
        """Remove this link's parcels that are too old, too many or too large together; at most once in a while."""
        now = self._steady()
        if self._pruned is not None and now - self._pruned < PRUNE_EVERY_SECONDS and self._moved < PRUNE_EVERY_FILES:
            return
        self._pruned, self._moved = now, 0
        with suppress(OSError):
            self._prune(f"{directory}/{DONE}")

    def _prune(self, done: str) -> None:
        ages: list[tuple[float, int, str]] = []
        now = self._wall()
        with os.scandir(done) as entries:
            for entry in entries:
                parsed = names.parse(entry.name)
                if parsed is not None and parsed.label.tag == self._tag:
                    with suppress(OSError):
                        found = entry.stat(follow_symlinks=False)
                        # Renaming sets the change time: since when it lies here, not when it was written.
                        ages.append((now - found.st_ctime, found.st_size, entry.name))
        kept_bytes = 0
        for newer, (age, size, name) in enumerate(sorted(ages)):
            kept_bytes += size
            if age > DONE_SECONDS or newer >= DONE_FILES_MAX or kept_bytes > DONE_BYTES_MAX:
                with suppress(OSError):
                    os.unlink(f"{done}/{name}")  # noqa: PTH108
