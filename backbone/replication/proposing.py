"""How a proposed agreement comes into effect: the state machine of both halves, without any body.

The master proposes; the slave's admin accepts or refuses; the master, having heard it, *turns*: from one number of its
change sets on it writes by the new agreement, and says so in that place. The slave turns where it meets that message,
and says so in the same way. So each direction has one number: what is below it was written by the old agreement and is
read by it, whenever it comes; between its own number and the slave's, the master writes by one and reads by the other.

``step(state, input) -> (state, effects)`` on frozen values. A partner can propose and answer; it can put nothing into
effect that our admin has not proposed or accepted: that raises ``PeerError``, and nothing is changed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeAlias

from backbone.errors import PeerError, UsageError
from backbone.replication import limits
from backbone.replication.merge import Side


class Stage(StrEnum):
    """How far a proposal has come."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    TURNING = "turning"
    """Of the master: what we write is by it, what the partner writes not yet."""
    IN_EFFECT = "in effect"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    """By a later proposal, before it took effect; or, having been in effect, by the next agreement."""
    GIVEN_UP = "given up"
    """By our admin, after a restore at the partner's or here: the partner works by an earlier one."""
    TOLD = "told"
    """By a partner, to a store that was put back and does not remember it: until our admin says that it is so."""


@dataclass(frozen=True, slots=True)
class Named:
    """One version of the agreement."""

    version: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Talks:
    """Where both stand. ``present`` is what we write by; ``proposed`` is open, ``accepted`` once the slave said so."""

    side: Side
    present: Named
    last: int
    """The highest version ever proposed on this link."""
    proposed: Named | None = None
    accepted: bool = False
    turning: bool = False
    """The partner's number is not known yet: it still writes by the agreement before ``present``."""


# Inputs


@dataclass(frozen=True, slots=True)
class Proposes:
    """Our admin proposes (we are the master). ``same``: with the very words of what is proposed already."""

    digest: bytes
    same: bool = False


@dataclass(frozen=True, slots=True)
class Withdraws:
    """Our admin takes the proposal back."""


@dataclass(frozen=True, slots=True)
class Hears:
    """The master's proposal came (we are the slave)."""

    named: Named
    base: bytes


@dataclass(frozen=True, slots=True)
class HearsWithdrawn:
    """The master took a proposal back."""

    version: int


@dataclass(frozen=True, slots=True)
class Decides:
    """Our admin accepts or refuses (we are the slave) what they have seen."""

    named: Named
    accepts: bool


@dataclass(frozen=True, slots=True)
class HearsAnswer:
    """The slave's answer came (we are the master)."""

    named: Named
    accepts: bool


@dataclass(frozen=True, slots=True)
class Turns:
    """It is our turn to say at which number it takes effect (we are the master)."""


@dataclass(frozen=True, slots=True)
class Meets:
    """The partner's number is reached: it wrote by this agreement behind it."""

    named: Named


@dataclass(frozen=True, slots=True)
class BeginsAnew:
    """One of the two stores was put back: of what is not in effect yet, either side may have forgotten any word."""


Input: TypeAlias = Proposes | Withdraws | Hears | HearsWithdrawn | Decides | HearsAnswer | Turns | Meets | BeginsAnew

# Effects


@dataclass(frozen=True, slots=True)
class Tell:
    """Say this version (again) to the partner: a proposal, a withdrawal, an answer, or our number, by ``what``."""

    what: str
    named: Named
    accepts: bool = False


@dataclass(frozen=True, slots=True)
class Became:
    """The row of this version is at that stage now."""

    named: Named
    stage: Stage


@dataclass(frozen=True, slots=True)
class Settled:
    """Both directions are by this agreement: what no longer belongs to it can go, what is new in it is said."""

    named: Named


@dataclass(frozen=True, slots=True)
class Forget:
    """Whatever was proposed after this version, and is not in effect, was never said."""

    version: int


Effect: TypeAlias = Tell | Became | Settled | Forget
PROPOSAL, WITHDRAWAL, ANSWER, NUMBER = "proposal", "withdrawal", "answer", "number"


def step(talks: Talks, given: Input) -> tuple[Talks, tuple[Effect, ...]]:
    """One input. Raises ``UsageError`` for what our admin cannot do now, ``PeerError`` for what the partner cannot."""
    return _STEPS[type(given)](talks, given)


def _propose(talks: Talks, given: Proposes) -> tuple[Talks, tuple[Effect, ...]]:
    _only(talks, Side.MASTER, "only the master of a link proposes another agreement: ask the partner's admin to do it")
    if talks.turning or talks.accepted:
        raise UsageError("the change before this one is not in effect on both sides yet: see backbone status, and wait")
    if talks.proposed is not None and given.same:
        return talks, (Tell(PROPOSAL, talks.proposed),)
    if talks.last >= limits.agreement_versions_max:
        raise UsageError("this link's agreement was changed too often: make a new link")
    before = _superseded(talks)
    named = Named(talks.last + 1, given.digest)
    talks = replace(talks, proposed=named, last=named.version)
    return talks, (*before, Became(named, Stage.PROPOSED), Tell(PROPOSAL, named))


def _withdraw(talks: Talks, _: Withdraws) -> tuple[Talks, tuple[Effect, ...]]:
    _only(talks, Side.MASTER, "only the master of a link can take a proposal back: refuse it instead")
    if talks.proposed is None or talks.accepted:
        raise UsageError("nothing is proposed that could be taken back")
    named = talks.proposed
    talks = replace(talks, proposed=None)
    return talks, (Became(named, Stage.WITHDRAWN), Tell(WITHDRAWAL, named))


def _hear(talks: Talks, given: Hears) -> tuple[Talks, tuple[Effect, ...]]:
    if talks.side is not Side.SLAVE:
        raise PeerError("the partner proposes another agreement, which only the master of a link may do")
    if talks.proposed == given.named:
        return talks, (Tell(ANSWER, given.named, accepts=True),) if talks.accepted else ()
    if given.named == talks.present:
        return talks, ()  # repeated, and overtaken by the message with which the master went over to it
    if talks.proposed is None and given.named.version == talks.last > talks.present.version:
        return talks, ()  # repeated while our refusal was on its way, or withdrawn since
    if given.base != talks.present.digest:
        raise PeerError("the partner proposes a change of another agreement than the one that is in effect here")
    if given.named.version <= talks.last:
        raise PeerError(f"the partner proposes version {given.named.version} of the agreement a second time")
    before = _superseded(talks)
    talks = replace(talks, proposed=given.named, accepted=False, last=given.named.version)
    return talks, (*before, Became(given.named, Stage.PROPOSED))


def _hear_withdrawn(talks: Talks, given: HearsWithdrawn) -> tuple[Talks, tuple[Effect, ...]]:
    if talks.side is not Side.SLAVE:
        raise PeerError("the partner takes back what it never proposed")
    if talks.proposed is None or talks.proposed.version != given.version:
        return talks, ()
    named = talks.proposed
    return replace(talks, proposed=None, accepted=False), (Became(named, Stage.WITHDRAWN),)


def _decide(talks: Talks, given: Decides) -> tuple[Talks, tuple[Effect, ...]]:
    _only(talks, Side.SLAVE, "this node is the master of the link: its own proposals are the partner's to answer")
    if talks.proposed != given.named:
        raise UsageError("the partner has taken this proposal back or changed it: look at it again")
    if talks.accepted:
        raise UsageError("this proposal is accepted already, and takes effect as soon as the partner has heard it")
    stage = Stage.ACCEPTED if given.accepts else Stage.REFUSED
    talks = replace(talks, proposed=given.named if given.accepts else None, accepted=given.accepts)
    return talks, (Became(given.named, stage), Tell(ANSWER, given.named, given.accepts))


def _hear_answer(talks: Talks, given: HearsAnswer) -> tuple[Talks, tuple[Effect, ...]]:
    """An answer to what was withdrawn or superseded meanwhile is worth nothing, and so is a repeated one."""
    if talks.side is not Side.MASTER or given.named.version > talks.last:
        raise PeerError("the partner answers a proposal that was never made")
    if talks.proposed is None or talks.proposed.version != given.named.version or talks.accepted:
        return talks, ()
    if talks.proposed != given.named:
        raise PeerError("the partner answers other words than those that were proposed")
    stage = Stage.ACCEPTED if given.accepts else Stage.REFUSED
    talks = replace(talks, proposed=given.named if given.accepts else None, accepted=given.accepts)
    return talks, (Became(given.named, stage),)


def _turn(talks: Talks, _: Turns) -> tuple[Talks, tuple[Effect, ...]]:
    named = talks.proposed
    assert talks.accepted, "nobody has accepted anything"
    assert named is not None, "what was accepted was proposed"
    before = Became(talks.present, Stage.SUPERSEDED)
    talks = replace(talks, present=named, proposed=None, accepted=False, turning=True)
    return talks, (before, Became(named, Stage.TURNING), Tell(NUMBER, named))


def _meet(talks: Talks, given: Meets) -> tuple[Talks, tuple[Effect, ...]]:
    if talks.side is Side.MASTER:
        if not talks.turning or talks.present != given.named:
            raise PeerError("the partner went over to an agreement that we did not propose, or not now")
        return replace(talks, turning=False), (Became(given.named, Stage.IN_EFFECT), Settled(given.named))
    if not talks.accepted or talks.proposed != given.named:
        raise PeerError("the partner went over to an agreement that was not accepted here")
    before = Became(talks.present, Stage.SUPERSEDED)
    talks = replace(talks, present=given.named, proposed=None, accepted=False)
    return talks, (before, Became(given.named, Stage.IN_EFFECT), Tell(NUMBER, given.named), Settled(given.named))


def _begin_anew(talks: Talks, _: BeginsAnew) -> tuple[Talks, tuple[Effect, ...]]:
    """The master alone remembers what is proposed, says it again, and wants an answer again."""
    if talks.side is Side.SLAVE:
        talks = replace(talks, proposed=None, accepted=False, last=talks.present.version)
        return talks, (Forget(talks.present.version),)
    if talks.proposed is None:
        return talks, ()
    became = (Became(talks.proposed, Stage.PROPOSED),) if talks.accepted else ()
    return replace(talks, accepted=False), (*became, Tell(PROPOSAL, talks.proposed))


def _superseded(talks: Talks) -> tuple[Effect, ...]:
    return () if talks.proposed is None else (Became(talks.proposed, Stage.SUPERSEDED),)


def _only(talks: Talks, side: Side, otherwise: str) -> None:
    if talks.side is not side:
        raise UsageError(otherwise)


_STEPS: Mapping[type[Any], Callable[[Talks, Any], tuple[Talks, tuple[Effect, ...]]]] = {
    Proposes: _propose,
    Withdraws: _withdraw,
    Hears: _hear,
    HearsWithdrawn: _hear_withdrawn,
    Decides: _decide,
    HearsAnswer: _hear_answer,
    Turns: _turn,
    Meets: _meet,
    BeginsAnew: _begin_anew,
}

__all__ = [
    "ANSWER", "NUMBER", "PROPOSAL", "WITHDRAWAL", "Became", "BeginsAnew", "Decides", "Effect", "Forget", "Hears",
    "HearsAnswer", "HearsWithdrawn", "Input", "Meets", "Named", "Proposes", "Settled", "Stage", "Talks", "Tell",
    "Turns", "Withdraws", "step",
]  # fmt: skip
