"""What the directory channel costs, beside the bare system calls on the same disk.

``python -m tests.bench.bench_directory_channel [PARCELS] [FILES ...]``. A bare write and a send go in turns, parcel by
parcel, because a shared machine's speed drifts. The bare one writes, syncs, renames and syncs the folder; ``send``
reads back besides. What goes side by side is measured after that: only the first two may be compared closely.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from channels.base import Channel, Label, Parcel
from channels.directory import connect, prepare
from channels.directory.names import name_of

LOOKS = 5
PARCEL_BYTES = 4096
TAG, LIFE = "00c0ffee00c0ffee", "a11ce001"


def parcels(count: int, begin: int) -> list[Parcel]:
    return [Parcel(Label(TAG, LIFE, "c", begin + number), os.urandom(PARCEL_BYTES)) for number in range(1, count + 1)]


def bare(directory: Path, one: Parcel) -> None:
    unfinished, path = directory / f".tmp-{os.urandom(8).hex()}", directory / str(name_of(one))
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    os.write(descriptor, one.data)
    os.fsync(descriptor)
    os.close(descriptor)
    unfinished.rename(path)
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)


async def in_turns(channel: Channel, directory: Path, ready: list[Parcel]) -> tuple[list[float], list[float]]:
    """Seconds for each bare write and each send; which of the two goes first changes with every parcel."""
    bare_seconds: list[float] = []
    send_seconds: list[float] = []
    for number, one in enumerate(ready):
        for first in (True, False):
            begun = time.perf_counter()
            if first is bool(number % 2):
                bare(directory, one)
                bare_seconds.append(time.perf_counter() - begun)
            else:
                await channel.send(one)
                send_seconds.append(time.perf_counter() - begun)
    return bare_seconds, send_seconds


async def sends(place: Path, count: int) -> None:
    prepare(place / "send", place / "receive", TAG)
    (place / "bare").mkdir()
    channel = connect({"send": place / "send", "receive": place / "receive", "tag": TAG})
    bare_seconds, send_seconds = await in_turns(channel, place / "bare", parcels(count, 0))
    begun = time.perf_counter()
    await asyncio.gather(*(channel.send(one) for one in parcels(count, count)))
    together = time.perf_counter() - begun
    await channel.close()
    for name, seconds in (("bare", bare_seconds), ("send", send_seconds)):
        median = statistics.median(seconds) * 1000
        say(f"{name:>12}: {count / sum(seconds):.0f} parcels a second (median {median:.2f} ms)")
    say(f"side by side: {count / together:.0f} parcels a second")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def milliseconds(work: Callable[[], Awaitable[object]], times: int = LOOKS) -> float:
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * 1000


def bare_listing(directory: Path) -> float:
    begun = time.perf_counter()
    with os.scandir(directory) as entries:
        assert [entry.name for entry in entries]
    return (time.perf_counter() - begun) * 1000


async def scans(place: Path, files: int) -> None:
    """RECEIVE full of another link's parcels, and of this one's; then the same directory as SEND."""
    mine, other = place / "mine", place / "other"
    prepare(mine, other, TAG)
    for one in range(1, files + 1):
        (mine / f"bb1-{TAG}-{LIFE}-c-{one:016d}-1of1-{one:032x}.bbm").touch()
        (other / f"bb1-{'f' * 16}-{LIFE}-c-{one:016d}-1of1-{one:032x}.bbm").touch()
    real = parcels(1, 0)[0]
    (mine / str(name_of(real))).write_bytes(real.data)
    listing = statistics.median([await asyncio.to_thread(bare_listing, other) for _ in range(LOOKS)])
    foreign = connect({"send": mine, "receive": other, "tag": TAG})
    idle = await milliseconds(lambda: foreign.receive(16))
    first = await milliseconds(lambda: foreign.acknowledged(TAG, LIFE, "b", 1), times=1)
    later = await milliseconds(lambda: foreign.acknowledged(TAG, LIFE, "b", 1))
    await foreign.close()
    full = connect({"send": other, "receive": mine, "tag": TAG})
    found = await milliseconds(lambda: full.receive(1), times=1)
    await full.close()
    say(
        f"{files:>7} files: bare listing {listing:.1f} ms, receive with nothing for us {idle:.1f} ms, "
        f"first of all ours {found:.1f} ms, acknowledged first {first:.1f} ms, then {later:.2f} ms"
    )


async def main(count: int, sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as place:
        await sends(Path(place), count)
    for files in sizes:
        with tempfile.TemporaryDirectory() as place:
            await scans(Path(place), files)


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    asyncio.run(main(numbers[0] if numbers else 1000, numbers[1:] or [10_000, 100_000]))
