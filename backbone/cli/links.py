"""``backbone link``: see the links, compare safety words, pause, resume, revoke. Making them is in ``joining``."""

import getpass
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbone.cli import handshakes, joining, show
from backbone.cli.here import link_named, opened
from backbone.cli.options import AsJson, Yes

if TYPE_CHECKING:
    from backbone.service.node import Node

app = typer.Typer(help="Links to partners.", no_args_is_help=True)
app.registered_commands += joining.app.registered_commands

Name = Annotated[str, typer.Argument(metavar="NAME", help="The link.")]


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the links of this node.

    JSON: links[name, side, state, stage, peer, peer_fingerprint, verified_by].
    """
    from backbone.service.status import status

    async def work(node: "Node") -> list[dict[str, Any]]:
        keys = ("name", "side", "state", "stage", "peer", "peer_fingerprint", "verified_by")
        return [{key: getattr(one, key) for key in keys} for one in status(node.store)]

    found = opened(context, work)
    if as_json:
        show.document({"links": found})
    elif found:
        rows = [(o["name"], o["side"], o["state"], o["peer"], o["verified_by"] or "nobody yet") for o in found]
        show.table(("link", "we are", "state", "partner", "words compared by"), rows)
    else:
        show.say("This node has no link yet: backbone link create, or backbone link join")


@app.command("show")
def show_(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Show one link.

    Partner, keys, agreement, files.

    JSON: name, side, state, stage, reason, peer, peer_fingerprint, fingerprint, verified_by, words, link_id, keys,
    file, agreement.
    """
    found, agreement = opened(context, lambda node: _described(node, name))
    if as_json:
        show.document({**found, "agreement": agreement.model_dump(mode="json")})
        return
    shown = {key.replace("_", " "): value for key, value in found.items() if key != "words"}
    for key in ("peer fingerprint", "fingerprint"):
        shown[key] = show.groups(shown[key])
    show.facts(shown)
    show.say()
    handshakes.print_agreement(agreement)
    if found["words"]:
        handshakes.print_words(found["words"])


@app.command()
def verify(
    context: typer.Context,
    name: Name,
    by: Annotated[str | None, typer.Option(metavar="WHO", help="Who compared the words; else your log-in.")] = None,
    yes: Yes = False,
) -> None:
    """Compare the safety words.

    Shows all ten; when both admins read the same ones, that is recorded. Asks whether they are the same, unless --yes
    or --by says so.
    """
    from backbone.service import linking

    async def work(node: "Node") -> None:
        await node.store.read(lambda tx: link_named(tx, name))
        handshakes.print_words(await linking.words(node, name))
        show.say()
        show.confirm(
            "Are they the same at the partner's, read out by somebody you know?",
            yes=yes or by is not None,
            otherwise="say --by WHO when they were compared",
        )
        who = by or getpass.getuser()
        await linking.verify(node, name, who)
        show.say(f"Recorded: compared by {who}.")

    opened(context, work)


@app.command()
def pause(context: typer.Context, name: Name) -> None:
    """Stop a link for a while.

    Nothing leaves, nothing is applied; what comes in waits.
    """
    from backbone.service import linking

    _do(context, name, lambda node: linking.pause(node, name), "is paused; go on with: backbone link resume " + name)


@app.command()
def resume(context: typer.Context, name: Name) -> None:
    """Let a paused link go on."""
    from backbone.service import linking

    _do(context, name, lambda node: linking.resume(node, name), "goes on")


@app.command()
def revoke(
    context: typer.Context,
    name: Name,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; the partner's admin will read it.")] = "",
    yes: Yes = False,
) -> None:
    """End a link for ever.

    Its key is trusted no more, nothing leaves and nothing is applied.
    """
    from backbone.service import linking

    async def end(node: "Node") -> None:
        show.confirm(f"End link {name} for ever?", yes=yes, otherwise="say --yes to end this link for ever")
        await linking.revoke(node, name, reason or "revoked by the admin")

    _do(context, name, end, "is revoked")


def _do(context: typer.Context, name: str, step: "Callable[[Node], Awaitable[None]]", done: str) -> None:
    async def work(node: "Node") -> None:
        await node.store.read(lambda tx: link_named(tx, name))
        await step(node)
        show.say(f"Link {name} {done}.")

    opened(context, work)


async def _described(node: "Node", name: str) -> tuple[dict[str, Any], Any]:
    from backbone.replication.agreement import Agreement
    from backbone.service import linking
    from backbone.service.status import status

    row = await node.store.read(lambda tx: link_named(tx, name))
    seen = next(one for one in status(node.store) if one.name == name)
    found = {
        "name": name,
        "side": seen.side,
        "state": seen.state,
        "stage": seen.stage,
        "reason": seen.reason,
        "peer": seen.peer,
        "peer_fingerprint": seen.peer_fingerprint,
        "fingerprint": row.our_fingerprint,
        "verified_by": seen.verified_by,
        "words": list(await linking.words(node, name)) if row.peer is not None else [],
        "link_id": row.link_id,
        "keys": str(node.folder.gnupg(row.home)),
        "file": str(node.folder.link_file(name)),
    }
    return found, Agreement.parse(row.agreement, f"the agreement of link {name}")
