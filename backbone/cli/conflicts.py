"""``backbone conflict``: values that lost against the other side's, and how one is taken after all."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbone.cli import show
from backbone.cli.asking import TIMEOUT_SECONDS, Request, ask
from backbone.cli.here import link_named, looked
from backbone.cli.options import AsJson, DryRun, Timeout
from backbone.errors import BackboneError, UsageError

if TYPE_CHECKING:
    from backbone.store.engine import Connection

app = typer.Typer(help="Edits of both sides at the same time.", no_args_is_help=True)

Item = Annotated[int, typer.Argument(metavar="NUMBER", help="As `backbone conflict list` shows it.")]

SHOWN_CHARACTERS_MAX = 200
"""Of a value in a table; `show` prints all of it."""


@app.command("list")
def list_(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[LINK]", help="One link's only.")] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that wait for a person.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also those whose losing value was taken.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show which values lost.

    Edits of both sides at the same time: which value stands, which one lost.

    JSON: conflicts[id, link, issue, field, element, stands, lost, lost_here, state, created_at].
    """
    found = looked(context, lambda tx: _conflicts(tx, name, only_open=only_open, everything=everything))
    if as_json:
        show.document({"conflicts": found})
    elif found:
        rows = [(o["id"], o["link"], o["issue"], _cell(o), _short(o["stands"]), _short(o["lost"]), o["state"])
                for o in found]  # fmt: skip
        show.table(("no", "link", "issue", "field", "stands", "lost", "state"), rows, right=("no",))
        show.say("\nTake the losing value after all: backbone conflict take NUMBER")
    else:
        show.say("No conflicts.")


@app.command("show")
def show_(context: typer.Context, number: Item, as_json: AsJson = False) -> None:
    """Show one conflict.

    Both values in full.

    JSON: the same keys as in `conflict list`.
    """
    found = looked(context, lambda tx: _conflict(tx, number))
    if as_json:
        show.document(found)
        return
    show.facts(
        {
            "number": found["id"],
            "link": found["link"],
            "issue": found["issue"],
            "field": _cell(found),
            "stands": _text(found["stands"]),
            "lost": _text(found["lost"]),
            "whose value lost": "ours" if found["lost_here"] else "the partner's",
            "state": {"open": "waits for a person", "settled": "decided by the agreement's policy"}.get(
                found["state"], found["state"]
            ),
            "since": show.moment(found["created_at"]),
        }
    )


@app.command()
def take(context: typer.Context, number: Item, dry_run: DryRun = False, timeout: Timeout = TIMEOUT_SECONDS) -> None:
    """Take the losing value after all.

    Writes it into our tracker; from there it travels like any edit.
    """
    found = looked(context, lambda tx: _conflict(tx, number))
    if found["state"] == "taken":
        raise UsageError(f"the losing value of conflict {number} was taken already")
    what = f"issue {found['issue']}, {_cell(found)}: {_short(found['lost'])}"
    if dry_run:
        show.say(f"Would be written: {what} (instead of {_short(found['stands'])})")
        return
    (answer,) = ask(context, [Request(found["link"], "take", {"item": number})], timeout)
    if answer.get("problem"):
        raise BackboneError(f"conflict {number} could not be taken: {answer['problem']}")
    show.say(f"Written: {what}")


def _conflicts(tx: "Connection", name: str | None, *, only_open: bool, everything: bool) -> list[dict[str, Any]]:
    from backbone.store import links, lists

    link = link_named(tx, name).id if name is not None else None
    names = {row.id: row.name for row in links.every(tx)}
    rows = lists.conflicts(tx, link, everything=not only_open)
    return [_described(tx, row, names[row.link]) for row in rows if everything or row.state != "taken"]


def _conflict(tx: "Connection", number: int) -> dict[str, Any]:
    from backbone.store import links, lists

    row = lists.conflict_item(tx, number)
    if row is None:
        raise UsageError(f"there is no conflict {number}: see `backbone conflict list --all`")
    return _described(tx, row, links.get(tx, row.link).name)


def _described(tx: "Connection", row: Any, link: str) -> dict[str, Any]:
    from backbone.store import lists
    from backbone.store.shadows import Book

    known = Book(tx, row.link).by_gid(row.gid)
    return {
        "id": row.id,
        "link": link,
        "issue": known.local if known else row.gid,
        "field": row.field,
        "element": row.element,
        "stands": lists.value_of(row.stands),
        "lost": lists.value_of(row.lost),
        "lost_here": bool(row.lost_here),
        "state": row.state,
        "created_at": row.created_at,
    }


def _cell(found: dict[str, Any]) -> str:
    return f"{found['field']} {found['element']}".strip()


def _text(value: Any) -> str:
    """A value as a person sees it."""
    match value:
        case None:
            return "(empty)"
        case bool():
            return "yes" if value else "no"
        case dict():
            return str(value.get("text") or value.get("name") or value)
    return str(value)


def _short(value: Any) -> str:
    text = " ".join(_text(value).split())
    return text if len(text) <= SHOWN_CHARACTERS_MAX else text[:SHOWN_CHARACTERS_MAX] + " …"
