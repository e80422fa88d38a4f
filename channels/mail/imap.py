"""One connection to a mailbox: log in, look, fetch, move. Nothing here waits without an end.

Raises the port's errors: ``ChannelUnavailable`` when the server is away, slow or says NO, ``ChannelError`` when a
person must look. After any of the first the connection is dropped, unless it was a plain NO (``Refused``).
"""

import asyncio
import re
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from channels.base import ChannelError, ChannelUnavailable
from channels.mail import hardened, trouble
from channels.mail.hardened import Lines, Protocol, quoted
from channels.mail.limits import BYTES_PER_SECOND, CLOSE_SECONDS
from channels.mail.settings import Server

T = TypeVar("T")

_FETCHED = re.compile(rb"[0-9]+ FETCH \(")
_UID = re.compile(rb"\bUID ([0-9]{1,10})\b")
_SIZE = re.compile(rb"\bRFC822\.SIZE ([0-9]{1,15})\b")
_VALIDITY = re.compile(rb"\[UIDVALIDITY ([0-9]{1,10})\]")
_SPACE = re.compile(rb'NAMESPACE \(\("((?:[^"\\]|\\.){0,60})" (?:"(.)"|NIL)', re.IGNORECASE)
_LISTED = re.compile(rb'\([^)]*\) (?:"\\?(.)"|NIL) ')


class Refused(ChannelUnavailable):
    """The server said NO to one command; the connection lives. ``words`` are its."""

    def __init__(self, place: str, doing: str, words: bytes) -> None:
        self.words = words
        super().__init__(f"{place} refuses to {doing} ({trouble.shown(words)}): it is tried again")


@dataclass(frozen=True, slots=True)
class Fetched:
    """One mail's answer: size of the whole mail if it was asked for, and the bytes that were asked for."""

    uid: int
    size: int
    data: bytes


class Imap:
    """A connection that is logged in. Made by ``login.connect``; one task at a time."""

    def __init__(self, server: Server, protocol: Protocol, timeout_seconds: float) -> None:
        self.server = server
        self.capabilities: frozenset[str] = frozenset()
        self._protocol = protocol
        self._timeout = timeout_seconds
        self._names: tuple[str, str] | None = None

    @property
    def alive(self) -> bool:
        return self._protocol.failure is None

    @property
    def news(self) -> int:
        """Grows when mail arrives in the selected folder."""
        return self._protocol.news

    async def select(self, folder: str, *, writing: bool) -> int:
        """Open a folder; its UIDVALIDITY."""
        verb = "SELECT" if writing else "EXAMINE"
        lines = await self.do(f"open the folder {folder!r}", verb, quoted(folder))
        self._protocol.state = hardened.SELECTED
        found = [match for line in lines if isinstance(line, bytes) and (match := _VALIDITY.search(line))]
        return int(found[0][1]) if found else 0

    async def noop(self) -> None:
        """Let the server say what is new."""
        await self.do("say what is new", "NOOP")

    async def search(self, criteria: str) -> Sequence[int]:
        """The ids of mails, sorted."""
        lines = await self.do("search", "SEARCH", criteria, by_uid=True)
        return sorted({int(word) for line in lines[:-1] for word in bytes(line).split() if word.isdigit()})

    async def fetch(self, uids: str, items: str, expected_bytes: int = 0) -> Sequence[Fetched]:
        """Mails by a set of ids. Those that are gone are missing; the order is the server's."""
        patience = expected_bytes / BYTES_PER_SECOND
        lines = await self.do("fetch mails", "FETCH", uids, items, by_uid=True, patience=patience)
        return _fetched(lines[:-1])

    async def move(self, uids: str, folder: str) -> None:
        """Into another folder, in one step where the server can (RFC 6851), else by a copy."""
        if "MOVE" in self.capabilities:
            await self.do(f"move mails to {folder!r}", "MOVE", uids, quoted(folder), by_uid=True)
        else:
            await self.do(f"copy mails to {folder!r}", "COPY", uids, quoted(folder), by_uid=True)
            await self.delete(uids)

    async def delete(self, uids: str) -> None:
        """Only these: without UIDPLUS (RFC 4315) an EXPUNGE would remove others' too, and they stay, marked."""
        words = (uids, "+FLAGS.SILENT", r"(\Deleted)")
        await self.do("mark mails as deleted", "STORE", *words, by_uid=True, answer="FETCH")
        if "UIDPLUS" in self.capabilities:
            await self.do("remove mails", "EXPUNGE", uids, by_uid=True)

    async def create(self, folder: str) -> None:
        """Make a folder; one that is there is as good."""
        with suppress(Refused):
            await self.do(f"make the folder {folder!r}", "CREATE", quoted(folder))
            await self.do(f"show the folder {folder!r}", "SUBSCRIBE", quoted(folder))

    async def name_of(self, folder: str) -> str:
        """A folder as the server writes it: its own sign between levels, and its prefix (RFC 2342)."""
        if folder.upper() == "INBOX":
            return folder
        if self._names is None:
            self._names = await self._spelling()
        prefix, separator = self._names
        name = folder.replace("/", separator)
        return name if name.startswith(prefix) else prefix + name

    async def _spelling(self) -> tuple[str, str]:
        """Prefix and separator of the user's own folders."""
        try:
            if "NAMESPACE" in self.capabilities:
                lines = await self.do("name its folders", "NAMESPACE")
                found = [m for line in lines if (m := _SPACE.search(b"NAMESPACE " + bytes(line)))]
                if found:
                    return found[0][1].decode("ascii", "replace"), (found[0][2] or b"/").decode("ascii", "replace")
            lines = await self.do("name its folders", "LIST", '""', '""')
        except Refused:
            return "", "/"
        marks = [m[1] for line in lines if (m := _LISTED.match(bytes(line)))]
        return "", (marks[0] or b"/").decode("ascii", "replace") if marks else "/"

    async def idle(self, seconds: float, news: int) -> None:
        """Wait until mail arrived after ``news`` was read, the connection ended, or so many seconds passed."""
        protocol = self._protocol
        protocol.stirred.clear()
        if protocol.news != news or protocol.failure is not None:
            return
        task = await self.within(protocol.start_idle(), "IDLE")
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await protocol.stirred.wait()
            if protocol.failure is None:
                protocol.idle_done()
                await self.within(asyncio.shield(task), "DONE")
        except BaseException:
            self.drop()
            raise
        finally:
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def close(self) -> None:
        """Politely, but not for long."""
        if self.alive:
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._protocol.run("LOGOUT")
        self.drop()

    def drop(self) -> None:
        """At once, as after an answer that did not come."""
        self._protocol.end("it was given up")

    async def do(
        self, doing: str, name: str, *words: str, by_uid: bool = False, answer: str | None = None, patience: float = 0
    ) -> Lines:
        """One command and its answer. Raises ``Refused`` for a NO; ``doing`` says for an admin what was tried."""
        running = self._protocol.run(name, *words, by_uid=by_uid, answer=answer)
        result, lines = await self.within(running, name, patience)
        if result != "OK":
            raise Refused(self.server.place, doing, bytes(lines[-1]) if lines else b"")
        return lines

    async def within(self, waiting: Awaitable[T], what: str, patience: float = 0) -> T:
        """A time-out or a cancellation leaves the connection in an unknown state: it is dropped."""
        try:
            async with asyncio.timeout(self._timeout + patience):
                return await waiting
        except BaseException as error:
            self.drop()
            if isinstance(error, OSError | TimeoutError):
                raise trouble.network(error, self.server.place) from error
            if isinstance(error, ValueError):
                raise ChannelError(f"{self.server.place} cannot be told {what} with such a name or secret") from None
            raise


def _fetched(lines: Lines) -> Sequence[Fetched]:
    """Lines and literals to mails. What has no id was not asked for (a change of flags)."""
    found: list[Fetched] = []
    uid, size, data, begun = 0, 0, b"", False
    for line in [*lines, b"0 FETCH ("]:
        if isinstance(line, bytearray):
            data = bytes(line)
            continue
        if _FETCHED.match(line):
            if begun and uid:
                found.append(Fetched(uid, size, data))
            uid, size, data, begun = 0, 0, b"", True
        uid = int(match[1]) if (match := _UID.search(line)) else uid
        size = int(match[1]) if (match := _SIZE.search(line)) else size
    return found
