"""``backbone run`` and ``backbone sync``."""

import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbone.cli import show
from backbone.cli.here import link_named, opened
from backbone.cli.options import Timeout
from backbone.errors import BackboneError, Unreachable, UsageError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from backbone.service.node import Node
    from backbone.service.runner import Progress

app = typer.Typer()


@app.command()
def run(
    context: typer.Context,
    log: Annotated[
        Path | None, typer.Option("--log", metavar="FILE", help="Append the log to FILE, not to standard error.")
    ] = None,
) -> None:
    """Replicate until stopped.

    All links, until Ctrl-C or SIGTERM; new ones are taken up as they are made. The log is text, or JSON lines where
    backbone.toml says log_format = "json".
    """
    import asyncio

    stopped: list[int] = []

    async def work(node: "Node") -> None:
        from backbone.service import logs, runner

        with _opened(log) as to:
            logs.configure(json=node.config.node.log_format == "json", to=to)
            stop = asyncio.Event()
            _stop_by_signal(stop, stopped)
            await runner.run(node, stop)

    opened(context, work, exclusive=True)
    if signal.SIGINT in stopped:
        raise KeyboardInterrupt


def _opened(log: Path | None) -> "AbstractContextManager[Any]":
    from contextlib import nullcontext

    if log is None:
        return nullcontext(sys.stderr)
    try:
        return log.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise UsageError(f"the log {log} cannot be written: {error.strerror}; name another file") from error


def _stop_by_signal(stop: "asyncio.Event", stopped: list[int]) -> None:
    """The first signal stops in order; a second one ends the process as it always does."""
    import asyncio

    loop = asyncio.get_running_loop()

    def heard(number: int) -> None:
        stopped.append(number)
        stop.set()
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(one)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, heard, number)


@app.command()
def sync(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="These links only.")] = None,
    timeout: Timeout = 3600.0,
) -> None:
    """Replicate until quiet, then end.

    For cron, and for a first look: ends when nothing is left to do here. Shows a progress bar on a terminal, lines
    otherwise.
    """

    async def work(node: "Node") -> None:
        from backbone.config import load_link
        from backbone.service import runner
        from backbone.service.status import status
        from backbone.store import links

        wanted = names or [row.name for row in await node.store.read(links.every)]
        for name in wanted:
            await node.store.read(lambda tx, n=name: link_named(tx, n))  # type: ignore[misc]
            load_link(node.folder, name, node.config)
        if not wanted:
            raise UsageError("this node has no link yet: backbone link create, or backbone link join")
        with _progress() as progress:
            rests = await runner.sync(node, wanted, progress, timeout_seconds=timeout)
        found = [one for one in status(node.store) if one.name in wanted]
        if not rests:
            raise _unrest([f"link {one.name}: {one.reason}" for one in found if one.reason], timeout)
        for one in found:
            show.say(f"{one.name}: {one.state}, {show.counted(one.issues, 'issue')}, {one.waiting} messages waiting")

    opened(context, work, exclusive=True)


def _unrest(reasons: list[str], timeout: float) -> BackboneError:
    if reasons:
        return Unreachable("; ".join(reasons))
    return BackboneError(f"not at rest after {timeout:g} s: call it again, or see `backbone status`")


@contextmanager
def _progress() -> "Iterator[Callable[[Progress], None]]":
    """A bar for each link on a terminal, else a line when its numbers have changed."""
    if sys.stderr.isatty():
        with _bars() as bars:
            yield bars
        return
    last: dict[str, str] = {}

    def line(progress: "Progress") -> None:
        text = _numbers(progress)
        if last.get(progress.link) != text:
            last[progress.link] = text
            show.remark(f"{progress.link}: {text}")

    yield line


def _numbers(progress: "Progress") -> str:
    out = f"{progress.acknowledged} of {progress.sent} messages applied there"
    return f"{progress.state}, {out}, {progress.applied} of {progress.received} applied here"


@contextmanager
def _bars() -> "Iterator[Callable[[Progress], None]]":
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[numbers]}"))
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def move(seen: "Progress") -> None:
            task = tasks.get(seen.link)
            if task is None:
                task = tasks[seen.link] = bars.add_task(seen.link, numbers="")
            total = max(1, seen.sent + seen.received)
            bars.update(task, total=total, completed=seen.acknowledged + seen.applied, numbers=_numbers(seen))

        yield move
