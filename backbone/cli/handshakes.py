"""``handshake``: what a handshake file says; reading what another admin handed over."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbone.cli import show
from backbone.cli.here import Here, here
from backbone.errors import HandshakeRefused, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backbone.replication.agreement import Agreement
    from backbone.service.links.linking import Offered
    from backbone.service.node import Node

FILE_BYTES_MAX = 4 * 2**20
"""Longer than any handshake file; nothing longer is read."""
WRITES = {"both": "both sides", "to_master": "the slave", "to_slave": "the master"}
"""Who writes, by the agreement's direction."""
PASSPHRASE_BYTES_MAX = 4096
"""Longer than anybody reads out on the telephone."""

handshake = typer.Typer(help="Handshake files.", no_args_is_help=True, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="For programs: stable keys.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The file that the other admin handed over.")]
Passphrase = Annotated[
    Path | None, typer.Option("--passphrase-file", help="A file whose first line opens the handshake file.")
]


def add_to(app: typer.Typer) -> None:
    """Put these commands into the program."""
    app.add_typer(handshake, name="handshake")


@handshake.command("show")
def handshake_show(context: typer.Context, file: File, passphrase_file: Passphrase = None, json: Json = False) -> None:
    """Print a handshake file for a person, its signature verified.

    The safety words are made of both sides' keys: they are shown at the node that made or joined the file, once they
    are known.

    JSON: name, node_name, fingerprint, description, created, expires, channel, link_id, encrypt, agreement, words.
    """
    offered = read(file, passphrase_file)
    ten = _words(here(context), offered)
    if json:
        show.as_json({**as_plain(offered), "words": list(ten)})
        return
    print_offer(offered)
    if ten:
        typer.echo("\nThe safety words:\n" + show.words(ten))


def read(file: Path, passphrase_file: Path | None) -> "Offered":
    """What a handshake file says, verified. Raises ``UsageError``, ``HandshakeRefused`` or ``Unreachable``."""
    import asyncio

    from backbone.service.links.linking import read_offer

    return asyncio.run(read_offer(content(file), passphrase(passphrase_file)))


def content(file: Path) -> bytes:
    """The bytes of a file that was handed over, bounded. Raises ``UsageError`` or ``HandshakeRefused``."""
    try:
        with file.open("rb") as opened:
            data = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if len(data) > FILE_BYTES_MAX:
        raise HandshakeRefused(f"{file} is larger than any handshake file")
    return data


def passphrase(file: Path | None) -> str | None:
    """The first line of a file; nothing else of it is looked at. Raises ``UsageError``."""
    if file is None:
        return None
    try:
        with file.open("rb") as opened:
            line = opened.read(PASSPHRASE_BYTES_MAX).split(b"\n", 1)[0].rstrip(b"\r").decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read as text: put the passphrase into its first line") from error
    if not line:
        raise UsageError(f"{file} holds no passphrase in its first line")
    return line


@contextmanager
def new_file(file: Path | None) -> "Iterator[Callable[[bytes], object]]":
    """A file for its owner only, made before the work begins, and gone again when that fails. Raises ``UsageError``."""
    if file is None:
        yield len
        return
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError as error:
        raise UsageError(f"{file} exists already: name another file with --out") from error
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}; name another file with --out") from error
    with os.fdopen(handle, "wb") as opened:
        try:
            yield opened.write
            opened.flush()
            os.fsync(handle)
        except BaseException:
            file.unlink()
            raise


def offer_again(
    place: Here, name: str, description: str, expires_days: int, secret: str | None, out: Path | None, *, yes: bool
) -> None:
    """A handshake file with a new key for a link that there is; the link rests until the partner has joined it."""
    from backbone.service.links import linking
    from backbone.service.links.rejoining import AgainOptions

    options = AgainOptions(description, expires_days, secret)
    target = out or Path(f"{name}.handshake")
    show.confirm(f"make new keys for link {name}? It rests until the partner has joined again", yes=yes)
    with new_file(target) as write:
        made = place.run(lambda node: linking.offer_again(node, name, options), wake=True)
        write(made.file)
    typer.echo(
        f"The new handshake file is {target}; it works once, until {made.expires}. Hand it to the partner's admin"
    )
    typer.echo("by a way that the old key does not open, and say by telephone: backbone link join FILE --again")
    typer.echo(f"Our new key for this link: {show.groups(made.fingerprint)}")
    typer.echo(
        f"Then compare the ten words and record it: backbone link verify {name} --by WHO. Before that nothing moves."
    )


def join_again(place: Here, offered: "Offered", out: Path | None, *, yes: bool) -> None:
    """Our half of a new handshake for a link that there is, with a new key of ours."""
    from backbone.service.links import linking

    row, _ = place.run(lambda node: linking.check_again(node, offered))
    typer.echo(f"\nThis is a new handshake of link {row.name}. The partner's key was "
               f"{show.groups((row.peer or {}).get('fingerprint', '')) or 'not known'};")  # fmt: skip
    typer.echo(f"from here on it would be {show.groups(offered.offer.fingerprint)}.")
    show.confirm("has the partner's admin told you this key by telephone?", yes=yes)
    with new_file(out) as write:
        joined = place.run(lambda node: linking.join_again(node, offered), wake=True)
        write(joined.acceptance)
    typer.echo(f"Link {joined.name} has new keys; the answer travels as the first parcel. Next: backbone run.")
    typer.echo(f"Our new key for this link: {show.groups(joined.fingerprint)}")
    typer.echo("Compare these words with the partner's admin by telephone:\n" + show.words(joined.words))
    typer.echo(f"Then record it: backbone link verify {joined.name} --by WHO. Before that nothing moves.")


def as_plain(offered: "Offered") -> dict[str, Any]:
    """An offer without its token."""
    offer = offered.offer
    return {
        "name": offer.name, "node_name": offer.node_name, "fingerprint": offer.fingerprint,
        "description": offer.description, "created": offer.created, "expires": offer.expires,
        "channel": offer.channel.kind, "link_id": offer.link_id, "encrypt": offered.encrypt,
        "agreement": offered.agreement.model_dump(mode="json"),
    }  # fmt: skip


def print_offer(offered: "Offered") -> None:
    """For a person who has to decide."""
    offer, agreement = offered.offer, offered.agreement
    show.pairs({
        "invitation from": offer.node_name,
        "link": offer.name,
        "description": offer.description or "-",
        "their key": show.groups(offer.fingerprint),
        "made": offer.created,
        "can be joined until": offer.expires,
        "channel": offer.channel.kind,
        "encrypted": offered.encrypt,
        "comments": _comments(agreement) if agreement.comments else "no",
        "attachments": _attachments(agreement) if agreement.attachments else "no",
        "authors": agreement.authors,
    })  # fmt: skip
    show.table(
        ("shared field", "type", "who wins", "who writes", "values"),
        [
            (name, field.type, field.policy, WRITES[field.direction], ", ".join(field.values) or "any")
            for name, field in agreement.fields.items()
        ],
        empty="No field is shared.",
    )
    if agreement.tables:
        show.table(("table", "column", "type", "values"), list(_columns(agreement)), empty="")
    typer.echo("The signature shows that nobody changed the file, not who wrote it: compare the key, and after joining")
    typer.echo("the ten words, with the partner's admin by telephone.")


def _columns(agreement: "Agreement") -> "Iterable[tuple[object, ...]]":
    for table in sorted(agreement.tables):
        for name, column in agreement.fields[table].columns.items():
            yield table, name, column.type, ", ".join(column.values) or "any"


def _comments(agreement: "Agreement") -> str:
    internal = ", also for a few, marked as such" if agreement.internal_comments else ""
    return f"{WRITES[agreement.comment_direction]}{internal}"


def _attachments(agreement: "Agreement") -> str:
    types = f", {', '.join(agreement.attachment_types)} only" if agreement.attachment_types else ""
    taken = ", taken away by either side" if agreement.attachments_deleted_by == "anyone" else ""
    size = f"up to {agreement.attachment_bytes_max // 2**20} MB"
    return f"{WRITES[agreement.attachment_direction]}, {size}{types}{taken}"


def _words(place: Here, offered: "Offered") -> tuple[str, ...]:
    """The ten words, where this node has a half of the offered link, with a partner."""
    from backbone.service.links import linking
    from backbone.store import links

    async def find(node: "Node") -> tuple[str, ...]:
        row = await node.store.read(lambda tx: links.by_link_id(tx, offered.offer.link_id))
        return await linking.words(node, row.name) if row is not None and row.peer is not None else ()

    return place.run(find) if (place.path / "backbone.toml").is_file() else ()
