"""Making links: ``backbone link create``, ``join`` and ``accept``."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backbone.cli import handshakes, show
from backbone.cli.here import opened
from backbone.cli.options import (
    DryRun,
    Mapping,
    PassphraseFile,
    Receive,
    Send,
    TrackerName,
    Yes,
    directories,
    passphrase,
)
from backbone.errors import UsageError

if TYPE_CHECKING:
    from backbone.service.node import Node

app = typer.Typer()


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What this node calls the link: a-z, 0-9, hyphens.")],
    channel: Annotated[str, typer.Option(metavar="KIND", help="How parcels travel.")] = "directory",
    tracker: TrackerName = None,
    send: Send = None,
    receive: Receive = None,
    agreement: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML: what is shared; else all fields of the tracker.")
    ] = None,
    mapping: Mapping = None,
    description: Annotated[str, typer.Option(metavar="TEXT", help="A line for the partner.")] = "",
    expires_days: Annotated[int, typer.Option(metavar="N", min=1, max=365, help="How long the file is valid.")] = 14,
    no_encrypt: Annotated[bool, typer.Option("--no-encrypt", help="Parcels are signed, and can be read.")] = False,
    passphrase_file: PassphraseFile = None,
    out: Annotated[
        Path | None, typer.Option("--out", "--output", "-o", metavar="FILE", help="Here goes the handshake file.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Invite a partner to a link.

    Makes this side of the link, and a signed handshake file to hand over. The file works once. Whoever has it can
    accept it: give it to nobody else.
    """
    from backbone.service import linking
    from backbone.service.equipping import the_tracker

    file = out or Path(f"{name}.handshake.asc")

    async def work(node: "Node") -> None:
        options = linking.LinkOptions(
            tracker=the_tracker(node, tracker),
            channel=directories(channel, send, receive),
            description=description,
            agreement=agreement,
            mapping=mapping,
            expires_days=expires_days,
            encrypt=not no_encrypt,
            passphrase=passphrase(passphrase_file),
        )
        if dry_run:
            agreed, rules = await linking.plan_link(node, name, options)
            handshakes.print_agreement(agreed)
            show.say(f"\nWould be made: link {name} with {len(rules.fields)} mapped fields, and {file}.")
            return
        with _new_file(file) as write:
            made = await linking.create_link(node, name, options)
            write(made.file)
        show.facts({"link": name, "handshake file": file, "valid until": made.expires,
                    "fingerprint": show.groups(made.fingerprint)})  # fmt: skip
        show.say(f"\nLook at {node.folder.link_file(name)}, and give {file} to the partner's admin.")
        show.say("Then: backbone run; when the partner has joined, compare the safety words by telephone.")

    opened(context, work)


@app.command()
def join(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The handshake file.")],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What this node calls the link; else as the file says.")
    ] = None,
    tracker: TrackerName = None,
    send: Send = None,
    receive: Receive = None,
    mapping: Mapping = None,
    yes: Yes = False,
    passphrase_file: PassphraseFile = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "--output", "-o", metavar="FILE", help="Also write our answer, to carry it by hand."),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Accept an invitation.

    Verifies the handshake file, shows it, asks, and makes this side of the link.
    """
    from backbone.service import linking
    from backbone.service.equipping import the_tracker

    async def work(node: "Node") -> None:
        secret = passphrase(passphrase_file)
        offered = await linking.read_offer(handshakes.contents(file), secret)
        options = linking.JoinOptions(
            tracker=the_tracker(node, tracker),
            channel=directories(offered.offer.channel.kind, send, receive),
            name=name,
            mapping=mapping,
            passphrase=secret,
        )
        chosen, _, rules = await linking.plan_join(node, offered, options)
        handshakes.print_offer(offered)
        if dry_run:
            show.say(f"\nWould be made: link {chosen} with {len(rules.fields)} mapped fields.")
            return
        show.confirm(
            f"Join as link {chosen}, on tracker {options.tracker}?",
            yes=yes,
            otherwise="say --yes if this is the invitation that you expect",
        )
        with _new_file(out) as write:
            joined = await linking.join_link(node, offered, options)
            write(joined.acceptance)
        show.say(f"\nLink {joined.name} was made; our fingerprint is {show.groups(joined.fingerprint)}.")
        handshakes.print_words(joined.words)
        show.say(f"\nCompare them by telephone, then: backbone link verify {joined.name}")
        show.say(f"Our answer is in {out}." if out else "Our answer leaves with: backbone run")

    opened(context, work)


@app.command()
def accept(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The answer that the partner wrote with join --out.")],
) -> None:
    """Take a partner's answer that was carried by hand."""
    from backbone.service import linking

    async def work(node: "Node") -> None:
        name = await linking.accept_file(node, handshakes.contents(file))
        show.say(f"Link {name}: the partner has joined.")
        handshakes.print_words(await linking.words(node, name))
        show.say(f"\nCompare them by telephone, then: backbone link verify {name}")

    opened(context, work)


@contextmanager
def _new_file(path: Path | None) -> Iterator[Callable[[bytes], None]]:
    """A file for its owner only, made before the work begins and gone again when it fails."""
    if path is None:
        yield lambda _: None
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UsageError(f"{path} exists already: name another file with --out, or move it away") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}; name another file with --out") from error
    with os.fdopen(handle, "wb") as file:

        def write(data: bytes) -> None:
            file.write(data)
            file.flush()
            os.fsync(handle)

        try:
            yield write
        except BaseException:
            path.unlink()
            raise
