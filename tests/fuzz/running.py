"""The hunt: samples from the corpus, spoilt by a seed, given to their parsers until the time is over."""

import hashlib
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.fuzz.bounds import Fault, stopwatch, traced, tried
from tests.fuzz.mutations import spoilt
from tests.fuzz.targets import TARGETS, Target, put_away

CORPUS = Path(__file__).with_name("corpus")
SLOW_SHARE = 40
"""Of what starts programs, one input for so many of the others."""


def samples(target: Target) -> list[bytes]:
    """What stands in the corpus for it, in the order of the names."""
    return [path.read_bytes() for path in sorted((CORPUS / target.name).iterdir())]


def known_faults(targets: Iterable[Target]) -> Iterator[Fault]:
    """The corpus itself: valid samples, and inputs that once mattered."""
    with traced():
        for target in targets:
            for data in samples(target):
                if (fault := tried(target, data)) is not None:
                    yield fault
    put_away()


def hunt(targets: Iterable[Target], seconds: float, seed: int, counts: Counter[str]) -> Iterator[Fault]:
    """Faults, as they are found. ``counts`` are the inputs of each target."""
    chosen = {target: samples(target) for target in targets}
    end = stopwatch() + seconds
    turn = 0
    with traced():
        while stopwatch() < end:
            turn += 1
            for target, given in chosen.items():
                if target.slow and turn % SLOW_SHARE != 1 and len(chosen) > 1:
                    continue
                if turn > 1 and stopwatch() >= end:  # each is tried once, however slow the machine is
                    break
                counts[target.name] += 1
                data = spoilt(random.Random(f"{seed} {target.name} {turn}"), given, target.form)
                if (fault := tried(target, data)) is not None:
                    yield fault
    put_away()


def keep(fault: Fault) -> Path:
    """Put the input into the corpus, under a name made from it."""
    path = CORPUS / fault.target / f"found-{hashlib.sha256(fault.data).hexdigest()[:12]}"
    path.write_bytes(fault.data)
    return path


def of_names(names: Iterable[str]) -> list[Target]:
    """The targets that are named; all when none is."""
    return [TARGETS[name] for name in names] or list(TARGETS.values())
