"""Conversion by pandoc (https://pandoc.org), in one process that stays: a call takes milliseconds, a start fifty.

The texts are other people's: pandoc reads them in its sandbox, is given a time, and is started anew after any trouble.
"""

import os
import select
import subprocess
import threading
import time
from functools import lru_cache
from importlib import resources
from typing import Final

import pypandoc  # type: ignore[import-untyped]

from backbone.replication.markup import ConversionFailed, Markup

SECONDS_MIN: Final = 3.0
SECONDS_PER_BYTE: Final = 20.0 / 2**20
"""Real texts take a fifth of it; some that somebody made up would take for ever."""
REMEMBERED: Final = 2_000
"""Texts whose conversion is kept: what was written is read back at once."""
ANSWER_BYTES_MAX: Final = 64 * 2**20
_PIPE_BYTES: Final = select.PIPE_BUF
"""A pipe that ``select`` calls writable takes so many bytes at once."""


class Pandoc:
    """``Convert`` by pandoc. May be called from any thread; one text at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._remembered = lru_cache(REMEMBERED)(self._convert)

    def __call__(self, text: str, source: Markup, target: Markup) -> str:
        if source is target or not text.strip():
            return text
        return self._remembered(text, source, target)

    def close(self) -> None:
        """End the process; the next call would start another."""
        with self._lock:
            self._end()

    def _convert(self, text: str, source: Markup, target: Markup) -> str:
        data = text.encode()
        with self._lock:
            try:
                deadline = time.monotonic() + SECONDS_MIN + SECONDS_PER_BYTE * len(data)
                fine, answer = self._ask(f"{source} {target} {len(data)}\n".encode() + data, deadline)
            except (OSError, TimeoutError, ValueError) as error:
                self._end()
                reason = "it takes too long" if isinstance(error, TimeoutError) else "pandoc ended while reading it"
                raise ConversionFailed(f"the text cannot be said in {target}: {reason}") from error
        if not fine:
            words = " ".join(answer.split())[:200]
            raise ConversionFailed(f"the text cannot be said in {target}: {words}")
        return answer

    def _ask(self, request: bytes, deadline: float) -> tuple[bool, str]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = _start()
        answer = _Exchange(self._process, request, deadline)
        verdict, size = answer.line().split()
        if int(size) > ANSWER_BYTES_MAX:
            raise ValueError("more than any text becomes")
        return verdict == b"ok", answer.exactly(int(size)).decode()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            with self._process:
                self._process = None


class _Exchange:
    """One request and what the process says to it, until the deadline."""

    def __init__(self, process: subprocess.Popen[bytes], request: bytes, deadline: float) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._to, self._from = process.stdin.fileno(), process.stdout.fileno()
        self._unsaid = memoryview(request)
        self._deadline = deadline
        self._said = bytearray()

    def line(self) -> bytes:
        while b"\n" not in self._said:
            self._go_on()
        line, _, self._said = self._said.partition(b"\n")
        return bytes(line)

    def exactly(self, size: int) -> bytes:
        while len(self._said) < size:
            self._go_on()
        return bytes(self._said)

    def _go_on(self) -> None:
        left = max(0.0, self._deadline - time.monotonic())
        readable, writable, _ = select.select([self._from], [self._to] if self._unsaid else [], [], left)
        if writable:
            self._unsaid = self._unsaid[os.write(self._to, self._unsaid[:_PIPE_BYTES]) :]
        if readable:
            data = os.read(self._from, 2**16)
            if not data:
                raise BrokenPipeError
            self._said += data
        if not (readable or writable):
            raise TimeoutError


def _start() -> subprocess.Popen[bytes]:
    script = resources.files("backbone.richtext").joinpath("convert.lua")
    with resources.as_file(script) as path:
        return subprocess.Popen(  # noqa: S603 - pandoc as it was installed with us, and our script
            [pypandoc.get_pandoc_path(), "lua", str(path)],
            bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
