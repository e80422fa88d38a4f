"""``conflict``: values that lost, and wait for a person or do not."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbone.cli import show
from backbone.cli.asking import Request, ask
from backbone.cli.here import here, link_named
from backbone.errors import BackboneError, UsageError
from backbone.model import Value, in_words

if TYPE_CHECKING:
    from backbone.service.node import Node

conflict = typer.Typer(help="Values that lost against a concurrent edit.", no_args_is_help=True, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="For programs: stable keys.")]
Number = Annotated[int, typer.Argument(help="The number in the list.")]
Link = Annotated[str | None, typer.Option("--link", help="Only this link.")]
All = Annotated[bool, typer.Option("--all", help="Also what is settled.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
TIMEOUT = Annotated[float, typer.Option(help="How long to wait for the running service, in seconds.")]

_CONFLICT = ("id", "link", "gid", "local", "field", "element", "stands", "lost", "lost_here", "state", "created_at")


def add_to(app: typer.Typer) -> None:
    """Put these commands into the program."""
    app.add_typer(conflict, name="conflict")


@conflict.command("list")
def conflict_list(context: typer.Context, link: Link = None, everything: All = False, json: Json = False) -> None:
    """Open conflicts; with --all also those that a policy settled.

    JSON: a list of id, link, gid, local, field, element, stands, lost, lost_here, state, created_at.
    """
    rows = here(context).run(lambda node: _conflicts(node, link, everything))
    if json:
        show.as_json(rows)
        return
    show.table(
        ("number", "link", "issue", "field", "stands", "lost", "state"),
        [(r["id"], r["link"], r["local"] or r["gid"], r["field"], _short(r["stands"]), _short(r["lost"]), r["state"])
         for r in rows],
        empty="There is no open conflict.",
    )  # fmt: skip


@conflict.command("show")
def conflict_show(context: typer.Context, number: Number, json: Json = False) -> None:
    """One conflict, both values in full. JSON: the keys of `conflict list`."""
    found = one(here(context).run(lambda node: _conflicts(node, None, everything=True)), number, "conflict")
    if json:
        show.as_json(found)
    else:
        show.pairs({**found, "created_at": show.moment(found["created_at"])})


@conflict.command("take")
def conflict_take(context: typer.Context, number: Number, timeout: TIMEOUT = 120.0, dry_run: DryRun = False) -> None:
    """Let the losing value stand after all: it is written here like any edit, and travels."""
    place = here(context)
    found = one(place.run(lambda node: _conflicts(node, None, everything=True)), number, "conflict")
    if found["state"] == "taken":
        raise UsageError(f"the losing value of conflict {number} was taken already")
    if dry_run:
        typer.echo(f"{found['local']}: {found['field']} would become {_short(found['lost'])}")
        return
    result = ask(place, Request(found["link"], "take", {"item": number}), timeout)
    if result.get("problem"):
        raise BackboneError(f"conflict {number} could not be taken: {result['problem']}")
    typer.echo(f"{found['local']}: {found['field']} is now {_short(found['lost'])}")


async def _conflicts(node: "Node", link: str | None, everything: bool) -> list[dict[str, Any]]:
    from backbone.store import links, lists

    names = {row.id: row.name for row in node.store.read_now(links.every)}
    only = link_named(node, link).id if link else None
    rows = node.store.read_now(lambda tx: lists.conflicts(tx, only, everything=everything))
    locals_ = node.store.read_now(lambda tx: lists.local_names(tx, [(row.link, row.gid) for row in rows]))
    return [{**plain(row, names, _CONFLICT), "local": locals_.get((row.link, row.gid)),
             "stands": lists.value_of(row.stands), "lost": lists.value_of(row.lost)} for row in rows]  # fmt: skip


def plain(row: Any, names: dict[int, str], keys: Sequence[str]) -> dict[str, Any]:
    """A row of a list, for programs."""
    found = {key: getattr(row, key, None) for key in keys}
    return {**found, "link": names[row.link]}


def one(rows: list[dict[str, Any]], number: int, what: str) -> dict[str, Any]:
    """The row with that number. Raises ``UsageError``."""
    for row in rows:
        if row["id"] == number:
            return row
    raise UsageError(f"there is no number {number} in the {what} list: backbone {what} list --all")


def _short(value: Value) -> str:
    text = "-" if value is None else in_words(value)
    return show.printable(text if len(text) <= 40 else text[:39] + "…")
