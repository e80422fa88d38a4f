"""What people see: tables and pairs, and JSON for programs."""

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import typer

from backbone.errors import BackboneError, UsageError


def as_json(value: Any) -> None:
    """For programs: keys are stable, times are UTC."""
    typer.echo(json.dumps(value, indent=2, default=str))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """A table, or one sentence where there is nothing."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    filled = [[_text(value) for value in row] for row in rows]
    if not filled:
        typer.echo(empty)
        return
    drawn = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in filled:
        drawn.add_row(*row)
    console = Console(highlight=False, markup=False)
    with console.capture() as captured:
        console.print(drawn)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def pairs(values: Mapping[str, object]) -> None:
    """One thing, line by line."""
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        typer.echo(f"{name:<{width}}  {_text(value)}")


def moment(seconds: float | None) -> str:
    """A time in the store, as people write it."""
    return "never" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def ago(seconds: float | None) -> str:
    """How long ago, in one unit."""
    if seconds is None:
        return "never"
    passed = max(0.0, time.time() - seconds)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if passed >= length:
            return f"{passed / length:.0f} {unit}"
    return f"{passed:.0f} s"


def confirm(question: str, *, yes: bool) -> None:
    """Ask a person, unless ``yes``. Raises ``UsageError`` where nobody sits, ``BackboneError`` after a no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"nobody is here to be asked ({question}): say --yes if that is so")
    if not typer.confirm(question, err=True):
        raise BackboneError("nothing was done")


def groups(fingerprint: str) -> str:
    """As people read it aloud."""
    return " ".join(fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4))


def words(ten: Sequence[str]) -> str:
    """The safety words, in two rows of five."""
    half = len(ten) // 2
    return "  ".join(ten[:half]) + "\n" + "  ".join(ten[half:])


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(str(value))


def printable(text: str) -> str:
    """Without what could steer a terminal: some of it was written by the partner."""
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)
