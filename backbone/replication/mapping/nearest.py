"""The right word for one that is nearly right."""

import difflib
from collections.abc import Iterable


def nearest(word: str, among: Iterable[str]) -> str:
    """In brackets, for the end of a sentence; empty where nothing is near."""
    found = difflib.get_close_matches(word, list(among), n=1, cutoff=0.5)
    return f" (did you mean {found[0]!r}?)" if found else ""
