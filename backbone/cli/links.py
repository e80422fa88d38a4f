"""``link``: make links, look at them, pause and end them."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbone.cli import checks, choosing, handshakes, mails, pairs, proposals, show
from backbone.cli.handshakes import File, Json, Passphrase
from backbone.cli.here import Here, here, link_named
from backbone.errors import BackboneError, UsageError

if TYPE_CHECKING:
    from backbone.service.node import Node

link = typer.Typer(help="Links with partners.", no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(help="The link's name on this node.")]
TELL_SECONDS = 20.0
"""How long an admin waits for the channel when a link ends; afterwards the service goes on trying."""


def add_to(app: typer.Typer) -> None:
    """Put these commands into the program."""
    checks.add_to(link)
    choosing.add_to(link)
    pairs.add_to(link)
    proposals.add_to(link)
    app.add_typer(link, name="link")


@link.command()
def create(
    context: typer.Context,
    name: Name,
    channel: Annotated[str, typer.Option(help="How parcels travel: directory or mail.")] = "directory",
    tracker: Annotated[str, typer.Option(help="Which tracker of backbone.toml takes part.")] = "main",
    send: Annotated[Path | None, typer.Option(help="The exchange directory that the partner receives from.")] = None,
    receive: Annotated[Path | None, typer.Option(help="The exchange directory that the partner sends to.")] = None,
    account: Annotated[str | None, typer.Option(help="By mail: the account in backbone.toml.")] = None,
    agreement: Annotated[Path | None, typer.Option(help="A TOML file: what is shared.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="A TOML file: what the shared fields are called here.")] = None,
    one_way: Annotated[
        str | None, typer.Option(help="Only one side's changes travel: to-partner or from-partner.")
    ] = None,
    description: Annotated[str, typer.Option(help="A sentence for the partner's admin.")] = "",
    expires_days: Annotated[int, typer.Option(min=1, max=365, help="How long the file can be joined.")] = 14,
    encrypt: Annotated[bool, typer.Option("--encrypt/--no-encrypt", help="Signatures are always on.")] = True,
    passphrase_file: Passphrase = None,
    out: Annotated[Path | None, typer.Option(help="Where the handshake file goes (else NAME.handshake).")] = None,
    again: Annotated[bool, typer.Option("--again", help="New keys for a link that there is; its state stays.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --again: do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and write nothing.")] = False,
) -> None:
    """Invite a partner: write the link's file and the signed handshake file to hand over."""
    from backbone.service.links import linking

    if again:
        handshakes.offer_again(
            here(context), name, description, expires_days, handshakes.passphrase(passphrase_file), out, yes=yes
        )
        return
    travels = _channel(context, channel, send, receive, account)
    options = linking.LinkOptions(
        tracker, travels, description, agreement, mapping, expires_days, encrypt,
        handshakes.passphrase(passphrase_file), linking.direction(one_way),
    )  # fmt: skip
    target = out or Path(f"{name}.handshake")

    place = here(context)
    if dry_run:
        agreed, _ = place.run(lambda node: linking.check_create(node, name, options))
        typer.echo(f"Link {name} can be made, with the fields {', '.join(agreed.fields)}; nothing was written.")
        return
    with handshakes.new_file(target) as write:
        made = place.run(lambda node: linking.create_link(node, name, options), wake=True)
        write(made.file)
    typer.echo(f"The handshake file is {target}; hand it to the partner's admin. It works once, until {made.expires}.")
    typer.echo(f"Our key for this link: {made.fingerprint}")
    typer.echo("Next: backbone run. It waits for the partner's answer.")


@link.command()
def join(
    context: typer.Context,
    file: File,
    name: Annotated[str | None, typer.Option(help="What the link is called here.")] = None,
    tracker: Annotated[str, typer.Option(help="Which tracker of backbone.toml takes part.")] = "main",
    send: Annotated[Path | None, typer.Option(help="The exchange directory that the partner receives from.")] = None,
    receive: Annotated[Path | None, typer.Option(help="The exchange directory that the partner sends to.")] = None,
    account: Annotated[str | None, typer.Option(help="By mail: the account in backbone.toml.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="A TOML file: what the shared fields are called here.")] = None,
    passphrase_file: Passphrase = None,
    again: Annotated[bool, typer.Option("--again", help="New keys for a link that there is; its state stays.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    out: Annotated[Path | None, typer.Option(help="Also write the acceptance into a file, to carry by hand.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and write nothing.")] = False,
) -> None:
    """Accept an invitation: verify the file, ask, make our half of the link."""
    from backbone.service.links import linking

    offered = handshakes.read(file, passphrase_file)
    handshakes.print_offer(offered)
    if again:
        handshakes.join_again(here(context), offered, out, yes=yes)
        return
    options = linking.JoinOptions(
        tracker, _channel(context, offered.offer.channel.kind, send, receive, account), name, mapping
    )

    place = here(context)
    chosen, _, rules = place.run(lambda node: linking.check_join(node, offered, options))
    if dry_run:
        typer.echo(f"\nThis file can be joined, as link {chosen} with {len(rules.fields)} fields; nothing was written.")
        return
    show.confirm(f"join {offered.offer.node_name} as link {chosen}, the key compared?", yes=yes)
    with handshakes.new_file(out) as write:
        joined = place.run(lambda node: linking.join_link(node, offered, options), wake=True)
        write(joined.acceptance)
    typer.echo(f"\nLink {joined.name} was made; the answer travels as the first parcel. Next: backbone run.")
    typer.echo(f"Our key for this link: {joined.fingerprint}")
    typer.echo("Compare these words with the partner's admin by telephone:\n" + show.words(joined.words))
    if out is not None:
        typer.echo(f"The acceptance is also in {out}.")


@link.command()
def accept(context: typer.Context, file: File) -> None:
    """Take an acceptance that was carried by hand instead of through the channel."""
    from backbone.service.links import linking

    data = handshakes.content(file)
    name = here(context).run(lambda node: linking.accept_file(node, data), wake=True)
    typer.echo(f"Link {name} has a partner. Next: backbone run; then compare the words: backbone link verify {name}")


@link.command("list")
def link_list(context: typer.Context, json: Json = False) -> None:
    """All links. JSON: a list, with the keys of `backbone status`."""
    from backbone.service.watching.status import status

    async def read(node: "Node") -> list[Any]:
        return status(node.store)

    rows = here(context).run(read)
    if json:
        show.as_json([asdict(row) for row in rows])
    else:
        found = [(r.name, r.side, r.state, r.peer or "-", r.verified_by or "not compared") for r in rows]
        show.table(("link", "we are", "state", "partner", "words"), found, empty="There is no link yet.")


@link.command("show")
def link_show(context: typer.Context, name: Name, json: Json = False) -> None:
    """One link: partner, keys, agreement, words.

    JSON: name, side, link_id, state, reason, fingerprint, verified_by, words, keys, file, peer, agreement.
    """
    from backbone.service.links import linking
    from backbone.service.watching.status import status

    async def read(node: "Node") -> dict[str, Any]:
        row = link_named(node, name)
        peer = {k: v for k, v in (row.peer or {}).items() if k in ("name", "fingerprint", "node", "encrypt")}
        return {
            "name": row.name, "side": row.side, "link_id": row.link_id, "state": row.state, "reason": row.reason,
            "fingerprint": row.our_fingerprint,
            "verified_by": next(one.verified_by for one in status(node.store) if one.name == name),
            "words": list(await linking.words(node, name)) if row.peer else [],
            "keys": str(node.folder.gnupg(row.home)), "file": str(node.folder.link_file(name)),
            "peer": peer, "agreement": row.agreement,
        }  # fmt: skip

    found = here(context).run(read)
    if json:
        show.as_json(found)
        return
    fields = ", ".join(f"{n} ({f['type']}, {f['policy']})" for n, f in found["agreement"]["fields"].items())
    partner = ", ".join(f"{key} {value}" for key, value in found["peer"].items())
    show.pairs({**found, "peer": partner or "-", "words": " ".join(found["words"]) or "-", "agreement": fields})


@link.command()
def verify(
    context: typer.Context,
    name: Name,
    by: Annotated[str | None, typer.Option(help="Who compared the words, with whom: is recorded.")] = None,
    json: Json = False,
) -> None:
    """Show the ten safety words; with --by, record that they were compared. JSON: words, verified_by."""
    from backbone.service.links import linking

    async def work(node: "Node") -> tuple[str, ...]:
        link_named(node, name)
        ten = await linking.words(node, name)
        if by:
            await linking.verify(node, name, by)
        return ten

    ten = here(context).run(work)
    if json:
        show.as_json({"words": list(ten), "verified_by": by or ""})
        return
    typer.echo(show.words(ten))
    typer.echo(f"Recorded: compared by {by}." if by else "The same on both sides? Then record it with --by.")


@link.command()
def pause(context: typer.Context, name: Name) -> None:
    """Send and apply nothing until `backbone link resume`."""
    from backbone.service.links import linking

    here(context).run(lambda node: linking.pause(node, name), wake=True)
    typer.echo(f"Link {name} is paused.")


@link.command()
def resume(context: typer.Context, name: Name) -> None:
    """Go on after a pause."""
    from backbone.service.links import linking

    here(context).run(lambda node: linking.resume(node, name), wake=True)
    typer.echo(f"Link {name} goes on.")


@link.command()
def revoke(
    context: typer.Context,
    name: Name,
    reason: Annotated[str, typer.Option(help="Why: for the record.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """End a link for ever; the partner is told, now or as soon as the channel answers."""
    from backbone.service.links import linking

    show.confirm(f"end link {name} for ever?", yes=yes)
    here(context).run(lambda node: linking.revoke(node, name, reason), wake=True)
    typer.echo(f"Link {name} is revoked.")
    typer.echo(_tell(here(context), name))


def _tell(place: Here, name: str) -> str:
    """Tell the partner if that can be done now; what became of it."""
    from backbone.service.links.progress import load
    from backbone.service.running import runner
    from backbone.store.lock import LockHeld

    async def work(node: "Node") -> str:
        quiet = await runner.sync(node, [name], timeout_seconds=TELL_SECONDS)
        row = link_named(node, name)
        if row.peer is None:
            return "It had no partner yet."
        return "The partner is told." if load(row).told else _later("" if quiet else row.reason)

    try:
        return place.run(work, exclusive=True)
    except LockHeld:
        return "The process that runs this node tells the partner."
    except BackboneError as error:
        return _later(str(error))


def _later(why: str) -> str:
    return f"The partner is not told yet{f' ({why})' if why else ''}: backbone run or backbone sync does it."


def _channel(
    context: typer.Context, kind: str, send: Path | None, receive: Path | None, account: str | None
) -> dict[str, str]:
    paths = {"send": send, "receive": receive}
    settings = {key: str(path.expanduser().absolute()) for key, path in paths.items() if path is not None}
    if kind == "mail":
        if settings:
            raise UsageError("--send and --receive are directories: this link travels by mail")
        return {"kind": kind, "account": mails.account(context, account)}
    if account is not None:
        raise UsageError("--account is a mail account: this link travels through directories")
    return {"kind": kind, **settings}
