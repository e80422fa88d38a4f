"""``key``: a link's keys: which they are, and a new one in place of the old."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbone.cli import show
from backbone.cli.asking import Request, ask
from backbone.cli.here import here, link_named
from backbone.errors import UsageError

if TYPE_CHECKING:
    from backbone.service.node import Node

key = typer.Typer(help="The keys of links.", no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(help="The link's name on this node.")]
Json = Annotated[bool, typer.Option("--json", help="For programs: stable keys.")]
Timeout = Annotated[float, typer.Option(help="How long to wait for our own service, in seconds.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands into the program."""
    app.add_typer(key, name="key")


@key.command("show")
def key_show(context: typer.Context, name: Name, json: Json = False) -> None:
    """A link's keys, ours and the partner's: what was pinned, what signs now, until when, whether one is being changed.

    JSON: link, words, keys (a list of link, whose, fingerprint, signing, ends_at, former, state).
    """
    found = here(context).run(lambda node: _read(node, name))
    if json:
        show.as_json(found)
        return
    for one in found["keys"]:
        show.pairs({
            "key": one["whose"], "pinned": show.groups(one["fingerprint"]), "signs now": show.groups(one["signing"]),
            "until": show.moment(one["ends_at"]), "before it": f"{one['former']} others", "change": one["state"] or "-",
        })  # fmt: skip
        typer.echo()
    if found["words"]:
        typer.echo("Safety words, the same on both sides:\n" + show.words(found["words"]))


async def _read(node: "Node", name: str) -> dict[str, Any]:
    from backbone.service.links import linking
    from backbone.service.watching.keys import shown

    row = link_named(node, name)
    words = list(await linking.words(node, name)) if row.peer else []
    return {"link": name, "words": words, "keys": [asdict(one) for one in await shown(node, row)]}


@key.command()
def rotate(context: typer.Context, name: Name, timeout: Timeout = 60.0, yes: Yes = False) -> None:
    """A new key in place of ours, while the link works. Fingerprint and safety words stay, so nobody has to compare."""
    place = here(context)
    show.confirm(f"make a new key for link {name}?", yes=yes)
    answer = ask(place, Request(name, "rotate", {}), timeout)
    if answer.get("problem"):
        raise UsageError(str(answer["problem"]))
    found = place.run(lambda node: _read(node, name))
    typer.echo("The new key is made. It signs as soon as the partner has taken it, and what is under way still opens.")
    typer.echo(f"How far that is: backbone key show {name}. The words are what they were:")
    typer.echo(show.words(found["words"]))
    typer.echo("Make a backup (backbone backup FILE): one from before does not hold the new key.")


@key.command()
def revoke(
    context: typer.Context,
    name: Name,
    reason: Annotated[str, typer.Option(help="What happened, in one line: the partner's admin reads it.")],
    partner: Annotated[bool, typer.Option("--partner", help="It is the partner's key that was stolen.")] = False,
    yes: Yes = False,
) -> None:
    """A key was stolen: what it signs is refused from now on, and the link stops until there is a new handshake."""
    from backbone.service.links import distrusting, revoking

    revoking.check_reason(reason)
    place = here(context)
    whose = "the partner's" if partner else "our"
    show.confirm(f"revoke {whose} key of link {name}? The link stops until there is a new handshake", yes=yes)
    work = distrusting.distrust_partners if partner else distrusting.revoke_ours
    place.run(lambda node: work(node, name, reason), wake=True)
    typer.echo(f"{whose.capitalize()} key of link {name} is revoked. Call the partner's admin, and then:")
    typer.echo(
        "the master of the link says: backbone link create NAME --again; the other one: backbone link join FILE --again"
    )
    if not partner:
        typer.echo("The partner is told by a parcel as soon as this node runs: backbone run, or backbone sync.")
