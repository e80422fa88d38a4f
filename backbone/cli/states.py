"""``backbone status``: how each link stands."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbone.cli import show
from backbone.cli.here import opened
from backbone.cli.options import AsJson
from backbone.errors import Differences

if TYPE_CHECKING:
    from backbone.service.node import Node
    from backbone.service.status import LinkStatus

app = typer.Typer()

WATCH_SECONDS = 1.0
_STOPPED = ("failed", "resync", "expired")


@app.command()
def status(
    context: typer.Context,
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Again every second, until Ctrl-C.")] = False,
    check: Annotated[bool, typer.Option("--check", help="End with 6 when a person is needed.")] = False,
) -> None:
    """Show how each link stands.

    Messages sent, applied there, received (got) and applied here, what waits, what was set aside, conflicts
    (open/all), and when the partner was last heard.

    JSON: node, links[name, side, state, stage, reason, peer, peer_fingerprint, verified_by, issues, populated, sent,
    acknowledged, applied_there, received, applied_here, waiting, change_sets_sent, change_sets_applied_there,
    cells_waiting, quarantined, conflicts_open, conflicts, heard_at, holding]; messages are counted, times are seconds
    since 1970; with --watch one line for each look.
    """
    import asyncio

    async def work(node: "Node") -> None:
        while True:
            found = _look(node)
            _show(node.name, found, as_json=as_json, watch=watch)
            if not watch:
                break
            await asyncio.sleep(WATCH_SECONDS)
        if check:
            _check(found)

    opened(context, work)


def _look(node: "Node") -> "list[LinkStatus]":
    from backbone.service.status import status

    return status(node.store)


def _show(name: str, found: "Sequence[LinkStatus]", *, as_json: bool, watch: bool) -> None:
    import json
    import sys
    from dataclasses import asdict

    if as_json:
        answer = {"node": name, "links": [asdict(one) for one in found]}
        if watch:
            typer.echo(json.dumps(answer))
        else:
            show.document(answer)
        return
    if watch and sys.stdout.isatty():
        typer.echo("\x1b[H\x1b[2J", nl=False)
    if not found:
        show.say(f"Node {name} has no link yet: backbone link create, or backbone link join")
        return
    now = time.time()
    show.table(
        ("link", "state", "issues", "sent", "there", "got", "here", "waiting", "aside", "conflicts", "heard"),
        [_row(one, now) for one in found],
        right=("issues", "sent", "there", "got", "here", "waiting", "aside", "conflicts"),
    )
    for one in found:
        for remark in remarks(one):
            show.say(f"{one.name}: {remark}")


def _row(one: "LinkStatus", now: float) -> tuple[Any, ...]:
    waiting = one.waiting + one.cells_waiting
    conflicts = f"{one.conflicts_open}/{one.conflicts}" if one.conflicts else 0
    return (one.name, one.state, one.issues, one.sent, one.applied_there, one.received, one.applied_here, waiting,
            one.quarantined, conflicts, show.ago(one.heard_at, now))  # fmt: skip


def remarks(one: "LinkStatus") -> list[str]:
    """What a person should know, a sentence each."""
    found = []
    if one.reason:
        found.append(one.reason)
    if one.holding:
        found.append("the last process did not end in order: nothing is sent before the partner has answered")
    if one.peer and not one.verified_by:
        found.append(f"nobody compared the safety words yet: backbone link verify {one.name}")
    if one.state == "active" and not one.populated:
        found.append("the issues that were there before are being sent")
    if one.quarantined:
        found.append(f"{show.counted(one.quarantined, 'item')} set aside: backbone queue list {one.name}")
    if one.conflicts_open:
        number = show.counted(one.conflicts_open, "conflict")
        found.append(f"{number} to be decided: backbone conflict list {one.name} --open")
    return found


def _check(found: "Sequence[LinkStatus]") -> None:
    needed = [
        f"link {one.name}: {'; '.join(remarks(one)) or one.state}"
        for one in found
        if one.quarantined or one.conflicts_open or one.reason or one.state in _STOPPED
    ]
    if needed:
        raise Differences("a person is needed: " + " | ".join(needed))
