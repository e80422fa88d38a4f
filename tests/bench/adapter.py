"""Writes per second into Roundup, beside a bare script that makes the same issues through the same API.

``python -m tests.bench.adapter [ISSUES]``. Both run on fresh copies of the same tracker, in turns, because
a shared machine's speed drifts. The bare script commits once per issue.
"""

import asyncio
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import roundup.instance

from backbone.model import Applied, Cell, Record, Value, Write
from backbone.trackers import roundup as adapter
from backbone.trackers.roundup.install import install

ROUNDS = 3
WORDS = [
    f"{first}{last}" for first in ("key", "hand", "rec", "proto") for last in ("shake", "ord", "col", "share", "s")
]


def texts(count: int, seed: int) -> list[tuple[str, str, str]]:
    """Title and two comments of about 800 characters, of seeded words."""
    dice = random.Random(seed)
    return [
        (
            f"Issue {number} {' '.join(dice.choices(WORDS, k=5))}",
            f"{number} " + " ".join(dice.choices(WORDS, k=140)),
            f"{number} " + " ".join(dice.choices(WORDS, k=140)),
        )
        for number in range(count)
    ]


def bare(home: Path, issues: list[tuple[str, str, str]]) -> float:
    db = roundup.instance.open(str(home)).open("admin")
    begun = time.perf_counter()
    for title, *comments in issues:
        messages = [db.msg.create(author="1", date=roundup.date.Date("."), content=text) for text in comments]
        db.issue.create(title=title, messages=messages)
        db.commit()
    seconds = time.perf_counter() - begun
    db.close()
    return len(issues) / seconds


async def adapted(home: Path, issues: list[tuple[str, str, str]]) -> tuple[float, float, float]:
    """Issues per second; milliseconds for one change to be seen and for it to be read among all."""
    settings = {"home": str(home), "class": "issue"}
    adapter.prepare(settings)
    tracker = adapter.connect(settings)
    await tracker.head()
    writes = [_write(number, issue) for number, issue in enumerate(issues)]
    begun = time.perf_counter()
    for start in range(0, len(writes), 500):
        outcomes = await tracker.apply(writes[start : start + 500])
        assert all(isinstance(outcome, Applied) for outcome in outcomes)
    rate = len(issues) / (time.perf_counter() - begun)
    latencies, reads = [], []
    for number in range(20):
        seen, read = await _one_change(tracker, home, number)
        latencies.append(seen)
        reads.append(read)
    await tracker.close()
    return rate, statistics.median(latencies) * 1000, statistics.median(reads) * 1000


async def _one_change(tracker: adapter.RoundupTracker, home: Path, number: int) -> tuple[float, float]:
    instance = await asyncio.to_thread(_open, home)
    position = await tracker.head()
    hints = tracker.hints()
    waiting = asyncio.ensure_future(anext(hints))
    await asyncio.sleep(0)
    begun = await asyncio.to_thread(_retitle, instance, f"changed {number}")
    await asyncio.wait_for(waiting, 5)
    before = time.perf_counter()
    touched = await tracker.touched(position, 100)
    assert len(touched.edits) == 1
    done = time.perf_counter()
    return done - begun, done - before


def _open(home: Path) -> Any:
    return roundup.instance.open(str(home))


def _retitle(instance: Any, title: str) -> float:
    db = instance.open("admin")
    db.issue.set("1", title=title)
    db.commit()
    committed = time.perf_counter()
    db.close()
    return committed


def _write(number: int, issue: tuple[str, str, str]) -> Write:
    title, *comments = issue
    cells: dict[Cell, Value] = {Cell("title"): title}
    for count, text in enumerate(comments):
        record: Record = {"text": text, "author": "admin", "created": "2026-11-21T04:19:00Z"}
        cells[Cell("comment", f"+{number}x{count}")] = record
    return Write(f"k{number}", None, None, cells)


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder, "template")
        install(template, "classic", "bench", "http://127.0.0.1:1/", "secret")
        ratios = []
        for turn in range(ROUNDS):
            issues = texts(count, turn)
            homes = [Path(folder, f"{kind}{turn}") for kind in ("bare", "adapted")]
            for home in homes:
                shutil.copytree(template, home)
            limit = bare(homes[0], issues)
            rate, seen, read = asyncio.run(adapted(homes[1], issues))
            ratios.append(rate / limit)
            print(  # noqa: T201
                f"bare {limit:6.0f} issues/s  adapter {rate:6.0f} issues/s  ratio {rate / limit:.2f}  "
                f"one change among {count}: seen after {seen:.1f} ms, read in {read:.2f} ms"
            )
        print(f"median ratio {statistics.median(ratios):.2f} (at least 0.95 wanted)")  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
