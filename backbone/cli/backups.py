"""``backup``, ``restore`` and ``resync``: what an admin does so that a lost disk loses nothing."""

import time
from pathlib import Path
from typing import Annotated

import typer

from backbone.cli import looking, show
from backbone.cli.here import here
from backbone.cli.lists import TIMEOUT

Name = Annotated[str, typer.Argument(help="The link's name on this node.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands into the program."""
    app.command()(backup)
    app.command()(restore)
    app.command()(resync)


def backup(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="The file to write; it must not exist yet.")]
) -> None:
    """Write the whole node into one file, also while it runs: store, configuration, links, keys, attachments."""
    from backbone.service.healing.backing import back_up

    about = back_up(here(context).path, file.expanduser().absolute(), time.time())
    links = f"with {len(about.links)} links ({', '.join(about.links)})" if about.links else "without any link"
    typer.echo(f"The node {about.name} is in {file}, {links}.")
    typer.echo(
        "The file holds the links' private keys: keep it where only you can read it. It does not hold the tracker."
    )


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that `backbone backup` wrote.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put a node back from its backup; each partner then sends again what was lost since, and nothing is done twice."""
    from backbone.service.healing.backing import look, restore

    place = here(context).path
    about = look(file)
    typer.echo(
        f"{file}: the node {about.name}, as it was at {about.made}, with the links {', '.join(about.links) or '-'}."
    )
    typer.echo(f"It is put into {place}; what is there now is kept beside it. The tracker is not touched.")
    typer.echo(
        "Every link then says that it was restored, and emits nothing before its partner has told its whole state."
    )
    show.confirm(f"put the node {about.name} back into {place}?", yes=yes)
    done = restore(file, place, time.time())
    kept = f" What was there is in {done.kept}." if done.kept else ""
    typer.echo(f"The node {about.name} is restored, in life {done.life} of its store.{kept}")
    typer.echo("Next: backbone run. See with `backbone status` when each link is active again.")


def resync(
    context: typer.Context,
    name: Name,
    since: Annotated[str | None, typer.Option(help="Look again at issues made or edited since that day.")] = None,
    query: Annotated[str | None, typer.Option(help="Look again at issues that the tracker's query finds.")] = None,
    fields: Annotated[str | None, typer.Option(help="Say these agreed fields again, with commas between.")] = None,
    scope: Annotated[bool, typer.Option("--scope", help="Look again at every issue: which are in scope now.")] = False,
    timeout: TIMEOUT = 3600.0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Say that this copy of the node is the one that shall live; or, with an option, look at issues again.

    Without options: for a link that stopped because two copies of this node ran. Any other copy is refused by the
    partner for ever. With options: what differs from what was last seen travels, and what is in scope now enters.
    """
    if since or query or fields or scope:
        looking.look(context, name, looking.Wanted(since, query, fields), timeout)
        return
    from backbone.service.links import linking

    show.confirm(f"join link {name} again from this copy, and shut out every other copy of this node?", yes=yes)
    life = here(context).run(lambda node: linking.resync(node, name), wake=True)
    typer.echo(
        f"Link {name} begins life {life} of this store. Next: backbone run; `backbone status` shows when it is active."
    )
