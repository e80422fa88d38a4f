"""Issues of about two kilobytes, of seeded words, the same for the same number."""

import random
from functools import lru_cache
from pathlib import Path

from backbone.model import Cell
from backbone.trackers.memory import MemoryTracker

TEXT_BYTES = 1_850
"""With its title, author, time and stamps a change set of 2 KB (2,048 bytes) then."""
_PARTS = ("brake", "door", "pump", "relay", "fuse", "lamp", "valve", "horn", "seat", "belt", "gear", "wiper", "tank")
_ENDS = ("", "s", "-left", "-right", "-4711", "-rev-b", " module", " connector", " housing", " bracket")


@lru_cache(maxsize=1)
def _source() -> str:
    """What texts are cut from: drawing words for each issue would take longer than what is measured.

    Far longer than a message, so that compression finds no issue twice in one.
    """
    dice = random.Random(2026)
    words = [f"{part}{end}" for part in _PARTS for end in _ENDS] + [f"{dice.getrandbits(20):05x}" for _ in range(400)]
    return " ".join(dice.choices(words, k=1_000_000))


def text(number: int, size: int = TEXT_BYTES) -> str:
    """The text of one issue."""
    source = _source()
    start = (number * 7919) % (len(source) - size)
    return f"{number:08} {source[start : start + size - 9]}"


def fill(path: Path, count: int, size: int = TEXT_BYTES) -> None:
    """A memory tracker's file with so many issues more."""
    tracker = MemoryTracker(path=path)
    for number in range(count):
        tracker.create({Cell("title"): f"Issue {number} of many", Cell("description"): text(number, size)}, "alice")
