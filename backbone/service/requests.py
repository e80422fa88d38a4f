"""What a person asked for on the command line, carried out by whoever runs the node.

Nobody is surprised by what they asked for yesterday: a request says until when somebody waits for it (``until``).
"""

from typing import Any

from backbone.model import Cell, Edit, Write
from backbone.replication.identity import marker
from backbone.replication.message import Kind
from backbone.service import audit, outbound
from backbone.service.applying import tell
from backbone.service.endpoint import Endpoint
from backbone.service.outbound import fetch_contents, post, unnumbered
from backbone.service.recording import emit, record
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
            case "take":
                await _take(ep, item, arguments)
    return len(due)


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
    row = await ep.store.read(lambda tx: lists.set_aside_item(tx, int(arguments["item"])))
    if row is not None and row.kind == "outbound":
        await _capture_again(ep, item, row.id, row.local)
        return

    def release(tx: Connection) -> None:
        if row is not None and row.kind == "issue" and row.state == "open":
            lists.let_go(tx, ep.row, row.gid)
        lists.answer(tx, item, {})

    await ep.store.run(release)


async def _capture_again(ep: Endpoint, item: int, aside: int, local: str) -> None:
    """What could not be put into agreed words is looked at again, as the issue stands."""
    issue = (await ep.tracker.read([local])).get(local)
    if issue is not None:
        await fetch_contents(ep, issue.cells)

    def keep(tx: Connection) -> None:
        lists.set_aside_change(tx, aside, ep.clock(), state="retried")
        lists.answer(tx, item, {})
        if issue is not None:
            book = Book(tx, ep.row)
            edit = Edit(issue.local, issue.position, issue.author, issue.created, issue.cells)
            change_sets = record(tx, ep, book, [edit], whole=True)
            book.flush()
            emit(tx, ep, change_sets)

    await ep.store.run(keep)


def _skip(tx: Connection, ep: Endpoint, item: int, arguments: dict[str, Any]) -> None:
    row = lists.set_aside_item(tx, int(arguments["item"]))
    if row is not None and row.state == "open":
        lists.set_aside_change(tx, row.id, ep.clock(), state="skipped")
        if row.kind == "issue":
            lists.unhold(tx, ep.row, row.key)
            lists.let_go(tx, ep.row, row.gid)
            tell(tx, ep, {"gid": row.gid, "key": row.key, "outcome": "skipped", "reason": "skipped by a person"})
    lists.answer(tx, item, {})


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
