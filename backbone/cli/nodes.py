"""``init``, ``doctor`` and ``tracker``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backbone.cli import show
from backbone.cli.here import here
from backbone.errors import BackboneError, UsageError

if TYPE_CHECKING:
    from backbone.service.node import Node

tracker = typer.Typer(help="The trackers of this node.", no_args_is_help=True, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="For programs: stable keys.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands into the program."""
    app.command()(init)
    app.command()(doctor)
    app.add_typer(tracker, name="tracker")


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    name: Annotated[str, typer.Option(help="What the partners see, for example the company: a-z, 0-9 and hyphens.")],
    anchor: Annotated[Path | None, typer.Option(help="The anchor's file, outside the folder.")] = None,
) -> None:
    """Make a node: a folder with a store, its anchor, and a commented backbone.toml."""
    from backbone.config import check_name
    from backbone.service.node import create_node

    place = folder.expanduser().absolute()
    outside = anchor.expanduser().absolute() if anchor else None
    if outside is not None and outside.resolve().is_relative_to(place.resolve()):
        raise UsageError(f"{outside} lies in the node's folder and would be restored with it; name a file elsewhere")
    create_node(place, check_name(name), outside)
    typer.echo(f"The node {name} is in {folder}. Next: say where your tracker is.")
    typer.echo(f"  backbone -C {folder} tracker add main --kind roundup --home /path/to/tracker --class issue")
    typer.echo(f"  backbone -C {folder} tracker prepare")


def doctor(
    context: typer.Context,
    json: Json = False,
    renew_anchor: Annotated[
        bool, typer.Option("--renew-anchor", help="Say that this store is the newest copy, though its anchor is gone.")
    ] = False,
) -> None:
    """Check GnuPG, permissions, store, clock, each tracker and each channel, and say for each what to do.

    JSON: a list of {what, state (ok, warning, problem), sentence}. Ends with 1 when there is a problem.
    """
    from dataclasses import asdict

    from backbone.service.watching import doctor as service

    if renew_anchor:
        here(context).run(_renew_anchor)
    findings = service.examine_now(here(context).path)
    if json:
        show.as_json([asdict(finding) for finding in findings])
    else:
        show.table(
            ("", "what", "found"), [(f.state, f.what, f.sentence) for f in findings], empty="Nothing was checked."
        )
    problems = sum(finding.state == "problem" for finding in findings)
    if problems:
        raise BackboneError(f"{problems} of {len(findings)} findings are problems: do what stands beside them")


async def _renew_anchor(node: "Node") -> None:
    """Only what is gone: another verdict is evidence that must not be written over."""
    from backbone.service.node import judge, renew_anchor
    from backbone.store.anchor import Finding

    verdict = judge(node)
    if verdict.finding is not Finding.MISSING:
        raise UsageError(f"only a missing anchor can be renewed, but {verdict.sentence or 'it agrees with the store'}")
    renew_anchor(node)
    typer.echo("The anchor was written anew.", err=True)


@tracker.command("add")
def tracker_add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A word for it, for example main.")],
    kind: Annotated[str, typer.Option(help="roundup or memory.")],
    home: Annotated[Path | None, typer.Option(help="Roundup: the tracker's home.")] = None,
    issue_class: Annotated[str | None, typer.Option("--class", help="Roundup: the class of the issues.")] = None,
    user: Annotated[str | None, typer.Option(help="The log-in of the synchronization user.")] = None,
    path: Annotated[Path | None, typer.Option(help="Memory: the file that keeps it.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and write nothing.")] = False,
) -> None:
    """Add a tracker to backbone.toml; what is there stays as it is."""
    from backbone.config import Folder, add_tracker, check_name, load_node
    from backbone.service.parties import check_settings

    paths = {key: str(given.expanduser().absolute()) for key, given in (("home", home), ("path", path)) if given}
    words = {key: given for key, given in (("class", issue_class), ("user", user)) if given}
    folder = Folder(here(context).path)
    load_node(folder)
    check_settings(kind, paths | words)
    if dry_run:
        typer.echo(f"Tracker {check_name(name)} can be added; nothing was written.")
        return
    add_tracker(folder, name, {"kind": kind, **paths, **words})
    typer.echo(f"Tracker {name} is in backbone.toml. Next: backbone tracker prepare {name}")


@tracker.command("list")
def tracker_list(context: typer.Context, json: Json = False) -> None:
    """The trackers in backbone.toml. JSON: a list of {name, kind}."""
    from backbone.config import Folder, load_node

    config = load_node(Folder(here(context).path))
    found = [{"name": name, "kind": table.kind} for name, table in config.trackers.items()]
    if json:
        show.as_json(found)
    else:
        show.table(("name", "kind"), [(f["name"], f["kind"]) for f in found], empty="There is no tracker yet.")


@tracker.command("prepare")
def tracker_prepare(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="The tracker's word in backbone.toml (else: all).")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what the tracker lacks.")] = False,
) -> None:
    """Put into a tracker what replication needs: its detector, its tables, the synchronization user."""
    from backbone.config import Folder, load_node
    from backbone.service.parties import check_tracker, prepare_tracker

    folder = Folder(here(context).path)
    config = load_node(folder)
    if name is not None and name not in config.trackers:
        raise UsageError(f"{folder.config} has no [trackers.{name}]; there are: {', '.join(config.trackers) or 'none'}")
    for word, table in config.trackers.items():
        if name not in (None, word):
            continue
        settings = folder.resolved(table.settings)
        sentences = check_tracker(table.kind, settings) if dry_run else prepare_tracker(table.kind, settings)
        for sentence in sentences or ["nothing to do"]:
            typer.echo(f"{word}: {sentence}")
