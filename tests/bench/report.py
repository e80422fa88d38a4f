"""What a measurement says: figures beside their limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the README's table."""

    what: str
    measured: str
    limit: str
    required: str
    met: bool


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line."""

    quick: bool
    out: Path
    folder: Path
    """For the nodes and trackers, short on purpose: GnuPG's agent puts a socket into it."""
    data: Path | None = None
    template: str = "classic"

    def say(self, line: str) -> None:
        """A line for whoever watches."""
        print(line, flush=True)  # noqa: T201


def table(figures: Sequence[Figure]) -> str:
    """Markdown for the README."""
    rows = [f"| {f.what} | {f.measured} | {f.limit} | {f.required} | {'yes' if f.met else 'NO'} |" for f in figures]
    head = ["| what | Backbone | its limit in the same run | required | met |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows])
