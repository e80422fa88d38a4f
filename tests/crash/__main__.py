"""``python -m tests.crash [--passings 3] [WORD …]``: every point, at both sides; what was met and what failed."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.crash.companies import Again, Companies, over_directories
from tests.crash.sweep import Death, die_at_birth, die_at_work, fresh, steady


def main() -> int:
    """Sweep the deaths in whose words all of the given ones stand."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash")
    parser.add_argument("words", nargs="*")
    parser.add_argument("--passings", type=int, default=2)
    options = parser.parse_args()
    passings = range(1, options.passings + 1)
    began = time.monotonic()
    tally = {"met": 0, "not met": 0, "failed": 0}

    def chosen(deaths: Iterable[Death]) -> list[Death]:
        return [death for death in deaths if all(word in str(death) for word in options.words)]

    with tempfile.TemporaryDirectory(prefix="bb-", ignore_cleanup_errors=True) as place:
        root = Path(place) / "r"
        root.mkdir()
        with over_directories(root) as companies:
            again = Again(companies, root)
            for death in chosen(fresh(passings)):
                _one(tally, death, again.begin(), die_at_birth)
            working = False
            for death in chosen(steady(passings)):
                if not working:
                    again.begin().start("alice", "bob")
                    companies.prove()
                working = _one(tally, death, companies, die_at_work)
    print(f"{sum(tally.values())} deaths in {time.monotonic() - began:.0f} s: "
          + ", ".join(f"{count} {word}" for word, count in tally.items()))  # fmt: skip
    return 1 if tally["failed"] else 0


def _one(tally: dict[str, int], death: Death, companies: Companies, die: Callable[[Companies, Death], bool]) -> bool:
    """Whether the companies can go on working."""
    began = time.monotonic()
    try:
        word = "met" if die(companies, death) else "not met"
        words = ""
    except AssertionError as failure:
        word, words = "failed", f": {str(failure)[:600]}"
    tally[word] += 1
    print(f"{death!s:60s} {word:8s} {time.monotonic() - began:5.1f} s{words}", flush=True)
    return word != "failed"


if __name__ == "__main__":
    sys.exit(main())
