"""What an admin must do before a mail channel works. Tries it, rather than believing the settings."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from channels.base import INFORMATION, ChannelError
from channels.mail.imap import Imap, Refused
from channels.mail.limits import CHECK_SECONDS, SIZE_LEAST
from channels.mail.settings import Settings
from channels.mail.smtp import Outgoing

_LOOK_SECONDS = 0.5
"""Between looks for the mail to oneself."""

Connect = Callable[[], Awaitable[Imap]]


async def check(settings: Settings, outgoing: Outgoing, connect: Connect) -> Sequence[str]:
    """One sentence each; empty when all is well. Makes the folder for processed mail."""
    halves = await asyncio.gather(_sending(settings, outgoing), _receiving(settings, connect))
    return list(dict.fromkeys([*halves[0], *halves[1]]))


async def _sending(settings: Settings, outgoing: Outgoing) -> Sequence[str]:
    try:
        announced = await outgoing.size_max()
    except ChannelError as error:
        return [f"sending: {error}"]
    if announced is not None and announced < settings.size_max:
        if announced < SIZE_LEAST:
            return [f"{settings.smtp.place} takes mails of {announced} bytes only: ask the provider for more"]
        takes = f"{settings.smtp.place} takes mails of {announced} bytes"
        return [f"{takes}, and size_max is {settings.size_max}: set size_max = {announced} or less"]
    return []


async def _receiving(settings: Settings, connect: Connect) -> Sequence[str]:
    try:
        imap = await connect()
    except ChannelError as error:
        return [f"receiving: {error}"]
    try:
        return [*await _folders(settings, imap), *_abilities(settings, imap)]
    except ChannelError as error:
        return [f"receiving: {error}"]
    finally:
        await imap.close()


async def _folders(settings: Settings, imap: Imap) -> Sequence[str]:
    try:
        await imap.select(await imap.name_of(settings.folder), writing=True)
    except Refused as refused:
        return [f"the mailbox has no folder {settings.folder!r} ({refused}): correct folder, or make it"]
    if settings.processed is None:
        return []
    name = await imap.name_of(settings.processed)
    await imap.create(name)
    try:
        await imap.select(name, writing=True)
    except Refused as refused:
        return [f"the folder {settings.processed!r} for processed mail cannot be made ({refused}): name another one"]
    return []


def _abilities(settings: Settings, imap: Imap) -> Sequence[str]:
    sentences = []
    if "IDLE" not in imap.capabilities:
        every = f"mail is found by looking every {settings.poll_seconds:g} seconds"
        sentences.append(f"{INFORMATION}{imap.server.place} does not tell of new mail by itself (IDLE): {every}")
    moves = settings.processed is not None and "MOVE" in imap.capabilities
    if not moves and "UIDPLUS" not in imap.capabilities:
        sentences.append(
            f"{INFORMATION}{imap.server.place} can neither move mails nor remove single ones (MOVE, UIDPLUS): "
            "processed mails stay in the folder, marked as deleted"
        )
    return sentences


async def to_oneself(settings: Settings, outgoing: Outgoing, connect: Connect) -> Sequence[str]:
    """Send a mail from the account to itself, wait for it, and remove it."""
    unique = secrets.token_hex(8)
    imap = await connect()
    try:
        await imap.select(await imap.name_of(settings.folder), writing=True)
        await outgoing.send(_test_mail(settings, unique), settings.address)
        async with asyncio.timeout(CHECK_SECONDS):
            while not (found := await imap.search(f'SUBJECT "{unique}"')):
                await asyncio.sleep(_LOOK_SECONDS)
                await imap.noop()
        await imap.delete(",".join(map(str, found)))
    except TimeoutError:
        missing = f"a mail from {settings.address} to itself did not arrive in {settings.folder!r}"
        advice = "look into other folders (Junk), and whether address belongs to the imap account"
        return [f"{missing} within {CHECK_SECONDS:.0f} seconds: {advice}"]
    except ChannelError as error:
        return [f"a mail to oneself: {error}"]
    finally:
        await imap.close()
    return []


def _test_mail(settings: Settings, unique: str) -> bytes:
    fields = {
        "From": settings.address,
        "To": settings.address,
        "Subject": f"Test of a mail account {unique}",
        "Date": format_datetime(datetime.now(UTC)),
        "Message-ID": f"<{unique}@{settings.address.rpartition('@')[2]}>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{head}\r\nA program tries whether mail from this account arrives in it. It removes this mail.\r\n".encode()
