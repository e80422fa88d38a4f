"""The mail channel: the port over the two halves."""

import asyncio
import secrets
import ssl
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from channels.base import INFORMATION, ChannelRefused, Delivery, Parcel
from channels.directory import names
from channels.mail import check, login, mime
from channels.mail.caution import Caution
from channels.mail.imap import Imap
from channels.mail.incoming import Incoming
from channels.mail.limits import MIB, NOTICES_MAX, OWN_DIGESTS_MAX
from channels.mail.listening import Ear
from channels.mail.oauth import Credentials
from channels.mail.reading import Bounce
from channels.mail.settings import Settings
from channels.mail.smtp import Outgoing
from channels.mail.tls import context


class MailChannel:
    """One link over two mail accounts. Implements ``channels.base.Channel``; README.md specifies the mails.

    ``wall`` gives the date of a mail; ``steady`` never jumps.
    """

    def __init__(
        self,
        settings: Settings,
        steady: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.limits = settings.limits
        self._settings = settings
        self._wall = wall
        sources = {server.secret for server in (settings.smtp, settings.imap) if server.secret is not None}
        credentials = {source: Credentials(source, steady) for source in sources}
        assert settings.imap.secret is not None, "the settings see to it"
        self._imap_credentials = credentials[settings.imap.secret]
        self._own: OrderedDict[str, None] = OrderedDict()
        self._notices: deque[str] = deque(maxlen=NOTICES_MAX)
        self._caution = Caution(steady)
        self._context: ssl.SSLContext | None = None
        smtp_credentials = credentials[settings.smtp.secret] if settings.smtp.secret is not None else None
        self._outgoing = Outgoing(settings, smtp_credentials, steady)
        self._incoming = Incoming(settings, self._connected, self._own.keys(), self._notice)
        self._ears: set[Ear] = set()
        self._closed = False

    async def check(self) -> Sequence[str]:
        """As the port says: logs in on both servers, makes the folder for processed mail."""
        return await check.check(self._settings, self._outgoing, self._connected)

    async def check_by_mail(self) -> Sequence[str]:
        """As ``check``, and a mail to oneself: takes as long as that takes, ``limits.CHECK_SECONDS`` at most."""
        found = await self.check()
        if any(not sentence.startswith(INFORMATION) for sentence in found):
            return found
        mailed = await check.to_oneself(self._settings, self._outgoing, self._connected)
        return [*found, *mailed]

    def notices(self) -> Sequence[str]:
        """As the port says: mails that came back, and folders that cannot be written."""
        told = list(dict.fromkeys(self._notices))
        self._notices.clear()
        return told

    async def send(self, parcel: Parcel) -> None:
        """As the port says: the submission server has taken it. Raises ``ChannelError`` when it will not take any."""
        if not self._settings.partner:
            raise ChannelRefused(
                "the partner's address is not known yet: it comes with the answer to the handshake file"
            )
        if len(parcel.data) > self.limits.parcel_bytes_max:
            raise ChannelRefused(
                f"a parcel of {len(parcel.data)} bytes is larger than the {self.limits.parcel_bytes_max} "
                f"that a mail of {self._settings.size_max} bytes carries: send it in parts"
            )
        mail = self._mail(parcel) if len(parcel.data) < MIB else await asyncio.to_thread(self._mail, parcel)
        if mail is None or parcel.label.tag != self._settings.tag:
            raise ChannelRefused(f"{parcel.label} cannot be the label of a parcel on link {self._settings.tag}")
        self._remember(names.digest(parcel.data))
        await self._outgoing.send(mail, self._settings.partner)

    def _mail(self, parcel: Parcel) -> bytes | None:
        date = format_datetime(datetime.fromtimestamp(self._wall(), UTC))
        unique = secrets.token_hex(16)
        return mime.build(parcel, self._settings.address, self._settings.partner, date, unique)

    def _remember(self, digest: str) -> None:
        self._own[digest] = None
        if len(self._own) > OWN_DIGESTS_MAX:
            self._own.popitem(last=False)

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """As the port says. Raises ``ChannelUnavailable``, and ``ChannelError`` when the log-in is refused."""
        return await self._incoming.take(limit)

    async def confirm(self, tokens: Sequence[str]) -> None:
        """As the port says. Never fails: what cannot be moved now is moved later, or comes again after a restart."""
        await self._incoming.confirm(tokens)

    async def forget(self, tokens: Sequence[str]) -> None:
        """As the port says."""
        self._incoming.forget(tokens)

    async def acknowledged(self, tag: str, incarnation: str, lane: str, number: int) -> None:
        """Nothing to tidy: what was sent is not ours any more."""

    async def hints(self) -> AsyncIterator[None]:
        """As the port says: rings once when listening begins, for each arrival, and every ``poll_seconds``."""
        ear = Ear(self._connected, self._settings.folder, self._settings.poll_seconds)
        self._ears.add(ear)
        try:
            while not self._closed:
                await ear.listen()
                yield
                if not self._closed:
                    await ear.wait()
        finally:
            self._ears.discard(ear)
            await ear.close()

    async def close(self) -> None:
        """End connections and hints. What lies in the mailbox stays."""
        self._closed = True
        for ear in tuple(self._ears):
            await ear.close()
        await self._outgoing.close()
        await self._incoming.close()

    async def _connected(self) -> Imap:
        async with self._caution.attempt():
            server = self._settings.imap
            if self._context is None:
                self._context = await asyncio.to_thread(context, server)
            return await login.connect(server, self._context, self._imap_credentials, self._settings.timeout_seconds)

    def _notice(self, what: Bounce | str) -> None:
        if isinstance(what, Bounce):
            what = sentence_of(what, self._settings.partner)
        self._notices.append(what)


def sentence_of(bounce: Bounce, partner: str) -> str:
    """What a bounce says, for a person."""
    which = f" ({names.start_of(bounce.label)})" if bounce.label else ""
    said = " ".join(filter(None, (bounce.status, bounce.diagnostic))) or "no reason was given"
    if bounce.action in ("delayed", "delivered", "relayed", "expanded"):
        return f"a mail to {partner}{which} is reported as {bounce.action}: {said}"
    return f"a mail to {partner}{which} came back, {said}: ask the partner whether their mailbox takes our mail"
