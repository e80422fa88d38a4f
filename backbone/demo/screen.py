"""What the demo shows: on a terminal with colours and bars, else in plain lines."""

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

LINES_SECONDS = 5.0
"""How often progress is told where there is no bar."""

Advance = Callable[[int], None]


class Screen:
    """Where the demo talks to the person who watches."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)
        self._steps = 0

    def step(self, title: str) -> None:
        """A new part begins."""
        self._steps += 1
        self._console.print(f"\n[bold]{self._steps}. {title}[/bold]")

    def say(self, text: str) -> None:
        """One line."""
        self._console.print(f"   {text}", markup=False)

    def command(self, line: str) -> None:
        """A command line that an admin would type."""
        self._console.print(f"   $ {line}", style="dim", markup=False)

    def answer(self, line: str) -> None:
        """What a command printed."""
        self._console.print(f"     {line}", style="cyan", markup=False)

    def good(self, text: str) -> None:
        self._console.print(f"   {text}", style="bold green", markup=False)

    def bad(self, text: str) -> None:
        self._console.print(text, style="bold red", markup=False)

    def table(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        """Two columns."""
        table = Table(title=title, show_header=False, title_justify="left", title_style="bold")
        for name, value in rows:
            table.add_row(name, value)
        self._console.print()
        self._console.print(table)

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Advance]:
        """Calls of what is given tell how many of ``total`` are done."""
        if self._console.is_terminal:
            with self._bar(title, total) as advance:
                yield advance
            return
        told = time.monotonic()

        def tell(done: int) -> None:
            nonlocal told
            if (done >= total and told < math.inf) or time.monotonic() - told > LINES_SECONDS:
                told = time.monotonic() if done < total else math.inf
                self.say(f"{title}: {done} of {total}")

        yield tell

    @contextmanager
    def _bar(self, title: str, total: int) -> Iterator[Advance]:
        columns = (TextColumn(f"   {title}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console) as bar:
            task = bar.add_task(title, total=total)
            yield lambda done: bar.update(task, completed=done)
