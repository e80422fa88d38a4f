"""aioimaplib with its traps closed: the one place that imports it. Overrides private parts of version 2.0.3.

What is different: answers are parsed in a loop (the original goes one call deeper for each line, and copies the rest
each time); what it cannot parse ends the connection; a lost connection fails whatever waits; EXISTS is never
thrown away; STARTTLS exists and takes nothing in that came before it; a refused token gets the
empty line that it waits for (RFC 7628, section 3.2.3); sizes are bounded; nothing is logged.
"""

import asyncio
import base64
import logging
import re
import ssl

from aioimaplib import aioimaplib

from channels.mail.limits import ANSWER_LINE_BYTES_MAX, LITERAL_BYTES_MAX

# Below that level it writes passwords, tokens and mails into the log.
logging.getLogger("aioimaplib").setLevel(logging.CRITICAL)

_LITERAL = re.compile(rb".*\{([0-9]{1,12})\+?\}$", re.DOTALL)
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NUMBERED = re.compile(rb"\* ([0-9]{1,10}) (EXISTS|EXPUNGE)")

Lines = list[bytes | bytearray]
"""An answer: lines without their ends, and literals (``bytearray``) between them."""


class Lost(ConnectionError):
    """The connection ended; the text is the server's last words or the reason."""


class Fetch(aioimaplib.Command):  # type: ignore[misc] # the library has no types
    """A FETCH whose answer ends where its brackets do. The original counts all lines anew for each."""

    def __init__(self, tag: str, *words: str, prefix: str) -> None:
        self._open = 0
        super().__init__("FETCH", tag, *words, prefix=prefix)

    def append_to_resp(self, line: bytes | bytearray, result: str = "Pending") -> None:
        if isinstance(line, bytes):
            bare = _QUOTED.sub(b"", line)
            self._open += bare.count(b"(") - bare.count(b")")
        super().append_to_resp(line, result)

    def wait_data(self) -> bool:
        return bool(self.wait_literal_data()) or self._open > 0


class Idle(aioimaplib.Command):  # type: ignore[misc] # the library has no types
    """An IDLE that keeps nothing of what it is told: ``Protocol`` counts."""

    def __init__(self, tag: str) -> None:
        super().__init__("IDLE", tag)

    def append_to_resp(self, line: bytes | bytearray, result: str = "Pending") -> None:
        if result != "Pending":
            super().append_to_resp(line, result)


class Protocol(aioimaplib.IMAP4ClientProtocol):  # type: ignore[misc] # the library has no types
    """One connection. ``greeted`` is done with the server's first line; ``failure`` is why it ended."""

    state: str
    transport: asyncio.Transport
    incomplete_line: bytes
    current_command: aioimaplib.Command | None
    pending_sync_command: aioimaplib.Command | None

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(loop)
        self.greeted: asyncio.Future[bytes] = loop.create_future()
        self.exists: int | None = None
        self.news = 0
        """Grows with each EXISTS."""
        self.stirred = asyncio.Event()
        """Set with ``news``, and when the connection ends."""
        self.failure: Lost | None = None
        self._bye = b""
        self._plain_is_over = False

    # what comes in

    def data_received(self, data: bytes) -> None:
        try:
            if self._plain_is_over:
                raise ValueError("the server went on in plain text after STARTTLS")
            if len(self.incomplete_line) + len(data) > ANSWER_LINE_BYTES_MAX:
                raise ValueError("an answer of the server has no end")
            self._handle_responses(self.incomplete_line + data, self._handle_line, self.current_command)
            self.incomplete_line, self.current_command = b"", None
        except aioimaplib.IncompleteRead as rest:
            self.current_command, self.incomplete_line = rest.cmd, rest.data
        except Exception as error:  # noqa: BLE001 - whatever it was, what comes next could not be understood
            self.end(f"an answer was not understood: {error}")

    def _handle_responses(self, data: bytes, line_handler: object, current_cmd: aioimaplib.Command = None) -> None:
        command, at = current_cmd, 0
        while at < len(data):
            if command is not None and command.wait_literal_data():
                at += self._feed(command, data, at)
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                raise aioimaplib.IncompleteRead(command, data[at:])
            line, at = data[at:end], end + 2
            if self._plain_is_over:
                raise ValueError("the server went on in plain text after STARTTLS")
            command = self._take_line(line, command)
        if command is not None and command.wait_data():
            raise aioimaplib.IncompleteRead(command)

    def _feed(self, command: aioimaplib.Command, data: bytes, at: int) -> int:
        chunk = data[at : at + command._expected_size - len(command._resp_literal_data)]  # noqa: SLF001
        command.append_literal_data(chunk)
        return len(chunk)

    def _take_line(self, line: bytes, command: aioimaplib.Command | None) -> aioimaplib.Command | None:
        taken = self._handle_line(line, command)
        if match := _LITERAL.match(line):
            size = int(match[1])
            if size > LITERAL_BYTES_MAX:
                raise ValueError(f"a literal of {size} bytes was not asked for")
            taken = taken if taken is not None else aioimaplib.Command("NIL", "unused")
            taken.begin_literal_data(size)
            return taken
        return taken if taken is not None and taken.wait_data() else None

    def _handle_line(self, line: bytes, current_cmd: aioimaplib.Command | None) -> aioimaplib.Command | None:
        if self.state == aioimaplib.CONNECTED:
            # The original asks for capabilities in a task of its own, whose errors nobody sees.
            self.state = aioimaplib.NONAUTH
            if not self.greeted.done():
                self.greeted.set_result(line)
            return None
        return super()._handle_line(line, current_cmd)

    def _untagged_response(self, line: bytes) -> aioimaplib.Command | None:
        if match := _NUMBERED.match(line):
            self._count(int(match[1]), match[2])
        elif line.startswith(b"* BYE"):
            self._bye = line[6:]
            self.stirred.set()
        if self.pending_sync_command is not None:
            self.pending_sync_command.append_to_resp(line[2:])
            return self.pending_sync_command
        return super()._untagged_response(line)

    def _count(self, number: int, word: bytes) -> None:
        if word == b"EXPUNGE":
            self.exists = max(0, (self.exists or 1) - 1)
            return
        self.exists = number
        self.news += 1
        self.stirred.set()

    def _response_done(self, line: bytes) -> None:
        pending = self.pending_sync_command
        super()._response_done(line)
        if pending is not None and pending.name == "STARTTLS" and pending.response.result == "OK":
            self._plain_is_over = True

    def _continuation(self, line: bytes) -> None:
        if self.pending_sync_command is not None and self.pending_sync_command.name == "AUTHENTICATE":
            self.transport.write(b"\r\n")
        else:
            super()._continuation(line)

    # what goes out

    def send(self, line: str, scrub: str | None = None) -> None:
        self.transport.write(f"{line}\r\n".encode())

    async def run(self, name: str, *words: str, by_uid: bool = False, answer: str | None = None) -> tuple[str, Lines]:
        """One command; ``OK``, ``NO`` or ``BAD``, and its answer with the server's words in the last line.

        ``answer`` is how the untagged lines begin where that is not the command's name. Raises ``Lost``. A command
        that was cancelled leaves the connection unusable.
        """
        if self.failure is not None:
            raise self.failure
        prefix = "UID" if by_uid else ""
        if name == "FETCH":
            command = Fetch(self.new_tag(), *words, prefix=prefix)
        else:
            command = aioimaplib.Command(name, self.new_tag(), *words, prefix=prefix, untagged_resp_name=answer)
        try:
            result, lines = await self.execute(command)
        except aioimaplib.AioImapException as error:
            raise Lost(str(error)) from error
        return result, lines

    async def start_idle(self) -> asyncio.Task[tuple[str, Lines]]:
        """The running IDLE, when the server has taken it; ``idle_done`` ends it."""
        command = Idle(self.new_tag())
        self._idle_event.clear()
        idle: asyncio.Task[tuple[str, Lines]] = asyncio.ensure_future(self.execute(command))
        taken = asyncio.ensure_future(self._idle_event.wait())
        try:
            await asyncio.wait({idle, taken}, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            idle.cancel()
            raise
        finally:
            taken.cancel()
        if idle.done():
            idle.exception()
            raise self.failure or Lost("the server does not take IDLE")
        return idle

    def idle_done(self) -> None:
        self.send("DONE")

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """After the server's OK to STARTTLS."""
        self._plain_is_over = False
        self.transport = await self.loop.start_tls(self.transport, self, context, server_hostname=host)

    # the end

    def end(self, reason: str) -> None:
        """Drop the connection: whatever waits fails with this reason."""
        self._fail(reason)
        if self.transport is not None:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(self._bye.decode("utf-8", "replace") or str(exc or "the server hung up"))

    def _fail(self, reason: str) -> None:
        if self.failure is not None:
            return
        self.failure = Lost(reason)
        self.state = aioimaplib.LOGOUT
        waiting = [*self.pending_async_commands.values(), self.pending_sync_command]
        self.pending_async_commands.clear()
        self.pending_sync_command = None
        for command in waiting:
            if command is not None and not command._event.is_set():  # noqa: SLF001 - there is no public way to fail one
                command._exception = self.failure  # noqa: SLF001
                command._event.set()  # noqa: SLF001
        if not self.greeted.done():
            self.greeted.set_exception(self.failure)
            self.greeted.exception()
        self.stirred.set()


def quoted(text: str) -> str:
    """As an argument (RFC 3501, section 9)."""
    return str(aioimaplib.quoted(text))


def xoauth2(user: str, token: str) -> str:
    """The first answer of that mechanism, as Google and Microsoft define it."""
    return base64.b64encode(f"user={user}\1auth=Bearer {token}\1\1".encode()).decode("ascii")


AUTH = aioimaplib.AUTH
SELECTED = aioimaplib.SELECTED
