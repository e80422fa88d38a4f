"""``backbone queue``: what could not be opened, decoded or applied, and why."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbone.cli import show
from backbone.cli.asking import TIMEOUT_SECONDS, Request, ask
from backbone.cli.here import link_named, looked
from backbone.cli.options import AsJson, DryRun, Timeout
from backbone.errors import Differences, UsageError

if TYPE_CHECKING:
    from backbone.store.engine import Connection

app = typer.Typer(help="What could not be applied, and why.", no_args_is_help=True)

Item = Annotated[int, typer.Argument(metavar="NUMBER", help="As `backbone queue list` shows it.")]
Items = Annotated[list[int], typer.Argument(metavar="NUMBER...", help="As `backbone queue list` shows them.")]
Everything = Annotated[bool, typer.Option("--all", help="Also what is done with.")]

RETRYABLE = ("issue", "outbound")
_KINDS = {
    "issue": "a change of the partner's that our tracker refused",
    "outbound": "an edit here that has no words in the agreement",
    "peer": "a change of ours that the partner's tracker refused",
    "message": "a message that breaks the rules",
    "parcel": "a parcel that could not be opened",
}


@app.command("list")
def list_(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[LINK]", help="One link's only.")] = None,
    everything: Everything = False,
    as_json: AsJson = False,
) -> None:
    """Show what waits for a person.

    JSON: items[id, link, kind, issue, reason, advice, state, attempts, created_at, changed_at, payload_bytes,
    waiting].
    """
    found = looked(context, lambda tx: _items(tx, name, everything=everything))
    if as_json:
        show.document({"items": found})
    elif found:
        rows = [(o["id"], o["link"], o["kind"], o["issue"] or "", o["state"], o["reason"]) for o in found]
        show.table(("no", "link", "kind", "issue", "state", "reason"), rows, right=("no",))
        show.say("\nMore: backbone queue show NUMBER")
    else:
        show.say("Nothing waits.")


@app.command("show")
def show_(context: typer.Context, number: Item, as_json: AsJson = False) -> None:
    """Show one item.

    With its reason and what to do.

    JSON: the same keys as in `queue list`.
    """
    found = looked(context, lambda tx: _item(tx, number))
    if as_json:
        show.document(found)
        return
    show.facts(
        {
            "number": found["id"],
            "link": found["link"],
            "what": _KINDS.get(found["kind"], found["kind"]),
            "issue": found["issue"],
            "state": found["state"],
            "reason": found["reason"],
            "what to do": found["advice"].replace("NUMBER", str(number)),
            "attempts": found["attempts"],
            "since": show.moment(found["created_at"]),
            "last changed": show.moment(found["changed_at"]),
            "behind it": f"{show.counted(found['waiting'], 'change')} of this issue" if found["waiting"] else "",
            "kept": show.counted(found["payload_bytes"], "byte") if found["payload_bytes"] else "",
        }
    )


@app.command()
def retry(context: typer.Context, numbers: Items, timeout: Timeout = TIMEOUT_SECONDS) -> None:
    """Try again what was refused.

    After the cause was mended; what waits behind it follows in order.
    """
    before = looked(context, lambda tx: [_open(tx, number) for number in numbers])
    for one in before:
        if one["kind"] not in RETRYABLE:
            raise UsageError(
                f"number {one['id']} is {_KINDS.get(one['kind'], one['kind'])}, which cannot be tried again from here: "
                f"`backbone queue skip {one['id']}` takes it off the list"
            )

    def settled(tx: "Connection") -> bool:
        return all(_moved(one, _item(tx, one["id"])) for one in before)

    ask(context, [Request(o["link"], "retry", {"item": o["id"]}) for o in before], timeout, settled=settled)
    _report(context, numbers)


@app.command()
def skip(context: typer.Context, numbers: Items, dry_run: DryRun = False, timeout: Timeout = TIMEOUT_SECONDS) -> None:
    """Give up on an item.

    It is passed over for ever, the partner is told, and what waits behind it follows.
    """
    before = looked(context, lambda tx: [_open(tx, number) for number in numbers])
    if dry_run:
        for one in before:
            show.say(f"Would be skipped: {one['id']}, {_KINDS.get(one['kind'], one['kind'])}: {one['reason']}")
        return
    ask(context, [Request(one["link"], "skip", {"item": one["id"]}) for one in before], timeout)
    _report(context, numbers)


def _report(context: typer.Context, numbers: list[int]) -> None:
    after = looked(context, lambda tx: [_item(tx, number) for number in numbers])
    for one in after:
        show.say(f"{one['id']}: {'refused again: ' + one['reason'] if one['state'] == 'open' else one['state']}")
    stuck = sum(one["state"] == "open" for one in after)
    if stuck:
        raise Differences(f"{show.counted(stuck, 'item')} of {len(after)} could not be applied: see the reasons above")


def _moved(before: dict[str, Any], after: dict[str, Any]) -> bool:
    return bool(after["state"] != "open" or after["attempts"] > before["attempts"])


def _open(tx: "Connection", number: int) -> dict[str, Any]:
    found = _item(tx, number)
    if found["state"] != "open":
        raise UsageError(f"number {number} is done with: it was {found['state']} at {show.moment(found['changed_at'])}")
    return found


def _items(tx: "Connection", name: str | None, *, everything: bool) -> list[dict[str, Any]]:
    from backbone.store import links, lists

    link = link_named(tx, name).id if name is not None else None
    names = {row.id: row.name for row in links.every(tx)}
    return [_described(tx, row, names[row.link]) for row in lists.set_aside_items(tx, link, everything=everything)]


def _item(tx: "Connection", number: int) -> dict[str, Any]:
    from backbone.store import links, lists

    row = lists.set_aside_item(tx, number)
    if row is None:
        raise UsageError(f"there is no item {number}: see `backbone queue list --all`")
    return _described(tx, row, links.get(tx, row.link).name)


def _described(tx: "Connection", row: Any, link: str) -> dict[str, Any]:
    from backbone.store import lists
    from backbone.store.shadows import Book

    known = Book(tx, row.link).by_gid(row.gid) if row.gid else None
    return {
        "id": row.id,
        "link": link,
        "kind": row.kind,
        "issue": row.local or (known.local if known else None),
        "reason": row.reason,
        "advice": row.advice,
        "state": row.state,
        "attempts": row.attempts,
        "created_at": row.created_at,
        "changed_at": row.changed_at,
        "payload_bytes": len(row.payload or b""),
        "waiting": max(0, lists.holds(tx, row.link, row.gid) - 1) if row.gid and row.kind == "issue" else 0,
    }
