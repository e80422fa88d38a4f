"""``link add``, ``link cut`` and ``link resting``: single issues, by hand."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbone.cli import show
from backbone.cli.asking import Request, ask
from backbone.cli.here import here, link_named
from backbone.cli.lists import TIMEOUT
from backbone.errors import BackboneError

if TYPE_CHECKING:
    from backbone.service.node import Node

Name = Annotated[str, typer.Argument(help="The link's name on this node.")]
Issue = Annotated[str, typer.Argument(help="The issue, as the tracker here calls it.")]


def add_to(link: typer.Typer) -> None:
    """Put the commands among those of links."""
    link.command("add")(add)
    link.command("cut")(cut)
    link.command("resting")(resting)


def add(context: typer.Context, name: Name, issue: Issue, timeout: TIMEOUT = 120.0) -> None:
    """Let one issue take part in a link, whatever its scope says; one that was cut goes on as the same issue."""
    answer = _ask(context, name, "add", issue, timeout)
    later = ", as soon as the partner adds it too: they took it out" if answer.get("theirs") else ""
    typer.echo(f"{issue} takes part in link {name}{later}.")


def cut(context: typer.Context, name: Name, issue: Issue, timeout: TIMEOUT = 120.0) -> None:
    """Take one issue out of a link: both sides keep theirs, the partner is told, and no more changes travel."""
    _ask(context, name, "cut", issue, timeout)
    typer.echo(f"{issue} is cut from link {name}. `backbone link add {name} {issue}` joins it again.")


def _ask(context: typer.Context, name: str, kind: str, issue: str, timeout: float) -> dict[str, Any]:
    answer = ask(here(context), Request(name, kind, {"issue": issue}), timeout)
    if answer.get("problem"):
        raise BackboneError(show.printable(str(answer["problem"])))
    return answer


def resting(
    context: typer.Context,
    name: Name,
    json: Annotated[bool, typer.Option("--json", help="For programs: stable keys.")] = False,
) -> None:
    """Issues of a link of which nothing travels, and why. JSON: a list of issue, ours, theirs, why."""
    from backbone.store import lists, standing

    async def read(node: "Node") -> list[dict[str, Any]]:
        row = link_named(node, name)

        def found(tx: Any) -> list[dict[str, Any]]:
            rows = [one for one in standing.every(tx, row.id) if one.rests]
            called = lists.local_names(tx, [(row.id, one.gid) for one in rows])
            return [
                {
                    "issue": called.get((row.id, one.gid), one.gid),
                    "ours": one.ours,
                    "theirs": one.theirs,
                    "why": one.why,
                }
                for one in rows
            ]

        return await node.store.read(found)

    rows = here(context).run(read)
    if json:
        show.as_json(rows)
        return
    shown = [(r["issue"], r["ours"] or "-", r["theirs"] or "-", r["why"] or "-") for r in rows]
    show.table(("issue", "here", "at the partner's", "why"), shown, empty="Every issue of this link takes part.")
