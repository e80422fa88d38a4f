"""Exchange directories: SEND and RECEIVE, local or on a share. README.md specifies every file in them."""

import time
from collections.abc import Callable, Mapping

from channels.base import Channel
from channels.directory.settings import Settings, prepare, settings_from

__all__ = ["Settings", "connect", "prepare"]


def connect(
    settings: Settings | Mapping[str, object],
    steady: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> Channel:
    """The channel over two prepared directories. Touches neither of them yet. Raises ``ChannelError``."""
    from channels.directory.channel import DirectoryChannel

    return DirectoryChannel(settings_from(settings), steady, wall)
