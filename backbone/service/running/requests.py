"""What a person asked for on the command line, carried out by whoever runs the node.

Nobody is surprised by what they asked for yesterday: a request says until when somebody waits for it (``until``).
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from backbone.model import Cell, Write
from backbone.replication.identity import marker
from backbone.replication.message import Kind
from backbone.service.endpoint import Endpoint
from backbone.service.flow import looking, quarantine, resting
from backbone.service.flow.outbound import post, unnumbered
from backbone.service.healing import audit, repair, scrubbing
from backbone.service.healing.walk import NAMED_MAX
from backbone.service.links import agreeing, rotating
from backbone.store import counts, links, lists
from backbone.store.engine import Connection
from backbone.store.shadows import Book

AUDITS_IN_A_ROW = 8
"""How often an audit is tried again because something was in flight; each time it waits twice as long."""


async def carry_out(ep: Endpoint) -> int:
    """Everything that is open and due for this link; returns how many requests there were."""
    open_ = await ep.store.read(lambda tx: lists.asked(tx, ep.row))
    state = await ep.store.read(lambda tx: links.state(tx, ep.row))
    ready = state.phase.works and not state.occupied
    due = [one for one in open_ if one[1] == "say" or (ready and ep.clock() >= float(one[2].get("not_before", 0.0)))]
    for item, kind, arguments in due:
        if ep.clock() > float(arguments.get("until", "inf")):
            await ep.store.run(lambda tx, i=item: lists.withdraw(tx, i))  # type: ignore[misc]
            continue
        if kind in _IN_THE_STORE:
            await ep.store.run(lambda tx, k=kind, i=item, a=arguments: _IN_THE_STORE[k](tx, ep, i, a))  # type: ignore[misc]
        elif kind in _WITH_THE_TRACKER:
            await _WITH_THE_TRACKER[kind](ep, item, arguments)
    if not ready:
        return len(due)
    return (
        len(due)
        + await resting.wake(ep)
        + await _audit_by_schedule(ep)
        + await quarantine.retry_due(ep)
        + await rotating.advance(ep)
    )


async def _audit_by_schedule(ep: Endpoint) -> int:
    if not await ep.store.read(lambda tx: _audit_due(tx, ep)):
        return 0
    await ep.store.run(lambda tx: lists.ask(tx, ep.row, "audit", {"share": _share(tx, ep)}, ep.clock()))
    return 1


def _audit_due(tx: Connection, ep: Endpoint) -> bool:
    """By schedule: the last one (or the link, before the first) is old enough, and the first snapshots are through."""
    if not ep.audit_seconds or not links.get(tx, ep.row).populated:
        return False
    last = lists.last_asked(tx, ep.row, "audit")
    since = counts.made_at(tx, ep.row) if last is None else last.created_at
    return ep.clock() >= since + ep.audit_seconds


def _share(tx: Connection, ep: Endpoint) -> int | None:
    """Which of the issues are read from the trackers today: all of them until what was found is settled."""
    if audit.count(lists.last_audit(tx, ep.row)):
        return None
    return int(ep.clock() // ep.audit_seconds) % scrubbing.SHARES


async def _audit(ep: Endpoint, item: int, arguments: dict[str, Any]) -> None:
    """Ask the partner; when it answers that something is in flight, again a little later."""
    tries = int(arguments.get("tries", 0))
    if tries >= AUDITS_IN_A_ROW:
        await ep.store.run(lambda tx: lists.answer(tx, item, {"busy": True}))
        return
    share = arguments.get("share")
    scrubbed = await scrubbing.scrub(ep, share)

    walk = {"ours": scrubbed.count, "drift_here": scrubbed.drift[:NAMED_MAX]}

    def ask(tx: Connection) -> None:
        audit.begin(tx, ep, item, scrubbed, share)
        later = {**arguments, "walk": walk, "tries": tries + 1, "not_before": ep.clock() + 0.1 * 2**tries}
        lists.answer(tx, item, {}, state="sent", arguments=later)

    await ep.store.run(ask)


async def _say(ep: Endpoint, item: int, arguments: dict[str, Any]) -> None:
    kind = Kind(arguments["kind"])
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
    key = marker(ep.link_id, f"take/{row.gid}", links.state(tx, ep.row).life[0], 0, item)
    return Write(key, known.local, None, inward.cells)


_IN_THE_STORE: Mapping[str, Callable[[Connection, Endpoint, int, dict[str, Any]], None]] = {
    "skip": _skip,
    "edit": _edit,
}
_WITH_THE_TRACKER: Mapping[str, Callable[[Endpoint, int, dict[str, Any]], Awaitable[None]]] = {
    "audit": _audit,
    "say": _say,
    "retry": _retry,
    "take": _take,
    "add": resting.add,
    "cut": resting.cut,
    "look": looking.look,
    "repair": repair.begin,
    "settle": repair.settle,
    "rotate": rotating.rotate,
    "propose": agreeing.propose,
    "withdraw": agreeing.withdraw,
    "decide": agreeing.decide,
}
