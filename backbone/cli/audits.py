"""``audit`` and ``repair``: whether both sides agree, and making them agree again."""

from typing import Annotated, Any

import typer

from backbone.cli import show
from backbone.cli.asking import Request, ask
from backbone.cli.here import Here, here
from backbone.errors import BackboneError, Differences
from backbone.model import in_words

Json = Annotated[bool, typer.Option("--json", help="For programs: stable keys.")]
Name = Annotated[str, typer.Argument(help="The link.")]
Timeout = Annotated[float, typer.Option(help="How long to wait for the partner, in seconds.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands into the program."""
    app.command()(audit)
    app.command()(repair)


def audit(context: typer.Context, name: Name, timeout: Timeout = 120.0, json: Json = False) -> None:
    """Compare both sides over the channel, also while changes are in flight; ends with 6 when they differ.

    JSON: issues, theirs, in_flight, equal, differences, drift_here, drift_there, and details: name, gid, issue, field,
    element, here and there (digests), value (ours). more: there are differences that are not named.
    """
    result = _audited(here(context), name, timeout)
    problems = _problems(result)
    if json:
        show.as_json({**result, "equal": not problems})
    else:
        flying = f", {result['in_flight']} left out because they are in flight" if result["in_flight"] else ""
        if not problems:
            typer.echo(f"{result['issues']} issues compared, all equal{flying}")
        for text in problems:
            typer.echo(show.printable(text))
        if result.get("more"):
            typer.echo("There are more differences than are named: settle these, then audit again.")
    if problems:
        raise Differences(
            f"{result['issues']} issues compared, {len(problems)} differences; see backbone repair {name}"
        )


def repair(context: typer.Context, name: Name, timeout: Timeout = 120.0, dry_run: DryRun = False) -> None:
    """Audit, and settle what differs by the policies of the agreement; what a tracker lost is written again."""
    place = here(context)
    result = _audited(place, name, timeout)
    problems = _problems(result)
    for text in problems:
        typer.echo(show.printable(text))
    if not problems:
        typer.echo(f"{result['issues']} issues compared, all equal: nothing to settle")
        return
    if dry_run:
        typer.echo("Would settle: where both sides differ, the value that stands by the policy is written anew;")
        typer.echo("what a tracker does not show any more is written into it again.")
        return
    arguments = {
        "cells": [[one["gid"], one["field"], one["element"]] for one in result["details"]],
        "drift_here": bool(result["drift_here"]),
        "drift_there": bool(result["drift_there"]),
    }
    done = ask(place, Request(name, "repair", arguments), timeout)
    typer.echo(f"{done['written_again']} values are written again here, {done['settled']} differences are settled with "
               f"the partner. When it is quiet: backbone audit {name}")  # fmt: skip


def _audited(place: Here, name: str, timeout: float) -> dict[str, Any]:
    result = ask(place, Request(name, "audit", {}, linger=False), timeout)
    if result.get("busy"):
        raise BackboneError("too much was in flight all the time: try again when it is quieter")
    return result


def _problems(result: dict[str, Any]) -> list[str]:
    """One line each; a value of ours is shown to us only."""
    return [
        *(_line(one) for one in result["details"]),
        *(f"here: {text}" for text in result["drift_here"]),
        *(f"at the partner: {text}" for text in result["drift_there"]),
    ]


def _line(one: dict[str, Any]) -> str:
    if not one["field"]:
        return str(one["name"])
    value = one["value"]
    ours = "absent" if value is None else repr(in_words(value) if isinstance(value, dict) else value)[:80]
    return f"{one['name']} (here {one['here'] or '-'} {ours}, at the partner {one['there'] or '-'})"
