"""Mutations of capture, order and merge: the real code without one of its rules, for ``mutants.py``."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from backbone.replication import diff, link, merge, proposing, sending
from backbone.replication.link import LinkState
from backbone.replication.merge import NEVER, Join, Policy, Side, Stamp
from backbone.replication.message import Kind
from backbone.replication.proposing import BeginsAnew
from backbone.service.endpoint import Endpoint
from backbone.service.evidence import receipting
from backbone.service.flow import applying, holding, inbound, outbound, planning, recording, twinning
from backbone.service.flow.inbound import Report
from backbone.service.flow.recording import emit, record
from backbone.service.flow.scoping import Ruling
from backbone.service.flow.tasks import Task, rounds
from backbone.store import links, lists, messages, proposals, shadows, twins
from backbone.store.intents import Intent
from backbone.store.shadows import Book

Capture = Callable[[Endpoint], Awaitable[int]]


def last_first() -> AbstractContextManager[Any]:
    """Of what is stored without a gap the newest is applied next."""
    next_in = messages.next_in

    def newest(tx: Any, row: int, state: LinkState, lane: str, limit: int) -> list[Any]:
        found = next_in(tx, row, state, lane, 1_000)
        return found[-1:] if lane == "c" else found[:limit]

    return patch.object(messages, "next_in", newest)


def change_sets_turned() -> AbstractContextManager[Any]:
    def turned(tasks: Sequence[Task]) -> list[list[Task]]:
        return rounds(tasks)[::-1]

    return patch.object(applying, "rounds", turned)


def known_clock_not_joined() -> AbstractContextManager[Any]:
    join = merge.join

    def forgetful(policy: Any, ours: Any, value: Any, write: Any, known: Any) -> Join:
        joined = join(policy, ours, value, write, known)
        return joined if ours.known == NEVER else joined._replace(register=joined.register._replace(known=ours.known))

    return patch.object(diff, "join", forgetful)


def no_tie_break() -> AbstractContextManager[Any]:
    def by_number(stamp: Stamp) -> tuple[int, ...]:
        return (stamp.newest,)

    return patch.dict(merge._ORDER, {Policy.NEWEST: by_number})


def nothing_arrives() -> AbstractContextManager[Any]:
    return patch.object(shadows, "arrived", lambda *_: None)


def old_state_saved() -> AbstractContextManager[Any]:
    """After sending, the state that the messages were made from."""
    mark = outbound._mark

    def stale(tx: Any, ep: Endpoint, sent: Any, told: LinkState) -> None:
        links.save_state(tx, ep.row, told)
        mark(tx, ep, sent, told)

    return patch.object(outbound, "_mark", stale)


def population_takes_all() -> AbstractContextManager[Any]:
    return patch.object(outbound, "_left_to_the_feed", lambda *_: set())


def _capturing(keep: Callable[[Endpoint, Any], Awaitable[None]]) -> AbstractContextManager[Any]:
    """``capture`` with another way of keeping what the feed says."""
    capture = outbound.capture

    async def other(ep: Endpoint) -> int:
        row = await ep.store.read(lambda tx: links.get(tx, ep.row))
        if row.cursor is None or not row.populated:
            return await capture(ep)
        touched = await ep.tracker.touched(row.cursor, outbound.CAPTURED_AT_ONCE)
        if touched.position == row.cursor:
            return 0
        await outbound._fetch_contents(ep, touched.edits)
        await keep(ep, touched)
        return max(len(touched.edits), 1)

    return patch.object(outbound, "capture", other)


def cursor_first() -> AbstractContextManager[Any]:
    """The cursor moves in a transaction of its own, before what it passed is recorded."""

    async def keep(ep: Endpoint, touched: Any) -> None:
        await ep.store.run(lambda tx: links.change(tx, ep.row, cursor=touched.position))
        await ep.store.run(lambda tx: outbound._keep(tx, ep, touched.edits))

    return _capturing(keep)


def numbered_later() -> AbstractContextManager[Any]:
    """What is recorded is numbered in a transaction of its own."""

    async def keep(ep: Endpoint, touched: Any) -> None:
        def recorded(tx: Any) -> Any:
            book = Book(tx, ep.row)
            change_sets = record(tx, ep, book, touched.edits)
            book.flush(ep.clock())
            links.change(tx, ep.row, cursor=touched.position)
            return change_sets

        change_sets = await ep.store.run(recorded)
        await ep.store.run(lambda tx: emit(tx, ep, change_sets))

    return _capturing(keep)


def cursor_after_population() -> AbstractContextManager[Any]:
    """The feed is followed from where the population ended, not from where it began."""
    capture = outbound.capture

    async def late(ep: Endpoint) -> int:
        row, state = await ep.store.read(lambda tx: (links.get(tx, ep.row), links.state(tx, ep.row)))
        if row.populated:
            return await capture(ep)
        size = outbound.POPULATED_FIRST
        return await outbound._populate(ep, row.populate_after, await ep.tracker.head(), size, state.life)

    return patch.object(outbound, "capture", late)


def intents_forget() -> AbstractContextManager[Any]:
    """An intent does not say what waited or was released: it is taken for one of a message."""
    return patch.object(planning, "for_resume", lambda _task, key: Intent(key))


def refusals_forgotten() -> AbstractContextManager[Any]:
    """A refused change set is not kept."""
    return patch.object(lists, "hold", lambda *_: None)


def confirmed_first() -> AbstractContextManager[Any]:
    """What arrived is confirmed to the channel before it is stored."""
    open_all = inbound._open_all

    async def receive(ep: Endpoint) -> Report:
        deliveries = await ep.channel.receive(inbound.RECEIVED_AT_ONCE)
        await ep.channel.confirm([d.token for d in deliveries])
        opened = await open_all(ep, deliveries)
        special, *_ = await ep.store.run(lambda tx: inbound._admit_all(tx, ep, opened))
        return Report(len(deliveries), special)

    return patch.object(inbound, "receive", receive)


def told_too_early() -> AbstractContextManager[Any]:
    """What came in while a message was sealed counts as acknowledged by it."""
    speak = link._speak

    def hasty(state: LinkState, given: Any, timing: Any) -> LinkState:
        return speak(state, replace(given, said=state.into), timing)

    return patch.object(link, "_speak", hasty)


def older_acknowledgements() -> AbstractContextManager[Any]:
    acknowledge = link._acknowledge

    def forgetful(state: LinkState, header: Any) -> Any:
        return acknowledge(replace(state, peer_ack_no=0), header)

    return patch.object(link, "_acknowledge", forgetful)


def no_hold() -> AbstractContextManager[Any]:
    start = link._start

    def at_once(state: LinkState, given: Any, timing: Any) -> LinkState:
        return start(state, replace(given, clean=True), timing)

    return patch.object(link, "_start", at_once)


@contextmanager
def old_clock() -> Iterator[None]:
    """What was to come at a time of the old clock waits for it, after the clock was set back."""
    due_at = sending.due_at

    def patient(state: LinkState, item: sending.Waiting, _now: float, timing: Any) -> float:
        return due_at(state, item, float("inf"), timing)

    with patch.object(link, "_on_the_clock", lambda state, *_: state), patch.object(sending, "due_at", patient):
        yield


@contextmanager
def no_window() -> Iterator[None]:
    due = sending.due

    def all_of_it(state: LinkState, *rest: Any) -> Any:
        return due(replace(state, credit_messages=1 << 40, credit_bytes=1 << 40), *rest)

    with patch.object(sending, "due", all_of_it), patch.object(outbound, "due", all_of_it):
        yield


def agreed_at_arrival() -> AbstractContextManager[Any]:
    """A changed agreement is read by as soon as the partner's number has come, whatever is still to be applied."""
    receive = inbound.receive

    async def at_once(ep: Endpoint) -> Report:
        report = await receive(ep)
        state = ep.store.read_now(lambda tx: links.state(tx, ep.row))
        come = ep.store.read_now(lambda tx: messages.next_in(tx, ep.row, state, "c", 1_000))
        every = ep.store.read_now(lambda tx: proposals.every(tx, ep.row))
        changed = proposals.open_one(every)
        if any(one.kind == Kind.AGREED for one in come):
            ep.earlier = None
            if changed is not None and ep.side is Side.SLAVE and ep.translate is not None:
                ep.agreement = proposals.agreement_of(changed)
                ep.translation, ep.policies = ep.translate(ep.agreement), ep.agreement.policies()
        return report

    return patch.object(inbound, "receive", at_once)


def agreed_without_earlier() -> AbstractContextManager[Any]:
    """What the partner still writes by the agreement before is read by the new one."""
    return patch.object(Endpoint, "theirs", property(lambda ep: ep))


def joined_unsaid() -> AbstractContextManager[Any]:
    """What joined the agreement is not said about the issues that are shared already."""

    async def nothing(ep: Endpoint) -> int:
        ep.unsaid = False
        return 1

    return patch.object(applying, "say_more", nothing)


def overlap_unsettled() -> AbstractContextManager[Any]:
    """Writes that met while the order changed are left to what each side made of them."""

    def unsettled(_shadow: Any, _operations: Any, plan: Any, _overlap: Any) -> Any:
        return plan, {}

    return patch.object(planning, "renew", unsettled)


def scope_unasked() -> AbstractContextManager[Any]:
    """Every edit is in scope."""

    def inside(_ep: Endpoint, _standing: Any, _shadow: Any, _cells: Any, quiet: Any, *_: Any, **__: Any) -> Ruling:
        return Ruling(quiet)

    return patch.object(recording, "rule", inside)


def twins_unseen() -> AbstractContextManager[Any]:
    """The key is noted, and nobody looks for it."""
    return patch.object(twins, "with_words", lambda *_: [])


def twins_not_waited_for() -> AbstractContextManager[Any]:
    """Whoever pairs says its own issues at once."""
    return patch.object(holding, "is_waiting", lambda *_, **__: False)


def equal_contents_made() -> AbstractContextManager[Any]:
    return patch.object(twinning, "same_contents", lambda *_: {})


def twins_unsaid() -> AbstractContextManager[Any]:
    return patch.object(holding, "unsaid", lambda _: ())


def left_remembered() -> AbstractContextManager[Any]:
    return patch.object(proposals, "forget_fields", lambda *_: [])


def proposals_not_renewed() -> AbstractContextManager[Any]:
    """Both go on as if the other remembered what they said of a proposal."""
    return patch.dict(proposing._STEPS, {BeginsAnew: lambda talks, _: (talks, ())})


def told_without_receipt() -> AbstractContextManager[Any]:
    return patch.object(receipting, "owe_for_state", lambda *_: None)


def come_without_receipt() -> AbstractContextManager[Any]:
    return patch.object(receipting, "came", lambda *_: None)
