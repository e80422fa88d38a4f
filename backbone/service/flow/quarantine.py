"""What could not be applied or captured: it is tried again, amended or skipped, by a person or by its schedule."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from backbone.errors import PeerError
from backbone.model import Edit
from backbone.replication import amending
from backbone.replication.message import ChangeSet, Kind, encode_record
from backbone.replication.receipt import Became
from backbone.replication.retrying import next_try
from backbone.service.endpoint import Endpoint
from backbone.service.evidence import receipting
from backbone.service.flow.asking import fits
from backbone.service.flow.outbound import fetch_contents
from backbone.service.flow.recording import emit, number, record
from backbone.service.flow.sighting import pictured
from backbone.store import links, lists
from backbone.store.engine import Connection
from backbone.store.lists import Item
from backbone.store.shadows import Book

RETRIED_AT_ONCE = 100
WORDS_MAX = 1_000
"""Characters of a tracker's words that the peer is told."""
ADVICE = (
    "mend the cause in the tracker or in the link's file, then: backbone queue retry NUMBER; or change the value: "
    "backbone queue edit NUMBER; or pass over it: backbone queue skip NUMBER"
)
SKIPPED_THERE = "the partner's admin passed over our change for good"
SKIPPED_ADVICE = (
    "the two trackers differ in this from now on: agree with the partner, edit the issue once more if it shall travel "
    "after all, and take this off the list: backbone queue skip NUMBER"
)


class Freed(NamedTuple):
    """What is known of a change set that was applied after all: whether a person changed it before, and, where it is
    what had to wait of others, their digests.
    """

    amended: bool = False
    completes: frozenset[str] = frozenset()


NOTHING_FREED = Freed()


def refuse(
    tx: Connection, ep: Endpoint, key: str, change_set: ChangeSet, words: str, *, heals: bool = True,
    part_of: Collection[str] = (),
) -> None:  # fmt: skip
    """The tracker (or a rule) will not take it: its issue waits, and the peer is told.

    What may heal is tried again by its schedule. The same change set once more is one more attempt. ``part_of``: the
    digests of the change sets of which this had to wait: their receipts speak of it.
    """
    gid, now = change_set.gid, ep.clock()
    item = lists.set_aside_by_key(tx, ep.row, key)
    lists.hold(tx, ep.row, key, change_set)
    lists.let_go(tx, ep.row, gid, ready=False)
    attempts = 1 if item is None else item.attempts + 1
    next_at = next_try(attempts, now) if heals else None
    if item is not None:
        lists.set_aside_change(tx, item.id, now, reason=words, attempts=attempts, next_at=next_at)
    else:
        lists.set_aside(
            tx, ep.row, "issue", words, now, gid=gid, key=key, advice=ADVICE, next_at=next_at,
            completes=" ".join(sorted(part_of)),
        )  # fmt: skip
    if item is None or item.reason != words:
        tell(tx, ep, gid, key, "refused", words)
    ep.log.warning("refused", gid=gid, reason=words, attempts=attempts)


def completes(item: Item | None) -> frozenset[str]:
    """The digests of the change sets of which it had to wait."""
    return frozenset(item.completes.split()) if item is not None else frozenset()


def released(tx: Connection, ep: Endpoint, key: str, gid: str) -> Freed:
    """It was applied after all."""
    lists.unhold(tx, ep.row, key)
    item = lists.set_aside_by_key(tx, ep.row, key)
    if item is None:
        return NOTHING_FREED
    lists.set_aside_change(tx, item.id, ep.clock(), state="applied", next_at=None)
    tell(tx, ep, gid, key, "applied", "")
    return Freed(item.edits != "[]", completes(item))


def _owe(tx: Connection, ep: Endpoint, item: Item, change_set: ChangeSet, became: Became, words: str) -> None:
    if item.completes:
        receipting.came(tx, ep, completes(item), f"what had to wait: {words}", became)
    else:
        receipting.owe(tx, ep, change_set, became, words)


def tell(tx: Connection, ep: Endpoint, gid: str, key: str, outcome: str, reason: str) -> None:
    """A receipt for the peer: what became of one of its change sets."""
    receipt = {"gid": gid, "key": key, "outcome": outcome, "reason": reason[:WORDS_MAX]}
    number(tx, ep, [(Kind.RECEIPT, encode_record(receipt), 0, None)])


async def retry_due(ep: Endpoint) -> int:
    """What its schedule says is tried again; returns how much that was."""
    due = await ep.store.read(lambda tx: lists.set_aside_due(tx, ep.row, ep.clock(), RETRIED_AT_ONCE))
    for row in due:
        await retry(ep, row)
    return len(due)


async def retry(ep: Endpoint, row: Item) -> None:
    """One item now; nothing happens when somebody settled it meanwhile."""
    if row.state != "open":
        return
    if row.kind == "outbound":
        await _capture_again(ep, row)
        return

    def release(tx: Connection) -> None:
        lists.set_aside_change(tx, row.id, ep.clock(), next_at=None)
        if row.kind == "issue":
            lists.let_go(tx, ep.row, row.gid)

    await ep.store.run(release)


async def _capture_again(ep: Endpoint, row: Item) -> None:
    """What could not be put into agreed words is looked at again, as the issue stands."""
    issue = (await ep.tracker.read([row.local])).get(row.local)
    if issue is not None:
        await fetch_contents(ep, issue.cells, known=True)
    asked = await fits(ep, [row.local], looking_back=True)
    seen = await pictured(ep, [issue] if issue is not None else [])

    def keep(tx: Connection) -> None:
        lists.set_aside_change(tx, row.id, ep.clock(), state="retried", next_at=None)
        if issue is not None:
            book = Book(tx, ep.row)
            edit = Edit(issue.local, issue.position, issue.author, issue.created, issue.cells)
            change_sets = record(tx, ep, book, [edit], whole=True, fits=asked, seen=seen)
            book.flush(ep.clock())
            emit(tx, ep, change_sets)
            _once_more(tx, ep, row)

    await ep.store.run(keep)


def _once_more(tx: Connection, ep: Endpoint, before: Item) -> None:
    """The same complaint is the same item with one more attempt, not another one."""
    again = [
        one
        for one in lists.set_aside_items(tx, ep.row)
        if one.kind == "outbound" and one.local == before.local and one.reason == before.reason and one.id > before.id
    ]
    for one in again:
        lists.set_aside_forget(tx, one.id)
    if again:
        attempts, now = before.attempts + 1, ep.clock()
        next_at = next_try(attempts, now)
        lists.set_aside_change(tx, before.id, now, state="open", attempts=attempts, next_at=next_at)


def skip(tx: Connection, ep: Endpoint, items: Iterable[int]) -> int:
    """Pass over items for good; the partner is told. Returns how many were open."""
    rows = [row for item in items if (row := lists.set_aside_item(tx, item)) is not None and row.state == "open"]
    for row in rows:
        lists.set_aside_change(tx, row.id, ep.clock(), state="skipped", next_at=None)
        if row.kind == "issue":
            held = lists.held_by_key(tx, ep.row, row.key)
            if held is not None and row.edits == "[]":
                _owe(tx, ep, row, held, Became.REFUSED, "passed over by a person")
            lists.unhold(tx, ep.row, row.key)
            lists.let_go(tx, ep.row, row.gid)
            tell(tx, ep, row.gid, row.key, "skipped", "skipped by a person")
    return len(rows)


def passed_over(tx: Connection, ep: Endpoint, gid: str, key: str, words: str) -> None:
    """The partner skipped a change of ours: that stays on our list until somebody has seen it."""
    item, now = lists.set_aside_by_key(tx, ep.row, key), ep.clock()
    if item is None:
        reason = f"{SKIPPED_THERE}: {words}"
        lists.set_aside(tx, ep.row, "peer", reason, now, gid=gid, key=key, advice=SKIPPED_ADVICE)
        return
    reason = f"{SKIPPED_THERE}: {item.reason.partition(': ')[2]}"
    lists.set_aside_change(tx, item.id, now, reason=reason, advice=SKIPPED_ADVICE)


def edit(tx: Connection, ep: Endpoint, item: int, values: Mapping[str, str], by: str) -> str:
    """A person's values instead of those that were refused; then it is tried again. Returns why not, or nothing.

    ``values`` is what a person calls a cell to what it shall be. All of it is recorded with the item.
    """
    row = lists.set_aside_item(tx, item)
    change_set = lists.held_by_key(tx, ep.row, row.key) if row is not None and row.kind == "issue" else None
    if row is None or row.state != "open" or change_set is None:
        return "it is settled meanwhile"
    sent = change_set
    links.saw_number(tx, ep.row, max((max(o.write.newest, o.known.newest) for o in change_set.operations), default=0))
    first = links.take_numbers(tx, ep.row, max(len(values), 1))
    ours: list[Any] = []
    notes: list[dict[str, Any]] = json.loads(row.edits)
    for n, (name, text) in enumerate(values.items(), first):
        try:
            cell = amending.find(change_set, name)
            if not ep.theirs.agreement.direction_of(cell.field).allows(ep.side):
                return f"by the agreement only the partner may write {cell.field}: ask them to change it"
            before = next(o.value for o in change_set.operations if o.cell == cell)
            value = amending.value_of(cell, before, text)
            change_set, operation = amending.amend(change_set, cell, value, ep.side, links.state(tx, ep.row).life[0], n)
            ep.theirs.agreement.check(change_set)
        except (ValueError, PeerError) as error:
            return str(error)
        ours.append(operation)
        notes.append({"at": ep.clock(), "by": by, "field": cell.field, "element": cell.element,
                      "before": amending.text_of(cell, before), "after": text})  # fmt: skip
    if row.edits == "[]":
        _owe(tx, ep, row, sent, Became.SUPERSEDED, "changed by a person before it was applied")
    lists.amend_held(tx, ep.row, row.key, change_set._replace(origin=None, path=()))
    lists.set_aside_change(tx, item, ep.clock(), edits=json.dumps(notes), next_at=None)
    lists.let_go(tx, ep.row, row.gid)
    emit(tx, ep, [ChangeSet(row.gid, "", "", tuple(ours))])
    return ""
