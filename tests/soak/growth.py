"""What a process holds and what its folder takes, over time; and whether that grows."""

import csv
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

SKIPPED_SHARE = 0.25
"""The beginning of a run, in which caches fill, is not looked at."""
GROWTH_MAX = 1.15
"""The last third may have so many times the median of the first one: more is growth, not noise."""
SAMPLES_MIN = 5
FLOOR = {"rss_mb": 10.0, "handles": 5.0, "store_mb": 8.0, "latency_seconds": 1.0}
"""What is added to both sides before they are compared: less than this is nothing."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one node. ``latency_seconds``: of the last change that was followed to the other side."""

    second: float
    node: str
    rss_mb: float
    handles: float
    store_mb: float
    latency_seconds: float


def look(second: float, node: str, pid: int, folder: Path, latency_seconds: float) -> Sample:
    """Raises ``OSError`` when the process is gone."""
    told = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    rss = int(told.split("VmRSS:")[1].split()[0]) / 1024
    handles = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    kept = [file for file in (*folder.glob("store.db*"), *folder.glob("blobs/**/*")) if file.is_file()]
    return Sample(second, node, rss, handles, sum(file.stat().st_size for file in kept) / 2**20, latency_seconds)


def write(file: Path, samples: Sequence[Sample]) -> None:
    """As a table, one line for each look."""
    with file.open("w", newline="", encoding="utf-8") as out:
        table = csv.DictWriter(out, [field.name for field in fields(Sample)])
        table.writeheader()
        table.writerows(asdict(sample) for sample in samples)


def growing(samples: Sequence[Sample]) -> list[str]:
    """What grew, in words: medians of the first and the last third of each node, after the beginning."""
    found: list[str] = []
    for node in sorted({sample.node for sample in samples}):
        own = [sample for sample in samples if sample.node == node]
        own = own[int(len(own) * SKIPPED_SHARE) :]
        third = len(own) // 3
        if third < SAMPLES_MIN:
            found.append(f"{node}: too few looks to tell")
            continue
        for name, floor in FLOOR.items():
            first, last = (_median(part, name) for part in (own[:third], own[-third:]))
            if last + floor > GROWTH_MAX * (first + floor):
                found.append(f"{node}: {name} grew from {first:.2f} to {last:.2f}")
    return found


def told(samples: Sequence[Sample]) -> list[str]:
    """One line for each figure of each node: the medians of its thirds."""
    lines: list[str] = []
    for node in sorted({sample.node for sample in samples}):
        own = [sample for sample in samples if sample.node == node]
        third = max(len(own) // 3, 1)
        for name in FLOOR:
            parts = [f"{_median(own[i * third : (i + 1) * third] or own, name):.2f}" for i in range(3)]
            lines.append(f"{node} {name}: {' -> '.join(parts)}")
    return lines


def _median(samples: Sequence[Sample], name: str) -> float:
    return statistics.median(float(getattr(sample, name)) for sample in samples) if samples else 0.0
