"""``python -m tests.simulation --seeds N --from K``: run seeds, print the story of each that fails."""

import argparse
import sys
import time

from tests.simulation.channel import DIRECTORY, MAIL
from tests.simulation.world import STEPS, Restored, run


def main() -> int:
    """Run the seeds that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--carrier", choices=("directory", "mail"), default="directory")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--story", action="store_true", help="print what happened in each failing seed")
    parser.add_argument("--trace", action="store_true", help="print a hash of what happened in each seed")
    parser.add_argument("--restored", type=Restored, default=Restored.NEVER, help="whose store is put back: one, both")
    parser.add_argument("--cutting", action="store_true", help="people take issues out of the link and add them again")
    parser.add_argument("--changing", action="store_true", help="the admins change the agreement")
    parser.add_argument("--pairing", action="store_true", help="both trackers hold issues before the link")
    parser.add_argument("--scoped", action="store_true", help="closed issues take no part")
    parser.add_argument("--rotating", action="store_true", help="the admins change their keys")
    options = parser.parse_args()
    failed = 0
    began = time.perf_counter()
    for seed in range(options.first, options.first + options.seeds):
        carrier = MAIL if options.carrier == "mail" else DIRECTORY
        broken, world = run(
            seed, options.steps, carrier=carrier, restored=options.restored, cutting=options.cutting,
            changing=options.changing, rotating=options.rotating, pairing=options.pairing, scoped=options.scoped,
        )  # fmt: skip
        if options.trace:
            print(f"seed {seed}: {world.trace()}")
        if broken:
            failed += 1
            print(f"seed {seed}:", *broken[:5], sep="\n  ")
            if options.story:
                print(*world.story, sep="\n")
    print(f"{options.seeds} seeds, {failed} failed, {time.perf_counter() - began:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
