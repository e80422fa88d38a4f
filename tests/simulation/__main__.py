"""``python -m tests.simulation --seeds N --from K``: run seeds, print the story of each that fails."""

import argparse
import asyncio
import sys
import time

from tests.simulation.world import World

STEPS = 150


def run(seed: int, steps: int = STEPS) -> tuple[list[str], World]:
    """One seed; the same seed gives the same story."""
    world = World(seed)
    return asyncio.run(world.run(steps)), world


def main() -> int:
    """Run the seeds that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--story", action="store_true", help="print what happened in each failing seed")
    options = parser.parse_args()
    failed = 0
    began = time.perf_counter()
    for seed in range(options.first, options.first + options.seeds):
        broken, world = run(seed, options.steps)
        if broken:
            failed += 1
            print(f"seed {seed}:", *broken[:5], sep="\n  ")
            if options.story:
                print(*world.story, sep="\n")
    print(f"{options.seeds} seeds, {failed} failed, {time.perf_counter() - began:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
