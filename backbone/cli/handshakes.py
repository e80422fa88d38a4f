"""``backbone handshake show``, and how an offer is shown to a person."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbone.cli import show
from backbone.cli.here import here
from backbone.cli.options import AsJson, PassphraseFile, passphrase
from backbone.errors import UsageError

if TYPE_CHECKING:
    from backbone.service.linking import Offered
    from backbone.service.node import Node

app = typer.Typer(help="Handshake files.", no_args_is_help=True)

FILE_BYTES_MAX = 4 * 2**20
"""Twice what the largest one has."""


@app.callback()
def handshake() -> None:
    """Handshake files."""


@app.command("show")
def show_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A handshake file.")],
    as_json: AsJson = False,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Show a handshake file.

    Verifies it and shows who invites, to what, and with which key; changes nothing. The safety words come from both
    sides' keys: they are shown where the file was made or joined.

    JSON: name, description, node_name, node, link_id, fingerprint, created, expires, channel, encrypt, agreement,
    words.
    """
    import asyncio

    from backbone.service.linking import read_offer

    offered = asyncio.run(read_offer(contents(file), passphrase(passphrase_file)))
    words = _words(here(context).path, offered)
    if as_json:
        show.document(described(offered) | {"words": list(words)})
        return
    print_offer(offered)
    if words:
        print_words(words)


def contents(file: Path) -> bytes:
    """A file that was handed over, bounded. Raises ``UsageError``."""
    try:
        with file.open("rb") as opened:
            data = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if len(data) > FILE_BYTES_MAX:
        raise UsageError(f"{file} has more than {FILE_BYTES_MAX} bytes; that is no file of a handshake")
    return data


def described(offered: "Offered") -> dict[str, Any]:
    """An offer as JSON, without its token."""
    offer = offered.offer
    return {
        "name": offer.name,
        "description": offer.description,
        "node_name": offer.node_name,
        "node": offer.node,
        "link_id": offer.link_id,
        "fingerprint": offer.fingerprint,
        "created": offer.created,
        "expires": offer.expires,
        "channel": offer.channel.kind,
        "encrypt": offered.encrypt,
        "agreement": offered.agreement.model_dump(mode="json"),
    }


def print_offer(offered: "Offered") -> None:
    """For a person who decides."""
    offer, agreement = offered.offer, offered.agreement
    show.facts(
        {
            "invitation from": offer.node_name,
            "to a link named": offer.name,
            "description": offer.description,
            "valid until": offer.expires,
            "channel": offer.channel.kind,
            "fingerprint": show.groups(offer.fingerprint),
            "signature": "good: nothing was altered since it was made with this key",
            "encryption": "" if offered.encrypt else "off: parcels are signed, and everybody on the way can read them",
        }
    )
    show.say()
    print_agreement(agreement)


def print_agreement(agreement: Any) -> None:
    """What two nodes share."""
    rows = [(name, field.type, field.policy) for name, field in agreement.fields.items()]
    show.table(("shared field", "type", "if both change it"), rows)
    size = f"up to {agreement.attachment_bytes_max / 2**20:.0f} MiB"
    show.say()
    show.facts(
        {
            "comments": "shared" if agreement.comments else "not shared",
            "attachments": f"shared, {size}" if agreement.attachments else "not shared",
            "authors": "shared by name" if agreement.authors == "named" else "hidden",
        }
    )


def print_words(words: Sequence[str]) -> None:
    """Ten words, for the telephone."""
    half = len(words) // 2
    show.say("\nSafety words, the same on both sides if nobody sits in between:\n")
    show.say(f"    {' '.join(words[:half])}\n    {' '.join(words[half:])}")


def _words(path: Path, offered: "Offered") -> Sequence[str]:
    """The words, where this node has a half of that link with a partner."""
    import asyncio

    from backbone.cli.here import with_node
    from backbone.service import linking
    from backbone.store import links

    async def find(node: "Node") -> Sequence[str]:
        row = await node.store.read(lambda tx: links.by_link_id(tx, offered.offer.link_id))
        return await linking.words(node, row.name) if row is not None and row.peer is not None else ()

    if not (path / "backbone.toml").is_file():
        return ()
    return asyncio.run(with_node(path, find, exclusive=False))
