"""What a person asked for on the command line, carried out by whoever runs the node.

Nobody is surprised by what they asked for yesterday: a request says until when somebody waits for it (``until``).
"""

from typing import Any

from backbone.model import Cell, Write
from backbone.replication.identity import marker
from backbone.replication.message import Kind
from backbone.service import audit, outbound, quarantine
from backbone.service.endpoint import Endpoint
from backbone.service.outbound import post, unnumbered
from backbone.store import links, lists
from backbone.store.engine import Connection
from backbone.store.shadows import Book

AUDITS_IN_A_ROW = 8
"""How often an audit is tried again because something was in flight; each time it waits twice as long."""


async def carry_out(ep: Endpoint) -> int:
    """Everything that is open and due for this link; returns how many requests there were."""
    open_ = await ep.store.read(lambda tx: lists.asked(tx, ep.row))
    due = [one for one in open_ if ep.clock() >= float(one[2].get("not_before", 0.0))]
    for item, kind, arguments in due:
        if ep.clock() > float(arguments.get("until", "inf")):
            await ep.store.run(lambda tx, i=item: lists.withdraw(tx, i))  # type: ignore[misc]
            continue
        match kind:
            case "audit":
                await _audit(ep, item, arguments)
            case "say":
                await _say(ep, item, Kind(arguments["kind"]))
            case "retry":
                await _retry(ep, item, arguments)
            case "skip":
                await ep.store.run(lambda tx, i=item, a=arguments: _skip(tx, ep, i, a))  # type: ignore[misc]
            case "edit":
                await ep.store.run(lambda tx, i=item, a=arguments: _edit(tx, ep, i, a))  # type: ignore[misc]
            case "take":
                await _take(ep, item, arguments)
    return len(due) + await quarantine.retry_due(ep)


async def _audit(ep: Endpoint, item: int, arguments: dict[str, Any]) -> None:
    """Ask the partner; when it answers that something is in flight, again a little later."""
    tries = int(arguments.get("tries", 0))
    if tries >= AUDITS_IN_A_ROW:
        await ep.store.run(lambda tx: lists.answer(tx, item, {"busy": True}))
        return
    while await outbound.capture(ep):
        pass
    scrubbed = await audit.scrub(ep)

    def ask(tx: Connection) -> None:
        audit.begin(tx, ep, item, scrubbed)
        later = {**arguments, "tries": tries + 1, "not_before": ep.clock() + 0.1 * 2**tries}
        lists.answer(tx, item, {}, state="sent", arguments=later)

    await ep.store.run(ask)


async def _say(ep: Endpoint, item: int, kind: Kind) -> None:
    state = await ep.store.read(lambda tx: links.state(tx, ep.row))
    await post(ep, unnumbered(ep, state, kind, b""))
    await ep.store.run(lambda tx: lists.answer(tx, item, {}))


async def _retry(ep: Endpoint, item: int, arguments: dict[str, Any]) -> None:
    for wanted in _items(arguments):
        row = await ep.store.read(lambda tx, w=wanted: lists.set_aside_item(tx, w))  # type: ignore[misc]
        if row is not None:
            await quarantine.retry(ep, row)
    await ep.store.run(lambda tx: lists.answer(tx, item, {}))


def _skip(tx: Connection, ep: Endpoint, item: int, arguments: dict[str, Any]) -> None:
    quarantine.skip(tx, ep, _items(arguments))
    lists.answer(tx, item, {})


def _edit(tx: Connection, ep: Endpoint, item: int, arguments: dict[str, Any]) -> None:
    problem = quarantine.edit(tx, ep, int(arguments["item"]), dict(arguments["values"]), str(arguments["by"]))
    lists.answer(tx, item, {"problem": problem})


def _items(arguments: dict[str, Any]) -> list[int]:
    """One item, or several at once."""
    return [int(item) for item in arguments.get("items", [arguments.get("item")])]


async def _take(ep: Endpoint, item: int, arguments: dict[str, Any]) -> None:
    """Write the losing value of a conflict into our tracker, like any edit; capture carries it to the partner."""
    found = await ep.store.read(lambda tx: _losing(tx, ep, int(arguments["item"])))
    problem = "this conflict has no value that could be taken"
    if found is not None:
        (outcome,) = await ep.tracker.apply([found])
        problem = getattr(outcome, "words", "")

    def keep(tx: Connection) -> None:
        if not problem:
            lists.settle_conflict(tx, int(arguments["item"]), "taken")
        lists.answer(tx, item, {"problem": problem})

    await ep.store.run(keep)


def _losing(tx: Connection, ep: Endpoint, item: int) -> Write | None:
    row = lists.conflict_item(tx, item)
    if row is None or row.state == "taken":
        return None
    book = Book(tx, ep.row)
    known = book.by_gid(row.gid)
    cells = {Cell(row.field, row.element): lists.value_of(row.lost)}
    book.load_cells({row.gid: cells})
    shadow = book.fields(row.gid, cells)
    inward = ep.translation.to_local(cells, ep.schema, ep.names(book), shadow, lambda _: False)
    if known is None or not inward.cells:
        return None
    return Write(marker(ep.link_id, f"take/{row.gid}", 0, item), known.local, None, inward.cells)
