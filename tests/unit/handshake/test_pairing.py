"""Every row of the pairing table, both roles against each other, and random walks."""

from collections import deque
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake import pairing
from handshake.errors import ImpossibleTransition
from handshake.events import (
    AcceptanceReceived,
    Activate,
    Alarm,
    ConfirmationReceived,
    EchoSeen,
    Effect,
    Expired,
    Failed,
    Hold,
    ImportedAgain,
    Input,
    Joined,
    OfferedAgain,
    OfferImported,
    OfferMade,
    Pairing,
    Paused,
    PeerEchoSeen,
    Repaired,
    Resumed,
    Revoked,
    Role,
    RolledBack,
    SendAcceptance,
    SendConfirmation,
    SendProbes,
    SendRevocation,
    SpendToken,
    Stage,
    TellTested,
    Waited,
)

SIZES = frozenset({1024, 262144, 5000000})
OFFER = OfferMade(expires_at=1000, sizes=SIZES)
IMPORT = OfferImported(peer="M", transcript="t", expires_at=1000, sizes=SIZES)
ACCEPT = AcceptanceReceived(peer="S", transcript="t", at=999)
CONFIRM = ConfirmationReceived("t")
ECHOES = [EchoSeen(size) for size in sorted(SIZES)]
PEER_WAITS = PeerEchoSeen(waiting=True)
PEER_KNOWS = PeerEchoSeen(waiting=False)

MASTER = Pairing(Role.MASTER)
SLAVE = Pairing(Role.SLAVE)


def walk(state: Pairing, *events: Input) -> Pairing:
    for event in events:
        state, _ = pairing.step(state, event)
    return state


MASTER_CONFIRMED = walk(MASTER, OFFER, ACCEPT)
SLAVE_CONFIRMED = walk(SLAVE, IMPORT, CONFIRM)
CONFIRMED = [MASTER_CONFIRMED, SLAVE_CONFIRMED]
TESTED = [walk(state, *ECHOES) for state in CONFIRMED]
ACTIVE = [walk(state, PEER_KNOWS) for state in TESTED]
both_roles = pytest.mark.parametrize("role", [0, 1], ids=["master", "slave"])


def alarms(effects: tuple[Effect, ...]) -> list[str]:
    return [effect.sentence for effect in effects if isinstance(effect, Alarm)]


def test_a_master_offers_accepts_tests_and_is_active() -> None:
    offered, effects = pairing.step(MASTER, OFFER)
    assert (offered.stage, offered.shown, effects) == (Stage.OFFERED, "handshake", ())
    confirmed, effects = pairing.step(offered, ACCEPT)
    assert confirmed.stage is Stage.CONFIRMED
    assert effects == (SpendToken(), SendConfirmation(), SendProbes(SIZES))
    assert TESTED[0].stage is Stage.TESTED
    active, effects = pairing.step(TESTED[0], PEER_WAITS)
    assert (active.stage, active.shown) == (Stage.ACTIVE, "active")
    assert effects == (TellTested(waiting=False), Activate())


def test_a_slave_imports_is_confirmed_tests_and_is_active() -> None:
    offered, effects = pairing.step(SLAVE, IMPORT)
    assert (offered.stage, effects) == (Stage.OFFERED, (SendAcceptance(),))
    confirmed, effects = pairing.step(offered, CONFIRM)
    assert (confirmed.stage, effects) == (Stage.CONFIRMED, (SendProbes(SIZES),))
    active, effects = pairing.step(TESTED[1], PEER_KNOWS)
    assert (active.stage, effects) == (Stage.ACTIVE, (Activate(),))


@both_roles
def test_nobody_is_active_before_both_saw_their_own_echo(role: int) -> None:
    state, effects = pairing.step(CONFIRMED[role], PEER_WAITS)
    assert (state.stage, effects) == (Stage.CONFIRMED, ())
    state = walk(state, *ECHOES[:-1])
    assert (state.stage, state.missing) == (Stage.CONFIRMED, frozenset({5000000}))
    state, effects = pairing.step(state, ECHOES[-1])
    assert (state.stage, effects) == (Stage.ACTIVE, (TellTested(waiting=False), Activate()))


@both_roles
def test_an_echo_of_a_size_that_was_not_sent_proves_nothing(role: int) -> None:
    assert walk(CONFIRMED[role], EchoSeen(77)) == CONFIRMED[role]


def test_the_same_acceptance_again_is_confirmed_again() -> None:
    for state in (MASTER_CONFIRMED, TESTED[0], ACTIVE[0], walk(ACTIVE[0], Paused())):
        assert pairing.step(state, replace(ACCEPT, at=5000)) == (state, (SendConfirmation(),))


def test_a_second_acceptance_with_another_key_changes_nothing_and_raises_an_alarm() -> None:
    state, effects = pairing.step(ACTIVE[0], AcceptanceReceived(peer="EVIL", transcript="x", at=1))
    assert state == ACTIVE[0]
    assert "EVIL" in alarms(effects)[0]


def test_an_acceptance_after_the_expiry_is_refused_and_the_token_is_spent() -> None:
    offered = walk(MASTER, OFFER)
    state, effects = pairing.step(offered, replace(ACCEPT, at=1001))
    assert (state.stage, effects[0]) == (Stage.EXPIRED, SpendToken())
    assert pairing.step(offered, replace(ACCEPT, at=1000))[0].stage is Stage.CONFIRMED
    state, effects = pairing.step(state, ACCEPT)
    assert state.stage is Stage.EXPIRED
    assert alarms(effects)


def test_an_expired_offer_can_be_made_and_imported_anew() -> None:
    master = walk(MASTER, OFFER, Expired(), Expired())
    assert master.stage is Stage.EXPIRED
    assert walk(master, replace(OFFER, expires_at=2000)).expires_at == 2000
    slave = walk(SLAVE, IMPORT, Expired())
    assert walk(slave, IMPORT).stage is Stage.OFFERED


def test_a_confirmation_that_comes_after_the_slave_gave_up_still_counts() -> None:
    assert walk(SLAVE, IMPORT, Expired(), CONFIRM).stage is Stage.CONFIRMED


@pytest.mark.parametrize("before", [(), (Expired(),)])
def test_a_confirmation_of_another_exchange_fails_the_link(before: tuple[Input, ...]) -> None:
    start = walk(SLAVE, IMPORT, *before)
    state, effects = pairing.step(start, ConfirmationReceived("other"))
    assert (state.stage, state.repaired_to) == (Stage.FAILED, start.stage)
    assert alarms(effects)
    assert walk(state, Repaired()) == start


def test_a_repeated_confirmation_changes_nothing_and_another_one_raises_an_alarm() -> None:
    assert pairing.step(ACTIVE[1], CONFIRM) == (ACTIVE[1], ())
    state, effects = pairing.step(ACTIVE[1], ConfirmationReceived("other"))
    assert state == ACTIVE[1]
    assert alarms(effects)


def test_what_was_lost_is_asked_for_again() -> None:
    assert pairing.step(walk(SLAVE, IMPORT), Waited())[1] == (SendAcceptance(),)
    assert pairing.step(walk(SLAVE, IMPORT), PEER_WAITS)[1] == (SendAcceptance(),)
    assert pairing.step(walk(MASTER, OFFER), Waited())[1] == ()
    assert pairing.step(walk(CONFIRMED[0], ECHOES[0]), Waited())[1] == (SendProbes(SIZES - {1024}),)
    assert pairing.step(TESTED[0], Waited())[1] == (TellTested(waiting=True),)
    assert pairing.step(ACTIVE[0], Waited())[1] == ()
    assert pairing.step(ACTIVE[0], PEER_WAITS)[1] == (TellTested(waiting=False),)
    assert pairing.step(ACTIVE[0], PEER_KNOWS)[1] == ()


@both_roles
def test_pause_and_resume(role: int) -> None:
    paused, effects = pairing.step(ACTIVE[role], Paused())
    assert (paused.stage, effects) == (Stage.PAUSED, (Hold(),))
    assert pairing.step(paused, Paused()) == (paused, ())
    assert pairing.step(paused, Resumed()) == (ACTIVE[role], (Activate(),))
    assert pairing.step(ACTIVE[role], Resumed()) == (ACTIVE[role], ())


@both_roles
def test_a_rolled_back_link_emits_nothing_before_it_is_joined(role: int) -> None:
    resync, effects = pairing.step(ACTIVE[role], RolledBack())
    assert (resync.stage, effects) == (Stage.RESYNC, (Hold(),))
    assert pairing.step(resync, RolledBack()) == (resync, ())
    assert pairing.step(resync, Joined()) == (ACTIVE[role], (Activate(),))
    assert pairing.step(ACTIVE[role], Joined()) == (ACTIVE[role], ())
    assert pairing.step(walk(resync, Paused()), Resumed()) == (resync, ())


@both_roles
def test_a_roll_back_during_a_pause_is_remembered(role: int) -> None:
    paused = walk(ACTIVE[role], Paused(), RolledBack())
    assert (paused.stage, paused.resumed_to) == (Stage.PAUSED, Stage.RESYNC)
    assert walk(paused, Resumed()).stage is Stage.RESYNC
    assert walk(paused, Joined(), Resumed()).stage is Stage.ACTIVE


@both_roles
@pytest.mark.parametrize("stage", ["confirmed", "tested"])
def test_a_roll_back_during_the_handshake_fails_the_link(role: int, stage: str) -> None:
    start = {"confirmed": CONFIRMED, "tested": TESTED}[stage][role]
    assert walk(start, RolledBack()).stage is Stage.FAILED


@both_roles
def test_a_failed_link_goes_on_where_it_was_after_repair(role: int) -> None:
    starts = [
        CONFIRMED[role],
        TESTED[role],
        ACTIVE[role],
        walk(ACTIVE[role], Paused()),
        walk(ACTIVE[role], RolledBack()),
    ]
    for start in starts:
        failed, effects = pairing.step(start, Failed("no progress"))
        assert (failed.stage, failed.reason, effects) == (Stage.FAILED, "no progress", (Hold(), Alarm("no progress")))
        assert pairing.step(failed, Failed("later"))[0].reason == "no progress"
        assert walk(failed, Repaired()) == start


@both_roles
def test_a_roll_back_of_a_failed_link_is_remembered(role: int) -> None:
    broken = Failed("x")
    assert walk(ACTIVE[role], broken, RolledBack(), Repaired()).stage is Stage.RESYNC
    assert walk(ACTIVE[role], Paused(), broken, RolledBack(), Repaired(), Resumed()).stage is Stage.RESYNC
    assert walk(ACTIVE[role], RolledBack(), broken, RolledBack(), Repaired()).stage is Stage.RESYNC


def test_repair_repeats_the_step_that_was_interrupted() -> None:
    assert pairing.step(walk(CONFIRMED[0], Failed("x")), Repaired())[1] == (SendProbes(SIZES),)
    assert pairing.step(walk(ACTIVE[0], Failed("x")), Repaired())[1] == (Activate(),)


def test_an_acceptance_during_a_failure_waits_for_the_repair() -> None:
    failed = walk(MASTER, OFFER, Failed("x"))
    state, effects = pairing.step(failed, ACCEPT)
    assert state == failed
    assert "repair" in alarms(effects)[0]
    assert walk(state, Repaired(), ACCEPT).stage is Stage.CONFIRMED


@both_roles
def test_revocation_is_final(role: int) -> None:
    revoked, effects = pairing.step(ACTIVE[role], Revoked("key lost", ours=True))
    assert (revoked.stage, effects) == (Stage.REVOKED, (SpendToken(), Hold(), SendRevocation("key lost")))
    assert pairing.step(revoked, Revoked("again", ours=False)) == (revoked, ())
    assert alarms(pairing.step(ACTIVE[role], Revoked("key lost", ours=False))[1])
    assert pairing.step(MASTER, Revoked("never mind", ours=True))[1] == (SpendToken(), Hold())
    with pytest.raises(ImpossibleTransition):
        pairing.step(revoked, Resumed())


OFFER_AGAIN = OfferedAgain(expires_at=2000, sizes=SIZES)
IMPORT_AGAIN = ImportedAgain(peer="M2", transcript="t2", expires_at=2000, sizes=SIZES)
AGAIN = [
    walk(ACTIVE[0], OFFER_AGAIN, AcceptanceReceived("S2", "t2", 1999)),
    walk(ACTIVE[1], IMPORT_AGAIN, ConfirmationReceived("t2")),
]


@both_roles
def test_a_new_handshake_forgets_the_exchange_before(role: int) -> None:
    given: Input = (OFFER_AGAIN, IMPORT_AGAIN)[role]
    for before in (ACTIVE[role], CONFIRMED[role], walk(ACTIVE[role], Failed("key lost")), walk(ACTIVE[role], Paused())):
        offered, effects = pairing.step(before, given)
        assert (offered.stage, offered.peer_tested, offered.echoes) == (Stage.OFFERED, False, frozenset())
        assert (offered.peer, effects) == ((None, (Hold(),)), ("M2", (Hold(), SendAcceptance())))[role]
        assert pairing.step(offered, given)[0] == offered, "made once more"
    with pytest.raises(ImpossibleTransition):
        pairing.step(walk(ACTIVE[role], Revoked("over", ours=True)), given)


@both_roles
def test_a_new_handshake_waits_until_people_have_compared_its_words(role: int) -> None:
    waits, effects = pairing.step(walk(AGAIN[role], *ECHOES), PEER_WAITS)
    assert (waits.stage, waits.compare, waits.reason) == (Stage.PAUSED, True, pairing.COMPARE)
    assert effects == (TellTested(waiting=False), Hold())
    other_way, effects = pairing.step(walk(AGAIN[role], PEER_KNOWS, *ECHOES[:-1]), ECHOES[-1])
    assert (other_way, effects) == (waits, (TellTested(waiting=False), Hold()))
    assert walk(waits, Failed("x"), Repaired()).compare, "nothing but the words ends that"
    begun, effects = pairing.step(waits, Resumed())
    assert (begun.stage, begun.compare, begun.reason, effects) == (Stage.RESYNC, False, None, ())
    assert pairing.step(begun, PEER_WAITS)[1] == (TellTested(waiting=False),), "the partner's waits may be longer"


IMPOSSIBLE: list[tuple[Pairing, Input]] = [
    (MASTER, IMPORT),
    (SLAVE, OFFER),
    (MASTER, ACCEPT),
    (SLAVE, CONFIRM),
    (walk(SLAVE, IMPORT), ACCEPT),
    (walk(MASTER, OFFER), CONFIRM),
    (walk(MASTER, OFFER), ECHOES[0]),
    (walk(MASTER, OFFER), PEER_WAITS),
    (walk(MASTER, OFFER), Resumed()),
    (walk(SLAVE, IMPORT), IMPORT),
    (CONFIRMED[0], OFFER),
    (CONFIRMED[0], Paused()),
    (ACTIVE[0], Expired()),
    (ACTIVE[0], Repaired()),
    (walk(ACTIVE[0], Failed("x")), Paused()),
]


@pytest.mark.parametrize(("state", "event"), IMPOSSIBLE)
def test_an_impossible_transition_is_an_error(state: Pairing, event: Input) -> None:
    with pytest.raises(ImpossibleTransition, match=type(event).__name__):
        pairing.step(state, event)


def test_the_readme_shows_the_table() -> None:
    readme = (Path(pairing.__file__).parent / "README.md").read_text(encoding="utf-8")
    assert pairing.diagram() in readme
    assert "    draft --> offered: OfferMade, OfferImported\n" in pairing.diagram()


EVENTS: st.SearchStrategy[Input] = st.one_of(
    st.builds(OfferMade, expires_at=st.integers(0, 5), sizes=st.just(SIZES)),
    st.builds(
        OfferImported,
        peer=st.sampled_from("MN"),
        transcript=st.sampled_from("tu"),
        expires_at=st.integers(0, 5),
        sizes=st.just(SIZES),
    ),
    st.builds(OfferedAgain, expires_at=st.integers(0, 5), sizes=st.just(SIZES)),
    st.builds(
        ImportedAgain,
        peer=st.sampled_from("MN"),
        transcript=st.sampled_from("tu"),
        expires_at=st.integers(0, 5),
        sizes=st.just(SIZES),
    ),
    st.builds(AcceptanceReceived, peer=st.sampled_from("SE"), transcript=st.sampled_from("tu"), at=st.integers(0, 5)),
    st.builds(ConfirmationReceived, st.sampled_from("tu")),
    st.builds(EchoSeen, st.sampled_from([*SIZES, 7])),
    st.builds(PeerEchoSeen, waiting=st.booleans()),
    st.builds(Failed, st.just("x")),
    st.builds(Revoked, st.just("x"), ours=st.booleans()),
    st.sampled_from([Waited(), Expired(), Paused(), Resumed(), RolledBack(), Joined(), Repaired()]),
)


@given(role=st.sampled_from(Role), events=st.lists(EVENTS, max_size=40))
def test_the_machine_never_leaves_the_table(role: Role, events: list[Input]) -> None:
    state = Pairing(role)
    for event in events:
        row = pairing.TABLE.get((state.role, state.stage, type(event)))
        if row is None:
            with pytest.raises(ImpossibleTransition):
                pairing.step(state, event)
            continue
        before = state
        state, _ = pairing.step(state, event)
        assert state.stage in {Stage(name) for name in (row.targets or before.stage).split()}
        assert before.stage is not Stage.REVOKED or state == before
        assert state.stage is not Stage.ACTIVE or (state.peer_tested and not state.missing)


class Wire:
    """Both halves of a link over a channel that loses what it is told to lose."""

    def __init__(self, losses: list[bool]) -> None:
        self.halves = {Role.MASTER: walk(MASTER, OFFER), Role.SLAVE: SLAVE}
        self.losses = deque(losses)
        self.waiting: deque[tuple[Role, Input]] = deque()

    def feed(self, role: Role, event: Input) -> None:
        self.halves[role], effects = pairing.step(self.halves[role], event)
        other = Role.SLAVE if role is Role.MASTER else Role.MASTER
        for effect in effects:
            for target, sent in self.sent(role, other, effect):
                if not (self.losses and self.losses.popleft()):
                    self.waiting.append((target, sent))

    @staticmethod
    def sent(role: Role, other: Role, effect: Effect) -> list[tuple[Role, Input]]:
        match effect:
            case SendAcceptance():
                return [(other, ACCEPT)]
            case SendConfirmation():
                return [(other, CONFIRM)]
            case SendProbes(sizes):
                return [(role, EchoSeen(size)) for size in sizes]
            case TellTested(waiting):
                return [(other, PeerEchoSeen(waiting))]
            case _:
                return []

    def settle(self) -> None:
        while self.waiting:
            self.feed(*self.waiting.popleft())


@given(losses=st.lists(st.booleans(), max_size=30))
def test_both_halves_become_active_whatever_is_lost(losses: list[bool]) -> None:
    wire = Wire(losses)
    wire.feed(Role.SLAVE, IMPORT)
    wire.settle()
    for _ in range(40):
        for role in Role:
            wire.feed(role, Waited())
        wire.settle()
    assert [half.stage for half in wire.halves.values()] == [Stage.ACTIVE, Stage.ACTIVE]
