"""``alarm``: what is wrong, and whether people hear of it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbone.cli import show
from backbone.cli.here import here
from backbone.errors import Unreachable

if TYPE_CHECKING:
    from backbone.service.node import Node

alarm = typer.Typer(help="What is wrong, and who is told.", no_args_is_help=True, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="For programs: stable keys.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands into the program."""
    app.add_typer(alarm, name="alarm")


@alarm.command("list")
def alarm_list(context: typer.Context, json: Json = False) -> None:
    """What is wrong now, since when, and whether it was told.

    JSON: a list of kind, about, level, sentence, since, told (since is null where no running node has seen it yet).
    """
    rows, untold = here(context).run(_list)
    if json:
        show.as_json(rows)
        return
    show.table(
        ("kind", "about", "what is wrong", "since", "told"),
        [
            (r["kind"], r["about"] or "-", r["sentence"], show.moment(r["since"]) if r["since"] else "-", r["told"])
            for r in rows
        ],
        empty="Nothing is wrong.",
    )
    for sentence in untold:
        typer.echo(show.printable(sentence))


@alarm.command("test")
def alarm_test(context: typer.Context) -> None:
    """Tell everybody whom [alarms] in backbone.toml names that this is a test."""
    from backbone.service.watching import alarms

    results = here(context).run(alarms.test)
    failed = [f"{_who(way)}: {problem}" for way, problem in results if problem]
    for way, problem in results:
        if not problem:
            typer.echo(f"{_who(way)} was told.")
    if failed:
        raise Unreachable("; ".join(failed))


async def _list(node: "Node") -> tuple[list[dict[str, Any]], list[str]]:
    from backbone.service.watching import alarms
    from backbone.store import alarms as store

    known = {one.alarm.name: one for one in await node.store.read(store.standing)}
    rows = [
        {
            "kind": str(one.kind), "about": one.about, "level": one.level, "sentence": one.sentence,
            "since": known[one.name].since if one.name in known else None,
            "told": one.name in known and known[one.name].told_level > 0,
        }
        for one in await alarms.check(node)
    ]  # fmt: skip
    untold = [
        f"{'Given up' if row.state == 'given up' else 'Not told yet'} since {show.moment(row.created_at)}, "
        f"{row.recipient or row.way}: {row.trouble}"
        for row in await node.store.read(store.untold)
    ]
    return rows, untold


def _who(way: Any) -> str:
    return way.recipient or "The webhook"
