"""``link propose`` and ``link review``: changing what is shared while the link is in operation."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbone.cli import show
from backbone.cli.asking import Request, ask
from backbone.cli.here import Here, here, link_named
from backbone.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from backbone.service.links.reviewing import Review
    from backbone.service.node import Node

Name = Annotated[str, typer.Argument(help="The link's name on this node.")]
Timeout = Annotated[float, typer.Option(help="How long to wait for our own service, in seconds.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def add_to(link: typer.Typer) -> None:
    """Put these commands among those of links."""
    link.command()(propose)
    link.command()(review)


def propose(
    context: typer.Context,
    name: Name,
    file: Annotated[Path | None, typer.Argument(help="A TOML file: what shall be shared, all of it.")] = None,
    copy: Annotated[Path | None, typer.Option(help="Write what is shared now into this file, to be edited.")] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take back what is proposed.")] = False,
    timeout: Timeout = 60.0,
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and propose nothing.")] = False,
) -> None:
    """Propose another agreement to the partner; only the master of a link does. The partner's admin decides."""
    place = here(context)
    if [file is not None, copy is not None, withdraw].count(True) != 1:
        raise UsageError("name the file with the new agreement; or say --copy FILE to get one, or --withdraw")
    if copy is not None:
        _copy(place, name, copy)
    elif withdraw:
        _asked(place, Request(name, "withdraw", {}), timeout)
        typer.echo("The proposal is taken back.")
    elif file is not None:
        _propose(place, name, file, timeout, yes=yes, dry_run=dry_run)


def _propose(place: Here, name: str, file: Path, timeout: float, *, yes: bool, dry_run: bool) -> None:
    from backbone.config import read_tables
    from backbone.replication.agreement import Agreement
    from backbone.service.links import reviewing

    agreement = Agreement.parse(read_tables(file), str(file))
    differences, problems = place.run(lambda node: reviewing.compare(node, link_named(node, name), agreement))
    _print(differences, problems)
    if problems:
        raise ConfigError(f"our own file of link {name} does not fit what {file} says; mend it, then propose again")
    if dry_run:
        typer.echo("Nothing was proposed.")
        return
    show.confirm("propose this to the partner?", yes=yes)
    _asked(place, Request(name, "propose", {"agreement": agreement.model_dump(mode="json")}), timeout)
    typer.echo(f"Proposed. The partner's admin sees it with `backbone link review`; what became of it: "
               f"backbone link review {name}")  # fmt: skip


def _copy(place: Here, name: str, file: Path) -> None:
    from backbone.config import agreement_template
    from backbone.service.links import reviewing

    async def read(node: "Node") -> str:
        row = link_named(node, name)
        return agreement_template((await reviewing.review(node, row)).version, reviewing.as_file(row))

    text = place.run(read)
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}; name another file with --copy") from error
    typer.echo(f"What link {name} shares is in {file}; edit it, then: backbone link propose {name} {file}")


def review(
    context: typer.Context,
    name: Name,
    accept: Annotated[bool, typer.Option("--accept", help="Agree to what is proposed.")] = False,
    refuse: Annotated[bool, typer.Option("--refuse", help="Refuse it.")] = False,
    reason: Annotated[str, typer.Option(help="With --refuse: why; the partner's admin reads it.")] = "",
    timeout: Timeout = 60.0,
    yes: Yes = False,
    json: Annotated[bool, typer.Option("--json", help="For programs: stable keys.")] = False,
) -> None:
    """Show what is proposed as the difference to what is agreed upon; accept or refuse it.

    JSON: version (in effect), side, turning, proposed (a version, or null), stage, digest, differences, problems, told,
    refused.
    """
    from dataclasses import asdict

    from backbone.service.links import reviewing

    if accept and refuse:
        raise UsageError("--accept and --refuse are two answers: give one")
    place = here(context)
    found = place.run(lambda node: reviewing.review(node, link_named(node, name)))
    if json:
        show.as_json(asdict(found))
    else:
        _show(name, found)
    if accept or refuse:
        _decide(place, name, found, timeout, accepts=accept, reason=reason, yes=yes)


def _show(name: str, found: "Review") -> None:
    typer.echo(f"Version {found.version} of the agreement is in effect"
               f"{', the partner has yet to go over to it' if found.turning else ''}.")  # fmt: skip
    if found.refused:
        typer.echo(f"Proposed by {'us' if found.side == 'master' else 'the partner'} before: "
                   f"{show.printable(found.refused)}.")  # fmt: skip
    if found.proposed is None:
        typer.echo("Nothing is proposed.")
        return
    if found.told:
        typer.echo(f"This store was put back, and the partner works by version {found.proposed} of the agreement:")
        _print(found.differences, found.problems)
        typer.echo(f"If that was agreed upon: backbone link review {name} --accept. Then both are joined again.")
        return
    who = "We propose" if found.side == "master" else "The partner proposes"
    typer.echo(f"{who} version {found.proposed}:")
    _print(found.differences, found.problems)
    if found.stage == "accepted":
        typer.echo("It is accepted, and takes effect between two messages of each side.")
    elif found.side == "master":
        typer.echo(f"The partner's admin has not answered. To take it back: backbone link propose {name} --withdraw")
    elif found.problems:
        typer.echo(
            f"It can be accepted when links/{name}.toml fits; the rules of fields that join may stand there now."
        )
    else:
        typer.echo(f"Our file fits. To answer: backbone link review {name} --accept, or --refuse --reason WHY")


def _decide(place: Here, name: str, found: "Review", timeout: float, *, accepts: bool, reason: str, yes: bool) -> None:
    from backbone.service.links import reviewing

    if found.told and accepts and not found.problems:
        show.confirm(f"work by version {found.proposed}?", yes=yes)
        place.run(lambda node: reviewing.adopt(node, link_named(node, name)), wake=True)
        typer.echo("Both are joined again by it; backbone status shows how far that is.")
        return
    if found.proposed is None or (found.side == "master" and not found.told) or (found.told and not accepts):
        raise UsageError("nothing is proposed to us that could be answered")
    if accepts and found.problems:
        raise ConfigError(f"our own file of link {name} does not fit what is proposed; mend it, then accept")
    show.confirm(f"{'accept' if accepts else 'refuse'} version {found.proposed}?", yes=yes)
    arguments = {"version": found.proposed, "digest": found.digest, "accepts": accepts, "reason": reason}
    _asked(place, Request(name, "decide", arguments), timeout)
    typer.echo(
        "Accepted; it takes effect when the partner has heard it." if accepts else "Refused; the partner is told."
    )


def _asked(place: Here, request: Request, timeout: float) -> dict[str, Any]:
    answer = ask(place, request, timeout)
    if answer.get("problem"):
        raise UsageError(str(answer["problem"]))
    return answer


def _print(differences: "list[str] | tuple[str, ...]", problems: "list[str] | tuple[str, ...]") -> None:
    for one in differences:
        typer.echo(f"  {show.printable(one)}")
    for one in problems:
        typer.echo(f"  does not fit: {show.printable(one)}")
