"""``link pair``: which issues that both sides had are the same, before and after it is so."""

from typing import TYPE_CHECKING, Annotated

import typer

from backbone.cli import show
from backbone.cli.here import here, link_named

if TYPE_CHECKING:
    from backbone.service.links.pairs import Coming, Pairs
    from backbone.service.node import Node

SHOWN_MAX = 1_000


def add_to(link: typer.Typer) -> None:
    """Put the command among those of links."""
    link.command("pair")(pair)


def pair(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The link's name on this node.")],
    json: Annotated[bool, typer.Option("--json", help="For programs: stable keys.")] = False,
) -> None:
    """Show how issues that both trackers had before the link are paired; writes nothing.

    JSON: keys, shared (key: our issues), paired, waiting (our issues), coming (key, here, doubt).
    """
    from dataclasses import asdict

    from backbone.service.links.pairs import pairs_of

    async def work(node: "Node") -> "Pairs":
        return await pairs_of(node, link_named(node, name))

    found = here(context).run(work)
    if json:
        show.as_json(asdict(found))
        return
    typer.echo(f"{found.keys} issues here have a key; {found.paired} are paired with one of the partner's.")
    for key, issues in list(found.shared.items())[:SHOWN_MAX]:
        typer.echo(show.printable(f"The key {key!r} is in several issues here: {', '.join(issues)}"))
    if found.waiting:
        typer.echo(f"Waiting for a person, nothing of them is sent: {', '.join(found.waiting)}")
    if found.coming:
        rows = [(one.key or "-", _shown(one)) for one in found.coming[:SHOWN_MAX]]
        show.table(("the partner's issue", "would be"), rows, empty="")


def _shown(one: "Coming") -> str:
    return one.doubt or (f"paired with {one.here}" if one.here else "made here")
