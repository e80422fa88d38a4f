"""Each row of the link's state machine: alice's half, hearing bob."""

from dataclasses import replace
from typing import Any

import pytest

from backbone.replication import limits, link
from backbone.replication.link import (
    Acknowledged,
    Drop,
    Effect,
    Halt,
    LinkState,
    Phase,
    Reborn,
    Received,
    Receiving,
    Refuse,
    Say,
    Spoke,
    Started,
    Stopped,
    Store,
    Tick,
    Timing,
    Took,
    acknowledgement,
    foreign,
    step,
)
from backbone.replication.message import Kind, chain
from tests.unit.replication.headers import (
    ALICE,
    BOB,
    FRESH,
    IDENTITY,
    OUR_LIFE,
    TIMING,
    ack,
    after,
    digest,
    header,
    hear,
    lane_ack,
    numbered,
    sent,
)


def heard(*numbers: int, state: LinkState = FRESH) -> LinkState:
    """Alice has bob's messages with these numbers."""
    for seq in numbers:
        state, _ = hear(state, numbered(seq))
    return state


def said(effects: tuple[Effect, ...]) -> list[Kind]:
    return [effect.kind for effect in effects if isinstance(effect, Say)]


def halted(state: LinkState, effects: tuple[Effect, ...]) -> str:
    """The reason why the link stopped; the test fails when it did not."""
    (reason,) = [effect.reason for effect in effects if isinstance(effect, Halt)]
    assert (state.phase, state.reason) == (Phase.STOPPED, reason)
    return reason


def awaited(state: LinkState, effects: tuple[Effect, ...]) -> str:
    """Why the link waits for a later life of the peer."""
    (reason,) = [effect.reason for effect in effects if isinstance(effect, Halt)]
    assert (state.phase, state.reason) == (Phase.AWAITING, reason)
    return reason


def reborn(state: LinkState, effects: tuple[Effect, ...]) -> str:
    """Why a new life of ours began."""
    (effect,) = effects
    assert isinstance(effect, Reborn)
    assert (state.phase, state.life[0], state.out["c"]) == (Phase.RESTORED, OUR_LIFE[0] + 1, FRESH.out["c"])
    return effect.reason


def tick(state: LinkState, now: float) -> tuple[LinkState, tuple[Effect, ...]]:
    return step(state, Tick(now), IDENTITY, TIMING)


class TestNumbering:
    def test_numbers_are_dense_in_each_lane_and_the_chain_covers_all_of_them(self) -> None:
        state = sent(2)
        assert state.out["c"].last == 2
        assert state.out["c"].chain == chain(chain(bytes(32), digest(1)), digest(2))
        assert state.out["b"].last == 0


class TestStoring:
    def test_a_fresh_message_is_stored_and_acknowledged_soon(self) -> None:
        state, effects = hear(FRESH, numbered(1), now=10.0)
        assert effects == (Store(),)
        assert (state.into["c"].recv, state.into["c"].applied, state.into["c"].high) == (1, 0, 1)
        assert state.ack_due == 11.0

    def test_a_repeated_message_changes_nothing_but_is_acknowledged_again(self) -> None:
        before = replace(heard(1), ack_due=None)
        state, effects = hear(before, numbered(1), known=digest(1))
        assert effects == (Drop("a repetition"),)
        assert state.into == before.into
        assert state.ack_due == 11.0

    def test_a_repetition_whose_digest_is_no_longer_known_counts_as_equal(self) -> None:
        state, effects = hear(heard(1), numbered(1, dig=digest(9)), known=None)
        assert effects == (Drop("a repetition"),)
        assert state.phase is Phase.RUNNING

    def test_one_number_with_two_contents_challenges_the_peer_and_waits_for_a_later_life(self) -> None:
        state, effects = hear(heard(1), numbered(1, dig=digest(9)), known=digest(1))
        assert "two contents" in awaited(state, effects)
        assert said(tick(state, 10.0)[1]) == [Kind.CHALLENGE]

    def test_messages_in_any_order_come_to_the_same(self) -> None:
        assert heard(3, 1, 2).into == heard(1, 2, 3).into
        assert heard(2, 1, 3).into["c"].recv == 3

    def test_what_lies_beyond_a_gap_is_held_as_joined_ranges(self) -> None:
        lane = heard(2, 3, 7, 5, 6, 9).into["c"]
        assert (lane.recv, lane.held, lane.high) == (0, ((2, 3), (5, 7), (9, 9)), 9)
        assert lane.missing() == ((1, 1), (4, 4), (8, 8))
        assert [lane.has(seq) for seq in (1, 2, 4, 9, 10)] == [False, True, False, True, False]

    def test_the_missing_number_closes_the_gap(self) -> None:
        lane = heard(2, 3, 1).into["c"]
        assert (lane.recv, lane.held) == (3, ())

    def test_a_held_message_that_comes_again_is_a_repetition(self) -> None:
        _, effects = hear(heard(3), numbered(3), known=digest(3))
        assert effects == (Drop("a repetition"),)

    def test_no_more_ranges_are_named_than_one_message_takes(self) -> None:
        lane = Receiving(held=tuple((n, n) for n in range(2, 2 * limits.ranges_max + 10, 2)), high=500)
        assert len(lane.missing()) == limits.ranges_max
        state = replace(FRESH, into={**FRESH.into, "c": lane})
        assert len(acknowledgement(state).lanes["c"].held) == limits.ranges_max

    def test_a_lane_that_the_protocol_does_not_know_is_refused(self) -> None:
        state, effects = hear(FRESH, numbered(1, lane="x"))
        assert isinstance(effects[0], Refuse)
        assert state.into == FRESH.into

    def test_an_acknowledgement_that_is_due_earlier_stays_so(self) -> None:
        state, _ = hear(replace(FRESH, ack_due=10.2), numbered(1), now=10.0)
        assert state.ack_due == 10.2


class TestBounds:
    """A peer that is broken or hostile decides what we hear, and not how much of it we keep."""

    FAR = limits.ahead_messages_max

    def test_what_lies_too_far_ahead_is_not_kept_but_asked_for(self) -> None:
        state, effects = hear(FRESH, numbered(self.FAR + 1, high={"c": self.FAR + 1, "b": 0, "k": 0}))
        assert [type(effect) for effect in effects] == [Drop]
        assert (state.into["c"].held, state.into["c"].missing()) == ((), ((1, self.FAR + 1),))
        assert (state.ask_due, state.ack_due) == (12.0, 11.0)

    def test_the_last_that_is_near_enough_is_kept(self) -> None:
        state, effects = hear(FRESH, numbered(self.FAR))
        assert (effects, state.into["c"].held) == ((Store(),), ((self.FAR, self.FAR),))

    def test_whatever_is_said_the_ranges_are_bounded(self) -> None:
        state = heard(*range(2, 4 * self.FAR, 2))
        assert len(state.into["c"].held) == self.FAR // 2

    def test_nothing_is_lost_when_it_is_sent_again_later(self) -> None:
        state = after(heard(1, self.FAR + 1), Took(20.0, "c", digest(1), bytes(32)))
        assert not state.into["c"].has(self.FAR + 1)
        state, effects = hear(state, numbered(self.FAR + 1))
        assert (effects, state.into["c"].has(self.FAR + 1)) == ((Store(),), True)

    def test_a_lane_that_is_full_of_bytes_takes_only_what_is_applied_next(self) -> None:
        full = limits.ahead_bytes_max + 1
        state, effects = hear(heard(1), numbered(2), ahead_bytes=full)
        assert [type(effect) for effect in effects] == [Drop]
        assert state.into["c"].recv == 1
        _, effects = hear(FRESH, numbered(1), ahead_bytes=full)
        assert effects == (Store(),)
        _, effects = hear(heard(1), numbered(2), ahead_bytes=full - 1)
        assert effects == (Store(),)


class TestGaps:
    def test_a_gap_is_asked_for_after_a_while_and_then_not_too_often(self) -> None:
        state, _ = hear(FRESH, numbered(2), now=10.0)
        assert state.ask_due == 12.0
        quiet, effects = tick(replace(state, ack_due=None), 11.9)
        assert (quiet.ask_due, effects) == (12.0, ())
        state, effects = tick(replace(state, ack_due=None), 12.0)
        assert said(effects) == [Kind.NACK]
        assert state.ask_due == 12.0 + TIMING.resend_floor * limits.asked_share

    def test_a_second_gap_does_not_put_the_question_off(self) -> None:
        state, _ = hear(FRESH, numbered(2), now=10.0)
        state, _ = hear(state, numbered(4), now=11.0)
        assert state.ask_due == 12.0

    def test_a_lost_tail_is_seen_by_the_highest_number(self) -> None:
        state, _ = hear(FRESH, header(high={"c": 2, "b": 0, "k": 0}), now=10.0)
        assert state.into["c"].missing() == ((1, 2),)
        assert state.ask_due == 12.0

    def test_the_highest_number_of_an_unknown_or_older_lane_is_passed_over(self) -> None:
        before = heard(1, 2)
        state, _ = hear(before, header(high={"c": 1, "x": 9}))
        assert state.into == before.into

    def test_nobody_is_asked_when_the_gap_is_closed(self) -> None:
        assert heard(2).ask_due is not None
        assert heard(2, 1).ask_due is None


class TestAcknowledgements:
    def test_stored_and_applied_are_two_numbers(self) -> None:
        state, effects = hear(sent(3), header(ack=ack({"c": lane_ack(2, 1, chain(bytes(32), digest(1)))})))
        assert effects == (Acknowledged("c", 2, 1),)
        assert (state.out["c"].stored, state.out["c"].applied) == (2, 1)

    def test_an_older_acknowledgement_is_ignored(self) -> None:
        state, _ = hear(sent(3), header(ack=ack({"c": lane_ack(3, 2)}, no=7), credit_messages=5))
        late, effects = hear(state, header(ack=ack({"c": lane_ack(1, 1)}, no=6), credit_messages=9))
        assert effects == ()
        assert (late.out, late.credit_messages) == (state.out, 5)

    def test_what_was_acknowledged_once_stays_acknowledged(self) -> None:
        state, _ = hear(sent(3), header(ack=ack({"c": lane_ack(3, 2)}, no=7)))
        late, effects = hear(state, header(ack=ack({"c": lane_ack(1, 1)}, no=8)))
        assert effects == ()
        assert late.out == state.out

    def test_a_peer_that_stores_more_but_applied_less_than_it_said_loses_nothing(self) -> None:
        state, _ = hear(sent(3), header(ack=ack({"c": lane_ack(2, 2)}, no=7)))
        state, effects = hear(state, header(ack=ack({"c": lane_ack(3, 1)}, no=8)))
        assert effects == (Acknowledged("c", 3, 2),)

    def test_an_acknowledgement_brings_the_credit(self) -> None:
        state, _ = hear(FRESH, header(credit_messages=3, credit_bytes=4))
        assert (state.credit_messages, state.credit_bytes) == (3, 4)

    def test_an_acknowledgement_of_an_earlier_life_of_ours_says_nothing(self) -> None:
        ours = replace(sent(3), life=(2, b"younger."))
        state, effects = hear(ours, header(ack=ack({"c": lane_ack(9, 9)}, inc=OUR_LIFE)))
        assert (state.out, effects) == (ours.out, ())

    def test_our_own_says_what_is_stored_what_is_applied_and_what_is_held(self) -> None:
        state = after(heard(1, 2, 4), Took(10.0, "c", digest(1), bytes(32)))
        said_ = acknowledgement(replace(state, ack_no=5, peer_boot=3))
        assert (said_.inc, said_.boot, said_.no) == (state.peer_life, 3, 6)
        assert said_.lanes["c"] == lane_ack(2, 1, chain(bytes(32), digest(1)), ((4, 4),))

    def test_it_is_told_once_unless_something_came_in_while_it_was_sealed(self) -> None:
        state = heard(1)
        told = after(state, Spoke(20.0, state.into))
        assert (told.ack_due, told.ack_no, told.spoke_at) == (None, 1, 20.0)
        late = after(state, Spoke(20.0, FRESH.into))
        assert late.ack_due == 20.0 + TIMING.ack_delay * limits.ack_gathered
        applied = after(state, Took(19.0, "c", digest(1), bytes(32)), Spoke(20.0, FRESH.into))
        assert applied.ack_due == 21.0

    def test_it_gathers_while_messages_wait_to_be_applied_and_a_repetition_is_answered_soon(self) -> None:
        waiting = replace(heard(1), ack_due=None)
        second = after(waiting, Received(10.0, numbered(2)))
        assert second.ack_due == 10.0 + TIMING.ack_delay * limits.ack_gathered
        assert after(second, Received(10.0, numbered(2), known=digest(2))).ack_due == 10.0 + TIMING.ack_delay

    @pytest.mark.parametrize(
        ("delay", "floor", "gathered"), [(0.02, 30.0, 1.0), (30.0, 900.0, 225.0), (0.0, 1.0, 0.25), (5.0, 10.0, 5.0)]
    )
    def test_gathering_is_worth_a_second_and_nothing_is_sent_again_for_it(
        self, delay: float, floor: float, gathered: float
    ) -> None:
        timing = Timing(delay, 1.0, floor)
        state, _ = step(replace(heard(1), ack_due=None), Received(10.0, numbered(2)), IDENTITY, timing)
        assert state.ack_due == 10.0 + gathered


class TestApplying:
    def test_effects_are_counted_and_chained(self) -> None:
        state = after(heard(1, 2), Took(20.0, "c", digest(1), bytes(32)))
        assert (state.into["c"].applied, state.into["c"].chain) == (1, chain(bytes(32), digest(1)))

    def test_an_acknowledgement_waits_for_more_effects_while_there_are_some_to_come(self) -> None:
        ready = replace(heard(1, 2), ack_due=None)
        one = after(ready, Took(20.0, "c", digest(1), bytes(32)))
        assert one.ack_due == 20.0 + TIMING.ack_delay * limits.ack_gathered
        two = after(one, Took(21.0, "c", digest(2), one.into["c"].chain))
        assert two.ack_due == 21.0 + TIMING.ack_delay

    def test_nobody_waits_for_the_acknowledgement_of_a_receipt(self) -> None:
        quiet = replace(FRESH, ack_due=None)
        stored, effects = hear(quiet, header(kind=Kind.RECEIPTS, lane="k", seq=1, dig=digest(1)))
        assert (stored.ack_due, effects) == (None, (Store(),))
        taken = after(stored, Took(20.0, "k", digest(1), bytes(32), unhurried=True))
        assert (taken.ack_due, taken.into["k"].applied) == (None, 1)

    def test_a_chain_that_does_not_fit_stops_the_link(self) -> None:
        state, effects = step(heard(1), Took(20.0, "c", digest(1), b"x" * 32), IDENTITY, TIMING)
        assert "one history" in awaited(state, effects)
        assert state.into["c"].applied == 0

    def test_only_what_is_stored_can_be_applied(self) -> None:
        with pytest.raises(AssertionError, match="only what is stored"):
            after(FRESH, Took(20.0, "c", digest(1), bytes(32)))


class TestForeign:
    @pytest.mark.parametrize(
        ("what", "change"),
        [
            ("link", {"link": "dd" * 16}),
            ("sender", {"sender": "dd" * 16}),
            ("receiver", {"receiver": "dd" * 16}),
            ("signing key", {"sfp": "D" * 40}),
            ("receiving key", {"rfp": "D" * 40}),
            ("protocol version", {"v": 2}),
            ("suite", {"suite": 2}),
            ("negotiated agreement", {"caps": b"d" * 16}),
            ("table of conflict policies", {"pol": b"d" * 32}),
        ],
    )
    def test_a_message_for_somebody_else_changes_nothing(self, what: str, change: dict[str, Any]) -> None:
        state, effects = hear(FRESH, numbered(1, **change))
        assert effects == (Refuse(f"the message names another {what}"),)
        assert state == FRESH

    def test_what_is_of_another_agreement_is_said_again_to_a_link_that_waits_for_its_admin(self) -> None:
        stopped = replace(FRESH, phase=Phase.STOPPED)
        state, effects = hear(stopped, numbered(1, pol=b"d" * 32))
        assert state == stopped
        assert [type(effect) for effect in effects] == [Drop]

    def test_our_own_message_tells_of_one_directory_for_both(self) -> None:
        reason = foreign(header(sender=ALICE, receiver=BOB), IDENTITY)
        assert reason is not None
        assert "our own" in reason


class TestAcknowledged:
    @pytest.mark.parametrize(
        "said_", [lane_ack(recv=3), lane_ack(recv=0, held=((3, 3),)), lane_ack(recv=1, held=((2, 2), (9, 12)))]
    )
    def test_a_peer_that_has_more_than_we_sent_begins_a_new_life_of_ours(self, said_: Any) -> None:
        assert "more than this store ever sent" in reborn(*hear(sent(2), header(ack=ack({"c": said_}))))

    def test_being_asked_for_what_was_never_sent_begins_a_new_life_of_ours(self) -> None:
        """What was sent in the forgotten life is lost on its way, and its number is known."""
        assert "never sent" in reborn(*hear(sent(2), header(kind=Kind.NACK), asked={"c": 3}))
        for asked in ({"c": 2}, {"z": 9}):
            assert hear(sent(2), header(kind=Kind.NACK), asked=asked)[0].phase is Phase.RUNNING

    def test_another_history_of_our_messages_begins_a_new_life_of_ours(self) -> None:
        said_ = lane_ack(recv=1, applied=1, chain=b"x" * 32)
        heard_ = hear(sent(1), header(ack=ack({"c": said_})), chains={"c": sent(1).out["c"].chain})
        assert "another than ours" in reborn(*heard_)

    @pytest.mark.parametrize("lanes", [{"x": lane_ack()}, {"c": lane_ack(recv=1, applied=2)}])
    def test_an_acknowledgement_that_cannot_be_stops_the_link(self, lanes: Any) -> None:
        state, effects = hear(sent(2), header(ack=ack(lanes)))
        assert "cannot be" in halted(state, effects)

    def test_a_life_so_late_that_it_cannot_be_stops_the_link_and_is_not_remembered(self) -> None:
        state, effects = hear(FRESH, header(ack=ack(inc=(2**53 - 1, b"alice..."))))
        assert "cannot be" in halted(state, effects)
        assert state.later == 0

    @pytest.mark.parametrize("life", [(2, b"alice..."), (OUR_LIFE[0], b"twin....")])
    def test_a_peer_that_knows_another_life_of_ours_stops_this_copy(self, life: tuple[int, bytes]) -> None:
        state, effects = hear(FRESH, header(ack=ack(inc=life)))
        assert "later life" in halted(state, effects)
        assert state.later == life[0]

    def test_a_challenge_is_said_a_few_times_ever_more_slowly(self) -> None:
        state, _ = hear(heard(1), numbered(1, dig=digest(9)), known=digest(1), now=10.0)
        times = []
        for now in range(10, 10**7, 100):
            state, effects = tick(state, float(now))
            times += [now for _ in effects]
            state = after(state, Spoke(float(now), state.into))
        assert times == [10, 110, 910, 7310, 58510]
        again, effects = hear(state, numbered(1, dig=digest(8)), known=digest(1), now=1e7)
        assert tick(again, 2e7)[1] == ()
        assert said(effects) == []

    def test_a_challenge_about_an_earlier_life_of_ours_says_nothing(self) -> None:
        state, effects = hear(replace(FRESH, life=(2, b"younger.")), header(kind=Kind.CHALLENGE, ack=ack(inc=OUR_LIFE)))
        assert (state.phase, effects) == (Phase.RUNNING, ())

    def test_a_challenge_stops_the_link(self) -> None:
        state, effects = hear(FRESH, header(kind=Kind.CHALLENGE))
        assert "was copied" in halted(state, effects)


class TestStarting:
    def test_an_orderly_start_may_speak_at_once(self) -> None:
        state = after(FRESH, Started(10.0, boot=2, clean=True))
        assert (state.phase, state.boot, state.hello_due, state.ack_due) == (Phase.RUNNING, 2, None, 11.0)

    def test_after_a_crash_nothing_but_a_greeting_leaves(self) -> None:
        state = after(heard(2), Started(10.0, boot=2, clean=False))
        assert state.phase is Phase.HOLD
        state, effects = tick(state, 15.0)
        assert said(effects) == [Kind.HELLO]
        assert tick(state, 16.0) == (state, ())
        _, effects = tick(state, 15.0 + TIMING.resend_floor / 4)
        assert said(effects) == [Kind.HELLO]

    def test_an_answer_to_this_start_lets_it_speak(self) -> None:
        held = after(FRESH, Started(10.0, boot=2, clean=False))
        still, _ = hear(held, header(ack=ack(boot=1)))
        assert still.phase is Phase.HOLD
        older, _ = hear(held, header(ack=ack(boot=2, inc=(0, b"earlier."))))
        assert older.phase is Phase.HOLD
        free, _ = hear(held, header(ack=ack(boot=2)))
        assert (free.phase, free.hello_due, free.hold_until) == (Phase.RUNNING, None, None)

    def test_time_lets_it_speak(self) -> None:
        held = after(FRESH, Started(10.0, boot=2, clean=False))
        free, effects = tick(held, 10.0 + TIMING.resend_floor)
        assert free.phase is Phase.RUNNING
        assert said(effects) == [Kind.ACK]

    def test_a_hold_outlives_an_orderly_stop(self) -> None:
        held = after(FRESH, Started(10.0, boot=2, clean=False), Started(20.0, boot=3, clean=True))
        assert (held.phase, held.hold_until) == (Phase.HOLD, 20.0 + TIMING.resend_floor)

    def test_a_stopped_link_stays_stopped(self) -> None:
        state = after(FRESH, Stopped("the anchor is younger"), Started(10.0, boot=2, clean=False))
        assert (state.phase, state.hello_due) == (Phase.STOPPED, None)

    def test_a_greeting_is_answered_at_once(self) -> None:
        state, effects = hear(FRESH, header(kind=Kind.HELLO, boot=4), now=10.0)
        assert (state.ack_due, state.peer_boot, state.heard_at, effects) == (10.0, 4, 10.0, ())


class TestTime:
    def test_an_acknowledgement_is_said_when_it_is_due_and_not_before(self) -> None:
        assert tick(heard(1), 10.9)[1] == ()
        assert said(tick(heard(1), 11.0)[1]) == [Kind.ACK]

    def test_an_idle_link_says_once_a_day_that_it_lives(self) -> None:
        state = after(FRESH, Spoke(10.0, FRESH.into))
        assert tick(state, 9.0 + limits.heartbeat_seconds)[1] == ()
        assert said(tick(state, 10.0 + limits.heartbeat_seconds)[1]) == [Kind.ACK]

    def test_when_the_clock_is_set_back_what_was_due_is_due_now(self) -> None:
        times: dict[str, Any] = {"heard_at": 90_000.0, "spoke_at": 90_001.0, "ack_due": 90_002.0, "ask_due": 90_010.0}
        state, effects = tick(replace(FRESH, **times), 1_000.0)
        assert said(effects) == [Kind.NACK, Kind.ACK]
        assert (state.heard_at, state.spoke_at, state.ack_due) == (1_000.0, 1_000.0, 1_000.0)

    def test_a_hold_that_began_before_the_clock_was_set_back_ends(self) -> None:
        state = after(FRESH, Started(90_000.0, boot=2, clean=False))
        assert state.phase is Phase.HOLD
        assert tick(state, 1_000.0)[0].phase is Phase.RUNNING

    def test_a_store_that_was_put_back_before_the_clock_was_says_so_at_once(self) -> None:
        state = link.reborn(FRESH, (OUR_LIFE[0] + 1, b"anew"), "put back", 90_000.0)
        assert said(tick(state, 1_000.0)[1]) == [Kind.RESTORED]

    def test_what_comes_in_after_the_clock_was_set_back_hides_nothing(self) -> None:
        times: dict[str, Any] = {"heard_at": 90_000.0, "ack_due": 90_002.0, "ask_due": 90_010.0}
        state, _ = hear(replace(FRESH, **times), header(kind=Kind.ACK), now=1_000.0)
        assert (state.heard_at, state.ack_due) == (1_000.0, 1_000.0)

    def test_as_long_as_the_clock_goes_on_what_is_due_later_waits(self) -> None:
        state = replace(FRESH, heard_at=1_000.0, spoke_at=1_000.0, ack_due=1_002.0)
        assert tick(state, 1_000.0) == (state, ())


class TestStopped:
    def test_it_stops_once_and_for_the_first_reason(self) -> None:
        state, effects = step(heard(2), Stopped("first"), IDENTITY, TIMING)
        assert halted(state, effects) == "first"
        again, effects = step(state, Stopped("second"), IDENTITY, TIMING)
        assert (again, effects) == (state, ())

    def test_it_says_nothing_any_more(self) -> None:
        state = after(heard(2), Stopped("first"))
        assert tick(state, 1e9) == (state, ())
        assert (state.ack_due, state.ask_due) == (None, None)

    def test_what_the_peer_sends_is_still_stored(self) -> None:
        state, effects = hear(after(FRESH, Stopped("first")), numbered(1))
        assert effects == (Store(),)
        assert (state.phase, state.into["c"].recv) == (Phase.STOPPED, 1)
