"""``run``, ``sync`` and ``status``."""

import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbone.cli import show
from backbone.cli.here import Here, here, link_named
from backbone.errors import BackboneError, Differences, Unreachable, UsageError

if TYPE_CHECKING:
    import asyncio

    from backbone.service.node import Node
    from backbone.service.running.runner import Progress
    from backbone.service.watching.status import LinkStatus

Json = Annotated[bool, typer.Option("--json", help="For programs: stable keys.")]
WATCH_SECONDS = 1.0


def add_to(app: typer.Typer) -> None:
    """Put these commands into the program."""
    for command in (run, sync, status):
        app.command()(command)


def run(
    context: typer.Context,
    log: Annotated[Path | None, typer.Option(help="Append the log to this file (else: standard error).")] = None,
) -> None:
    """Replicate all links until stopped (Ctrl-C or SIGTERM); both end it in order."""
    import asyncio
    import contextlib

    from backbone.service import logs
    from backbone.service.running import runner

    heard: list[int] = []

    async def work(node: "Node") -> None:
        with contextlib.nullcontext(sys.stderr) if log is None else _appended(log) as to:
            logs.configure(json=node.config.node.log_format == "json", to=to)
            stop = asyncio.Event()
            _stop_by_signal(stop, heard)
            await runner.run(node, stop)

    here(context).run(work, exclusive=True)
    if signal.SIGINT in heard:
        raise KeyboardInterrupt


def _appended(log: Path) -> Any:
    try:
        return log.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise UsageError(f"the log {log} cannot be written: {error.strerror}; name another file") from error


def _stop_by_signal(stop: "asyncio.Event", heard: list[int]) -> None:
    """The first signal stops in order; a second one ends the process as it always does."""
    import asyncio

    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)

    def hear(number: int) -> None:
        heard.append(number)
        stop.set()
        for one in numbers:
            loop.remove_signal_handler(one)

    for number in numbers:
        loop.add_signal_handler(number, hear, number)


def sync(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="One link (else all).")] = None,
    timeout: Annotated[float, typer.Option(help="Give up after so many seconds.")] = 3600.0,
) -> None:
    """Replicate until nothing is left to do here and now: for cron."""

    async def work(node: "Node") -> "tuple[bool, list[LinkStatus]]":
        from backbone.config import load_link
        from backbone.service.running import runner
        from backbone.service.watching import alarms
        from backbone.service.watching.status import status as read

        wanted = [name] if name else [row.name for row in read(node.store)]
        for one in wanted:
            load_link(node.folder, link_named(node, one).name, node.config)
        with _Bars() as bars:
            quiet = await runner.sync(node, wanted, bars.show, timeout_seconds=timeout)
        await alarms.once(node)
        return quiet, [row for row in read(node.store) if row.name in wanted]

    quiet, rows = here(context).run(work, exclusive=True)
    for row in rows:
        typer.echo(f"{row.name}: {row.state}, {row.issues} issues, {row.waiting} messages waiting")
    if not quiet:
        raise _unrest([f"link {row.name}: {row.reason}" for row in rows if row.reason], timeout)


def _unrest(reasons: list[str], timeout: float) -> BackboneError:
    if reasons:
        return Unreachable("; ".join(reasons))
    return BackboneError(f"not at rest after {timeout:g} s: call it again, or see backbone status")


class _Bars:
    """Progress: bars on a terminal, elsewhere a line when something has moved."""

    def __init__(self) -> None:
        self._progress: Any = None
        self._lines: dict[str, str] = {}
        self._tasks: dict[tuple[str, str], Any] = {}

    def __enter__(self) -> "_Bars":
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress as Drawn

            self._progress = Drawn(console=Console(stderr=True))
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, seen: "Progress") -> None:
        """How far one link has come."""
        if self._progress is None:
            self._line(seen)
            return
        for what, done, total in (
            ("applied there", seen.acknowledged, seen.sent),
            ("applied here", seen.applied, seen.received),
        ):
            key = (seen.link, what)
            if key not in self._tasks and total:
                self._tasks[key] = self._progress.add_task(f"{seen.link} {what}", total=total)
            if key in self._tasks:
                self._progress.update(self._tasks[key], completed=done, total=total)

    def _line(self, seen: "Progress") -> None:
        line = (f"{seen.link}: {seen.state}, {seen.acknowledged} of {seen.sent} messages applied there, "
                f"{seen.applied} of {seen.received} here")  # fmt: skip
        if self._lines.get(seen.link) != line:
            self._lines[seen.link] = line
            typer.echo(line, err=True)


def status(
    context: typer.Context,
    json: Json = False,
    watch: Annotated[bool, typer.Option("--watch", help="Again and again, until Ctrl-C.")] = False,
    check: Annotated[bool, typer.Option("--check", help="One line for monitoring; ends with 6 on an alarm.")] = False,
) -> None:
    """How each link stands: sent, acknowledged, applied, waiting, quarantined, conflicts, last heard.

    JSON: a list with name, side, state, stage, reason, peer, issues, populated, sent, acknowledged, applied_there,
    received, applied_here, waiting, quarantined, conflicts_open, conflicts, heard_at (seconds since 1970),
    agreement_version, proposed, key_change, alarms, and more; with --watch one line for each look. With --check and
    without --json: "OK: ..." or "ALARM: ...".
    """
    look: Callable[[list[LinkStatus]], None] = _print if not json else _print_line if watch else _print_json
    if check and not json:
        look = _print_nothing
    here(context).run(lambda node: _watch(node, look, watch=watch))
    if check:
        _end_by_alarms(here(context), said=not json)


async def _watch(node: "Node", look: "Callable[[list[LinkStatus]], None]", *, watch: bool) -> "list[LinkStatus]":
    import asyncio

    from backbone.service.watching.status import status as read

    rows = read(node.store)
    look(rows)
    while watch:
        await asyncio.sleep(WATCH_SECONDS)
        if look is _print and sys.stdout.isatty():
            typer.echo("\033[2J\033[H", nl=False)
        look(read(node.store))
    return rows


def _print_nothing(_rows: "list[LinkStatus]") -> None:
    """For monitoring systems, which show the first line."""


def _end_by_alarms(place: Here, *, said: bool) -> None:
    """One line on standard output, as monitoring systems want it. Raises ``Differences`` when something is wrong."""
    from backbone.replication.alarm import TOLD_ONLY
    from backbone.service.watching import alarms

    found = [one for one in place.run(alarms.check) if one.kind not in TOLD_ONLY]
    sentences = [f"{one.about}: {one.sentence}" if one.about else one.sentence for one in found]
    if said:
        line = f"ALARM: {' | '.join(sentences)}" if sentences else "OK: nothing is wrong"
        typer.echo(show.printable(line))
    if sentences:
        raise Differences(f"alarms: {len(sentences)}; see backbone alarm list")


def _print_json(rows: "list[LinkStatus]") -> None:
    show.as_json([asdict(row) for row in rows])


def _print_line(rows: "list[LinkStatus]") -> None:
    import json

    typer.echo(json.dumps([asdict(row) for row in rows]))


def _print(rows: "list[LinkStatus]") -> None:
    show.table(
        ("link", "state", "issues", "out", "in", "waiting", "queue", "conflicts", "heard"),
        [
            (r.name, r.state, r.issues, f"{r.sent}/{r.acknowledged}/{r.applied_there}",
             f"{r.received}/{r.applied_here}", r.waiting, r.quarantined, r.conflicts_open, show.ago(r.heard_at))
            for r in rows
        ],
        empty="There is no link yet: backbone link create, or backbone link join.",
    )  # fmt: skip
    if rows:
        typer.echo("Messages out: sent/stored/applied there; in: received/applied here.")
    for row in rows:
        if row.reason:
            typer.echo(f"{row.name}: {show.printable(row.reason)}")
        if row.proposed:
            typer.echo(f"{row.name}: {row.proposed}")
        if row.key_change:
            typer.echo(f"{row.name}: {row.key_change}")
        for sentence in row.alarms:
            typer.echo(f"{row.name}: {show.printable(sentence)}")
