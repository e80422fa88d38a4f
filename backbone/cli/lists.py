"""``queue`` and ``conflict``: what waits for a person."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbone.cli import show
from backbone.cli.asking import Request, ask
from backbone.cli.here import Here, here, link_named
from backbone.errors import BackboneError, Differences, UsageError

if TYPE_CHECKING:
    from backbone.service.node import Node
    from backbone.store.engine import Connection

queue = typer.Typer(help="What could not be applied, and why.", no_args_is_help=True, rich_markup_mode=None)
conflict = typer.Typer(help="Values that lost against a concurrent edit.", no_args_is_help=True, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="For programs: stable keys.")]
Number = Annotated[int, typer.Argument(help="The number in the list.")]
Link = Annotated[str | None, typer.Option("--link", help="Only this link.")]
All = Annotated[bool, typer.Option("--all", help="Also what is settled.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
TIMEOUT = Annotated[float, typer.Option(help="How long to wait for the running service, in seconds.")]

RETRYABLE = ("issue", "outbound")
_QUEUE = ("id", "link", "kind", "gid", "local", "reason", "advice", "state", "attempts", "created_at", "changed_at")
_CONFLICT = ("id", "link", "gid", "local", "field", "element", "stands", "lost", "lost_here", "state", "created_at")


def add_to(app: typer.Typer) -> None:
    """Put these commands into the program."""
    app.add_typer(queue, name="queue")
    app.add_typer(conflict, name="conflict")


@queue.command("list")
def queue_list(context: typer.Context, link: Link = None, everything: All = False, json: Json = False) -> None:
    """What waits for a person.

    JSON: a list of id, link, kind, gid, local, reason, advice, state, attempts, created_at, changed_at.
    """
    rows = here(context).run(lambda node: _queue(node, link, everything))
    if json:
        show.as_json(rows)
        return
    show.table(
        ("number", "link", "kind", "issue", "reason", "tries", "since"),
        [
            (r["id"], r["link"], r["kind"], r["local"] or "-", r["reason"], r["attempts"], show.moment(r["created_at"]))
            for r in rows
        ],
        empty="Nothing waits.",
    )


@queue.command("show")
def queue_show(context: typer.Context, number: Number, json: Json = False) -> None:
    """One item with what to do. JSON: the keys of `queue list`."""
    found = _one(here(context).run(lambda node: _queue(node, None, everything=True)), number, "queue")
    if json:
        show.as_json(found)
    else:
        times = {key: show.moment(found[key]) for key in ("created_at", "changed_at")}
        show.pairs({**found, **times, "advice": found["advice"].replace("NUMBER", str(number))})


@queue.command("retry")
def queue_retry(context: typer.Context, number: Number, timeout: TIMEOUT = 120.0) -> None:
    """Try an item again, after its cause was removed."""
    place = here(context)
    found = _waiting(place, number)
    if found["kind"] not in RETRYABLE:
        raise UsageError(f"item {number} is a {found['kind']}: nothing can be tried again; skip it")

    def settled(tx: "Connection") -> bool:
        from backbone.store import lists

        row = lists.set_aside_item(tx, number)
        return row is None or row.state != "open" or row.attempts > found["attempts"]

    ask(place, Request(found["link"], "retry", {"item": number}, settled), timeout)
    after = _one(place.run(lambda node: _queue(node, None, everything=True)), number, "queue")
    if after["state"] == "open":
        raise Differences(f"item {number} was refused again: {after['reason']}")
    typer.echo(f"Item {number}: {after['state']}.")


@queue.command("skip")
def queue_skip(context: typer.Context, number: Number, timeout: TIMEOUT = 120.0, dry_run: DryRun = False) -> None:
    """Pass over an item for good; the partner is told. It stays on the list of all."""
    place = here(context)
    found = _waiting(place, number)
    if dry_run:
        typer.echo(f"Item {number} would be skipped: {show.printable(found['reason'])}")
        return
    ask(place, Request(found["link"], "skip", {"item": number}), timeout)
    typer.echo(f"Item {number} was skipped.")


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
    found = _one(here(context).run(lambda node: _conflicts(node, None, everything=True)), number, "conflict")
    if json:
        show.as_json(found)
    else:
        show.pairs({**found, "created_at": show.moment(found["created_at"])})


@conflict.command("take")
def conflict_take(context: typer.Context, number: Number, timeout: TIMEOUT = 120.0, dry_run: DryRun = False) -> None:
    """Let the losing value stand after all: it is written here like any edit, and travels."""
    place = here(context)
    found = _one(place.run(lambda node: _conflicts(node, None, everything=True)), number, "conflict")
    if found["state"] == "taken":
        raise UsageError(f"the losing value of conflict {number} was taken already")
    if dry_run:
        typer.echo(f"{found['local']}: {found['field']} would become {_short(found['lost'])}")
        return
    result = ask(place, Request(found["link"], "take", {"item": number}), timeout)
    if result.get("problem"):
        raise BackboneError(f"conflict {number} could not be taken: {result['problem']}")
    typer.echo(f"{found['local']}: {found['field']} is now {_short(found['lost'])}")


async def _queue(node: "Node", link: str | None, everything: bool) -> list[dict[str, Any]]:
    from backbone.store import links, lists

    names = {row.id: row.name for row in node.store.read_now(links.every)}
    only = link_named(node, link).id if link else None
    rows = node.store.read_now(lambda tx: lists.set_aside_items(tx, only, everything=everything))
    called = node.store.read_now(lambda tx: lists.local_names(tx, [(row.link, row.gid) for row in rows if row.gid]))
    return [{**_plain(row, names, _QUEUE), "local": row.local or called.get((row.link, row.gid))} for row in rows]


async def _conflicts(node: "Node", link: str | None, everything: bool) -> list[dict[str, Any]]:
    from backbone.store import links, lists

    names = {row.id: row.name for row in node.store.read_now(links.every)}
    only = link_named(node, link).id if link else None
    rows = node.store.read_now(lambda tx: lists.conflicts(tx, only, everything=everything))
    locals_ = node.store.read_now(lambda tx: lists.local_names(tx, [(row.link, row.gid) for row in rows]))
    return [{**_plain(row, names, _CONFLICT), "local": locals_.get((row.link, row.gid)),
             "stands": lists.value_of(row.stands), "lost": lists.value_of(row.lost)} for row in rows]  # fmt: skip


def _plain(row: Any, names: dict[int, str], keys: Sequence[str]) -> dict[str, Any]:
    found = {key: getattr(row, key, None) for key in keys}
    return {**found, "link": names[row.link]}


def _waiting(place: Here, number: int) -> dict[str, Any]:
    """An item that nobody has settled yet."""
    found = _one(place.run(lambda node: _queue(node, None, everything=True)), number, "queue")
    if found["state"] != "open":
        raise UsageError(f"item {number} is settled: it was {found['state']} at {show.moment(found['changed_at'])}")
    return found


def _one(rows: list[dict[str, Any]], number: int, what: str) -> dict[str, Any]:
    for row in rows:
        if row["id"] == number:
            return row
    raise UsageError(f"there is no number {number} in the {what} list: backbone {what} list --all")


def _short(value: object) -> str:
    shown = value.get("text") or value.get("name") if isinstance(value, dict) else value
    text = "-" if shown is None else str(shown)
    return show.printable(text if len(text) <= 40 else text[:39] + "…")
