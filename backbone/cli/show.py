"""Printing: plain text that needs neither colour nor a wide terminal, and JSON with stable keys.

Names and sentences of the partner are shown as well: what could steer a terminal is taken out of every text here.
"""

import json
import sys
import time
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from backbone.errors import BackboneError, UsageError

_STEERING = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


def clean(text: object) -> str:
    """Without control and formatting characters; lines stay lines."""
    return "".join(one if one == "\n" or unicodedata.category(one) not in _STEERING else "?" for one in str(text))


def say(text: object = "") -> None:
    """A line of the answer."""
    typer.echo(clean(text))


def remark(text: str) -> None:
    """A line beside the answer, on standard error."""
    typer.echo(clean(text), err=True)


def complain(sentence: str) -> None:
    """Why the command failed."""
    remark(f"backbone: {sentence}")


def document(value: Any) -> None:
    """The answer as JSON."""
    typer.echo(json.dumps(value, indent=2))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """A table; columns named in ``right`` hold numbers."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        grid.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(clean(value)) for value in row))
    _print(grid)


def facts(pairs: Mapping[str, object]) -> None:
    """One thing, a line for each fact; empty ones are left out."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs.items():
        if value not in ("", None):
            grid.add_row(name, Text(clean(value)))
    _print(grid)


def _print(grid: Any) -> None:
    from rich.console import Console

    console = Console(file=sys.stdout, highlight=False)
    with console.capture() as capture:
        console.print(grid)
    typer.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def confirm(question: str, *, yes: bool, otherwise: str) -> None:
    """Ask a person, unless ``yes``. Raises ``UsageError`` where nobody sits, ``BackboneError`` after a no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"nobody can be asked here: {otherwise}")
    if not typer.confirm(question, default=False, err=True):
        raise BackboneError("nothing was done")


def groups(fingerprint: str) -> str:
    """As people read it aloud."""
    return " ".join(fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4))


def moment(seconds: float | None) -> str:
    """A time, UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(seconds)) if seconds is not None else ""


def ago(seconds: float | None, now: float) -> str:
    """How long ago, roughly."""
    if seconds is None:
        return "never"
    passed = max(0, int(now - seconds))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if passed >= 2 * size:
            return f"{passed // size} {unit} ago"
    return f"{passed} s ago"


def counted(number: int, word: str) -> str:
    """``1 issue``, ``2 issues``."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
