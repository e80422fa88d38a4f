"""``run``, ``sync``, ``status`` and ``audit``."""

import asyncio
import json as jsons
import signal
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbone.cli import show
from backbone.cli.here import Here, here, link_named
from backbone.errors import Differences, Unreachable

if TYPE_CHECKING:
    from backbone.service.node import Node
    from backbone.service.runner import Progress
    from backbone.service.status import LinkStatus

Json = Annotated[bool, typer.Option("--json", help="For programs: stable keys.")]
LOOK_SECONDS = 0.2


def add_to(app: typer.Typer) -> None:
    """Put these commands into the program."""
    for command in (run, sync, status, audit):
        app.command()(command)


def run(context: typer.Context) -> None:
    """Replicate all links until stopped (Ctrl-C or SIGTERM); both end it in order."""
    from backbone.service import logs, runner

    async def work(node: "Node") -> None:
        logs.configure(json=node.config.node.log_format == "json")
        stop = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        await runner.run(node, stop)

    here(context).run(work, exclusive=True)


def sync(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="One link (else all).")] = None,
    timeout: Annotated[float, typer.Option(help="Give up after so many seconds.")] = 3600.0,
) -> None:
    """Replicate until nothing is left to do here and now: for cron."""
    from backbone.service import logs, runner

    async def work(node: "Node") -> "tuple[bool, list[LinkStatus]]":
        from backbone.service.status import status as read

        logs.configure(level=30)
        if name is not None:
            link_named(node, name)
        with _Bars() as bars:
            quiet = await runner.sync(node, [name] if name else [], bars.show, timeout_seconds=timeout)
        return quiet, read(node.store)

    quiet, rows = here(context).run(work, exclusive=True)
    for row in rows:
        if name in (None, row.name):
            typer.echo(f"{row.name}: {row.state}{f' ({row.reason})' if row.reason else ''}, {row.issues} issues, "
                       f"{row.waiting} messages waiting")  # fmt: skip
    if not quiet:
        raise Unreachable("not everything could be done: see backbone status")


class _Bars:
    """Progress: bars on a terminal, and nothing elsewhere."""

    def __init__(self) -> None:
        self._progress: Any = None
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
        if self._progress is None:
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


def status(
    context: typer.Context,
    json: Json = False,
    watch: Annotated[bool, typer.Option("--watch", help="Again and again, until Ctrl-C.")] = False,
    check: Annotated[bool, typer.Option("--check", help="End with 6 when a person is needed.")] = False,
) -> None:
    """How each link stands: sent, acknowledged, applied, waiting, quarantined, conflicts, last heard.

    JSON: a list with name, side, state, stage, reason, peer, issues, populated, sent, acknowledged, applied_there,
    received, applied_here, waiting, quarantined, conflicts_open, conflicts, heard_at and more.
    """
    while True:
        rows = here(context).run(_status)
        if json:
            show.as_json([asdict(row) for row in rows])
        else:
            _print(rows)
        if not watch:
            break
        time.sleep(2)
        typer.echo("\033[2J\033[H", nl=False)
    needed = [row.name for row in rows if row.quarantined or row.conflicts_open or row.state in ("failed", "resync")]
    if check and needed:
        raise Differences(
            f"a person is needed: {', '.join(needed)}; see backbone queue list and backbone conflict list"
        )


async def _status(node: "Node") -> "list[LinkStatus]":
    from backbone.service.status import status as read

    return read(node.store)


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


def audit(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The link.")],
    timeout: Annotated[float, typer.Option(help="How long to wait for the partner, in seconds.")] = 120.0,
    json: Json = False,
) -> None:
    """Compare both sides over the channel; ends with 6 when they differ.

    JSON: issues, theirs, equal, differences, drift_here, drift_there.
    """
    result = ask(here(context), name, "audit", {}, timeout)
    if result.get("busy"):
        raise Unreachable("something was in flight all the time: try again when it is quieter")
    problems = [
        *result["differences"],
        *(f"here: {text}" for text in result["drift_here"]),
        *(f"at the partner: {text}" for text in result["drift_there"]),
    ]
    if json:
        show.as_json({**result, "equal": not problems})
    elif not problems:
        typer.echo(f"{result['issues']} issues compared, all equal")
    for text in problems if not json else ():
        typer.echo(show.printable(text))
    if problems:
        raise Differences(f"{result['issues']} issues compared, {len(problems)} differences")


def ask(place: Here, name: str, kind: str, arguments: dict[str, Any], timeout: float) -> dict[str, Any]:
    """Ask whoever runs the node; run it ourselves until the answer is there when nobody does."""
    from backbone.store.lock import LockHeld

    item = place.run(lambda node: _put(node, name, kind, arguments))
    try:
        found = place.run(lambda node: _run_until(node, name, item, timeout), exclusive=True)
    except LockHeld:
        found = place.run(lambda node: _wait_for(node, item, timeout))
    if found is None:
        raise Unreachable(f"no answer in {timeout:g} s: is the partner's node running? backbone status shows more")
    return found


async def _put(node: "Node", name: str, kind: str, arguments: dict[str, Any]) -> int:
    from backbone.store import lists

    row = link_named(node, name)
    return await node.store.run(lambda tx: lists.ask(tx, row.id, kind, arguments, time.time()))


async def _answer(node: "Node", item: int) -> dict[str, Any] | None:
    from backbone.store import lists

    row = await node.store.read(lambda tx: lists.request_item(tx, item))
    assert row is not None
    return jsons.loads(row.result) if row.state == "done" else None


async def _run_until(node: "Node", name: str, item: int, seconds: float) -> dict[str, Any] | None:
    from backbone.service import logs, runner

    async def answered() -> bool:
        return await _answer(node, item) is not None

    logs.configure(level=40)
    await runner.sync(node, [name], timeout_seconds=seconds, until=answered)
    return await _answer(node, item)


async def _wait_for(node: "Node", item: int, seconds: float) -> dict[str, Any] | None:
    end = time.monotonic() + seconds
    while (found := await _answer(node, item)) is None and time.monotonic() < end:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_SECONDS)
    return found
