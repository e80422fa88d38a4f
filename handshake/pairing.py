"""The life of a link as a table: which input is possible in which stage, and what it leads to.

``step`` is pure: it reads no clock and no file. The caller stores the new state and the effects in one transaction,
then carries the effects out; each may be carried out again after a crash. An input that does not stand in the
table is the caller's error. Repeats stand in it and change nothing: what was lost is asked for again by
repeating one's own step, and answered by repeating the answer.

One table serves both roles: a master waits in ``offered`` for an acceptance, a slave for the confirmation.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from handshake import events as e
from handshake.errors import ImpossibleTransition
from handshake.events import HANDSHAKE, Effect, Input, Pairing, Role, Stage

Result: TypeAlias = tuple[Pairing, tuple[Effect, ...]]

_MASTER, _SLAVE, _BOTH = (Role.MASTER,), (Role.SLAVE,), (Role.MASTER, Role.SLAVE)


class Row(NamedTuple):
    """In these stages this input follows this rule and leads to one of the targets; none: the stage stays."""

    roles: tuple[Role, ...]
    stages: str
    input: type[Input]
    rule: Callable[[Pairing, Any], Result]
    targets: str = ""


def step(pairing: Pairing, event: Input) -> Result:
    """The next state, and the effects in their order. Raises ``ImpossibleTransition``."""
    row = TABLE.get((pairing.role, pairing.stage, type(event)))
    if row is None:
        raise ImpossibleTransition(
            f"a link that is {pairing.stage} at its {pairing.role} cannot take {type(event).__name__}"
        )
    after, effects = row.rule(pairing, event)
    assert after.stage in (row.targets or pairing.stage).split(), "a rule leaves the table"
    _check(after)
    return after, effects


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    edges: dict[tuple[str, str], list[str]] = {}
    for row in ROWS:
        for source in row.stages.split():
            for target in row.targets.split():
                names = edges.setdefault((source, target), [])
                if source != target and row.input.__name__ not in names:
                    names.append(row.input.__name__)
    inside = "".join(f"        {stage}\n" for stage in Stage if stage in HANDSHAKE)
    lines = [f"    {source} --> {target}: {', '.join(names)}\n" for (source, target), names in edges.items() if names]
    head = f"stateDiagram-v2\n    [*] --> draft\n    state handshake {{\n{inside}    }}\n"
    return f"{head}{''.join(lines)}    revoked --> [*]\n"


def _check(pairing: Pairing) -> None:
    """What holds after every step."""
    stage = pairing.stage
    paired = pairing.peer is not None and pairing.transcript is not None
    assert paired or stage not in {Stage.CONFIRMED, Stage.TESTED}, "confirmed without a peer"
    tested = paired and not pairing.missing
    assert tested or stage is not Stage.TESTED, "tested without echoes"
    complete = tested and pairing.peer_tested
    assert complete or stage not in {Stage.ACTIVE, Stage.PAUSED, Stage.RESYNC}, "active before both saw their echo"
    assert (stage is Stage.FAILED) == (pairing.repaired_to is not None), "only what failed can be repaired"


def _stay(pairing: Pairing, _: Input) -> Result:
    return pairing, ()


def _offer(pairing: Pairing, offer: e.OfferMade) -> Result:
    return replace(pairing, stage=Stage.OFFERED, expires_at=offer.expires_at, sizes=offer.sizes), ()


def _import(pairing: Pairing, offer: e.OfferImported) -> Result:
    after = replace(
        pairing,
        stage=Stage.OFFERED,
        peer=offer.peer,
        transcript=offer.transcript,
        expires_at=offer.expires_at,
        sizes=offer.sizes,
    )
    return after, (e.SendAcceptance(),)


def _offer_again(pairing: Pairing, offer: e.OfferedAgain) -> Result:
    """Of the exchange before nothing is left: neither the peer's key nor its echoes."""
    return Pairing(pairing.role, Stage.OFFERED, offer.expires_at, offer.sizes, again=True), (e.Hold(),)


def _import_again(pairing: Pairing, offer: e.ImportedAgain) -> Result:
    after = Pairing(
        pairing.role, Stage.OFFERED, offer.expires_at, offer.sizes, offer.peer, offer.transcript, again=True
    )
    return after, (e.Hold(), e.SendAcceptance())


def _accept(pairing: Pairing, acceptance: e.AcceptanceReceived) -> Result:
    if acceptance.at > pairing.expires_at:
        alarm = e.Alarm("an acceptance came after the handshake file had expired: make a new handshake file")
        return replace(pairing, stage=Stage.EXPIRED), (e.SpendToken(), alarm)
    after = replace(pairing, stage=Stage.CONFIRMED, peer=acceptance.peer, transcript=acceptance.transcript)
    return after, (e.SpendToken(), e.SendConfirmation(), e.SendProbes(after.missing))


def _accept_again(pairing: Pairing, acceptance: e.AcceptanceReceived) -> Result:
    if (acceptance.peer, acceptance.transcript) == (pairing.peer, pairing.transcript):
        return pairing, (e.SendConfirmation(),)
    if pairing.peer is None:
        return pairing, (
            e.Alarm("an acceptance came while the link had failed: repair the link, and it is sent again"),
        )
    alarm = f"a second acceptance came, from key {acceptance.peer}, for a handshake file that was accepted already: "
    return pairing, (e.Alarm(alarm + "somebody else has the file; compare the safety words or revoke the link"),)


def _accept_late(pairing: Pairing, _: e.AcceptanceReceived) -> Result:
    return pairing, (e.Alarm("an acceptance came after the handshake file had expired: make a new handshake file"),)


def _confirm(pairing: Pairing, confirmation: e.ConfirmationReceived) -> Result:
    if confirmation.transcript == pairing.transcript:
        return replace(pairing, stage=Stage.CONFIRMED), (e.SendProbes(pairing.missing),)
    return _fail(pairing, e.Failed(_OTHER_EXCHANGE))


def _confirm_again(pairing: Pairing, confirmation: e.ConfirmationReceived) -> Result:
    return pairing, () if confirmation.transcript == pairing.transcript else (e.Alarm(_OTHER_EXCHANGE),)


def _echo(pairing: Pairing, echo: e.EchoSeen) -> Result:
    after = replace(pairing, echoes=pairing.echoes | (pairing.sizes & {echo.size}))
    if after.missing:
        return after, ()
    if after.peer_tested:
        return _begin(after, (e.TellTested(waiting=False),))
    return replace(after, stage=Stage.TESTED), (e.TellTested(waiting=True),)


def _peer_echo_early(pairing: Pairing, _: e.PeerEchoSeen) -> Result:
    return replace(pairing, peer_tested=True), ()


def _peer_echo_unconfirmed(pairing: Pairing, _: e.PeerEchoSeen) -> Result:
    return pairing, (e.SendAcceptance(),)  # the confirmation was lost; this asks for it again


def _peer_echo(pairing: Pairing, echo: e.PeerEchoSeen) -> Result:
    return _begin(replace(pairing, peer_tested=True), _answer(echo))


def _begin(tested: Pairing, effects: tuple[Effect, ...]) -> Result:
    """Whoever has an old key could have sent the second handshake file: people compare the words before it begins."""
    if tested.again:
        after = replace(tested, stage=Stage.PAUSED, resumed_to=Stage.RESYNC, reason=COMPARE, compare=True)
        return after, (*effects, e.Hold())
    return replace(tested, stage=Stage.ACTIVE), (*effects, e.Activate())


def _peer_echo_again(pairing: Pairing, echo: e.PeerEchoSeen) -> Result:
    return pairing, _answer(echo)


def _answer(echo: e.PeerEchoSeen) -> tuple[Effect, ...]:
    return (e.TellTested(waiting=False),) if echo.waiting else ()


def _repeat(pairing: Pairing, _: Input) -> Result:
    if pairing.stage is Stage.CONFIRMED:
        return pairing, (e.SendProbes(pairing.missing),)
    if pairing.stage is Stage.TESTED:
        return pairing, (e.TellTested(waiting=True),)
    return pairing, (e.SendAcceptance(),) if pairing.role is Role.SLAVE else ()


def _expire(pairing: Pairing, _: e.Expired) -> Result:
    return replace(pairing, stage=Stage.EXPIRED), (e.SpendToken(),)


def _pause(pairing: Pairing, _: e.Paused) -> Result:
    return replace(pairing, stage=Stage.PAUSED, resumed_to=pairing.stage), (e.Hold(),)


def _resume(pairing: Pairing, _: e.Resumed) -> Result:
    assert pairing.resumed_to is not None
    after = replace(pairing, stage=pairing.resumed_to, resumed_to=None, reason=None, compare=False)
    return after, (e.Activate(),) if after.stage is Stage.ACTIVE else ()


def _roll_back(pairing: Pairing, _: e.RolledBack) -> Result:
    return replace(pairing, stage=Stage.RESYNC), (e.Hold(),)


def _roll_back_paused(pairing: Pairing, _: e.RolledBack) -> Result:
    return replace(pairing, resumed_to=Stage.RESYNC), ()


def _roll_back_failed(pairing: Pairing, _: e.RolledBack) -> Result:
    if pairing.repaired_to is Stage.PAUSED:
        return replace(pairing, resumed_to=Stage.RESYNC), ()
    if pairing.repaired_to is Stage.ACTIVE:
        return replace(pairing, repaired_to=Stage.RESYNC), ()
    return pairing, ()


def _roll_back_handshake(pairing: Pairing, _: e.RolledBack) -> Result:
    return _fail(pairing, e.Failed(_RESTORED))


def _join(pairing: Pairing, _: e.Joined) -> Result:
    return replace(pairing, stage=Stage.ACTIVE), (e.Activate(),)


def _join_paused(pairing: Pairing, _: e.Joined) -> Result:
    return replace(pairing, resumed_to=Stage.ACTIVE), ()


def _fail(pairing: Pairing, failed: e.Failed) -> Result:
    after = replace(pairing, stage=Stage.FAILED, reason=failed.reason, repaired_to=pairing.stage)
    return after, (e.Hold(), e.Alarm(failed.reason))


def _repair(pairing: Pairing, event: e.Repaired) -> Result:
    assert pairing.repaired_to is not None
    after = replace(pairing, stage=pairing.repaired_to, reason=None, repaired_to=None)
    if after.stage in HANDSHAKE:
        return _repeat(after, event)
    return after, (e.Activate(),) if after.stage is Stage.ACTIVE else ()


def _revoke(pairing: Pairing, revoked: e.Revoked) -> Result:
    reason = revoked.reason if revoked.ours else f"the partner revoked the link: {revoked.reason}"
    after = replace(pairing, stage=Stage.REVOKED, reason=reason, repaired_to=None, resumed_to=None)
    if not revoked.ours:
        return after, (e.SpendToken(), e.Hold(), e.Alarm(reason))
    tell = (e.SendRevocation(revoked.reason),) if pairing.peer is not None else ()
    return after, (e.SpendToken(), e.Hold(), *tell)


COMPARE = "a new handshake was made for this link: compare its ten words with the partner's admin, then record it"
"""Why a link waits whose stores are to be joined under new keys."""
_OTHER_EXCHANGE = "the master confirmed another answer than ours: somebody else used the handshake file; make a new one"
_RESTORED = "an old copy of a node was restored during the handshake: revoke the link and make a new one"
_PAIRED = "confirmed tested active paused resync failed"
_LATER = "tested active paused resync failed"

ROWS: tuple[Row, ...] = (
    Row(_MASTER, "draft offered expired", e.OfferMade, _offer, "offered"),
    Row(_SLAVE, "draft expired", e.OfferImported, _import, "offered"),
    Row(_MASTER, "offered expired " + _PAIRED, e.OfferedAgain, _offer_again, "offered"),
    Row(_SLAVE, "offered expired " + _PAIRED, e.ImportedAgain, _import_again, "offered"),
    Row(_MASTER, "offered", e.AcceptanceReceived, _accept, "confirmed expired"),
    Row(_MASTER, _PAIRED, e.AcceptanceReceived, _accept_again),
    Row(_MASTER, "expired", e.AcceptanceReceived, _accept_late),
    Row(_SLAVE, "offered expired", e.ConfirmationReceived, _confirm, "confirmed failed"),
    Row(_SLAVE, _PAIRED, e.ConfirmationReceived, _confirm_again),
    Row(_BOTH, "confirmed", e.EchoSeen, _echo, "confirmed tested active paused"),
    Row(_BOTH, _LATER, e.EchoSeen, _stay),
    Row(_SLAVE, "offered", e.EchoSeen, _stay),
    Row(_SLAVE, "offered", e.PeerEchoSeen, _peer_echo_unconfirmed),
    Row(_BOTH, "confirmed", e.PeerEchoSeen, _peer_echo_early),
    Row(_BOTH, "tested", e.PeerEchoSeen, _peer_echo, "active paused"),
    Row(_BOTH, "active paused resync", e.PeerEchoSeen, _peer_echo_again),
    Row(_BOTH, "failed", e.PeerEchoSeen, _stay),
    Row(_BOTH, "offered confirmed tested", e.Waited, _repeat),
    Row(_BOTH, "draft active paused resync failed expired revoked", e.Waited, _stay),
    Row(_BOTH, "offered", e.Expired, _expire, "expired"),
    Row(_BOTH, "expired failed", e.Expired, _stay),
    Row(_BOTH, "active resync", e.Paused, _pause, "paused"),
    Row(_BOTH, "paused", e.Paused, _stay),
    Row(_BOTH, "paused", e.Resumed, _resume, "active resync"),
    Row(_BOTH, "active", e.Resumed, _stay),
    Row(_BOTH, "confirmed tested", e.RolledBack, _roll_back_handshake, "failed"),
    Row(_BOTH, "active", e.RolledBack, _roll_back, "resync"),
    Row(_BOTH, "paused", e.RolledBack, _roll_back_paused),
    Row(_BOTH, "failed", e.RolledBack, _roll_back_failed),
    Row(_BOTH, "resync", e.RolledBack, _stay),
    Row(_BOTH, "resync", e.Joined, _join, "active"),
    Row(_BOTH, "paused", e.Joined, _join_paused),
    Row(_BOTH, "active", e.Joined, _stay),
    Row(_BOTH, "offered confirmed tested active paused resync", e.Failed, _fail, "failed"),
    Row(_BOTH, "failed", e.Failed, _stay),
    Row(_BOTH, "failed", e.Repaired, _repair, "offered confirmed tested active paused resync expired"),
    Row(_BOTH, "draft offered expired " + _PAIRED, e.Revoked, _revoke, "revoked"),
    Row(_MASTER, "revoked", e.AcceptanceReceived, _stay),
    Row(_SLAVE, "revoked", e.ConfirmationReceived, _stay),
    Row(_BOTH, "expired revoked", e.EchoSeen, _stay),
    Row(_BOTH, "expired revoked", e.PeerEchoSeen, _stay),
    Row(_BOTH, "revoked", e.Revoked, _stay),
)

TABLE: Mapping[tuple[Role, Stage, type[Input]], Row] = {
    (role, Stage(stage), row.input): row for row in ROWS for role in row.roles for stage in row.stages.split()
}
assert len(TABLE) == sum(len(row.roles) * len(row.stages.split()) for row in ROWS), (
    "a place in the table is taken twice"
)
