"""What people see: tables and pairs, and JSON for programs."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import typer


def as_json(value: Any) -> None:
    """For programs: keys are stable, times are UTC."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """A table, or one sentence where there is nothing."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    filled = [[_text(value) for value in row] for row in rows]
    if not filled:
        typer.echo(empty)
        return
    drawn = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for row in filled:
        drawn.add_row(*row)
    Console(highlight=False, markup=False).print(drawn)


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
