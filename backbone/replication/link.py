"""The state machine of one link: numbering, acknowledgement, gaps, repeats, incarnations (PROTOCOL 2.3).

Each direction of a link has three *lanes* (``c`` change sets, ``b`` attachments, ``k`` control); each lane is numbered
densely from 1 within one incarnation of its sender. The receiver stores a message (``recv``), applies it in
order (``applied``) and acknowledges the two apart. A repetition has the same number and digest and changes nothing.
The same number with another digest, an acknowledgement of something never sent, or a chain that does not fit,
means that one side's store was restored or copied: the link stops before it says anything more.

``step(state, input) -> (state, effects)`` on frozen values. The state holds numbers, never bodies. The
shell stores the state and what the effects say in one transaction.
"""

from dataclasses import replace

from backbone.replication import limits
from backbone.replication.link_events import (
    Acknowledged,
    Drop,
    Effect,
    Halt,
    Input,
    Numbered,
    Received,
    Refuse,
    Say,
    Spoke,
    Started,
    Stopped,
    Store,
    Tick,
    Took,
)
from backbone.replication.link_state import (
    START,
    Identity,
    Life,
    LinkState,
    Phase,
    Range,
    Receiving,
    Sending,
    Timing,
    acknowledgement,
    check,
    foreign,
)
from backbone.replication.message import Header, Kind, chain


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
    check(state)
    return state, effects


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
    elif header.kind == Kind.CHALLENGE and tuple(header.ack.inc) == tuple(state.life):
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
            due = now if state.challenges == 0 else state.challenge_due
            return replace(state, challenge_due=due), effects
        return state, (Drop("a repetition"),)
    if lane.too_far(header.seq, given.ahead_bytes):
        return state, (Drop("further ahead than the window allows: it is asked for again when there is room"),)
    state = _into(state, header.lane, lane.storing(header.seq))
    return _watch_gaps(state, now, timing), (Store(),)


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
        return _challenge(state, now, timing)
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


def _challenge(state: LinkState, now: float, timing: Timing) -> tuple[LinkState, tuple[Effect, ...]]:
    """The only word of a link that stopped because of its partner: any channel may lose it."""
    if state.challenge_due is None or now < state.challenge_due:
        return state, ()
    said = state.challenges + 1
    wait = timing.resend_floor * limits.challenge_growth**state.challenges
    due = now + wait if said < limits.challenges_max else None
    return replace(state, challenges=said, challenge_due=due), (Say(Kind.CHALLENGE),)


def _halt(state: LinkState, reason: str) -> tuple[LinkState, tuple[Effect, ...]]:
    if state.phase is Phase.STOPPED:
        return state, ()
    return replace(state, phase=Phase.STOPPED, reason=reason, ack_due=None, ask_due=None), (Halt(reason),)


def _out(state: LinkState, name: str, lane: Sending) -> LinkState:
    return replace(state, out={**state.out, name: lane})


def _into(state: LinkState, name: str, lane: Receiving) -> LinkState:
    return replace(state, into={**state.into, name: lane})


__all__ = [
    "START", "Acknowledged", "Drop", "Effect", "Halt", "Identity", "Input", "Life", "LinkState", "Numbered", "Phase",
    "Range", "Received", "Receiving", "Refuse", "Say", "Sending", "Spoke", "Started", "Stopped", "Store", "Tick",
    "Timing", "Took", "acknowledgement", "foreign", "step",
]  # fmt: skip
