"""A restored store and its peer, row by row: alice's half, hearing bob."""

from dataclasses import replace
from typing import Any

import pytest

from backbone.replication.link import (
    START,
    Answering,
    Drop,
    Effect,
    Healed,
    HeardAll,
    Joined,
    LinkState,
    Phase,
    Reborn,
    Receiving,
    Say,
    Sending,
    Started,
    Stopped,
    Store,
    Telling,
    Tick,
    Took,
    Welcome,
    reborn,
    step,
)
from backbone.replication.message import LANES, Kind
from backbone.replication.sending import Waiting, due
from tests.unit.replication.headers import (
    FRESH,
    IDENTITY,
    OUR_LIFE,
    TIMING,
    ack,
    after,
    digest,
    header,
    hear,
    numbered,
    sent,
)

SECOND = (OUR_LIFE[0] + 1, b"second..")
LATER = (FRESH.peer_life[0] + 1, b"later...")
RESTORED = reborn(sent(3), SECOND, "an old copy", 5.0)
LANES_AT = {"c": (7, b"c" * 32), "b": (2, b"b" * 32), "k": (0, START)}
ASKS = header(kind=Kind.RESTORED, inc=LATER)


def said(effects: tuple[Effect, ...]) -> list[Kind]:
    return [effect.kind for effect in effects if isinstance(effect, Say)]


def ticked(state: LinkState, now: float) -> tuple[LinkState, list[Kind]]:
    state, effects = step(state, Tick(now), IDENTITY, TIMING)
    return state, said(effects)


def welcome(**changes: Any) -> Welcome:
    return replace(Welcome(SECOND, LANES_AT), **changes)


def welcomed() -> LinkState:
    state, effects = hear(RESTORED, header(kind=Kind.WELCOME, high={"c": 9}), now=6.0, welcome=welcome())
    assert effects == ()
    return state


class TestRestored:
    def test_nothing_is_known_of_either_stream(self) -> None:
        assert (RESTORED.life, RESTORED.phase, RESTORED.reason) == (SECOND, Phase.RESTORED, "an old copy")
        assert set(RESTORED.out.values()) == {Sending()}
        assert set(RESTORED.into.values()) == {Receiving()}

    def test_it_says_again_and_again_that_it_was_restored_and_nothing_else(self) -> None:
        state, kinds = ticked(replace(RESTORED, ack_due=0.0, ask_due=0.0), 5.0)
        assert kinds == [Kind.RESTORED]
        assert ticked(state, 5.1)[1] == []
        assert ticked(state, 5.0 + TIMING.resend_floor / 4)[1] == [Kind.RESTORED]

    def test_it_says_so_after_another_start(self) -> None:
        state = after(replace(RESTORED, hello_due=None), Started(9.0, boot=7, clean=True))
        assert (state.phase, state.hello_due) == (Phase.RESTORED, 9.0)

    def test_nothing_is_stored_before_the_answer(self) -> None:
        state, effects = hear(RESTORED, numbered(1))
        assert isinstance(effects[0], Drop)
        assert state.into == RESTORED.into

    @pytest.mark.parametrize(
        "answer", [None, welcome(life=OUR_LIFE), welcome(life=(2, b"twin....")), welcome(lanes={"c": (7, b"c" * 32)})]
    )
    def test_an_answer_to_another_life_is_none(self, answer: Welcome | None) -> None:
        state, effects = hear(RESTORED, header(kind=Kind.WELCOME), welcome=answer)
        assert (state.phase, len(effects)) == (Phase.RESTORED, 1)

    @pytest.mark.parametrize("kind", [Kind.PROBE, Kind.ECHO])
    def test_the_connection_test_of_a_new_handshake_is_answered(self, kind: Kind) -> None:
        assert hear(RESTORED, header(kind=kind)) == (replace(RESTORED, heard_at=10.0, peer_boot=1), ())

    def test_the_answer_tells_where_the_peers_lanes_begin(self) -> None:
        state = welcomed()
        assert (state.phase, state.hello_due, state.ack_due) == (Phase.JOINING, None, 6.0)
        assert state.into["c"] == Receiving(7, (), 7, b"c" * 32, 9)
        assert state.into["b"] == Receiving(2, (), 2, b"b" * 32, 2)
        assert state.ask_due == 6.0 + TIMING.ask_delay

    def test_an_answer_from_a_later_life_of_the_peer_is_one(self) -> None:
        state, _ = hear(RESTORED, header(kind=Kind.WELCOME, inc=LATER), welcome=welcome())
        assert (state.phase, state.peer_life) == (Phase.JOINING, LATER)

    def test_another_copy_that_the_peer_knows_stops_this_one(self) -> None:
        state, _ = hear(RESTORED, header(ack=ack(inc=(9, b"another."))))
        assert (state.phase, state.later) == (Phase.STOPPED, 9)


class TestJoining:
    def test_the_state_is_stored_acknowledged_and_taken_in_order(self) -> None:
        state, effects = hear(welcomed(), numbered(8))
        assert effects == (Store(),)
        state = after(state, Took(20.0, "c", digest(8), b"c" * 32), HeardAll())
        assert (state.into["c"].applied, state.heard_all) == (8, True)
        assert Kind.ACK in ticked(state, 30.0)[1]

    def test_it_goes_on_when_all_is_joined(self) -> None:
        state = after(welcomed(), HeardAll(), Joined(40.0))
        assert (state.phase, state.reason, state.heard_all, state.ack_due) == (Phase.RUNNING, "", False, 40.0)

    def test_nothing_but_our_own_state_leaves_before(self) -> None:
        waiting = [Waiting(lane, seq, 10) for lane in ("c", "k") for seq in (1, 2)]
        assert due(welcomed(), waiting, 50.0, TIMING) == []
        assert due(replace(welcomed(), told=1), waiting, 50.0, TIMING) == [Waiting("c", 1, 10)]

    def test_a_peer_that_is_restored_meanwhile_is_asked_again(self) -> None:
        state, _ = hear(replace(welcomed(), heard_all=True), ASKS)
        state = after(state, Answering(60.0))
        assert (state.phase, state.hello_due, state.heard_all) == (Phase.RESTORED, 60.0, False)
        assert (state.peer_life, state.welcomed) == (LATER, LATER)


class TestPeer:
    def test_a_later_life_that_asks_is_answered_when_the_earlier_one_is_applied(self) -> None:
        state, effects = hear(sent(3), ASKS, now=9.0)
        assert (state.peer_next, state.phase, state.occupied) == (LATER, Phase.RUNNING, True)
        assert isinstance(effects[0], Drop)
        assert hear(state, ASKS) == (state, effects)
        state = after(state, Answering(10.0))
        assert (state.peer_life, state.peer_next, state.telling) == (LATER, None, "")
        assert state.jump == {lane: (state.out[lane].last, state.out[lane].chain) for lane in LANES}
        assert state.out["c"].applied == 3
        assert set(state.into.values()) == {Receiving()}
        state, kinds = ticked(state, 10.0)
        assert Kind.WELCOME in kinds
        assert Kind.WELCOME not in ticked(state, 11.0)[1]

    def test_of_two_lives_that_began_alike_the_one_that_asks_last_is_answered(self) -> None:
        """A copy was put back twice, the second time with its anchor: it counts anew, and the first one is gone."""
        again = (LATER[0], b"again...")
        state, _ = hear(hear(FRESH, ASKS)[0], header(kind=Kind.RESTORED, inc=again))
        assert state.peer_next == again
        later = replace(FRESH, peer_next=(LATER[0] + 1, b"third..."))
        assert hear(later, ASKS)[0] == later

    def test_what_does_not_continue_the_history_of_the_life_before_is_left_to_the_later_one(self) -> None:
        state = hear(hear(hear(FRESH, numbered(1))[0], numbered(3))[0], ASKS)[0]
        state, effects = step(state, Took(20.0, "c", digest(1), b"x" * 32), IDENTITY, TIMING)
        assert [type(effect) for effect in effects] == [Drop]
        assert (state.phase, state.peer_next) == (Phase.RUNNING, LATER)
        assert (state.into["c"].recv, state.into["c"].held, state.into["c"].applied) == (0, (), 0)

    def test_who_asks_again_is_told_where_it_began_and_nothing_twice(self) -> None:
        state = after(hear(sent(3), ASKS)[0], Answering(10.0), Tick(10.0), Telling("g"), Telling(None))
        assert (state.telling, state.told, state.occupied) == (None, 3, False)
        again, _ = hear(state, header(kind=Kind.RESTORED, inc=LATER), now=20.0)
        assert (again.peer_next, again.welcome_due, again.jump) == (None, 20.0, state.jump)

    def test_a_life_that_we_know_and_never_told_is_told(self) -> None:
        state, _ = hear(RESTORED, header(kind=Kind.RESTORED))
        assert (state.peer_next, state.phase) == (FRESH.peer_life, Phase.RESTORED)
        state = after(state, Answering(8.0))
        assert (state.phase, state.welcomed, state.hello_due) == (Phase.RESTORED, FRESH.peer_life, RESTORED.hello_due)

    def test_an_earlier_life_is_dropped_and_hears_which_one_we_know(self) -> None:
        state = replace(FRESH, peer_life=LATER)
        same, effects = hear(state, numbered(1))
        assert (same, isinstance(effects[0], Drop)) == (state, True)
        told, _ = hear(state, header(kind=Kind.RESTORED), now=3.0)
        assert told.ack_due == 3.0
        stopped, _ = hear(after(state, Stopped("no")), header(kind=Kind.HELLO), now=3.0)
        assert stopped.ack_due is None

    def test_a_second_copy_with_the_same_counter_is_dropped(self) -> None:
        state, effects = hear(FRESH, header(kind=Kind.HELLO, inc=(FRESH.peer_life[0], b"twin....")), now=3.0)
        assert (state, isinstance(effects[0], Drop)) == (replace(FRESH, ack_due=3.0), True)

    def test_a_peer_in_a_life_that_we_have_forgotten_begins_a_new_life_of_ours(self) -> None:
        state, effects = hear(sent(2), numbered(1, inc=LATER), random=b"freshest")
        assert isinstance(effects[0], Reborn)
        assert (state.life, state.phase) == ((OUR_LIFE[0] + 1, b"freshest"), Phase.RESTORED)

    @pytest.mark.parametrize("state", [hear(FRESH, ASKS)[0], welcomed(), after(FRESH, Stopped("no"))])
    def test_else_its_words_wait(self, state: LinkState) -> None:
        same, effects = hear(state, numbered(1, inc=LATER))
        assert (same, [type(effect) for effect in effects]) == (state, [Drop])

    def test_a_stopped_link_does_not_hear_that_it_asks(self) -> None:
        assert hear(after(FRESH, Stopped("no")), ASKS)[0].peer_next is None


class TestAwaiting:
    def awaiting(self) -> LinkState:
        state, effects = hear(hear(FRESH, numbered(1))[0], numbered(1, dig=digest(9)), known=digest(1))
        assert said(effects) == []
        assert state.phase is Phase.AWAITING
        return state

    def test_an_old_copy_is_challenged_and_nothing_of_it_is_taken(self) -> None:
        state, kinds = ticked(self.awaiting(), 70.0)
        assert kinds == [Kind.CHALLENGE]
        same, effects = hear(state, numbered(2))
        assert (same.into, said(effects)) == (state.into, [])
        assert ticked(state, 70.0) == (state, [])
        assert ticked(state, 1e9)[1] == [Kind.CHALLENGE]

    def test_a_history_that_does_not_fit_is_challenged_too(self) -> None:
        state, _ = step(hear(FRESH, numbered(1))[0], Took(20.0, "c", digest(1), b"x" * 32), IDENTITY, TIMING)
        assert state.phase is Phase.AWAITING
        assert ticked(state, 70.0)[1] == [Kind.CHALLENGE]

    def test_a_later_life_of_it_heals_the_link(self) -> None:
        state, effects = hear(self.awaiting(), ASKS, now=70.0)
        assert isinstance(effects[-1], Healed)
        assert (state.phase, state.reason, state.peer_next) == (Phase.RUNNING, "", LATER)
        assert (state.challenge_due, state.challenges) == (None, 0)

    def test_a_later_life_that_had_asked_before_heals_it_when_it_asks_again(self) -> None:
        state, _ = hear(replace(self.awaiting(), peer_next=LATER), ASKS, now=70.0)
        assert (state.phase, state.peer_next) == (Phase.RUNNING, LATER)
