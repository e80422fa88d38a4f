"""``queue``: what could not be applied or sent, and what a person makes of it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbone.cli import show
from backbone.cli.asking import Request, ask
from backbone.cli.here import Here, here, link_named
from backbone.cli.lists import TIMEOUT, All, DryRun, Json, Link, Number, one, plain
from backbone.errors import BackboneError, Differences, UsageError

if TYPE_CHECKING:
    from backbone.service.node import Node
    from backbone.store.engine import Connection

queue = typer.Typer(help="What could not be applied, and why.", no_args_is_help=True, rich_markup_mode=None)
Wanted = Annotated[int | None, typer.Argument(metavar="[NUMBER]", help="The number in the list.")]
Cause = Annotated[str | None, typer.Option("--cause", help="Instead of a number: all whose reason holds this text.")]

RETRYABLE = ("issue", "outbound")
_KEYS = ("id", "link", "kind", "gid", "local", "reason", "advice", "state", "attempts", "created_at", "changed_at",
         "next_at")  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Put these commands into the program."""
    app.add_typer(queue, name="queue")


@queue.command("list")
def queue_list(context: typer.Context, link: Link = None, everything: All = False, json: Json = False) -> None:
    """What waits for a person, or is tried again by itself.

    JSON: a list of id, link, kind, gid, local, reason, advice, state, attempts, created_at, changed_at, next_at (null:
    not by itself).
    """
    rows = here(context).run(lambda node: _rows(node, link, everything))
    if json:
        show.as_json(rows)
        return
    show.table(
        ("number", "link", "kind", "issue", "reason", "tries", "age", "next try"),
        [
            (r["id"], r["link"], r["kind"], r["local"] or "-", r["reason"], r["attempts"], show.ago(r["created_at"]),
             show.moment(r["next_at"]) if r["next_at"] else "-")
            for r in rows
        ],
        empty="Nothing waits.",
    )  # fmt: skip


@queue.command("show")
def queue_show(context: typer.Context, number: Number, json: Json = False) -> None:
    """One item: why, what to do, which values wait, and what a person changed in them.

    JSON: the keys of `queue list`, changes (name, value) and edits (at, by, field, element, before, after).
    """
    found = here(context).run(lambda node: _shown(node, number))
    if json:
        show.as_json(found)
        return
    changes, edits = found.pop("changes"), found.pop("edits")
    times = {key: show.moment(found[key]) for key in ("created_at", "changed_at", "next_at")}
    show.pairs({**found, **times, "advice": found["advice"].replace("NUMBER", str(number))})
    for change in changes:
        typer.echo(show.printable(f"  {change['name']} = {change['value']}"))
    for edit in edits:
        name = f"{edit['field']} {edit['element']}".strip()
        line = f"  {show.moment(edit['at'])}, {edit['by']}: {name} was {edit['before']!r}, is {edit['after']!r}"
        typer.echo(show.printable(line))


@queue.command("retry")
def queue_retry(context: typer.Context, number: Wanted = None, cause: Cause = None, timeout: TIMEOUT = 120.0) -> None:
    """Try an item again, after its cause was removed; with --cause all that have it."""
    place = here(context)
    chosen = _chosen(place, number, cause, RETRYABLE)
    tries = {row["id"]: row["attempts"] for row in chosen}
    for link, numbers in _by_link(chosen).items():
        ask(place, Request(link, "retry", {"items": numbers}, lambda tx, n=numbers: _tried(tx, n, tries)), timeout)  # type: ignore[misc]
    _report(place, list(tries))


@queue.command("skip")
def queue_skip(
    context: typer.Context,
    number: Wanted = None,
    cause: Cause = None,
    timeout: TIMEOUT = 120.0,
    dry_run: DryRun = False,
) -> None:
    """Pass over an item for good; the partner is told, and shows it. It stays on the list of all."""
    place = here(context)
    chosen = _chosen(place, number, cause, None)
    for row in chosen if dry_run else ():
        typer.echo(f"Item {row['id']} would be skipped: {show.printable(row['reason'])}")
    for link, numbers in _by_link(chosen).items() if not dry_run else ():
        ask(place, Request(link, "skip", {"items": numbers}), timeout)
        for done in numbers:
            typer.echo(f"Item {done} was skipped.")


@queue.command("edit")
def queue_edit(
    context: typer.Context,
    number: Number,
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="A value (else: $EDITOR shows them all).")
    ] = None,
    timeout: TIMEOUT = 120.0,
    dry_run: DryRun = False,
) -> None:
    """Change a value that was refused, and try again; the partner gets the new value too.

    The names are those that `queue show` prints; an empty value means absent. Who changed what is recorded.
    """
    place = here(context)
    (found,) = _chosen(place, number, None, ("issue",))
    before = {change["name"]: change["value"] for change in place.run(lambda node: _shown(node, number))["changes"]}
    wanted = _parsed(values) if values else _typed(before)
    wanted = {name: text for name, text in wanted.items() if before.get(name) != text}
    if not wanted:
        raise UsageError("no value was changed: nothing was done")
    for name, text in wanted.items() if dry_run else ():
        typer.echo(show.printable(f"{name} would be {text!r} instead of {before.get(name)!r}"))
    if dry_run:
        return
    tries = {number: found["attempts"]}
    request = Request(found["link"], "edit", {"item": number, "values": wanted, "by": _who()},
                      lambda tx: _tried(tx, [number], tries))  # fmt: skip
    result = ask(place, request, timeout)
    if result["problem"]:
        raise BackboneError(f"item {number} was not changed: {result['problem']}")
    _report(place, [number])


def _parsed(values: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals:
            raise UsageError(f"--set wants FIELD=VALUE, not {value[:80]!r}")
        found[name.strip()] = text
    return found


def _typed(before: dict[str, str]) -> dict[str, str]:
    """What a person makes of the values in an editor, as TOML."""
    import os
    import shlex
    import subprocess
    import tempfile
    import tomllib
    from pathlib import Path

    from backbone.config import quoted

    lines = [f"{quoted(name)} = {quoted(value)}" for name, value in before.items()]
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="backbone-") as folder:
        file = Path(folder) / "values.toml"
        file.write_text("# Change values, save and leave. An empty text means absent.\n" + "\n".join(lines) + "\n")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)  # noqa: S603 - the admin's own editor
            found = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, subprocess.CalledProcessError) as error:
            raise UsageError(f"the editor {editor!r} did not end well ({error}); use --set FIELD=VALUE") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"what the editor left is not TOML ({error}): nothing was done") from error
    return {name: str(value) for name, value in found.items() if name in before}


def _who() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"


def _tried(tx: "Connection", numbers: list[int], tries: dict[int, int]) -> bool:
    from backbone.store import lists

    rows = [lists.set_aside_item(tx, number) for number in numbers]
    return all(row is None or row.state != "open" or row.attempts > tries[row.id] for row in rows)


def _report(place: Here, numbers: list[int]) -> None:
    """What became of them. Raises ``Differences`` for those that were refused again."""
    rows = [one(place.run(lambda node: _rows(node, None, everything=True)), number, "queue") for number in numbers]
    for row in rows:
        if row["state"] != "open":
            typer.echo(f"Item {row['id']}: {row['state']}.")
    again = [f"item {row['id']} was refused again: {row['reason']}" for row in rows if row["state"] == "open"]
    if again:
        raise Differences("; ".join(again))


def _chosen(place: Here, number: int | None, cause: str | None, kinds: tuple[str, ...] | None) -> list[dict[str, Any]]:
    """One item that nobody has settled yet, or all that have a cause. Raises ``UsageError``."""
    if (number is None) == (cause is None):
        raise UsageError("say a number of the list, or --cause with a text of the reasons")
    if cause is not None:
        rows = place.run(lambda node: _rows(node, None, everything=False))
        found = [row for row in rows if cause.lower() in row["reason"].lower() and (not kinds or row["kind"] in kinds)]
        if not found:
            raise UsageError(f"nothing that waits has a reason with {cause[:80]!r} in it: backbone queue list")
        return found
    assert number is not None
    row = one(place.run(lambda node: _rows(node, None, everything=True)), number, "queue")
    if row["state"] != "open":
        raise UsageError(f"item {number} is settled: it was {row['state']} at {show.moment(row['changed_at'])}")
    if kinds and row["kind"] not in kinds:
        raise UsageError(f"item {number} is a {row['kind']}: nothing can be tried again; skip it")
    return [row]


def _by_link(rows: list[dict[str, Any]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row["link"], []).append(row["id"])
    return found


async def _rows(node: "Node", link: str | None, everything: bool) -> list[dict[str, Any]]:
    from backbone.store import links, lists

    names = {row.id: row.name for row in node.store.read_now(links.every)}
    only = link_named(node, link).id if link else None
    rows = node.store.read_now(lambda tx: lists.set_aside_items(tx, only, everything=everything))
    called = node.store.read_now(lambda tx: lists.local_names(tx, [(row.link, row.gid) for row in rows if row.gid]))
    return [{**plain(row, names, _KEYS), "local": row.local or called.get((row.link, row.gid))} for row in rows]


async def _shown(node: "Node", number: int) -> dict[str, Any]:
    import json

    from backbone.replication.amending import text_of
    from backbone.store import lists

    found = one(await _rows(node, None, everything=True), number, "queue")

    def more(tx: "Connection") -> dict[str, Any]:
        row = lists.set_aside_item(tx, number)
        assert row is not None
        waiting = lists.held_by_key(tx, row.link, row.key) if row.key else None
        changes = {f"{o.cell.field} {o.cell.element}".strip(): text_of(o.cell, o.value)
                   for o in (waiting.operations if waiting else ())}  # fmt: skip
        listed = [{"name": name, "value": value} for name, value in changes.items()]
        return {"changes": listed, "edits": json.loads(row.edits)}

    return {**found, **node.store.read_now(more)}
