"""``python -m tests.crash [--passings 3] [--over directories roundup mail] [WORD …]``: every point, at both sides."""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from tests.crash.companies import Again, Companies, over_directories
from tests.crash.real import over_mail, over_roundup
from tests.crash.sweep import Death, by_admins, die_at_birth, die_at_work, fresh, into_mail, into_trackers, steady

OVER: Mapping[str, Callable[[Path], AbstractContextManager[Companies]]] = {
    "directories": over_directories, "roundup": over_roundup, "mail": over_mail,
}  # fmt: skip


def main() -> int:
    """Sweep the deaths in whose words all of the given ones stand."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash")
    parser.add_argument("words", nargs="*")
    parser.add_argument("--passings", type=int, default=2)
    parser.add_argument("--over", nargs="+", choices=OVER, default=list(OVER))
    options = parser.parse_args()
    passings = range(1, options.passings + 1)
    began = time.monotonic()
    tally: Counter[str] = Counter(met=0, failed=0)
    tally["not met"] = 0

    def chosen(deaths: Iterable[Death]) -> list[Death]:
        return [death for death in deaths if all(word in str(death) for word in options.words)]

    at_work = {"directories": [*steady(passings), *by_admins()], "roundup": into_trackers(), "mail": into_mail()}
    for over in options.over:
        at_birth = chosen(fresh(passings)) if over == "directories" else []
        _sweep(tally, over, at_birth, chosen(at_work[over]))
    print(f"{tally.total()} deaths in {time.monotonic() - began:.0f} s: "
          + ", ".join(f"{count} {word}" for word, count in tally.items()))  # fmt: skip
    return 1 if tally["failed"] else 0


def _sweep(tally: Counter[str], over: str, at_birth: Iterable[Death], at_work: list[Death]) -> None:
    with tempfile.TemporaryDirectory(prefix="bb-", ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o755)
        root = Path(place) / "r"
        root.mkdir()
        with OVER[over](root) as companies:
            again = Again(companies, root) if over != "mail" else None
            for death in at_birth:
                assert again is not None
                _one(tally, over, death, again.begin(), die_at_birth)
            working = False
            for death in at_work:
                if not working:
                    if again is not None:
                        again.begin()
                    elif tally["failed"]:
                        return  # a mailbox cannot be put back
                    companies.start("alice", "bob")
                    companies.prove()
                working = _one(tally, over, death, companies, die_at_work)


def _one(
    tally: Counter[str], over: str, death: Death, companies: Companies, die: Callable[[Companies, Death], bool]
) -> bool:
    """Whether the companies can go on working."""
    began = time.monotonic()
    words = ""
    try:
        word = "met" if die(companies, death) else "not met"
    except AssertionError as failure:
        word, words = "failed", f": {str(failure)[:3000]}"
    tally[word] += 1
    print(f"{over:12s}{death!s:60s} {word:8s} {time.monotonic() - began:5.1f} s{words}", flush=True)
    return word != "failed"


if __name__ == "__main__":
    sys.exit(main())
