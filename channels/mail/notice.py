"""A mail to a person, in plain text, from one of the node's accounts: no parcel, and nothing of a link in it."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from channels.mail.oauth import Credentials
from channels.mail.settings import settings_from
from channels.mail.smtp import Outgoing

NO_LINK = "0" * 16
"""The tag of no link."""


async def send(
    account: Mapping[str, Any],
    to: str,
    subject: str,
    text: str,
    unique: str,
    *,
    steady: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> None:
    """Hand one mail over. ``unique`` makes its Message-ID: a repetition has the same, and a mail program shows it once.

    Raises ``ChannelUnavailable`` (it may have left all the same), ``ChannelRefused``, ``ChannelError``.
    """
    settings = settings_from({**account, "tag": NO_LINK})
    source = settings.smtp.secret
    outgoing = Outgoing(settings, None if source is None else Credentials(source, steady), steady)
    try:
        await outgoing.send(_mail(settings.address, to, subject, text, unique, wall()), to)
    finally:
        await outgoing.close()


def _mail(sender: str, to: str, subject: str, text: str, unique: str, now: float) -> bytes:
    """RFC 5322; ``Auto-Submitted`` (RFC 3834) keeps holiday notes from answering it."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address("Backbone", addr_spec=sender)
    mail["To"] = to
    mail["Subject"] = subject
    mail["Date"] = datetime.fromtimestamp(now, UTC)
    mail["Message-ID"] = f"<backbone-{unique}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(text)
    return mail.as_bytes()
