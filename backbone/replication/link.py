"""The state machine of one link: numbering, acknowledgement, gaps, repeats, incarnations (PROTOCOL 2.3).

Each direction of a link has three *lanes* (``c`` change sets, ``b`` attachments, ``k`` control); each lane is numbered
densely from 1 within one incarnation of its sender. The receiver stores a message (``recv``), applies it in
order (``applied``) and acknowledges the two apart. A repetition has the same number and digest and changes nothing.
The same number with another digest, an acknowledgement of something never sent, or a chain that does not fit,
means that one side's store was restored or copied: that side begins a new *life*, says nothing but that it was
restored, and goes on when the peer has told its whole state (PROTOCOL 2.7, ``resync``).

``step(state, input) -> (state, effects)`` on frozen values, which hold numbers, never bodies; the shell stores them.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from backbone.replication import limits
from backbone.replication.link_events import (
    Acknowledged,
    Answering,
    Drop,
    Effect,
    Halt,
    Healed,
    HeardAll,
    Input,
    Joined,
    Numbered,
    Reborn,
    Received,
    Refuse,
    Say,
    Spoke,
    Started,
    Stopped,
    Store,
    Telling,
    Tick,
    Took,
)
from backbone.replication.link_state import (
    START,
    Identity,
    Jump,
    Life,
    LinkState,
    Phase,
    Range,
    Receiving,
    Sending,
    Timing,
    Welcome,
    acknowledgement,
    check,
    foreign,
    fresh_lanes,
    orders_alike,
)
from backbone.replication.message import Header, Kind, chain

_TIMES = (
    "heard_at", "spoke_at", "ack_due", "ask_due", "hello_due", "hold_until", "challenge_due", "welcome_due",
)  # fmt: skip


def step(state: LinkState, given: Input, identity: Identity, timing: Timing) -> tuple[LinkState, tuple[Effect, ...]]:
    """One input. Raises nothing for anything a peer can send."""
    effects: tuple[Effect, ...] = ()
    if isinstance(given, Started | Received | Took | Tick | Spoke):
        state = _on_the_clock(state, given.now, timing)
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
        case Stopped():
            state, effects = _halt(state, given.reason)
        case _:
            state = _resync(state, given)
    check(state)
    return state, effects


def _start(state: LinkState, given: Started, timing: Timing) -> LinkState:
    hold = state.phase is Phase.HOLD or (state.phase is Phase.RUNNING and not given.clean)
    return replace(
        state,
        boot=given.boot,
        phase=Phase.HOLD if hold else state.phase,
        hello_due=given.now if hold or state.phase is Phase.RESTORED else None,
        hold_until=given.now + timing.resend_floor if hold else None,
        ack_due=given.now + timing.ack_delay,
    )


def _speak(state: LinkState, given: Spoke, timing: Timing) -> LinkState:
    """What came in while the message was sealed is still to be acknowledged."""
    told = given.said == state.into
    return replace(
        state,
        ack_due=None if told else given.now + _ack_delay(timing, state.into.values()),
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
    if not orders_alike(header, identity):
        return state, (Drop(_UNREVIEWED) if state.phase is Phase.STOPPED else Refuse(_OTHER_POLICIES),)
    if header.inc[0] > state.peer_life[0]:
        return _later_life(state, given, timing)
    if tuple(header.inc) != tuple(state.peer_life):
        return _other_life(state, given)
    return _present_life(replace(state, heard_at=given.now, peer_boot=max(state.peer_boot, header.boot)), given, timing)


def _present_life(state: LinkState, given: Received, timing: Timing) -> tuple[LinkState, tuple[Effect, ...]]:
    header = given.header
    if state.phase is Phase.RESTORED:
        return _while_restored(state, given, timing)
    if state.phase is Phase.AWAITING:
        return state, (Drop("the partner's store is an old copy"),)
    problem = _impossible(state, header)
    if problem is not None:
        return _halt(_fence(state, header), problem)
    problem = _outdated(state, given)
    if problem is not None:
        return (state, (Drop(problem),)) if state.phase is Phase.STOPPED else _renew(state, given, problem)
    state, effects = _acknowledge(state, header)
    state = _release(state, header)
    state = _raise_high(state, header, given.now, timing)
    state, more = _by_kind(state, given, timing)
    return state, effects + more


def _by_kind(state: LinkState, given: Received, timing: Timing) -> tuple[LinkState, tuple[Effect, ...]]:
    header = given.header
    match header.kind:
        case Kind.HELLO:
            return replace(state, ack_due=given.now), ()
        case Kind.CHALLENGE:
            return _halt(state, _COPIED) if tuple(header.ack.inc) == tuple(state.life) else (state, ())
        case Kind.RESTORED:
            return _asked(state, given), ()
    return _store(state, given, timing) if header.seq else (state, ())


def _other_life(state: LinkState, given: Received) -> tuple[LinkState, tuple[Effect, ...]]:
    """An earlier life, or a second copy that chose the same counter: it hears from us which one we know."""
    if given.header.kind in (Kind.HELLO, Kind.RESTORED) and state.phase in (Phase.RUNNING, Phase.JOINING):
        state = replace(state, ack_due=given.now)
    return state, (Drop("of another life of the partner's store than the one we know"),)


def _later_life(state: LinkState, given: Received, timing: Timing) -> tuple[LinkState, tuple[Effect, ...]]:
    """The peer's store began a new life. If it does not ask for our state, it was told it, and we have forgotten."""
    if state.phase is Phase.RESTORED and given.header.kind != Kind.RESTORED:
        return _while_restored(state, given, timing)
    first = (Drop("the first words of a new life of the partner's store"),)
    if state.phase is Phase.STOPPED:
        return state, first
    if given.header.kind == Kind.RESTORED:
        return _asked_anew(state, given, first)
    if state.peer_next is not None or state.phase is Phase.JOINING:
        return state, first
    return _renew(state, given, _FORGOT)


def _asked_anew(state: LinkState, given: Received, first: tuple[Drop]) -> tuple[LinkState, tuple[Effect, ...]]:
    """A later life of the peer asks for our state. Of two that began alike, as a copy was put back twice, that one is
    answered which asked last; the other one hears of it.
    """
    life, known = given.header.inc, state.peer_next
    if known is not None and (life[0] < known[0] or (tuple(life) == tuple(known) and state.phase.works)):
        return state, first
    state = replace(state, heard_at=given.now, peer_next=life)
    if state.phase is not Phase.AWAITING:
        return state, first
    state = replace(state, phase=Phase.RUNNING, reason="", ack_due=given.now, challenge_due=None, challenges=0)
    return state, (*first, Healed())


def _while_restored(state: LinkState, given: Received, timing: Timing) -> tuple[LinkState, tuple[Effect, ...]]:
    """Only the answer to this life counts, and what the peer itself asks for."""
    header, welcome = given.header, given.welcome
    if header.kind == Kind.RESTORED:
        return _asked(state, given), ()
    if _fenced(state, header):
        return _halt(_fence(state, header), _FENCED)
    if header.kind in (Kind.PROBE, Kind.ECHO):
        return state, ()  # of a new handshake: nothing is numbered before it is through
    if welcome is None or tuple(welcome.life) != tuple(state.life) or welcome.lanes.keys() != state.into.keys():
        return state, (Drop("not the answer that this life waits for"),)
    into = {
        name: Receiving(seq, (), seq, link, max(seq, header.high.get(name, 0)))
        for name, (seq, link) in welcome.lanes.items()
    }
    state = replace(
        state, phase=Phase.JOINING, into=into, peer_life=header.inc, hello_due=None, ack_due=given.now, heard_all=False
    )
    return _watch_gaps(state, given.now, timing), ()


def _asked(state: LinkState, given: Received) -> LinkState:
    """The peer's life that we know asks for our state: where it begins is said again, and nothing told twice."""
    if state.welcomed is not None and tuple(state.welcomed) == tuple(given.header.inc):
        return replace(state, welcome_due=given.now)
    return replace(state, peer_next=given.header.inc)


def reborn(state: LinkState, life: Life, reason: str, now: float) -> LinkState:
    """The first state of a new life: nothing was said in it, and of the peer's stream nothing is known."""
    assert life[0] > state.life[0], "a life is used once"
    return LinkState(
        life=life, boot=state.boot, peer_life=state.peer_life, peer_boot=state.peer_boot, phase=Phase.RESTORED,
        reason=reason, hello_due=now, heard_at=state.heard_at, spoke_at=state.spoke_at,
    )  # fmt: skip


def _renew(state: LinkState, given: Received, reason: str) -> tuple[LinkState, tuple[Effect, ...]]:
    return reborn(state, (state.life[0] + 1, given.random), reason, given.now), (Reborn(reason),)


def _resync(state: LinkState, given: Answering | Telling | HeardAll | Joined) -> LinkState:
    match given:
        case Answering():
            return _answer(state, given.now)
        case Telling():
            return replace(state, telling=given.issue, told=state.out["c"].last)
        case HeardAll():
            return replace(state, heard_all=True)
    return replace(state, phase=Phase.RUNNING, reason="", heard_all=False, ack_due=given.now)


def _answer(state: LinkState, now: float) -> LinkState:
    """All that was said before is part of our state. Half a state of a peer that began anew is worth nothing."""
    life = state.peer_next
    assert life is not None, "nobody asked"
    if tuple(life) != tuple(state.peer_life):
        again = state.phase is Phase.JOINING
        state = replace(
            state, peer_life=life, peer_boot=0, into=fresh_lanes(), heard_all=False, ask_due=None,
            phase=Phase.RESTORED if again else state.phase, hello_due=now if again else state.hello_due,
        )  # fmt: skip
    out = {name: replace(lane, stored=lane.last, applied=lane.last) for name, lane in state.out.items()}
    jump = {name: (lane.last, lane.chain) for name, lane in state.out.items()}
    return replace(
        state, peer_next=None, welcomed=life, jump=jump, out=out, telling="", told=0, peer_ack_no=0, welcome_due=now
    )


def _fenced(state: LinkState, header: Header) -> bool:
    """Whether the peer knows a later life of ours, or another with the same counter: then that copy lives."""
    ours, said = state.life, header.ack.inc
    return said[0] > ours[0] or (said[0] == ours[0] and tuple(said) != tuple(ours))


def _fence(state: LinkState, header: Header) -> LinkState:
    """Remember above which counter a new life of this copy would have to begin."""
    named = header.ack.inc[0]
    return replace(state, later=max(state.later, named)) if named <= state.life[0] + limits.lives_ahead_max else state


def _impossible(state: LinkState, header: Header) -> str | None:
    """What the peer says of our stream that cannot be, whatever became of our store."""
    ack = header.ack
    if ack.inc[0] > state.life[0] + limits.lives_ahead_max:
        return "the partner acknowledges what cannot be"
    if _fenced(state, header):
        return _FENCED
    wrong = any(name not in state.out or said.applied > said.recv for name, said in ack.lanes.items())
    return "the partner acknowledges what cannot be" if wrong and tuple(ack.inc) == tuple(state.life) else None


def _outdated(state: LinkState, given: Received) -> str | None:
    """What the peer says of our stream that cannot be, if our store is what it was."""
    ack = given.header.ack
    if tuple(ack.inc) != tuple(state.life):
        return None
    for name, said in ack.lanes.items():
        highest = max((last for _, last in said.held), default=said.recv)
        if max(highest, said.recv) > state.out[name].last:
            return "the partner has more than this store ever sent: it was restored from an older copy"
        if given.chains.get(name, said.chain) != said.chain:
            return "the partner's history of our messages is another than ours: this store was restored or copied"
    if any(name in state.out and last > state.out[name].last for name, last in given.asked.items()):
        return "the partner asks for what this store never sent: it was restored from an older copy"
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
    if header.kind != Kind.RECEIPTS:  # which is acknowledged along with something else: nobody waits for that
        soon = now + (timing.ack_delay if lane.has(header.seq) else _ack_delay(timing, [lane]))
        state = replace(state, ack_due=soon if state.ack_due is None else min(state.ack_due, soon))
    if lane.has(header.seq):
        if given.known is not None and given.known != header.dig:
            return _await(state, "the partner used one number for two contents: its store was copied", now)
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
    if given.prev != lane.chain and state.peer_next is not None:
        # Of the life before, this and what came behind it is no use: the later one says all that its tracker shows.
        return _into(state, given.lane, replace(lane, recv=lane.applied, held=())), (Drop(_NO_HISTORY),)
    if given.prev != lane.chain:
        return _await(state, _NO_HISTORY, given.now)
    lane = replace(lane, applied=lane.applied + 1, chain=chain(lane.chain, given.digest))
    if given.unhurried:
        return _into(state, given.lane, lane), ()
    due = given.now + _ack_delay(timing, [lane])
    due = due if state.ack_due is None else min(state.ack_due, due)
    return replace(_into(state, given.lane, lane), ack_due=due), ()


def _ack_delay(timing: Timing, lanes: Iterable[Receiving]) -> float:
    """Until the next acknowledgement: while messages wait to be applied it may gather, as long as nothing is sent again
    for want of it.
    """
    if all(lane.applied == lane.recv for lane in lanes):
        return timing.ack_delay
    gathered = max(timing.ack_delay * limits.ack_gathered, limits.ack_gathered_seconds)
    return max(timing.ack_delay, min(gathered, timing.resend_floor * limits.ack_gathered_share))


def _tick(state: LinkState, now: float, timing: Timing) -> tuple[LinkState, tuple[Effect, ...]]:
    if state.phase in (Phase.STOPPED, Phase.AWAITING):
        return _challenge(state, now, timing)
    effects: list[Effect] = []
    if state.hold_until is not None and now >= state.hold_until:
        state = replace(state, phase=Phase.RUNNING, hello_due=None, hold_until=None)
    if state.hello_due is not None and now >= state.hello_due:
        state = replace(state, hello_due=now + timing.resend_floor / 4)
        effects.append(Say(Kind.RESTORED if state.phase is Phase.RESTORED else Kind.HELLO))
    if state.welcome_due is not None and now >= state.welcome_due:
        state = replace(state, welcome_due=None)
        effects.append(Say(Kind.WELCOME))
    if state.phase in (Phase.HOLD, Phase.RESTORED):
        return state, tuple(effects)
    if state.ask_due is not None and now >= state.ask_due:
        state = replace(state, ask_due=now + timing.resend_floor * limits.asked_share)
        effects.append(Say(Kind.NACK))
    idle = state.spoke_at is not None and now >= state.spoke_at + limits.heartbeat_seconds
    if idle or (state.ack_due is not None and now >= state.ack_due):
        effects.append(Say(Kind.ACK))
    return state, tuple(effects)


def _on_the_clock(state: LinkState, now: float, timing: Timing) -> LinkState:
    """Where the clock was set back, nothing waits until it is the old time again: what was to come is due now.

    Two who look at the clock one after the other may come here in the other order: that is no step back.
    """
    was = [at for at in (state.heard_at, state.spoke_at) if at is not None]
    was += [] if state.hold_until is None else [state.hold_until - timing.resend_floor]
    was += [] if state.hello_due is None else [state.hello_due - timing.resend_floor / 4]
    if max(was, default=now) <= now + limits.clock_slack_seconds:
        return state
    ahead: dict[str, Any] = {name: now for name in _TIMES if (at := getattr(state, name)) is not None and at > now}
    return replace(state, **ahead)


def _challenge(state: LinkState, now: float, timing: Timing) -> tuple[LinkState, tuple[Effect, ...]]:
    """The only word of a link that stopped because of its partner: any channel may lose it."""
    if state.challenge_due is None or now < state.challenge_due:
        return state, ()
    said = state.challenges + 1
    wait = timing.resend_floor * limits.challenge_growth**state.challenges
    due = now + wait if said < limits.challenges_max else None
    return replace(state, challenges=said, challenge_due=due), (Say(Kind.CHALLENGE),)


def _halt(state: LinkState, reason: str, phase: Phase = Phase.STOPPED) -> tuple[LinkState, tuple[Effect, ...]]:
    if state.phase is Phase.STOPPED:
        return state, ()
    return replace(state, phase=phase, reason=reason, ack_due=None, ask_due=None), (Halt(reason),)


def _await(state: LinkState, reason: str, now: float) -> tuple[LinkState, tuple[Effect, ...]]:
    """Until the partner's store comes in a later life, it is challenged: a few times, however often it errs."""
    state, effects = _halt(state, reason, Phase.AWAITING)
    return replace(state, challenge_due=now if state.challenges == 0 else state.challenge_due), effects


_COPIED = (
    "the partner has seen one of our numbers with two contents: this store was copied, and two copies run; stop one of "
    "them, and say on the other, which shall live: backbone resync"
)
_FENCED = (
    "the partner knows a later life of this store: another copy was restored and lives; stop this one, or, if it is "
    "the one that shall live: backbone resync"
)
_NO_HISTORY = "the partner's messages do not form one history: its store was restored or copied"
_OTHER_POLICIES = "the message names another table of conflict policies"
_UNREVIEWED = "the link is stopped: what it was is said again when the agreement was looked at"
_FORGOT = "the partner's store is in a later life than this store remembers: it was restored from an older copy"


def _out(state: LinkState, name: str, lane: Sending) -> LinkState:
    return replace(state, out={**state.out, name: lane})


def _into(state: LinkState, name: str, lane: Receiving) -> LinkState:
    return replace(state, into={**state.into, name: lane})


__all__ = [
    "START", "Acknowledged", "Answering", "Drop", "Effect", "Halt", "Healed", "HeardAll", "Identity", "Input", "Joined",
    "Jump", "Life", "LinkState", "Numbered", "Phase", "Range", "Reborn", "Received", "Receiving", "Refuse", "Say",
    "Sending", "Spoke", "Started", "Stopped", "Store", "Telling", "Tick", "Timing", "Took", "Welcome",
    "acknowledgement", "foreign", "reborn", "step",
]  # fmt: skip
