"""The receiving half: what lies in the mailbox, handed over once, moved away when it is stored.

Identity is inside the parcel. Ids of mails (UIDs) are a cache: they hold as long as UIDVALIDITY does, and
afterwards everything is looked at anew; what was there already is a repeat, which the protocol above drops.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from channels.base import ChannelUnavailable, Delivery, Label, Parcel
from channels.directory import names
from channels.mail import spool
from channels.mail.decoding import Text
from channels.mail.imap import Imap, Refused
from channels.mail.limits import (
    BATCH_BYTES,
    BATCH_MAILS,
    HEADER_BYTES,
    HEADERS_AT_ONCE,
    LITERAL_BYTES_MAX,
    MAIL_BYTES_MAX,
    MIB,
    MOVED_AT_ONCE,
    PREFIX_BYTES,
    REPORT_BYTES,
    SPOOLED_BYTES,
)
from channels.mail.reading import LOOKED_AT, Bounce, Glance, Mail, glance, read
from channels.mail.settings import Settings

_LOOK = f"(UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS ({' '.join(LOOKED_AT).upper()})]<0.{HEADER_BYTES}>)"
_WHOLE = f"(UID RFC822.SIZE BODY.PEEK[]<0.{LITERAL_BYTES_MAX}>)"
_SPOOLED = "by pieces"
_REPORT = f"(UID RFC822.SIZE BODY.PEEK[]<0.{REPORT_BYTES}>)"
_PREFIX = f"(UID RFC822.SIZE BODY.PEEK[]<0.{PREFIX_BYTES}>)"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mail that is worth fetching."""

    uid: int
    size: int
    glance: Glance

    @property
    def items(self) -> str:
        """What is asked for."""
        if self.glance is Glance.REPORT:
            return _REPORT
        if self.size > MAIL_BYTES_MAX:
            return _PREFIX
        return _WHOLE if self.size <= SPOOLED_BYTES else _SPOOLED

    @property
    def bytes_to_come(self) -> int:
        return min(self.size, {_REPORT: REPORT_BYTES, _PREFIX: PREFIX_BYTES}.get(self.items, MAIL_BYTES_MAX))


class Incoming:
    """One link's view of its mailbox. One task at a time."""

    def __init__(
        self,
        settings: Settings,
        connect: Callable[[], Awaitable[Imap]],
        own: Collection[str],
        notice: Callable[[Bounce | str], None],
    ) -> None:
        """``own`` are digests of parcels that this side sent; ``notice`` is told of bounces and of trouble."""
        self._settings = settings
        self._connect = connect
        self._own = own
        self._notice = notice
        self._imap: Imap | None = None
        self._validity = 0
        self._news = -1
        self._seen = 0
        """The highest id that was looked for."""
        self._unseen: deque[int] = deque()
        self._candidates: deque[Candidate] = deque()
        self._handed: dict[int, Candidate] = {}
        self._done: dict[int, None] = {}
        """Confirmed, and not yet moved."""
        self._one_by_one = 0
        """So many of the next are fetched alone: the server refused them together."""

    async def take(self, limit: int) -> Sequence[Delivery]:
        """Up to ``limit`` deliveries; none only when nothing is left. Raises the port's errors."""
        imap = await self._ready()
        await self._tidy(imap)
        looked = False
        while limit > 0:
            if self._candidates:
                if deliveries := await self._fetch(imap, limit):
                    return deliveries
            elif self._unseen:
                await self._look(imap)
            elif looked:
                break
            else:
                await self._list(imap)
                looked = True
        return []

    async def confirm(self, tokens: Iterable[str]) -> None:
        """Never fails: what cannot be moved is remembered, and moved later."""
        for token in tokens:
            uid = self._uid_of(token)
            if uid is not None and self._handed.pop(uid, None) is not None:
                self._done[uid] = None
        if self._imap is not None and self._imap.alive:
            await self._tidy(self._imap)

    def forget(self, tokens: Iterable[str]) -> None:
        """Hand these over again."""
        for token in tokens:
            uid = self._uid_of(token)
            if uid is not None and (candidate := self._handed.pop(uid, None)) is not None:
                self._candidates.append(candidate)

    async def close(self) -> None:
        if self._imap is not None:
            await self._imap.close()

    # the connection

    async def _ready(self) -> Imap:
        if self._imap is not None and self._imap.alive:
            return self._imap
        self._imap = imap = await self._connect()
        validity = await imap.select(await imap.name_of(self._settings.folder), writing=True)
        if validity != self._validity:
            self._begin(validity)
        self._news = -1
        return imap

    def _begin(self, validity: int) -> None:
        """Another mailbox, or the same with other ids: nothing of what is remembered holds."""
        self._validity, self._seen = validity, 0
        for memory in (self._unseen, self._candidates, self._handed, self._done):
            memory.clear()

    def _token(self, uid: int) -> str:
        return f"{self._validity}:{uid}"

    def _uid_of(self, token: str) -> int | None:
        validity, _, uid = token.partition(":")
        return int(uid) if validity == str(self._validity) and uid.isascii() and uid.isdecimal() else None

    # looking

    async def _list(self, imap: Imap) -> None:
        """What came since the last time. Costs one question when nothing did."""
        await imap.noop()
        if imap.news == self._news:
            return
        news = imap.news
        # "n:*" always names the last mail, also when that is older (RFC 3501, section 6.4.8).
        found = await imap.search(f"UID {self._seen + 1}:* UNDELETED")
        self._unseen.extend(uid for uid in found if uid > self._seen)
        self._seen = max(self._seen, found[-1] if found else 0)
        self._news = news

    async def _look(self, imap: Imap) -> None:
        """At the headers of the next mails: most of a shared mailbox is foreign, and is never touched again."""
        uids = [self._unseen[at] for at in range(min(HEADERS_AT_ONCE, len(self._unseen)))]
        wanted = set(uids)
        for one in await imap.fetch(f"{uids[0]}:{uids[-1]}", _LOOK, len(uids) * HEADER_BYTES):
            if one.uid not in wanted:
                continue
            kind = glance(one.data, self._settings.tag, self._settings.partner)
            if kind is not Glance.FOREIGN:
                self._candidates.append(Candidate(one.uid, one.size, kind))
        for _ in uids:
            self._unseen.popleft()

    # fetching

    async def _fetch(self, imap: Imap, limit: int) -> Sequence[Delivery]:
        batch = self._batch(min(limit, BATCH_MAILS))
        try:
            found = await self._contents(imap, batch)
        except Refused as refused:
            if len(batch) > 1:
                self._one_by_one = len(batch)
                return []
            self._notice(f"a mail in {self._settings.folder} cannot be read: {refused}")
            found = {}
        self._one_by_one = max(0, self._one_by_one - 1)
        for _ in batch:
            self._candidates.popleft()
        deliveries = []
        for candidate in batch:
            data = found.get(candidate.uid)  # None: a person took it away
            if data is not None and (delivery := await self._delivery(candidate, data)) is not None:
                self._handed[candidate.uid] = candidate
                deliveries.append(delivery)
        return deliveries

    async def _contents(self, imap: Imap, batch: Sequence[Candidate]) -> Mapping[int, Text]:
        """By id, of those that are still there."""
        first = batch[0]
        if first.items is _SPOOLED:
            mail = await spool.fetch(imap, first.uid, first.size, self._settings.spool)
            return {} if mail is None else {first.uid: mail}
        expected = sum(one.bytes_to_come for one in batch)
        uids = ",".join(str(one.uid) for one in batch)
        return {one.uid: one.data for one in await imap.fetch(uids, first.items, expected)}

    def _batch(self, most: int) -> Sequence[Candidate]:
        """The first and as many after it as are fetched in the same way and are not too much together."""
        first = self._candidates[0]
        most = 1 if self._one_by_one or first.items is _SPOOLED else most
        batch, total = [first], first.bytes_to_come
        for at in range(1, min(most, len(self._candidates))):
            one = self._candidates[at]
            total += one.bytes_to_come
            if one.items != first.items or total > BATCH_BYTES:
                break
            batch.append(one)
        return batch

    async def _delivery(self, candidate: Candidate, data: Text) -> Delivery | None:
        if candidate.items is _PREFIX:
            return self._oversized(candidate, data)
        mail = read(data) if len(data) < MIB else await asyncio.to_thread(read, data)
        if mail.bounce is not None:
            self._returned(candidate.uid, mail.bounce)
            return None
        ours = [one for one in mail.parcels if self._is_ours(one.label, mail)]
        if not ours:
            return None
        found = ours[0]
        if found.problem is None and names.digest(found.data) in self._own:
            self._returned(candidate.uid, Bounce("returned", "", "", self._settings.partner, found.label, ""))
            return None
        problem = None if found.problem is None else f"a mail came damaged: {found.problem}"
        return self._made(candidate.uid, found.label or mail.label, found.data, problem)

    def _is_ours(self, label: Label | None, mail: Mail) -> bool:
        """By the parcel's own label, else by the mail's; a damaged one without either belongs to nobody."""
        label = label or mail.label
        return label is not None and label.tag == self._settings.tag

    def _oversized(self, candidate: Candidate, prefix: Text) -> Delivery | None:
        mail = read(prefix)
        if mail.label is None or mail.label.tag != self._settings.tag:
            return None
        problem = f"a mail of {candidate.size} bytes is larger than the {MAIL_BYTES_MAX} that are read"
        return self._made(candidate.uid, mail.label, bytes(prefix), problem)

    def _made(self, uid: int, label: Label | None, data: bytes, problem: str | None) -> Delivery:
        guess = label or Label(self._settings.tag, "0" * 8, "k", 0)
        return Delivery(Parcel(guess, data), self._token(uid), problem)

    def _returned(self, uid: int, bounce: Bounce) -> None:
        """A bounce of a mail of this link is told and put away; others' are left alone."""
        tag = bounce.label.tag if bounce.label else None
        partner = self._settings.partner.lower()
        if tag == self._settings.tag or (tag is None and partner and bounce.recipient.lower() == partner):
            self._notice(bounce)
            self._done[uid] = None

    # putting away

    async def _tidy(self, imap: Imap) -> None:
        """Move or delete what is stored. A second call goes on where one broke off."""
        try:
            while self._done:
                uids = list(self._done)[:MOVED_AT_ONCE]
                await self._put_away(imap, ",".join(map(str, uids)))
                for uid in uids:
                    del self._done[uid]
        except Refused as refused:
            self._notice(str(refused))
        except ChannelUnavailable:
            return  # the connection is gone; with the next one

    async def _put_away(self, imap: Imap, uids: str) -> None:
        if self._settings.processed is None:
            await imap.delete(uids)
            return
        folder = await imap.name_of(self._settings.processed)
        try:
            await imap.move(uids, folder)
        except Refused:
            await imap.create(folder)
            await imap.move(uids, folder)
