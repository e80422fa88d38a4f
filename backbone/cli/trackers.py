"""``backbone tracker``: name a tracker in backbone.toml, put into it what replication needs."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbone.cli import show
from backbone.cli.here import opened
from backbone.cli.options import AsJson, DryRun
from backbone.errors import UsageError

if TYPE_CHECKING:
    from backbone.service.node import Node

app = typer.Typer(help="The trackers of this node.", no_args_is_help=True)

_PATHS = ("home", "path")


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What links call it: a-z, 0-9, hyphens.")],
    kind: Annotated[str, typer.Option(metavar="KIND", help="roundup, memory, or another that is installed.")],
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Any other setting of that kind.")
    ] = None,
    home: Annotated[Path | None, typer.Option(metavar="DIR", help="Roundup: the tracker's home.")] = None,
    issue_class: Annotated[
        str | None, typer.Option("--class", metavar="CLASS", help="Roundup: the class that is replicated.")
    ] = None,
    user: Annotated[str | None, typer.Option(metavar="LOGIN", help="The user that writes for Backbone.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Name a tracker in backbone.toml.

    Appends a table; what stands there, comments too, stays as it is.
    """
    from backbone.service.equipping import add_tracker

    named = {"home": home, "class": issue_class, "user": user}
    given = {key: str(value) for key, value in named.items() if value is not None}
    values = {"kind": kind} | {key: _value(key, text) for key, text in (given | _pairs(settings or [])).items()}

    async def work(node: "Node") -> None:
        table = await add_tracker(node, name, values, dry_run=dry_run)
        show.say(f"{'Would be' if dry_run else 'Was'} added to {node.folder.config}:\n\n{table}")
        if not dry_run:
            show.say(f"Next: backbone tracker prepare {name}")

    opened(context, work)


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the trackers of this node.

    JSON: trackers[name, kind, place, links].
    """
    from backbone.service.equipping import describe

    async def work(node: "Node") -> list[dict[str, Any]]:
        return describe(node)

    found = opened(context, work)
    if as_json:
        show.document({"trackers": found})
    elif found:
        show.table(("tracker", "kind", "place", "links"),
                   [(o["name"], o["kind"], o["place"], ", ".join(o["links"])) for o in found])  # fmt: skip
    else:
        show.say("This node has no tracker yet: backbone tracker add NAME --kind KIND …")


@app.command()
def prepare(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Not needed if there is one only.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Make a tracker ready for replication.

    Puts into it what is needed, and says what it did; may be repeated.
    """
    from backbone.service import equipping

    async def work(node: "Node") -> None:
        chosen = equipping.the_tracker(node, name)
        if dry_run:
            done = await equipping.unprepared(node, chosen)
        else:
            done = await equipping.prepare_tracker(node, chosen)
        for sentence in done or [f"Tracker {chosen} has all that is needed."]:
            show.say(sentence)

    opened(context, work)


def _pairs(settings: list[str]) -> dict[str, str]:
    wrong = next((one for one in settings if "=" not in one), None)
    if wrong is not None:
        raise UsageError(f"{wrong!r} is not KEY=VALUE: write a setting as home=DIR")
    return dict(one.split("=", 1) for one in settings)


def _value(key: str, text: str) -> str | int | bool:
    """Numbers and ``true`` as such; paths as seen from here, because the file's begin at the node's folder."""
    if key in _PATHS:
        return str(Path(text).expanduser().absolute())
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return value if isinstance(value, int | bool) else text
