"""Many seeds, one after the other or in several processes."""

import signal
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, NamedTuple

from tests.simulation.world import run

SEED_SECONDS_MAX = 120
"""A world takes less than one: what is not over by then goes round in circles."""
AT_ONCE = 10
"""So many seeds are given to a process at a time, ..."""
TURNS = 50
"""... and so often, before another takes its place: what leaks would fill the memory in a night."""


class Job(NamedTuple):
    """One seed. ``kind``: the options that make it the same again."""

    seed: int
    kind: str
    world: dict[str, Any]
    steps: int


class Done(NamedTuple):
    """What came of it."""

    job: Job
    broken: list[str]
    story: list[str]
    trace: str


def results(jobs: Sequence[Job], workers: int) -> Iterator[Done]:
    """What came of each, in the order of the jobs."""
    if workers == 1:
        yield from map(_run, jobs)
        return
    # Not an executor of concurrent.futures: with max_tasks_per_child it stands still when a process takes its leave.
    with get_context("spawn").Pool(workers, maxtasksperchild=TURNS) as pool:
        yield from pool.imap(_run, jobs, chunksize=AT_ONCE)


def _run(job: Job) -> Done:
    try:
        with _bounded():
            broken, world = run(job.seed, job.steps, **job.world)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - whatever ends a world is told, and the next is run
        return Done(job, [traceback.format_exc()], [], "")
    return Done(job, broken, world.story if broken else [], world.trace())


@contextmanager
def _bounded() -> Iterator[None]:
    """Ends what goes round in circles."""

    def ended(_number: int, _frame: object) -> None:
        raise TimeoutError(f"the world is not over after {SEED_SECONDS_MAX} s")

    signal.signal(signal.SIGALRM, ended)
    signal.alarm(SEED_SECONDS_MAX)
    try:
        yield
    finally:
        signal.alarm(0)
