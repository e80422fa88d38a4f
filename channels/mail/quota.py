"""How full a mailbox is, where its server tells (RFC 2087 and 9208)."""

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Any

from channels.mail import login
from channels.mail.hardened import quoted
from channels.mail.imap import Imap, Refused
from channels.mail.notice import NO_LINK
from channels.mail.oauth import Credentials
from channels.mail.settings import settings_from
from channels.mail.tls import context

_RESOURCE = re.compile(rb"\b(?:STORAGE|MESSAGE) ([0-9]{1,18}) ([0-9]{1,18})\b", re.IGNORECASE)


async def fullness(account: Mapping[str, Any]) -> float | None:
    """The share of the mailbox that is used, 0 to 1; ``None`` where the server does not tell or sets no limit.

    Raises ``ChannelUnavailable``, ``ChannelError``.
    """
    settings = settings_from({**account, "tag": NO_LINK})
    assert settings.imap.secret is not None, "the settings see to it"
    credentials = Credentials(settings.imap.secret, time.monotonic)
    tls = await asyncio.to_thread(context, settings.imap)
    imap = await login.connect(settings.imap, tls, credentials, settings.timeout_seconds)
    try:
        return await _share(imap, settings.folder)
    finally:
        await imap.close()


async def _share(imap: Imap, folder: str) -> float | None:
    if not any(word == "QUOTA" or word.startswith("QUOTA=") for word in imap.capabilities):
        return None
    try:
        name = await imap.name_of(folder)
        lines = await imap.do("say how full it is", "GETQUOTAROOT", quoted(name), answer="QUOTA")
    except Refused:
        return None
    found = [match for line in lines[:-1] for match in _RESOURCE.finditer(bytes(line))]
    shares = [int(match[1]) / int(match[2]) for match in found if int(match[2])]
    return max(shares, default=None)
