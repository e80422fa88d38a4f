"""E-mail: SMTP to send, IMAP to receive. README.md specifies the mail, docs/mail.md every setting."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from channels.mail.settings import Settings, settings_from

if TYPE_CHECKING:
    from channels.mail.channel import MailChannel

__all__ = ["Settings", "connect"]


def connect(
    settings: Settings | Mapping[str, object],
    steady: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> "MailChannel":
    """The channel over two accounts, a ``channels.base.Channel``. Connects to nothing yet. Raises ``ChannelError``."""
    from channels.mail.channel import MailChannel

    return MailChannel(settings_from(settings), steady, wall)
