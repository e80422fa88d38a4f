"""What of the outbox is due: window, credit, resends."""

from dataclasses import replace

import pytest

from backbone.replication import limits
from backbone.replication.link import Phase, Sending
from backbone.replication.sending import Waiting, due, due_at
from tests.unit.replication.headers import FRESH, TIMING

RUNNING = replace(FRESH, out={**FRESH.out, "c": Sending(last=50)})


def fresh(seq: int, lane: str = "c", size: int = 10) -> Waiting:
    return Waiting(lane, seq, size)


def numbers(chosen: list[Waiting]) -> list[int]:
    return [one.seq for one in chosen]


def test_what_never_left_is_due_at_once_in_order_of_number() -> None:
    assert numbers(due(RUNNING, [fresh(2), fresh(1)], 0.0, TIMING)) == [1, 2]


def test_control_goes_first_and_attachments_last() -> None:
    chosen = due(RUNNING, [fresh(1, "b"), fresh(1, "c"), fresh(1, "k")], 0.0, TIMING)
    assert [one.lane for one in chosen] == ["k", "c", "b"]


@pytest.mark.parametrize("phase", [Phase.HOLD, Phase.STOPPED])
def test_nothing_leaves_while_we_may_not_speak(phase: Phase) -> None:
    assert due(replace(RUNNING, phase=phase), [fresh(1)], 0.0, TIMING) == []


def test_the_credit_in_messages_counts_from_what_the_peer_applied() -> None:
    state = replace(RUNNING, credit_messages=2, out={"c": Sending(last=50, stored=4, applied=3)})
    state = replace(state, out={**FRESH.out, **state.out})
    assert numbers(due(state, [fresh(n) for n in range(4, 9)], 0.0, TIMING)) == [4, 5]


def test_the_credit_in_bytes_leaves_the_rest_in_the_outbox() -> None:
    state = replace(RUNNING, credit_bytes=25)
    assert numbers(due(state, [fresh(n) for n in range(1, 9)], 0.0, TIMING)) == [1, 2]


def test_one_message_larger_than_the_credit_goes_alone() -> None:
    state = replace(RUNNING, credit_bytes=5)
    assert numbers(due(state, [fresh(1, size=10), fresh(2, size=10)], 0.0, TIMING)) == [1]


def test_what_the_peer_asks_for_again_after_applying_it_costs_no_credit() -> None:
    state = replace(RUNNING, credit_bytes=10, out={**FRESH.out, "c": Sending(last=50, stored=3, applied=3)})
    asked = Waiting("c", 2, 1_000, sent_at=0.0, attempts=1, asked=True)
    assert numbers(due(state, [asked, fresh(4)], 1_000.0, TIMING)) == [2, 4]


def test_each_resend_waits_twice_as_long_as_the_one_before_up_to_a_day() -> None:
    waits = [due_at(RUNNING, Waiting("c", 1, 10, 0.0, attempts), 0.0, TIMING) for attempts in range(1, 14)]
    assert waits[:4] == [100.0, 200.0, 400.0, 800.0]
    assert waits[-1] == limits.resend_seconds_max
    assert due_at(RUNNING, Waiting("c", 1, 10, 0.0, 10**6), 0.0, TIMING) == limits.resend_seconds_max


def test_a_resend_leaves_when_its_time_has_come() -> None:
    once = Waiting("c", 1, 10, sent_at=1_000.0, attempts=1)
    assert due(RUNNING, [once], 1_099.0, TIMING) == []
    assert due(RUNNING, [once], 1_100.0, TIMING) == [once]


def test_what_is_stored_is_not_sent_again_unless_asked_for() -> None:
    state = replace(RUNNING, out={**FRESH.out, "c": Sending(last=50, stored=1)})
    assert due_at(state, Waiting("c", 1, 10, 0.0, 1), 0.0, TIMING) == float("inf")
    assert due_at(state, Waiting("c", 1, 10, 0.0, 1, asked=True), 0.0, TIMING) == 100.0 * limits.asked_share


def test_what_left_before_the_clock_was_set_back_may_leave_again_at_once() -> None:
    later = Waiting("c", 1, 10, sent_at=90_000.0, attempts=3)
    assert due(RUNNING, [later], 1_000.0, TIMING) == [later]
    state = replace(RUNNING, out={**FRESH.out, "c": Sending(last=50, stored=1)})
    assert due(state, [later], 1_000.0, TIMING) == []


def test_a_receipt_is_repeated_by_time_only_when_a_heartbeat_could_have_acknowledged_it() -> None:
    once = Waiting("k", 1, 10, sent_at=1_000.0, attempts=1, unhurried=True)
    assert limits.receipts_resend_seconds > limits.heartbeat_seconds
    assert due_at(FRESH, once, 1_000.0, TIMING) == 1_000.0 + limits.receipts_resend_seconds
    assert due_at(FRESH, replace(once, asked=True), 1_000.0, TIMING) < 2_000.0
