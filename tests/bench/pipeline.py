"""Fifty thousand issues of 2 KB through two nodes with memory trackers, beside a bare pipeline of the same parts."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.bench import bare
from tests.bench.issues import fill
from tests.bench.nodes import SIDES, Running, make_pair
from tests.bench.report import Figure, Options

ISSUES = 50_000
ALL_COUNTS = (5_000, ISSUES, 200_000)
RATIO_MIN = 0.5
PEAK_MB_MAX = 200.0
LINEAR_TOLERANCE = 1.5
"""The seconds per issue of the largest run may be so many times those of the smallest: start-up is in both."""


@dataclass(frozen=True, slots=True)
class Run:
    """One population of a fresh slave."""

    issues: int
    seconds: float
    peak_mb: dict[str, float]
    cpu_seconds: dict[str, float]
    bare_seconds: float
    bare_alone_seconds: float

    @property
    def rate(self) -> float:
        return self.issues / self.seconds

    @property
    def ratio(self) -> float:
        return self.bare_seconds / self.seconds


def measure(options: Options) -> list[Figure]:
    """Rate and peak memory at 50,000, and how the time grows."""
    counts = ALL_COUNTS[:2] if options.quick else ALL_COUNTS
    runs = [_run(options, count) for count in counts]
    _plot(options.out / "pipeline.png", runs)
    main = next(run for run in runs if run.issues == ISSUES)
    each = [run.seconds / run.issues * 1e6 for run in runs]
    growth = each[-1] / each[0]
    return [
        Figure(
            f"pipeline: {main.issues:,} issues of 2 KB, capture to acknowledged",
            f"{main.rate:,.0f} issues/s",
            f"{main.issues / main.bare_seconds:,.0f} issues/s bare on two cores "
            f"({main.issues / main.bare_alone_seconds:,.0f} on one)",
            f"ratio {main.ratio:.2f} >= {RATIO_MIN}",
            main.ratio >= RATIO_MIN,
        ),
        Figure(
            "pipeline: peak memory of a node",
            " and ".join(f"{main.peak_mb[side]:.0f} MB ({side})" for side in SIDES),
            "with the tracker's own 50,000 issues in it",
            f"< {PEAK_MB_MAX:.0f} MB",
            max(main.peak_mb.values()) < PEAK_MB_MAX,
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
    seconds, peaks, cpu = through_nodes(options.folder / f"p{count}", count)
    alone = bare.one_after_the_other(options.folder / f"o{count}", count)
    both = bare.side_by_side(options.folder / f"t{count}", count)
    run = Run(count, seconds, peaks, cpu, both, alone)
    options.say(
        f"pipeline {count:7,}: {run.rate:6,.0f} issues/s, bare {count / both:6,.0f} "
        f"(one process {count / alone:6,.0f}), ratio {run.ratio:.2f}, peak MB {_each(peaks)}, CPU seconds {_each(cpu)}"
    )
    return run


def _each(values: dict[str, float]) -> str:
    return " ".join(f"{side} {value:.1f}" for side, value in values.items())


def through_nodes(
    folder: Path, count: int, profile: Path | None = None
) -> tuple[float, dict[str, float], dict[str, float]]:
    """Seconds, peak megabytes and CPU seconds of each node."""
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
    peaks = {side: told["peak_mb"] for side, told in notes.items()}
    return ended - opened, peaks, {side: told["cpu_seconds"] for side, told in notes.items()}


def _plot(file: Path, runs: list[Run]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5))
    counts = [run.issues for run in runs]
    axes.plot(counts, [run.seconds for run in runs], marker="o", label="Backbone, capture to acknowledged")
    axes.plot(counts, [run.bare_seconds for run in runs], marker="s", label="bare pipeline of the same parts")
    axes.set_xlabel("issues of 2 KB")
    axes.set_ylabel("seconds")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(file, dpi=120)
    plt.close(figure)
