"""What the operating system says, as one sentence for an admin."""

import errno
import os
from pathlib import Path

from channels.base import ChannelError, ChannelRefused, ChannelUnavailable

_FULL = "the disk or share is full: free some space or raise the quota, then it goes on by itself"
_FORBIDDEN = "no permission: let the user that runs Backbone read, write, rename and delete there"
_AWAY = "the share does not answer: look at the server, the network and the mount, then it goes on by itself"
_GONE = "it is not there: mount the share or correct the path in the link's file"

_ADVICE = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: "it is mounted read-only: mount it for writing, and look for disk errors if nobody asked for that",
    errno.ESTALE: "the share was replaced on its server (stale handle): unmount it and mount it again",
    errno.EIO: "the disk or share reports an input/output error: look at its health and at the mount",
    errno.ENOENT: _GONE,
    errno.ENOTDIR: "something on this path is not a directory: correct the path in the link's file",
    errno.ELOOP: "its symbolic links lead in a circle: point the link at the directory",
    errno.EBUSY: "another program holds the file (a virus scanner, a backup): it is tried again",
    errno.ENOTCONN: _AWAY,
    errno.EHOSTDOWN: _AWAY,
    errno.EHOSTUNREACH: _AWAY,
    errno.ETIMEDOUT: _AWAY,
    errno.EMFILE: "too many open files: raise the limit of open files of the service",
    errno.ENFILE: "too many open files on this machine: raise the system's limit",
}

ONE_FILE = frozenset({errno.EACCES, errno.EPERM, errno.EBUSY, errno.EIO})
"""What may befall one file only: the others are still worth reading."""


def explain(error: OSError, doing: str, where: str | Path) -> ChannelError:
    """The error to raise instead: ``cannot <doing> <where>``, why, and what to do.

    ``ChannelRefused`` when the file is too large for that file system, else ``ChannelUnavailable``.
    """
    if error.errno == errno.EFBIG:
        return ChannelRefused(f"cannot {doing} {where}: the file is too large for that file system or the user's limit")
    number = error.errno or 0
    advice = _ADVICE.get(number, f"{os.strerror(number)}; it is tried again" if number else str(error))
    return ChannelUnavailable(f"cannot {doing} {where}: {advice}")
