"""Fifty thousand issues of 2 KB through two nodes with memory trackers, beside a bare pipeline of the same parts."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.bench import bare
from tests.bench.issues import fill
from tests.bench.nodes import ROOT, SIDES, Running, make_pair
from tests.bench.report import Figure, Options

ISSUES = 50_000
ALL_COUNTS = (5_000, ISSUES, 200_000)
ROUNDS = 3
RATIO_MIN = 0.5
PEAK_MB_MAX = 200.0
LINEAR_TOLERANCE = 1.5
"""The seconds per issue of the largest run may be so many times those of the smallest: start-up is in both."""


@dataclass(frozen=True, slots=True)
class Through:
    """What it took two nodes. CPU seconds are of the nodes and every gpg that they started."""

    seconds: float
    cpu_seconds: float
    peak_mb: dict[str, float]


@dataclass(frozen=True, slots=True)
class Run:
    """One population of a fresh slave."""

    issues: int
    through: Through
    bare_seconds: float
    bare_cpu_seconds: float
    bare_alone_seconds: float
    tracker_mb: float
    """What a process needs to hold the same issues in a memory tracker, and nothing else."""

    @property
    def rate(self) -> float:
        return self.issues / self.through.seconds

    @property
    def ratio(self) -> float:
        """To the bare pipeline with its parts one after the other (DECISIONS.md 31)."""
        return self.bare_alone_seconds / self.through.seconds

    @property
    def ratio_of_two(self) -> float:
        """To the bare pipeline whose halves have a process each, as our two nodes do."""
        return self.bare_seconds / self.through.seconds

    @property
    def node_mb(self) -> dict[str, float]:
        """Peak of each node without what the tracker in its process holds."""
        return {side: peak - self.tracker_mb for side, peak in self.through.peak_mb.items()}


def measure(options: Options) -> list[Figure]:
    """Rate and peak memory at 50,000, and how the time grows."""
    counts = ALL_COUNTS[:2] if options.quick else ALL_COUNTS
    runs = [_run(options, count) for count in counts]
    _plot(options.out / "pipeline.png", runs)
    main = next(run for run in runs if run.issues == ISSUES)
    each = [run.through.seconds / run.issues * 1e6 for run in runs]
    growth = each[-1] / each[0]
    return [
        Figure(
            f"pipeline: {main.issues:,} issues of 2 KB, capture to acknowledged",
            f"{main.rate:,.0f} issues/s",
            f"{main.issues / main.bare_alone_seconds:,.0f} issues/s bare, one part after the other "
            f"({main.issues / main.bare_seconds:,.0f} with its halves side by side)",
            f"ratio {main.ratio:.2f} >= {RATIO_MIN} ({main.ratio_of_two:.2f} side by side)",
            main.ratio >= RATIO_MIN,
        ),
        Figure(
            "pipeline: peak memory of a node",
            " and ".join(f"{main.node_mb[side]:.0f} MB ({side})" for side in SIDES),
            f"{main.tracker_mb:.0f} MB more for the issues in the memory tracker, which is in the same process",
            f"< {PEAK_MB_MAX:.0f} MB",
            max(main.node_mb.values()) < PEAK_MB_MAX,
        ),
        Figure(
            f"pipeline: time per issue at {', '.join(f'{run.issues:,}' for run in runs)}",
            ", ".join(f"{microseconds:.0f} µs" for microseconds in each),
            "linear",
            f"growth {growth:.2f} <= {LINEAR_TOLERANCE}",
            growth <= LINEAR_TOLERANCE,
        ),
    ]


def _run(options: Options, count: int) -> Run:
    rounds = [_round(options, count) for _ in range(1 if count > ISSUES or options.quick else ROUNDS)]
    return sorted(rounds, key=lambda run: run.ratio)[len(rounds) // 2]


def _round(options: Options, count: int) -> Run:
    through = through_nodes(options.folder / f"p{count}", count)
    before = _cpu_of_children()
    both = bare.side_by_side(options.folder / f"t{count}", count)
    bare_cpu = _cpu_of_children() - before
    alone = bare.one_after_the_other(options.folder / f"o{count}", count)
    run = Run(count, through, both, bare_cpu, alone, _held_mb(options.folder / "held", count))
    peaks = " ".join(f"{side} {mb:.0f}" for side, mb in through.peak_mb.items())
    options.say(
        f"pipeline {count:7,}: {run.rate:6,.0f} issues/s, bare {count / alone:6,.0f} "
        f"(side by side {count / both:6,.0f}), ratio {run.ratio:.2f} ({run.ratio_of_two:.2f}); "
        f"CPU {through.cpu_seconds / count * 1e6:.0f} µs per issue, bare {bare_cpu / count * 1e6:.0f}; "
        f"peak MB {peaks}, of which {run.tracker_mb:.0f} are the tracker's"
    )
    return run


def _cpu_of_children() -> float:
    used = os.times()
    return used.children_user + used.children_system


def _held_mb(file: Path, count: int) -> float:
    """How much larger a process grows by opening a memory tracker with so many issues."""
    fill(file, count)
    program = (
        "import sys; from pathlib import Path; from backbone.trackers.memory import MemoryTracker as Tracker; "
        "kb = lambda: int(Path('/proc/self/status').read_text().split('VmRSS:')[1].split()[0]); "
        "empty = kb(); tracker = Tracker(path=Path(sys.argv[1])); print(kb() - empty)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    file.unlink()
    return int(done.stdout) / 1024


def through_nodes(folder: Path, count: int, profile: Path | None = None) -> Through:
    """A population of an empty tracker in memory from a full one."""
    folder.mkdir(parents=True)
    fill(folder / "master.tracker", count)
    pair = make_pair(folder, {"kind": "memory", "path": str(folder / "master.tracker")}, {"kind": "memory"})
    with Running(pair, profile=profile) as running:
        running.until(running.active, 60)
        ended = running.until(lambda: running.applied(count), 60 + count / 100)
        assert running.standing("slave").issues == count
        opened = running.nodes["master"].notes()["opened"]
    notes = {side: node.notes() for side, node in running.nodes.items()}
    shutil.rmtree(folder)
    cpu = sum(told["cpu_seconds"] - told["cpu_opened"] for told in notes.values())
    return Through(ended - opened, cpu, {side: told["peak_mb"] for side, told in notes.items()})


def _plot(file: Path, runs: list[Run]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5))
    counts = [run.issues for run in runs]
    axes.plot(counts, [run.through.seconds for run in runs], marker="o", label="Backbone, capture to acknowledged")
    axes.plot(counts, [run.bare_alone_seconds for run in runs], marker="s", label="bare pipeline of the same parts")
    axes.set_xlabel("issues of 2 KB")
    axes.set_ylabel("seconds")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(file, dpi=120)
    plt.close(figure)
