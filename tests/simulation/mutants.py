"""Each safeguard taken away by name: a safeguard that nobody misses is none.

``python -m tests.simulation.mutants`` prints which seed caught which, and how. A mutant is a context in which the real
code runs without one rule. Digest and chain need a store that was copied, which no world here has:
``test_copied_store.py`` takes them away.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias
from unittest.mock import patch

from backbone.model import Applied, Cells, Outcome, Position, Touched, Write
from backbone.replication import diff, link, merge, sending
from backbone.replication import resync as pure_resync
from backbone.replication.diff import Shadow
from backbone.replication.link import LinkState, Receiving
from backbone.replication.merge import EMPTY, Policy, Side
from backbone.service.endpoint import Endpoint
from backbone.service.flow import applying, inbound, outbound, planning, recording
from backbone.service.flow.echoes import Echoes
from backbone.service.flow.tasks import rounds
from backbone.service.healing import matching
from backbone.service.running import pruning
from backbone.store import links, lists, messages, shadows
from backbone.store import resync as store_resync
from backbone.trackers.memory import MemoryTracker
from tests.simulation import forgetting, missing
from tests.simulation import keys as locks
from tests.simulation.world import Restored, run

SEEDS_MAX = 200
Mutation: TypeAlias = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """``known``: a seed that catches it, tried first. ``masked`` says why nothing can, where that is so."""

    name: str
    rule: str
    mutate: Mutation
    known: int = 0
    masked: str = ""
    restored: Restored = Restored.NEVER
    """Whose store is put back to an older copy in the worlds that shall catch it."""
    changing: bool = False
    """The admins change the agreement in them."""
    scoped: bool = False
    """Closed issues take no part in them."""
    pairing: bool = False
    """Both trackers were filled before the link."""
    rotating: bool = False
    """The admins change their keys in them."""
    snapshots: bool = False
    """Some stores are put back together with their anchors in them."""


def _echo_by_sent_value() -> AbstractContextManager[Any]:
    def read_back(shadow: Shadow, targets: Cells, answered: Cells) -> tuple[Shadow, Cells]:
        registers = {cell: shadow.get(cell, EMPTY)._replace(image=value) for cell, value in targets.items()}
        return registers, {cell: value for cell, value in answered.items() if cell not in targets}

    return patch.object(diff, "read_back", read_back)


def _policy_mismatch() -> AbstractContextManager[Any]:
    other = {Policy.MASTER: Policy.SLAVE, Policy.SLAVE: Policy.MASTER}

    prepare = Endpoint.__post_init__

    def turned(ep: Endpoint) -> None:
        prepare(ep)
        if ep.side is Side.SLAVE:
            ep.policies = {name: other.get(policy, policy) for name, policy in ep.policies.items()}

    return patch.object(Endpoint, "__post_init__", turned)


@contextmanager
def _no_marker() -> Iterator[None]:
    write = MemoryTracker._write

    def forgetful(tracker: MemoryTracker, one: Write, *rest: Any) -> Outcome:
        tracker._state.applied.pop(one.key, None)
        return write(tracker, one, *rest)

    async def nothing(_tracker: MemoryTracker, _keys: Sequence[str]) -> Mapping[str, Applied]:
        return {}

    with patch.object(MemoryTracker, "_write", forgetful), patch.object(MemoryTracker, "find", nothing):
        yield


def _ack_before_apply() -> AbstractContextManager[Any]:
    async def apply_next(ep: Endpoint) -> int:
        found = await ep.store.read(lambda tx: messages.next_in(tx, ep.row, links.state(tx, ep.row), "c", 1))
        if not found:
            return 0
        tasks = await applying._tasks(ep, found[0])
        await ep.store.run(lambda tx: inbound.take(tx, ep, found[0]))
        for round_ in rounds(tasks or []):
            await applying.apply_round(ep, round_)
        return 1

    return patch.object(applying, "apply_next", apply_next)


def _no_read_before_write() -> AbstractContextManager[Any]:
    touched_of = MemoryTracker.touched_of

    async def blind(tracker: MemoryTracker, issues: Mapping[str, Position]) -> Mapping[str, Touched]:
        found = await touched_of(tracker, issues)
        return {local: replace(one, edits=()) for local, one in found.items()}

    return patch.object(MemoryTracker, "touched_of", blind)


def _no_compare_and_set() -> AbstractContextManager[Any]:
    write = MemoryTracker._write

    def blind(tracker: MemoryTracker, one: Write, *rest: Any) -> Outcome:
        return write(tracker, one._replace(expected=None), *rest)

    return patch.object(MemoryTracker, "_write", blind)


def _no_intent() -> AbstractContextManager[Any]:
    async def forget(_ep: Endpoint) -> None:
        pass

    return patch.object(applying, "resume", forget)


def _nobody_asks() -> AbstractContextManager[Any]:
    def silent(state: LinkState, *_: object) -> LinkState:
        return state

    return patch.object(link, "_watch_gaps", silent)


def _nobody_resends() -> AbstractContextManager[Any]:
    due_at = sending.due_at

    def once(state: LinkState, item: Any, now: float, timing: Any) -> float:
        return float("inf") if item.sent_at is not None and not item.asked else due_at(state, item, now, timing)

    return patch.object(sending, "due_at", once)


@contextmanager
def _nobody_asks_or_resends() -> Iterator[None]:
    with _nobody_asks(), _nobody_resends():
        yield


@contextmanager
def _own_writes_come_back() -> Iterator[None]:
    """Neither the hint in memory nor the store knows them."""
    with (
        patch.object(recording, "_was_seen", lambda *_: False),
        patch.object(Echoes, "without", lambda _, edits: list(edits)),
    ):
        yield


def _no_dedupe() -> AbstractContextManager[Any]:
    return patch.object(Receiving, "has", lambda *_: False)


def _no_record_of_conflicts() -> AbstractContextManager[Any]:
    return patch.object(lists, "record_conflicts", lambda *_: None)


def _only_the_last_write_counts() -> AbstractContextManager[Any]:
    join = merge.join
    return patch.object(diff, "join", lambda *said: join(*said)._replace(unaware=False))


def _known_clock_forgotten() -> AbstractContextManager[Any]:
    """A local write that does not say what its writer knew."""
    write = merge.write

    def ignorant(register: Any, value: Any, side: Side, inc: int, n: int) -> Any:
        return write(EMPTY, value, side, inc, n)._replace(image=register.image)

    return patch.object(diff, "write", ignorant)


def _numbers_seen_are_ignored() -> AbstractContextManager[Any]:
    return patch.object(links, "saw_number", lambda *_: None)


def _nothing_waits() -> AbstractContextManager[Any]:
    return patch.object(shadows, "wait", lambda *_: None)


def _stuck_issues_go_on() -> AbstractContextManager[Any]:
    """What follows a refused change set is applied without it."""
    return patch.object(lists, "held_gids", lambda *_: set())


def _contents_pruned_early() -> AbstractContextManager[Any]:
    return patch.object(pruning, "_rests", lambda *_: True)


def _no_history() -> AbstractContextManager[Any]:
    return patch.object(store_resync, "history", lambda *_: {})


def _no_answers_of_the_past() -> AbstractContextManager[Any]:
    async def written(_tracker: MemoryTracker, _issues: Sequence[str]) -> Mapping[str, Sequence[Applied]]:
        return {}

    return patch.object(MemoryTracker, "written", written)


def _any_welcome() -> AbstractContextManager[Any]:
    strict = link._while_restored

    def loose(state: LinkState, given: link.Received, timing: link.Timing) -> Any:
        if given.welcome is not None:
            given = replace(given, welcome=replace(given.welcome, life=state.life))
        return strict(state, given, timing)

    return patch.object(link, "_while_restored", loose)


def _creation_by_number() -> AbstractContextManager[Any]:
    join = planning._join

    def by_number(*args: Any) -> Any:
        planned = join(*args)
        return planned._replace(write=planned.write._replace(key=planned.task.key))

    return patch.object(planning, "_join", by_number)


def _capture_before_state() -> AbstractContextManager[Any]:
    capture = outbound.capture

    async def at_once(ep: Endpoint) -> int:
        with patch.object(link.Phase, "works", property(lambda _: True)):
            return await capture(ep)

    return patch.object(outbound, "capture", at_once)


def _one_way() -> AbstractContextManager[Any]:
    def met(*args: Any) -> Any:
        return pure_resync.meet(*args)._replace(lacking=())

    return patch.object(matching, "meet", met)


MUTANTS = (
    Mutant("echo_by_sent_value", "the image is what was read back, never what was sent", _echo_by_sent_value, known=1),
    Mutant("policy_mismatch", "both sides use one order of writes", _policy_mismatch),
    Mutant("no_marker", "a write leaves its marker in the tracker", _no_marker, known=2),
    Mutant("ack_before_apply", "only durable effects are acknowledged as applied", _ack_before_apply),
    Mutant("no_read_before_write", "local edits are registered before a remote value is joined", _no_read_before_write),
    Mutant("no_compare_and_set", "a write is refused when somebody edited in between", _no_compare_and_set, known=8),
    Mutant("no_intent", "after a crash, what was begun is finished first", _no_intent, known=2),
    Mutant("nobody_asks", "gaps are asked for", _nobody_asks, known=7),
    Mutant(
        "nobody_resends", "what is not acknowledged is sent again", _nobody_resends,
        masked="every message tells the highest number, so that a lost one is asked for (test_sending.py)",
    ),
    Mutant("nobody_asks_or_resends", "a loss is repaired at all", _nobody_asks_or_resends, known=2),
    Mutant("own_writes_come_back", "our own writes in the feed are passed over", _own_writes_come_back),
    Mutant("no_dedupe", "a repeated number changes nothing", _no_dedupe),
    Mutant("no_record_of_conflicts", "a losing value is on a list", _no_record_of_conflicts),
    Mutant("known_clock_forgotten", "a write says what its writer knew", _known_clock_forgotten, known=1),
    Mutant("numbers_seen_are_ignored", "a fresh number exceeds all that were seen", _numbers_seen_are_ignored),
    Mutant("nothing_waits", "a cell whose other end is missing is completed later", _nothing_waits, known=1),
    Mutant("stuck_issues_go_on", "change sets behind a refused one wait for it", _stuck_issues_go_on, known=29),
    Mutant("last_first", "messages are applied in the order of their numbers", missing.last_first),
    Mutant("change_sets_turned", "an issue's change sets keep their order", missing.change_sets_turned, known=1),
    Mutant("known_clock_not_joined", "a join knows what both sides knew", missing.known_clock_not_joined, known=0),
    Mutant("no_tie_break", "no two writes are equal in the order of writes", missing.no_tie_break, known=79),
    Mutant("nothing_arrives", "what was waited for wakes what waits", missing.nothing_arrives),
    Mutant("old_state_saved", "sending does not undo what came in meanwhile", missing.old_state_saved, known=1),
    Mutant("population_takes_all", "what the feed will tell is not populated too", missing.population_takes_all,
           masked="the feed passes over what was populated: steps in between would be lost, not their outcome"),
    Mutant("cursor_first", "the cursor moves with what it passed", missing.cursor_first, known=3),
    Mutant("numbered_later", "what is recorded is numbered in the same transaction", missing.numbered_later, known=3),
    Mutant("cursor_after_population", "the feed begins before the population", missing.cursor_after_population),
    Mutant("intents_forget", "an intent knows what waited or was released", missing.intents_forget, known=124),
    Mutant("refusals_forgotten", "a refused change set is kept", missing.refusals_forgotten, known=2),
    Mutant("told_too_early", "only what a message says is acknowledged by it", missing.told_too_early,
           masked="the next message tells it, at the latest the daily sign of life (test_link.py)"),
    Mutant("confirmed_first", "a delivery is confirmed when it is stored", missing.confirmed_first,
           masked="what is lost so is not acknowledged, and sent again"),
    Mutant("older_acknowledgements", "an older acknowledgement is ignored", missing.older_acknowledgements,
           masked="numbers of an acknowledgement only grow (test_link.py)"),
    Mutant("no_hold", "after an unclean end the partner is heard first", missing.no_hold,
           masked="it guards a store that was put back (test_link.py, test_copied_store.py)"),
    Mutant("no_window", "no more is under way than the partner takes", missing.no_window,
           masked="it bounds memory and disk, no promise of these worlds (test_sending.py)"),
    Mutant("old_clock", "nothing waits for the time before the clock was set back", missing.old_clock, known=15),
    Mutant("contents_pruned_early", "a content stays until all that may name it is applied", _contents_pruned_early, 8),
    Mutant("no_history", "a state tells former values", _no_history, restored=Restored.ONE,
           masked="an old value that is written again is on the list of conflicts: unit/replication/test_resync.py"),
    Mutant("no_answers_of_the_past", "our writes since the backup are known by their answers", _no_answers_of_the_past,
           restored=Restored.ONE),
    Mutant("any_welcome", "only the answer to this life counts", _any_welcome, known=0,
           restored=Restored.ONE),
    Mutant("creation_by_number", "an issue is made under a key of its gid", _creation_by_number, restored=Restored.ONE),
    Mutant("capture_before_state", "nothing is captured before the state has come", _capture_before_state,
           restored=Restored.ONE),
    Mutant("one_way", "what the state lacks is said", _one_way, restored=Restored.ONE),
    Mutant("only_the_last_write_counts", "a write that did not know of one like its former is a conflict",
           _only_the_last_write_counts, restored=Restored.BOTH,
           masked="few worlds need it: unit/service/test_conflicts.py, unit/replication/test_merge.py"),
    Mutant("agreed_at_arrival", "another agreement takes effect at its number", missing.agreed_at_arrival,
           known=2, changing=True),
    Mutant("agreed_without_earlier", "until the partner's number its words are read by the earlier agreement",
           missing.agreed_without_earlier, known=2, changing=True),
    Mutant("joined_unsaid", "what joins the agreement is said of what is shared already", missing.joined_unsaid,
           known=2, changing=True),
    Mutant("overlap_unsettled", "writes that met while their order changed are settled", missing.overlap_unsettled,
           known=8, changing=True),
    Mutant("scope_unasked", "an edit out of scope stays at home", missing.scope_unasked, known=11, scoped=True),
    Mutant("twins_unseen", "what both had is paired", missing.twins_unseen, pairing=True),
    Mutant("twins_not_waited_for", "whoever pairs speaks last", missing.twins_not_waited_for, pairing=True),
    Mutant("equal_contents_made", "what both twins say is there once", missing.equal_contents_made, pairing=True),
    Mutant("twins_unsaid", "what a twin shows and nobody has said is said", missing.twins_unsaid, pairing=True),
    Mutant("no_overlap", "the old key counts until the new one signs", locks.no_overlap, rotating=True),
    Mutant("turned_at_once", "the new key signs when the partner knows it", locks.turned_at_once, rotating=True),
    Mutant("old_key_for_ever", "the old key counts for what was under way, and no more", locks.old_key_for_ever,
           known=8, rotating=True),
    Mutant("proposals_not_renewed", "what is proposed is said again to a store that was put back",
           missing.proposals_not_renewed, changing=True, restored=Restored.ONE),
    Mutant("left_remembered", "what left the agreement is forgotten", missing.left_remembered, changing=True),
    Mutant("told_without_receipt", "a receipt says what a state came to", missing.told_without_receipt,
           restored=Restored.ONE),
    Mutant("own_writes_taken", "a write of ours that the store does not know is no edit of a person",
           forgetting.own_writes_taken, known=58, restored=Restored.ONE, snapshots=True),
    Mutant("number_twice_believed", "a number that was given twice is known by its value",
           forgetting.number_twice_believed, known=69, restored=Restored.ONE, snapshots=True),
    Mutant("first_life_answered", "of two lives that began alike the one that asks last is answered",
           forgetting.first_life_answered, known=12, restored=Restored.ONE, snapshots=True),
    Mutant("asked_in_vain", "who is asked for what was never sent has forgotten it", forgetting.asked_in_vain,
           restored=Restored.ONE, snapshots=True,
           masked="the partner asks for ever, and lacks nothing: unit/replication/test_link.py"),
    Mutant("broken_history_awaited", "what does not continue the history of the life before is left to the later one",
           forgetting.broken_history_awaited, known=389, restored=Restored.ONE, snapshots=True),
    Mutant("come_without_receipt", "a receipt says when nothing waits any more", missing.come_without_receipt),
)  # fmt: skip


def caught(mutant: Mutant, seed: int) -> str:
    """How this seed catches the mutant; empty when it does not."""
    with mutant.mutate():
        try:
            broken, _ = run(
                seed, restored=mutant.restored, changing=mutant.changing, rotating=mutant.rotating,
                pairing=mutant.pairing, scoped=mutant.scoped, snapshots=mutant.snapshots,
            )  # fmt: skip
        except Exception as fault:  # noqa: BLE001 - a fault is one way to be caught
            return f"{type(fault).__name__}: {str(fault).splitlines()[0] if str(fault) else ''}"
    return broken[0] if broken else ""


def hunt(mutant: Mutant, seeds: int = SEEDS_MAX) -> tuple[int, str] | None:
    """The first seed that catches it, and how; the known one is tried first."""
    for seed in dict.fromkeys([mutant.known, *range(seeds)]):
        how = caught(mutant, seed)
        if how:
            return seed, how
    return None


def main() -> int:
    """Hunt each mutant, or those that are named."""
    named = set(sys.argv[1:])
    survivors = 0
    for mutant in MUTANTS:
        if named and mutant.name not in named:
            continue
        found = hunt(mutant)
        survivors += found is None and not mutant.masked
        says = f"seed {found[0]}: {found[1][:150]}" if found else f"SURVIVES {mutant.masked}"
        sys.stdout.write(f"{mutant.name:26s} {says}\n")
        sys.stdout.flush()
    return min(survivors, 1)


if __name__ == "__main__":
    sys.exit(main())
