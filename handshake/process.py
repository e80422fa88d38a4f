"""One run of gpg: data in, output and status lines out, both bounded, in bounded time.

python-gnupg reads status lines from standard error, where gpg's texts for people stand too, and decodes them before
it looks for line ends. What is hostile goes through here instead: status has a pipe of its own,
standard error is thrown away, and nobody sees output before all of it is there.
"""

import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from handshake.errors import KeyRingError
from handshake.limits import GPG_SECONDS_MAX, STATUS_BYTES_MAX

OPTIONS: Sequence[str] = (
    "--batch",
    "--no-tty",
    "--no-options",
    "--trust-model=always",
    "--no-auto-check-trustdb",
    "--no-random-seed-file",
    "--compress-algo=none",
    "--no-auto-key-retrieve",
    "--no-auto-key-locate",
    "--disable-dirmngr",
)

_PIPE_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Outcome:
    """What gpg did. ``overflow``: it wrote more than was allowed; ``late``: it took too long.

    Both times it was killed.
    """

    code: int
    output: bytes
    status: bytes
    overflow: bool = False
    late: bool = False


@dataclass(slots=True)
class _Sink:
    """What was read from one pipe so far, and how much is allowed."""

    bytes_max: int
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0

    @property
    def full(self) -> bool:
        return self.size > self.bytes_max

    def take(self, chunk: bytes) -> None:
        self.chunks.append(chunk)
        self.size += len(chunk)

    def content(self) -> bytes:
        return b"".join(self.chunks)


def environment() -> Mapping[str, str]:
    """What gpg and its agent see of ours: no locale, no terminal, no other GNUPGHOME."""
    return {"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)}


def run(
    home: Path,
    arguments: Sequence[str],
    *,
    data: bytes = b"",
    output_bytes_max: int,
    passphrase: str | None = None,
    seconds_max: float = GPG_SECONDS_MAX,
) -> Outcome:
    """Run gpg on ``home``, blocking; the passphrase goes through a pipe.

    Raises ``KeyRingError`` when gpg cannot start.
    """
    output, status = _Sink(output_bytes_max), _Sink(STATUS_BYTES_MAX)
    with ExitStack() as stack:
        reader, writer = _pipe(stack)
        handed = [writer.fileno()]
        command = ["gpg", "--homedir", str(home), *OPTIONS, "--status-fd", str(writer.fileno())]
        if passphrase is None:
            command.append("--pinentry-mode=error")
        else:
            secret = _secret(stack, passphrase)
            handed.append(secret.fileno())
            command += ["--pinentry-mode=loopback", "--passphrase-fd", str(secret.fileno())]
        process = stack.enter_context(_start([*command, *arguments], handed))
        stack.callback(process.kill)  # does nothing once it was waited for
        writer.close()
        assert process.stdin is not None
        assert process.stdout is not None
        late = not _exchange(
            process.stdin, data, {process.stdout: output, reader: status}, time.monotonic() + seconds_max
        )
        overflow = output.full or status.full
        if late or overflow:
            process.kill()
        code = process.wait()
    return Outcome(code, output.content(), status.content(), overflow=overflow, late=late)


def _pipe(stack: ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    reader, writer = os.pipe()
    return stack.enter_context(os.fdopen(reader, "rb", 0)), stack.enter_context(os.fdopen(writer, "wb", 0))


def _secret(stack: ExitStack, passphrase: str) -> IO[bytes]:
    content = passphrase.encode() + b"\n"
    assert len(content) < _PIPE_BYTES, "a pipe takes this much without a reader"
    reader, writer = _pipe(stack)
    writer.write(content)
    writer.close()
    return reader


def _start(command: Sequence[str], handed: Sequence[int]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(  # noqa: S603 (no shell; arguments are ours or checked fingerprints)
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=handed,
            env=environment(),
        )
    except OSError as error:
        raise KeyRingError(f"gpg cannot be started ({error.strerror}): install GnuPG 2.2.40 or newer") from error


def _exchange(stdin: IO[bytes], data: bytes, sinks: Mapping[IO[bytes], _Sink], deadline: float) -> bool:
    """Feed and read until gpg closed its pipes or a sink is full. ``False`` when the deadline passed."""
    rest = memoryview(data)
    with selectors.DefaultSelector() as selector:
        os.set_blocking(stdin.fileno(), False)
        selector.register(stdin, selectors.EVENT_WRITE)
        for pipe in sinks:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(deadline - time.monotonic())
            if time.monotonic() > deadline:
                return False
            for key, _ in ready:
                if key.fileobj is stdin:
                    rest = _feed(selector, stdin, rest)
                elif _drain(selector, key.fileobj, sinks):
                    return True
    return True


def _feed(selector: selectors.BaseSelector, stdin: IO[bytes], rest: memoryview) -> memoryview:
    try:
        rest = rest[os.write(stdin.fileno(), rest[:_PIPE_BYTES]) :]
    except BrokenPipeError:  # gpg has seen enough
        rest = rest[:0]
    if not rest:
        selector.unregister(stdin)
        with suppress(BrokenPipeError):
            stdin.close()
    return rest


def _drain(selector: selectors.BaseSelector, pipe: object, sinks: Mapping[IO[bytes], _Sink]) -> bool:
    """Read once; whether the sink is full."""
    reader = next(known for known in sinks if known is pipe)
    chunk = os.read(reader.fileno(), _PIPE_BYTES)
    if not chunk:
        selector.unregister(reader)
    sinks[reader].take(chunk)
    return sinks[reader].full
