"""``link`` and ``handshake``."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbone.cli import show
from backbone.cli.here import here, link_named
from backbone.errors import HandshakeRefused, UsageError

if TYPE_CHECKING:
    from backbone.service.linking import Offered
    from backbone.service.node import Node

FILE_BYTES_MAX = 4 * 2**20
"""Longer than any handshake file; nothing longer is read."""

link = typer.Typer(help="Links with partners.", no_args_is_help=True, rich_markup_mode=None)
handshake = typer.Typer(help="Handshake files.", no_args_is_help=True, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="For programs: stable keys.")]
Name = Annotated[str, typer.Argument(help="The link's name on this node.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The file that the other admin handed over.")]
Passphrase = Annotated[
    Path | None, typer.Option("--passphrase-file", help="A file whose first line opens the handshake file.")
]


def add_to(app: typer.Typer) -> None:
    """Put these commands into the program."""
    app.add_typer(link, name="link")
    app.add_typer(handshake, name="handshake")


@link.command()
def create(
    context: typer.Context,
    name: Name,
    channel: Annotated[str, typer.Option(help="How parcels travel: directory.")] = "directory",
    tracker: Annotated[str, typer.Option(help="Which tracker of backbone.toml takes part.")] = "main",
    send: Annotated[Path | None, typer.Option(help="The exchange directory that the partner receives from.")] = None,
    receive: Annotated[Path | None, typer.Option(help="The exchange directory that the partner sends to.")] = None,
    agreement: Annotated[Path | None, typer.Option(help="A TOML file: what is shared.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="A TOML file: what the shared fields are called here.")] = None,
    description: Annotated[str, typer.Option(help="A sentence for the partner's admin.")] = "",
    expires_days: Annotated[int, typer.Option(min=1, max=365, help="How long the file can be joined.")] = 14,
    encrypt: Annotated[bool, typer.Option("--encrypt/--no-encrypt", help="Signatures are always on.")] = True,
    passphrase_file: Passphrase = None,
    out: Annotated[Path | None, typer.Option(help="Where the handshake file goes (else NAME.handshake).")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and write nothing.")] = False,
) -> None:
    """Invite a partner: write the link's file and the signed handshake file to hand over."""
    from backbone.service import linking

    options = linking.LinkOptions(
        tracker, _channel(channel, send, receive), description, agreement, mapping, expires_days, encrypt,
        _passphrase(passphrase_file),
    )  # fmt: skip
    target = out or Path(f"{name}.handshake")

    async def work(node: "Node") -> "linking.Created | None":
        if dry_run:
            await linking.check_create(node, name, options)
            return None
        return await linking.create_link(node, name, options)

    if target.exists():
        raise UsageError(f"{target} exists already: name another file with --out")
    made = here(context).run(work)
    if made is None:
        typer.echo(f"Link {name} can be made; nothing was written.")
        return
    _write(target, made.file)
    typer.echo(f"The handshake file is {target}; hand it to the partner's admin. It works once, until {made.expires}.")
    typer.echo(f"Our key for this link: {made.fingerprint}")
    typer.echo("Next: backbone run. It waits for the partner's answer.")


@handshake.command("show")
def handshake_show(file: File, passphrase_file: Passphrase = None, json: Json = False) -> None:
    """Print a handshake file for a person, its signature verified.

    JSON: name, node_name, fingerprint, description, created, expires, channel, link_id, encrypt, agreement.
    """
    offered = _read(file, passphrase_file)
    if json:
        show.as_json(_as_plain(offered))
    else:
        _print_offer(offered)


@link.command()
def join(
    context: typer.Context,
    file: File,
    name: Annotated[str | None, typer.Option(help="What the link is called here.")] = None,
    tracker: Annotated[str, typer.Option(help="Which tracker of backbone.toml takes part.")] = "main",
    send: Annotated[Path | None, typer.Option(help="The exchange directory that the partner receives from.")] = None,
    receive: Annotated[Path | None, typer.Option(help="The exchange directory that the partner sends to.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="A TOML file: what the shared fields are called here.")] = None,
    passphrase_file: Passphrase = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    out: Annotated[Path | None, typer.Option(help="Also write the acceptance into a file, to carry by hand.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and write nothing.")] = False,
) -> None:
    """Accept an invitation: verify the file, ask, make our half of the link."""
    from backbone.service import linking

    offered = _read(file, passphrase_file)
    _print_offer(offered)
    options = linking.JoinOptions(tracker, _channel(None, send, receive), name, mapping)

    async def check(node: "Node") -> None:
        await linking.check_join(node, offered, options)

    here(context).run(check)
    if dry_run:
        typer.echo("\nThis file can be joined; nothing was written.")
        return
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("nobody is here to be asked: say --yes, after comparing the fingerprint")
        typer.confirm(f"\nJoin {offered.offer.node_name}?", abort=True)
    joined = here(context).run(lambda node: linking.join_link(node, offered, options))
    typer.echo(f"\nLink {joined.name} was made; the answer travels as the first parcel. Next: backbone run.")
    typer.echo(f"Our key for this link: {joined.fingerprint}")
    typer.echo("Compare these words with the partner's admin by telephone:\n" + show.words(joined.words))
    if out is not None:
        _write(out, joined.acceptance)
        typer.echo(f"The acceptance is also in {out}.")


@link.command()
def accept(context: typer.Context, file: File) -> None:
    """Take an acceptance that was carried by hand instead of through the channel."""
    from backbone.service import linking

    data = _bytes(file)
    name = here(context).run(lambda node: linking.accept_file(node, data))
    typer.echo(f"Link {name} has a partner. Next: backbone run; then compare the words: backbone link verify {name}")


@link.command("list")
def link_list(context: typer.Context, json: Json = False) -> None:
    """All links. JSON: as `backbone status`."""
    from backbone.service.status import status

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
    """One link: partner, keys, agreement. JSON: name, side, link_id, state, reason, peer, fingerprint, agreement."""

    async def read(node: "Node") -> dict[str, Any]:
        row = link_named(node, name)
        peer = {k: v for k, v in (row.peer or {}).items() if k in ("name", "fingerprint", "node", "encrypt")}
        return {
            "name": row.name, "side": row.side, "link_id": row.link_id, "state": row.state, "reason": row.reason,
            "fingerprint": row.our_fingerprint, "peer": peer, "agreement": row.agreement,
        }  # fmt: skip

    found = here(context).run(read)
    if json:
        show.as_json(found)
        return
    fields = ", ".join(f"{n} ({f['type']}, {f['policy']})" for n, f in found["agreement"]["fields"].items())
    partner = ", ".join(f"{key} {value}" for key, value in found["peer"].items())
    show.pairs({**found, "peer": partner or "-", "agreement": fields})


@link.command()
def verify(
    context: typer.Context,
    name: Name,
    by: Annotated[str | None, typer.Option(help="Who compared the words, with whom: is recorded.")] = None,
    json: Json = False,
) -> None:
    """Show the ten safety words; with --by, record that they were compared. JSON: words, verified_by."""
    from backbone.service import linking

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
    from backbone.service import linking

    here(context).run(lambda node: linking.pause(node, name))
    typer.echo(f"Link {name} is paused.")


@link.command()
def resume(context: typer.Context, name: Name) -> None:
    """Go on after a pause."""
    from backbone.service import linking

    here(context).run(lambda node: linking.resume(node, name))
    typer.echo(f"Link {name} goes on.")


@link.command()
def revoke(
    context: typer.Context,
    name: Name,
    reason: Annotated[str, typer.Option(help="Why: for the record.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """End a link for ever."""
    from backbone.service import linking

    if not yes:
        typer.confirm(f"End link {name} for ever?", abort=True)
    here(context).run(lambda node: linking.revoke(node, name, reason))
    typer.echo(f"Link {name} is revoked.")


def _channel(kind: str | None, send: Path | None, receive: Path | None) -> dict[str, str]:
    paths = {"send": send, "receive": receive}
    settings = {key: str(path.absolute()) for key, path in paths.items() if path is not None}
    return {"kind": kind, **settings} if kind else settings


def _read(file: Path, passphrase_file: Path | None) -> "Offered":
    import asyncio

    from backbone.service.linking import read_offer

    return asyncio.run(read_offer(_bytes(file), _passphrase(passphrase_file)))


def _bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if len(data) > FILE_BYTES_MAX:
        raise HandshakeRefused(f"{file} is larger than any handshake file")
    return data


def _write(file: Path, data: bytes) -> None:
    import os

    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as opened:
        opened.write(data)


def _passphrase(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").splitlines()[0]
    except (OSError, IndexError) as error:
        raise UsageError(f"{file} holds no passphrase in its first line") from error


def _as_plain(offered: "Offered") -> dict[str, Any]:
    offer = offered.offer
    return {
        "name": offer.name, "node_name": offer.node_name, "fingerprint": offer.fingerprint,
        "description": offer.description, "created": offer.created, "expires": offer.expires,
        "channel": offer.channel.kind, "link_id": offer.link_id, "encrypt": offered.encrypt,
        "agreement": offered.agreement.model_dump(mode="json"),
    }  # fmt: skip


def _print_offer(offered: "Offered") -> None:
    offer, agreement = offered.offer, offered.agreement
    show.pairs({
        "invitation from": offer.node_name,
        "link": offer.name,
        "description": offer.description or "-",
        "their key": offer.fingerprint,
        "made": offer.created,
        "can be joined until": offer.expires,
        "channel": offer.channel.kind,
        "encrypted": offered.encrypt,
        "comments": agreement.comments,
        "attachments": f"up to {agreement.attachment_bytes_max // 2**20} MB" if agreement.attachments else "no",
        "authors": agreement.authors,
    })  # fmt: skip
    show.table(
        ("shared field", "type", "who wins"),
        [(name, field.type, field.policy) for name, field in agreement.fields.items()],
        empty="No field is shared.",
    )
    typer.echo("The signature shows that nobody changed the file, not who wrote it: compare the key, and after joining")
    typer.echo("the ten words, with the partner's admin by telephone.")
