"""``python -m tests.simulation --seeds N --from K``: run seeds, print the story of each that fails."""

import argparse
import sys
import time

from tests.simulation.channel import DIRECTORY, MAIL
from tests.simulation.kinds import KINDS, kind_of
from tests.simulation.seeds import Job, results
from tests.simulation.world import STEPS, Restored

TOLD_EVERY_SECONDS = 60.0


def main() -> int:
    """Run the seeds that the command line names."""
    options = _options()
    jobs = [_job(options, seed) for seed in range(options.first, options.first + options.seeds)]
    failed: list[Job] = []
    began = told = time.perf_counter()
    count = 0
    try:
        for done in results(jobs, options.workers):
            count += 1
            if options.trace:
                print(f"seed {done.job.seed}: {done.trace}")
            if done.broken:
                failed.append(done.job)
                print(f"seed {done.job.seed} {done.job.kind}:", *done.broken[:5], sep="\n  ")
                print(*(done.story if options.story else ()), sep="\n", flush=True)
            if time.perf_counter() - told > TOLD_EVERY_SECONDS:
                told = time.perf_counter()
                left = (told - began) / count * (len(jobs) - count)
                print(f"{count} of {len(jobs)} seeds, {len(failed)} failed, about {left / 60:.0f} min left", flush=True)
    except KeyboardInterrupt:
        print("ended early")
    steps = f" --steps {options.steps}" if options.steps != STEPS else ""
    for job in failed:
        print(f"again: {sys.executable} -m tests.simulation --from {job.seed} --seeds 1 --story{steps} {job.kind}")
    print(f"{count} seeds, {len(failed)} failed, {time.perf_counter() - began:.1f} s")
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the work")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--story", action="store_true", help="print what happened in each failing seed")
    parser.add_argument("--trace", action="store_true", help="print a hash of what happened in each seed")
    parser.add_argument("--mixed", action="store_true", help="each seed in a world of another kind, of those below")
    parser.add_argument("--carrier", choices=("directory", "mail"), default="directory")
    parser.add_argument("--restored", type=Restored, default=Restored.NEVER, help="whose store is put back: one, both")
    parser.add_argument("--snapshots", action="store_true", help="half of those with their anchor: nothing tells")
    parser.add_argument("--cutting", action="store_true", help="people take issues out of the link and add them again")
    parser.add_argument("--changing", action="store_true", help="the admins change the agreement")
    parser.add_argument("--pairing", action="store_true", help="both trackers hold issues before the link")
    parser.add_argument("--tables", action="store_true", help="people edit rows of tables, too")
    parser.add_argument("--scoped", action="store_true", help="closed issues take no part")
    parser.add_argument("--rotating", action="store_true", help="the admins change their keys")
    return parser.parse_args()


def _job(options: argparse.Namespace, seed: int) -> Job:
    if options.mixed:
        kind = kind_of(seed)
        return Job(seed, kind, dict(KINDS[kind]), options.steps)
    world = {
        "carrier": MAIL if options.carrier == "mail" else DIRECTORY, "restored": options.restored,
        "cutting": options.cutting, "changing": options.changing, "rotating": options.rotating,
        "pairing": options.pairing, "scoped": options.scoped, "tables": options.tables,
        "snapshots": options.snapshots,
    }  # fmt: skip
    one_word = {kind: given for kind, given in KINDS.items() if len(given) == 1} | {"--snapshots": {"snapshots": True}}
    flags = [kind for kind, given in one_word.items() if all(world[name] == value for name, value in given.items())]
    return Job(seed, " ".join(flags), world, options.steps)


if __name__ == "__main__":
    sys.exit(main())
