"""What a directory channel is told, and the directories made ready for it."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from channels.base import ChannelError
from channels.directory.place import SENTINEL_TEXT, resolve, sentinel_name
from channels.directory.trouble import explain

_TAG = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where this node writes, where it reads, and whose parcels. Paths may be symbolic links."""

    send: Path
    receive: Path
    tag: str

    def __post_init__(self) -> None:
        if not _TAG.fullmatch(self.tag):
            raise ChannelError(f"the link's tag {self.tag!r} is not 16 hex digits: correct it in the link's file")


def settings_from(given: Settings | Mapping[str, object]) -> Settings:
    """From the words of a configuration file: ``send``, ``receive``, ``tag``. Raises ``ChannelError``."""
    if isinstance(given, Settings):
        return given
    missing = {"send", "receive", "tag"} - given.keys()
    if missing:
        raise ChannelError(f"the directory channel lacks {', '.join(sorted(missing))}: add it to the link's file")
    return Settings(Path(str(given["send"])), Path(str(given["receive"])), str(given["tag"]))


def prepare(send: Path, receive: Path, tag: str) -> None:
    """Make both directories where they are missing, and put the sentinel of this link into both.

    A symbolic link to a directory is taken as it is; mount the share first, or the sentinel ends up under
    the mount point. Doing it again changes nothing. Raises ``ChannelError``.
    """
    settings = Settings(send, receive, tag)
    places = []
    for path in (settings.send, settings.receive):
        try:
            _prepare(path, tag)
        except OSError as error:
            raise explain(error, "prepare", path) from error
        places.append(resolve(path, tag))
    if places[0].directory == places[1].directory:
        raise ChannelError(f"SEND and RECEIVE are the same directory ({places[0].path}): give each its own")


def _prepare(path: Path, tag: str) -> None:
    if path.is_symlink() and not path.is_dir():
        raise ChannelError(
            f"{path} is a symbolic link to {path.readlink()}, "
            "which is no directory: mount the share or correct the link"
        )
    path.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with suppress(FileExistsError):
        descriptor = os.open(path / sentinel_name(tag), flags, 0o666)
        with os.fdopen(descriptor, "w", encoding="utf-8") as sentinel:
            sentinel.write(SENTINEL_TEXT.format(tag=tag))
            sentinel.flush()
            os.fsync(sentinel.fileno())
