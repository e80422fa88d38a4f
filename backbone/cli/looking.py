"""``resync`` with options: a person asks that issues are looked at again."""

from typing import TYPE_CHECKING, NamedTuple

import typer

from backbone.cli import show
from backbone.cli.asking import Request, ask
from backbone.cli.here import here, link_named
from backbone.errors import BackboneError, UsageError

if TYPE_CHECKING:
    from backbone.service.node import Node


class Wanted(NamedTuple):
    """Which issues, and which of their fields are said again."""

    since: str | None
    query: str | None
    fields: str | None


def look(context: typer.Context, name: str, wanted: Wanted, timeout: float) -> None:
    """Ask whoever runs the node, and say what came of it. Raises ``UsageError`` for a wrong day or field."""
    arguments = {"since": _moment(wanted.since), "query": wanted.query, "fields": _fields(context, name, wanted.fields)}
    answer = ask(here(context), Request(name, "look", arguments), timeout)
    if answer["problem"]:
        raise BackboneError(show.printable(str(answer["problem"])))
    typer.echo(f"{answer['looked']} issues of link {name} were looked at; {answer['said']} have something to say.")


def _moment(text: str | None) -> str | None:
    from backbone.replication.scope.rules import day_or_moment

    try:
        return None if text is None else day_or_moment(text)
    except ValueError as error:
        raise UsageError(f"--since {error}") from error


def _fields(context: typer.Context, name: str, text: str | None) -> list[str]:
    wanted = [word.strip() for word in (text or "").split(",") if word.strip()]

    async def known(node: "Node") -> list[str]:
        return list(link_named(node, name).agreement["fields"])

    there = here(context).run(known) if wanted else []
    for word in wanted:
        if word not in there:
            raise UsageError(f"--fields: {word!r} is not in the agreement; it has {', '.join(there)}")
    return wanted
