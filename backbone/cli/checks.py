"""``link check``: try a link's file on the tracker without writing anything."""

from typing import TYPE_CHECKING, Annotated

import typer

from backbone.cli import show
from backbone.cli.here import here, link_named
from backbone.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backbone.model import Value
    from backbone.service.links.checking import Checked, Sample
    from backbone.service.links.surveying import Survey
    from backbone.service.node import Node

SHARED_MAX = 50
WORDS_MAX = 200
"""So much of a value is shown to a person."""


def add_to(link: typer.Typer) -> None:
    """Put the command among those of links."""
    link.command("check")(check)


def check(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The link's name on this node.")],
    samples: Annotated[int, typer.Option(min=0, max=1000, help="Show so many issues as they would be sent.")] = 0,
    invert: Annotated[bool, typer.Option("--invert", help="Prove the way back on all values in use.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For programs: stable keys.")] = False,
) -> None:
    """Try a link's file on its agreement and its tracker; writes nothing, ends with 3 when something is wrong.

    JSON: problems, fields, issues (looked at by --invert), samples (local, sent, written, problems), scope
    (issues, parts, inside, outside, problems; null where the file says nothing of it), shared (key: our issues that
    pairing cannot tell apart; null where the file says nothing of pairing).
    """
    from dataclasses import asdict

    from backbone.service.links.checking import check_link

    async def work(node: "Node") -> "Checked":
        return await check_link(node, link_named(node, name), samples=samples, invert=invert)

    found = here(context).run(work)
    if json:
        show.as_json(asdict(found))
    else:
        for sample in found.samples:
            _print(sample)
        for problem in found.problems:
            typer.echo(show.printable(problem))
        if not found.problems:
            typer.echo(_all_well(found, invert=invert))
        if found.scope is not None:
            _print_scope(found.scope)
        if found.shared is not None:
            _print_shared(found.shared)
    if found.problems:
        raise ConfigError(f"{len(found.problems)} things in the file of link {name} are to be mended")


def _all_well(found: "Checked", *, invert: bool) -> str:
    proof = f"; every value of {found.issues} issues comes back as it was" if invert else ""
    return f"{found.fields} fields fit the agreement and the tracker{proof}."


def _print_scope(scope: "Survey") -> None:
    inside = scope.issues - scope.parts.get("skipped", 0) - scope.parts.get("resting", 0)
    parts = ", ".join(f"{count} {part.replace('_', '-')}" for part, count in scope.parts.items())
    typer.echo(f"{inside} of {scope.issues} issues are in scope{f' ({parts})' if parts else ''}.")
    for words, examples in (("In it", scope.inside), ("Not in it", scope.outside)):
        if examples:
            typer.echo(f"{words}, for example: {'; '.join(map(_short, examples))}")
    for problem in scope.problems:
        typer.echo(f"Not in it, as nobody can say: {show.printable(problem)}")


def _print_shared(shared: "Mapping[str, Sequence[str]]") -> None:
    """What pairing would ask a person about."""
    for key, issues in list(shared.items())[:SHARED_MAX]:
        typer.echo(show.printable(f"Pairing: the key {key!r} is in several issues here: {', '.join(issues)}"))
    if not shared:
        typer.echo("Pairing: every key is in one issue here only.")


def _print(sample: "Sample") -> None:
    typer.echo(f"{sample.local}: would be sent")
    for cell, value in sample.sent.items():
        typer.echo(f"  {show.printable(cell)} = {_short(value)}")
    if sample.written:
        typer.echo("  the way back would write")
    for cell, (before, after) in sample.written.items():
        typer.echo(f"    {show.printable(cell)} = {_short(after)} (is {_short(before)})")
    for problem in sample.problems:
        typer.echo(f"  not sent: {show.printable(problem)}")


def _short(value: "Value") -> str:
    from backbone.model import in_words

    text = "-" if value is None else in_words(value)
    text = show.printable(" ".join(text.split()))
    return text if len(text) <= WORDS_MAX else f"{text[:WORDS_MAX]}…"
