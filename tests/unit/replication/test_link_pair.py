"""Two halves of a link under any order of events: invariants, and a peer that may say anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from backbone.replication.link import (
    START,
    Drop,
    Halt,
    Identity,
    LinkState,
    Numbered,
    Phase,
    Received,
    Spoke,
    Started,
    Stopped,
    Store,
    Tick,
    Took,
    acknowledgement,
    step,
)
from backbone.replication.message import LANES, Header, Kind, chain
from tests.unit.replication.headers import FRESH, IDENTITY, TIMING, ack, digest, header, lane_ack

MIRRORED = Identity(
    IDENTITY.link, IDENTITY.peer, IDENTITY.us, IDENTITY.peer_fingerprint, IDENTITY.our_fingerprint, IDENTITY.caps,
    IDENTITY.policy_hash,
)  # fmt: skip
NAMES = st.sampled_from(["alice", "bob"])
OTHER = {"alice": "bob", "bob": "alice"}


@dataclass
class Half:
    """One node as its store would keep it: the state, its messages' chains, and what it stored."""

    identity: Identity
    state: LinkState
    chains: dict[str, list[bytes]] = field(default_factory=lambda: {lane: [START] for lane in LANES})
    prevs: dict[tuple[str, int], bytes] = field(default_factory=dict)
    stored: dict[tuple[str, int], Header] = field(default_factory=dict)

    def header(self, **said: Any) -> Header:
        identity = self.identity
        return header(
            sender=identity.us, receiver=identity.peer, sfp=identity.our_fingerprint, rfp=identity.peer_fingerprint,
            inc=self.state.life, boot=self.state.boot, ack=acknowledgement(self.state),
            high={lane: out.last for lane, out in self.state.out.items()}, **said,
        )  # fmt: skip


class Pair(RuleBasedStateMachine):
    """Messages are lost, repeated, reordered; processes die and start again; time goes by."""

    flying = Bundle("flying")

    def __init__(self) -> None:
        super().__init__()
        bobs = replace(FRESH, life=FRESH.peer_life, peer_life=FRESH.life)
        self.halves = {"alice": Half(IDENTITY, FRESH), "bob": Half(MIRRORED, bobs)}
        self.now = 100.0
        self.before: dict[str, LinkState] = {}

    def step(self, name: str, given_: Any) -> tuple[Any, ...]:
        half = self.halves[name]
        half.state, effects = step(half.state, given_, half.identity, TIMING)
        assert not any(isinstance(effect, Halt) for effect in effects), half.state.reason
        return effects

    @rule(target=flying, name=NAMES, lane=st.sampled_from(LANES))
    def number(self, name: str, lane: str) -> tuple[str, Header]:
        half = self.halves[name]
        out = half.state.out[lane]
        seq = out.last + 1
        half.prevs[lane, seq] = out.chain
        self.step(name, Numbered(lane, digest(seq)))
        half.chains[lane].append(half.state.out[lane].chain)
        return name, half.header(kind=Kind.DATA, lane=lane, seq=seq, dig=digest(seq), prev=out.chain)

    @rule(target=flying, name=NAMES, lane=st.sampled_from(LANES), data=st.data())
    def send_again(self, name: str, lane: str, data: st.DataObject) -> Any:
        half = self.halves[name]
        if not half.state.out[lane].last:
            return multiple()
        seq = data.draw(st.integers(1, half.state.out[lane].last))
        return name, half.header(kind=Kind.DATA, lane=lane, seq=seq, dig=digest(seq), prev=half.prevs[lane, seq])

    @rule(target=flying, name=NAMES, kind=st.sampled_from([Kind.ACK, Kind.NACK, Kind.HELLO]))
    def say(self, name: str, kind: Kind) -> tuple[str, Header]:
        half = self.halves[name]
        said = name, half.header(kind=kind)
        self.step(name, Spoke(self.now, half.state.into))
        return said

    @rule(message=flying)
    def deliver(self, message: tuple[str, Header]) -> None:
        sender, said = message
        half = self.halves[OTHER[sender]]
        known = half.stored.get((said.lane, said.seq))
        chains = {lane: half.chains[lane][a.applied] for lane, a in said.ack.lanes.items()}
        effects = self.step(OTHER[sender], Received(self.now, said, known.dig if known else None, chains))
        if said.seq:
            assert (Store() in effects) == (known is None)
            assert any(isinstance(effect, Drop) for effect in effects) == (known is not None)
            half.stored[said.lane, said.seq] = said

    @rule(message=consumes(flying))
    def lose(self, message: tuple[str, Header]) -> None:
        pass

    @rule(name=NAMES, lane=st.sampled_from(LANES))
    def take(self, name: str, lane: str) -> None:
        into = self.halves[name].state.into[lane]
        if into.applied < into.recv:
            message = self.halves[name].stored[lane, into.applied + 1]
            self.step(name, Took(self.now, lane, message.dig, message.prev))

    @rule(name=NAMES, seconds=st.sampled_from([0.1, 5.0, 60.0, 90_000.0]))
    def time_goes_by(self, name: str, seconds: float) -> None:
        self.now += seconds
        self.step(name, Tick(self.now))

    @rule(name=NAMES, clean=st.booleans())
    def start(self, name: str, clean: bool) -> None:
        self.step(name, Started(self.now, self.halves[name].state.boot + 1, clean))

    @invariant()
    def nothing_is_acknowledged_that_the_peer_does_not_have(self) -> None:
        for name, half in self.halves.items():
            peer = self.halves[OTHER[name]].state
            for lane in LANES:
                out, into = half.state.out[lane], peer.into[lane]
                assert out.applied <= into.applied <= into.recv <= into.high <= out.last
                assert out.stored <= into.recv

    @invariant()
    def numbers_never_go_back(self) -> None:
        for name, half in self.halves.items():
            before = self.before.get(name)
            for lane in LANES if before else ():
                assert before is not None
                assert before.out[lane].last <= half.state.out[lane].last
                assert before.out[lane].applied <= half.state.out[lane].applied
                assert before.into[lane].recv <= half.state.into[lane].recv
            self.before[name] = half.state

    @invariant()
    def what_is_stored_is_exactly_what_the_numbers_say(self) -> None:
        for half in self.halves.values():
            for lane in LANES:
                into = half.state.into[lane]
                have = {seq for seq in range(1, into.high + 1) if into.has(seq)}
                assert have == {seq for name, seq in half.stored if name == lane}
                missing = {seq for first, last in into.missing() for seq in range(first, last + 1)}
                assert missing == set(range(1, into.high + 1)) - have
                assert bool(missing) <= (half.state.ask_due is not None)

    @invariant()
    def the_chain_is_that_of_the_sender(self) -> None:
        for name, half in self.halves.items():
            peer = self.halves[OTHER[name]]
            for lane in LANES:
                into = peer.state.into[lane]
                assert into.chain == half.chains[lane][into.applied]


Pair.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestPair = Pair.TestCase

SMALL = st.integers(0, 4)
RANGES = st.lists(st.tuples(SMALL, SMALL), max_size=3).map(tuple)
LANE_ACKS = st.builds(lane_ack, SMALL, SMALL, st.sampled_from([bytes(32), chain(bytes(32), digest(1))]), RANGES)
LIVES = st.sampled_from([FRESH.life, FRESH.peer_life, (0, b"earlier."), (2, b"later..."), (1, b"twin....")])
ACKS = st.builds(
    ack, st.dictionaries(st.sampled_from([*LANES, "x"]), LANE_ACKS, max_size=3), inc=LIVES, boot=SMALL, no=SMALL
)  # fmt: skip
HEADERS = st.builds(
    header, kind=st.sampled_from([*Kind, "FUTURE"]), inc=LIVES, boot=SMALL, lane=st.sampled_from([*LANES, "x"]),
    seq=SMALL | st.just(2**53 - 1), dig=SMALL.map(digest), ack=ACKS,
    high=st.dictionaries(st.sampled_from([*LANES, "x"]), SMALL | st.just(2**53 - 1)), credit_messages=SMALL,
)  # fmt: skip
CHAINS: st.SearchStrategy[Mapping[str, bytes]] = st.dictionaries(st.sampled_from(LANES), SMALL.map(digest))
HOSTILE = st.one_of(
    st.builds(Received, st.floats(0, 1e6), HEADERS, st.none() | SMALL.map(digest), CHAINS),
    st.builds(Numbered, st.sampled_from(LANES), SMALL.map(digest)),
    st.builds(Tick, st.floats(0, 1e6)),
    st.builds(Started, st.floats(0, 1e6), SMALL, st.booleans()),
    st.builds(Spoke, st.floats(0, 1e6), st.just(FRESH.into)),
    st.just(Stopped("a person")),
)


@given(st.lists(HOSTILE, max_size=25))
@settings(max_examples=300, deadline=None)
def test_whatever_a_peer_says_the_state_stays_sound_and_a_stop_is_for_ever(inputs: list[Any]) -> None:
    state = FRESH
    for one in inputs:
        before = state
        state, effects = step(state, one, IDENTITY, TIMING)
        stopped = [effect for effect in effects if isinstance(effect, Halt)]
        ended = (Phase.STOPPED, Phase.AWAITING)
        assert bool(stopped) == (before.phase is not state.phase and state.phase in ended)
        assert before.phase is not Phase.STOPPED or state.phase is Phase.STOPPED
