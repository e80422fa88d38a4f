"""Looking at issues again because a person asks for it: what differs is captured, what is in scope now enters.

A page at a time, between which everything else goes on; after a crash the page is looked at once more, which changes
nothing. What is said again is what was said before: the partner who has it does not notice.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from backbone.errors import BackboneError
from backbone.model import ISSUE, Edit, Issue
from backbone.points import passed
from backbone.replication.mapping.entry import has_entered
from backbone.replication.message import ChangeSet, Operation
from backbone.service.endpoint import Endpoint
from backbone.service.flow.asking import edited_since, fits, matching
from backbone.service.flow.outbound import fetch_contents
from backbone.service.flow.recording import emit, record
from backbone.service.flow.resting import is_ours
from backbone.service.flow.scoping import Fits
from backbone.service.flow.sighting import Sighted, pictured
from backbone.store import lists
from backbone.store.engine import Connection
from backbone.store.shadows import Book

PAGE = 200


async def look(ep: Endpoint, item: int, arguments: Mapping[str, Any]) -> None:
    """One page. ``since``, ``query`` and ``fields`` are what the person said; ``after`` is how far it has come."""
    page = await ep.tracker.issues(arguments.get("after"), PAGE)
    if not page:
        answer = {"problem": "", "looked": arguments.get("looked", 0), "said": arguments.get("said", 0)}
        await ep.store.run(lambda tx: lists.answer(tx, item, answer))
        return
    try:
        chosen = await _chosen(ep, arguments, page)
        asked = await fits(ep, [issue.local for issue in chosen])
    except BackboneError as error:
        problem = str(error)
        await ep.store.run(lambda tx: lists.answer(tx, item, {"problem": problem}))
        return
    for issue in chosen:
        await fetch_contents(ep, issue.cells)
    seen = await pictured(ep, chosen)
    passed("look: contents fetched")

    def keep(tx: Connection) -> None:
        said = _capture(tx, ep, chosen, asked, seen, frozenset(arguments.get("fields") or ()))
        later = {**arguments, "after": page[-1].local, "looked": arguments.get("looked", 0) + len(chosen),
                 "said": arguments.get("said", 0) + said}  # fmt: skip
        lists.answer(tx, item, {}, state="open", arguments=later)

    await ep.store.run(keep)
    passed("look: recorded")


async def _chosen(ep: Endpoint, arguments: Mapping[str, Any], page: Sequence[Issue]) -> list[Issue]:
    found = {issue.local for issue in page}
    if arguments.get("query"):
        found = await matching(ep.tracker, str(arguments["query"]), found, "--query")
    if arguments.get("since") and found:
        found = await edited_since(ep.tracker, str(arguments["since"]), found)
    return [issue for issue in page if issue.local in found]


def _capture(
    tx: Connection, ep: Endpoint, issues: list[Issue], asked: Fits, seen: Sighted, fields: frozenset[str]
) -> int:
    book = Book(tx, ep.row)
    edits = [Edit(i.local, i.position, i.author, i.created, i.cells) for i in issues]
    change_sets = record(tx, ep, book, edits, whole=True, fits=asked, seen=seen)
    names = ep.names(book)
    for issue in issues if fields else ():
        gid = names.gid_of(ISSUE, issue.local)
        shadow = book.load_whole(gid)
        operations = tuple(
            Operation(cell, r.value, r.write, r.known)
            for cell, r in shadow.items()
            if cell.field in fields and is_ours(ep.side, r.write)
        )
        if operations and has_entered(shadow):
            change_sets.append(ChangeSet(gid, "", "", operations))
    book.flush(ep.clock())
    return emit(tx, ep, change_sets)
