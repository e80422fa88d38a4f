"""Where SEND or RECEIVE really is at this moment, and whether it is the share it should be.

Both may be symbolic links that are swapped, or lead to a share that comes and goes, so nothing about them is
remembered from one scan to the next. A share that is not mounted is an empty local
directory: the sentinel file tells the two apart.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from channels.base import ChannelUnavailable
from channels.directory.trouble import explain

SENTINEL_TEXT = """\
This directory carries parcels of Backbone, link {tag}.
While this file is missing the directory counts as not mounted: leave it here.
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A directory that was there a moment ago."""

    path: str
    """Without symbolic links."""
    directory: tuple[int, int]
    """Device and inode: which directory it is, whatever its path."""
    sentinel: tuple[int, int]
    """Inode and time of the sentinel: another one means that the directory was made anew."""


def sentinel_name(tag: str) -> str:
    """The file that proves that a directory is this link's."""
    return f".backbone-{tag}"


def resolve(path: Path, tag: str) -> Place:
    """Follow the links, demand a directory with the sentinel. Raises ``ChannelUnavailable``."""
    try:
        real = os.path.realpath(path, strict=True)
        directory = os.stat(real)  # noqa: PTH116 - strings throughout: this runs at every scan
    except OSError as error:
        raise explain(error, "reach", path) from error
    return Place(real, (directory.st_dev, directory.st_ino), _sentinel(path, real, tag))


def _sentinel(path: Path, real: str, tag: str) -> tuple[int, int]:
    name = sentinel_name(tag)
    try:
        found = os.lstat(f"{real}/{name}")
    except FileNotFoundError as error:
        raise ChannelUnavailable(
            f"{path} does not hold the file {name}: mount the share, or, if this is the right directory, "
            "prepare the link's directories again"
        ) from error
    except OSError as error:
        raise explain(error, "look into", path) from error
    if not stat.S_ISREG(found.st_mode):
        raise ChannelUnavailable(f"{path}/{name} is not a plain file: remove it and prepare the directories again")
    return found.st_ino, found.st_mtime_ns
