"""One input, one parser: only the documented error, within bounded time and memory."""

import gc
import resource
import signal
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from tests.fuzz.targets import Target

MIB = 1 << 20
SECONDS_BASE = 2.0
SECONDS_PER_MIB = 8.0
"""Of processor: what the slowest parser takes for honest input, times twenty, under tracing: a shared machine is slower
at times, and what we look for takes hours."""
MEMORY_BASE = 16 * MIB
MEMORY_GROWTH = 64
"""Bytes that may be held for each byte of the input: a tuple of short texts takes that much."""


TRACING = 64
"""Bytes that the tracing itself takes for each."""


class TooLong(BaseException):
    """Nobody in between can catch it by mistake."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A promise that was broken by an input."""

    target: str
    data: bytes
    words: str


def tried(target: Target, data: bytes) -> Fault | None:
    """What is wrong with how the parser took it; ``None`` when all is well. Wants ``tracemalloc`` to run."""
    before, held = tracemalloc.get_traced_memory()[0], _most_held()
    tracemalloc.reset_peak()
    words = ""
    try:
        with _at_most(SECONDS_BASE + SECONDS_PER_MIB * len(data) / MIB):
            target.parse(data)
    except target.errors:
        pass
    except TooLong:
        words = "takes too long"
    except Exception as error:  # noqa: BLE001 - every other error is what we look for
        words = f"{type(error).__name__}: {str(error)[:200]}"
    # What libraries take past Python's own counting shows in the process only.
    grown = max(tracemalloc.get_traced_memory()[1] - before, _most_held() - held - TRACING * len(data))
    if not words and grown > MEMORY_BASE + MEMORY_GROWTH * len(data):
        words = f"takes {grown / MIB:.0f} MiB for {len(data)} bytes"
    return Fault(target.name, data, words) if words else None


def _most_held() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Of this process' own time, so that a busy machine changes nothing."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TooLong

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


@contextmanager
def traced() -> Iterator[None]:
    """Memory is counted while the block runs; what others left in the process is not searched for garbage."""
    gc.collect()
    gc.freeze()
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()
        gc.unfreeze()


def stopwatch() -> float:
    """Seconds, for a bounded run."""
    return time.monotonic()
