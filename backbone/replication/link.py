"""The state machine of one link: numbering, acknowledgement, gaps, repeats, incarnations (PROTOCOL 2.3).

Each direction of a link has three *lanes* (``c`` change sets, ``b`` attachments, ``k`` control); each lane is numbered
densely from 1 within one incarnation of its sender. The receiver stores a message (``recv``), applies it in
order (``applied``) and acknowledges the two apart. A repetition has the same number and digest and changes nothing.
The same number with another digest, an acknowledgement of something never sent, or a chain that does not fit,
means that one side's store was restored or copied: the link stops before it says anything more.

``step(state, input) -> (state, effects)`` on frozen values. The state holds numbers, never bodies. The
shell stores the state and what the effects say in one transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

from backbone.replication import limits
from backbone.replication.message import LANES, VERSION, Ack, Header, Kind, LaneAck, chain

Life: TypeAlias = tuple[int, bytes]
Range: TypeAlias = tuple[int, int]
START = bytes(32)


class Phase(StrEnum):
    """Whether we may speak. ``HOLD``: after an unclean start, until the peer has answered once."""

    RUNNING = "running"
    HOLD = "hold"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Identity:
    """What every header of the peer must say: this link, both nodes, both fingerprints, what was agreed."""

    link: str
    us: str
    peer: str
    our_fingerprint: str
    peer_fingerprint: str
    caps: bytes
    policy_hash: bytes
    suite: int = 1


@dataclass(frozen=True, slots=True)
class Timing:
    """What the channel makes of time, in seconds."""

    ack_delay: float
    ask_delay: float
    resend_floor: float


@dataclass(frozen=True, slots=True)
class Sending:
    """One lane outwards. ``stored`` and ``applied`` are what the peer has said."""

    last: int = 0
    chain: bytes = START
    stored: int = 0
    applied: int = 0


@dataclass(frozen=True, slots=True)
class Receiving:
    """One lane inwards. ``held`` are ranges stored above ``recv``; ``high`` is what the peer has numbered."""

    recv: int = 0
    held: tuple[Range, ...] = ()
    applied: int = 0
    chain: bytes = START
    high: int = 0

    def has(self, seq: int) -> bool:
        """Whether this number was stored."""
        return seq <= self.recv or any(first <= seq <= last for first, last in self.held)

    def missing(self) -> tuple[Range, ...]:
        """What the peer has numbered and we do not have, as ranges."""
        gaps: list[Range] = []
        nxt = self.recv + 1
        for first, last in (*self.held, (self.high + 1, self.high + 1)):
            if nxt < first:
                gaps.append((nxt, first - 1))
            nxt = max(nxt, last + 1)
        return tuple(gaps[: limits.ranges_max])


def _lanes_out() -> Mapping[str, Sending]:
    return dict.fromkeys(LANES, Sending())


def _lanes_in() -> Mapping[str, Receiving]:
    return dict.fromkeys(LANES, Receiving())


@dataclass(frozen=True, slots=True)
class LinkState:
    """All that one link knows of its two streams."""

    life: Life
    boot: int
    peer_life: Life
    peer_boot: int = 0
    phase: Phase = Phase.RUNNING
    reason: str = ""
    out: Mapping[str, Sending] = field(default_factory=_lanes_out)
    into: Mapping[str, Receiving] = field(default_factory=_lanes_in)
    ack_no: int = 0
    peer_ack_no: int = 0
    credit_messages: int = limits.window_messages
    credit_bytes: int = limits.window_bytes
    ack_due: float | None = None
    ask_due: float | None = None
    hello_due: float | None = None
    hold_until: float | None = None
    heard_at: float | None = None
    spoke_at: float | None = None


# Inputs


@dataclass(frozen=True, slots=True)
class Started:
    """The process began: ``clean`` when the one before it ended in order."""

    now: float
    boot: int
    clean: bool


@dataclass(frozen=True, slots=True)
class Numbered:
    """A message took the lane's next number; its digest is known."""

    lane: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """A message whose signature is the pinned key's. The shell looks up what the numbers alone do not tell.

    ``known`` is the digest under which this number was stored before; ``chains`` our own chain at what the peer says
    it has applied, per lane, where we still have it; ``ahead_bytes`` what its lane would keep unapplied, with this one.
    """

    now: float
    header: Header
    known: bytes | None = None
    chains: Mapping[str, bytes] = field(default_factory=dict)
    ahead_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Took:
    """The effects of the lane's next message are durable. ``prev`` and ``digest`` stand in its header."""

    now: float
    lane: str
    digest: bytes
    prev: bytes


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went by."""

    now: float


@dataclass(frozen=True, slots=True)
class Spoke:
    """A message left, and with it our acknowledgement, which told ``said``: where ``into`` stood when it was made."""

    now: float
    said: Mapping[str, Receiving]


@dataclass(frozen=True, slots=True)
class Stopped:
    """Something outside stops the link (the anchor, a person)."""

    reason: str


Input: TypeAlias = Started | Numbered | Received | Took | Tick | Spoke | Stopped

# Effects


@dataclass(frozen=True, slots=True)
class Store:
    """Keep the message that was received: it is new."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Nothing to keep: a repetition, or of an earlier life; ``reason`` for the log."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Not for us or not as agreed: quarantine it and tell the admin."""

    reason: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The peer has stored and applied up to these numbers."""

    lane: str
    stored: int
    applied: int


@dataclass(frozen=True, slots=True)
class Say:
    """Send an unnumbered message of this kind."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Halt:
    """The link stops in a clear state; nothing more is emitted before a person has seen to it."""

    reason: str


Effect: TypeAlias = Store | Drop | Refuse | Acknowledged | Say | Halt


def step(state: LinkState, given: Input, identity: Identity, timing: Timing) -> tuple[LinkState, tuple[Effect, ...]]:
    """One input. Raises nothing for anything a peer can send."""
    effects: tuple[Effect, ...] = ()
    match given:
        case Started():
            state = _start(state, given, timing)
        case Numbered():
            state = _number(state, given)
        case Received():
            state, effects = _receive(state, given, identity, timing)
        case Took():
            state, effects = _take(state, given, timing)
        case Tick():
            state, effects = _tick(state, given.now, timing)
        case Spoke():
            state = _speak(state, given, timing)
        case _:
            state, effects = _halt(state, given.reason)
    _check(state)
    return state, effects


def acknowledgement(state: LinkState) -> Ack:
    """What the next message says of what we have."""
    lanes = {
        lane: LaneAck(recv=r.recv, applied=r.applied, chain=r.chain, held=r.held[: limits.ranges_max])
        for lane, r in state.into.items()
    }
    return Ack(inc=state.peer_life, boot=state.peer_boot, no=state.ack_no + 1, lanes=lanes)


def foreign(header: Header, identity: Identity) -> str | None:
    """Why a well-signed message is not for this link, or ``None``: OpenPGP alone does not tell."""
    expected = {
        "link": (header.link, identity.link),
        "sender": (header.sender, identity.peer),
        "receiver": (header.receiver, identity.us),
        "signing key": (header.sfp, identity.peer_fingerprint),
        "receiving key": (header.rfp, identity.our_fingerprint),
        "protocol version": (header.v, VERSION),
        "suite": (header.suite, identity.suite),
        "negotiated agreement": (header.caps, identity.caps),
        "table of conflict policies": (header.pol, identity.policy_hash),
    }
    if header.sender == identity.us:
        return "the message is our own: do both sides write into one directory?"
    wrong = [what for what, (said, meant) in expected.items() if said != meant]
    return f"the message names another {wrong[0]}" if wrong else None


def _start(state: LinkState, given: Started, timing: Timing) -> LinkState:
    hold = state.phase is Phase.HOLD or (state.phase is Phase.RUNNING and not given.clean)
    return replace(
        state,
        boot=given.boot,
        phase=Phase.HOLD if hold else state.phase,
        hello_due=given.now if hold else None,
        hold_until=given.now + timing.resend_floor if hold else None,
        ack_due=given.now + timing.ack_delay,
    )


def _speak(state: LinkState, given: Spoke, timing: Timing) -> LinkState:
    """What came in while the message was sealed is still to be acknowledged."""
    told = given.said == state.into
    return replace(
        state,
        ack_due=None if told else given.now + timing.ack_delay,
        ack_no=state.ack_no + 1,
        spoke_at=given.now,
    )


def _number(state: LinkState, given: Numbered) -> LinkState:
    lane = state.out[given.lane]
    return _out(state, given.lane, replace(lane, last=lane.last + 1, chain=chain(lane.chain, given.digest)))


def _receive(
    state: LinkState, given: Received, identity: Identity, timing: Timing
) -> tuple[LinkState, tuple[Effect, ...]]:
    header = given.header
    reason = foreign(header, identity)
    if reason is not None:
        return state, (Refuse(reason),)
    if header.inc[0] < state.peer_life[0]:
        return state, (Drop("of an earlier life of the partner's store"),)
    if tuple(header.inc) != tuple(state.peer_life):
        return _halt(state, "the partner's store began a new life (it was restored or made anew)")
    state = replace(state, heard_at=given.now, peer_boot=max(state.peer_boot, header.boot))
    problem = _impossible(state, given)
    if problem is not None:
        return _halt(state, problem)
    state, effects = _acknowledge(state, header)
    state = _release(state, header)
    state = _raise_high(state, header, given.now, timing)
    more: tuple[Effect, ...]
    if header.kind == Kind.HELLO:
        state, more = replace(state, ack_due=given.now), ()
    elif header.kind == Kind.CHALLENGE:
        state, more = _halt(state, "the partner has seen one of our numbers with two contents: this store was copied")
    elif header.seq == 0:
        more = ()
    else:
        state, more = _store(state, given, timing)
    return state, effects + more


def _impossible(state: LinkState, given: Received) -> str | None:
    """What the peer says of our stream that cannot be, if our store is what it was."""
    ack = given.header.ack
    if ack.inc[0] > state.life[0]:
        return "the partner knows a later life of this store: it was restored from an older copy"
    if tuple(ack.inc) != tuple(state.life):
        return None
    for name, said in ack.lanes.items():
        lane = state.out.get(name)
        if lane is None or said.applied > said.recv:
            return "the partner acknowledges what cannot be"
        highest = max((last for _, last in said.held), default=said.recv)
        if max(highest, said.recv) > lane.last:
            return "the partner has more than this store ever sent: it was restored from an older copy"
        if given.chains.get(name, said.chain) != said.chain:
            return "the partner's history of our messages is another than ours: this store was restored or copied"
    return None


def _acknowledge(state: LinkState, header: Header) -> tuple[LinkState, tuple[Effect, ...]]:
    ack = header.ack
    if tuple(ack.inc) != tuple(state.life) or ack.no < state.peer_ack_no:
        return state, ()
    state = replace(state, peer_ack_no=ack.no, credit_messages=header.credit_messages, credit_bytes=header.credit_bytes)
    effects: list[Effect] = []
    for name, said in ack.lanes.items():
        lane = state.out[name]
        if said.recv > lane.stored or said.applied > lane.applied:
            lane = replace(lane, stored=max(said.recv, lane.stored), applied=max(said.applied, lane.applied))
            state = _out(state, name, lane)
            effects.append(Acknowledged(name, lane.stored, lane.applied))
    return state, tuple(effects)


def _release(state: LinkState, header: Header) -> LinkState:
    answered = tuple(header.ack.inc) == tuple(state.life) and header.ack.boot == state.boot
    if state.phase is Phase.HOLD and answered:
        return replace(state, phase=Phase.RUNNING, hello_due=None, hold_until=None)
    return state


def _raise_high(state: LinkState, header: Header, now: float, timing: Timing) -> LinkState:
    for name, high in header.high.items():
        lane = state.into.get(name)
        if lane is not None and high > lane.high:
            state = _into(state, name, replace(lane, high=high))
    return _watch_gaps(state, now, timing)


def _store(state: LinkState, given: Received, timing: Timing) -> tuple[LinkState, tuple[Effect, ...]]:
    header, now = given.header, given.now
    lane = state.into.get(header.lane)
    if lane is None:
        return state, (Refuse("the message names a lane that the protocol does not know"),)
    soon = now + timing.ack_delay
    state = replace(state, ack_due=soon if state.ack_due is None else min(state.ack_due, soon))
    if lane.has(header.seq):
        if given.known is not None and given.known != header.dig:
            state, effects = _halt(state, "the partner used one number for two contents: its store was copied")
            return state, (Say(Kind.CHALLENGE), *effects)
        return state, (Drop("a repetition"),)
    if _too_far(lane, header.seq, given.ahead_bytes):
        return state, (Drop("further ahead than the window allows: it is asked for again when there is room"),)
    state = _into(state, header.lane, _insert(replace(lane, high=max(lane.high, header.seq)), header.seq))
    return _watch_gaps(state, now, timing), (Store(),)


def _too_far(lane: Receiving, seq: int, ahead_bytes: int) -> bool:
    """Whether keeping this would be more than a peer can make us keep. What is applied next is always taken."""
    ahead = seq - lane.applied
    return ahead > limits.ahead_messages_max or (ahead > 1 and ahead_bytes > limits.ahead_bytes_max)


def _insert(lane: Receiving, seq: int) -> Receiving:
    """The lane with one more number stored."""
    ranges = sorted((*lane.held, (seq, seq)))
    joined: list[Range] = []
    for first, last in ranges:
        if joined and first == joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    recv = lane.recv
    if joined[0][0] == recv + 1:
        recv = joined.pop(0)[1]
    return replace(lane, recv=recv, held=tuple(joined))


def _watch_gaps(state: LinkState, now: float, timing: Timing) -> LinkState:
    gap = any(lane.missing() for lane in state.into.values())
    if not gap:
        return replace(state, ask_due=None)
    return state if state.ask_due is not None else replace(state, ask_due=now + timing.ask_delay)


def _take(state: LinkState, given: Took, timing: Timing) -> tuple[LinkState, tuple[Effect, ...]]:
    lane = state.into[given.lane]
    assert lane.applied < lane.recv, "only what is stored can be applied"
    if given.prev != lane.chain:
        return _halt(state, "the partner's messages do not form one history: its store was restored or copied")
    lane = replace(lane, applied=lane.applied + 1, chain=chain(lane.chain, given.digest))
    gathering = limits.ack_gathered if lane.applied < lane.recv else 1.0
    due = given.now + timing.ack_delay * gathering
    due = due if state.ack_due is None else min(state.ack_due, due)
    return replace(_into(state, given.lane, lane), ack_due=due), ()


def _tick(state: LinkState, now: float, timing: Timing) -> tuple[LinkState, tuple[Effect, ...]]:
    if state.phase is Phase.STOPPED:
        return state, ()
    effects: list[Effect] = []
    if state.hold_until is not None and now >= state.hold_until:
        state = replace(state, phase=Phase.RUNNING, hello_due=None, hold_until=None)
    if state.hello_due is not None and now >= state.hello_due:
        state = replace(state, hello_due=now + timing.resend_floor / 4)
        effects.append(Say(Kind.HELLO))
    if state.phase is Phase.HOLD:
        return state, tuple(effects)
    if state.ask_due is not None and now >= state.ask_due:
        state = replace(state, ask_due=now + timing.resend_floor * limits.asked_share)
        effects.append(Say(Kind.NACK))
    idle = state.spoke_at is not None and now >= state.spoke_at + limits.heartbeat_seconds
    if idle or (state.ack_due is not None and now >= state.ack_due):
        effects.append(Say(Kind.ACK))
    return state, tuple(effects)


def _halt(state: LinkState, reason: str) -> tuple[LinkState, tuple[Effect, ...]]:
    if state.phase is Phase.STOPPED:
        return state, ()
    return replace(state, phase=Phase.STOPPED, reason=reason, ack_due=None, ask_due=None), (Halt(reason),)


def _out(state: LinkState, name: str, lane: Sending) -> LinkState:
    return replace(state, out={**state.out, name: lane})


def _into(state: LinkState, name: str, lane: Receiving) -> LinkState:
    return replace(state, into={**state.into, name: lane})


def _check(state: LinkState) -> None:
    for out in state.out.values():
        assert out.applied <= out.stored <= out.last, "the peer cannot have more than was numbered"
    for into in state.into.values():
        assert into.applied <= into.recv <= into.high, "applied <= stored <= numbered"
        assert all(first > into.recv + 1 for first, _ in into.held), "held ranges lie beyond a gap"
