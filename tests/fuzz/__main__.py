"""``python -m tests.fuzz --seconds N [--seed S] [TARGET …]``: what it finds is put into the corpus."""

import argparse
import sys
import time
from collections import Counter

from tests.fuzz.running import hunt, keep, of_names
from tests.fuzz.targets import TARGETS

FAULTS_PER_TARGET_MAX = 5


def main() -> int:
    """Hunt in the named parsers, or in all."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for fault in hunt(of_names(options.targets), options.seconds, options.seed, counts):
        kind = f"{fault.target}: {fault.words.partition(':')[0]}"
        found[kind] += 1
        if found[kind] <= FAULTS_PER_TARGET_MAX:
            print(f"{fault.target}: {fault.words} ({len(fault.data)} bytes, kept as {keep(fault)})", flush=True)
    for name, count in counts.items():
        print(f"{name:14s} {count:9d} inputs")
    print(f"seed {options.seed}: {counts.total()} inputs, {found.total()} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
