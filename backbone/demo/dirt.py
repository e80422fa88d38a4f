"""Takes values out of JSON that nobody promised anything about, and counts what was not as it should be."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any


def text(value: Any) -> str:
    """The value if it is text that can be written as UTF-8 (half a surrogate pair becomes ``?``), else empty."""
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode().replace("\0", "")


def line(value: Any) -> str:
    """Like ``text``, on one line."""
    return " ".join(text(value).split())


def table(value: Any) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def tables(value: Any) -> Iterator[dict[str, Any]]:
    """The objects in a list; nothing for what is no list."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def texts(value: Any) -> tuple[str, ...]:
    """The texts in a list that are not empty, each on one line and once."""
    lines = (line(item) for item in value) if isinstance(value, list) else ()
    return tuple(dict.fromkeys(item for item in lines if item))


def time(value: Any) -> str:
    """The time in UTC to the second, or empty if it is none; ISO 8601 with an offset."""
    try:
        moment = datetime.fromisoformat(text(value))
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment.tzinfo else ""
    except (ValueError, OverflowError):
        return ""


class Notes:
    """Counts what an archive lacks, under phrases for a person."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def count(self, phrase: str, *, when: object = True, times: int = 1) -> None:
        """Adds to the phrase if ``when`` is true."""
        if when and times:
            self._counts[phrase] += times

    def total(self) -> dict[str, int]:
        """The phrases and how often, in alphabetical order."""
        return dict(sorted(self._counts.items()))
