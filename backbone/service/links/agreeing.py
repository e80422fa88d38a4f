"""A changed agreement on its way into effect: proposals and answers in the control lane, and the two numbers.

``replication.proposing`` says what is possible; here its effects are carried out, each with the state that it leaves in
one transaction. What holds for the link in operation is read from there by ``refresh``, at each start and after each
step that may change it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backbone.errors import ConfigError, PeerError, UsageError
from backbone.points import passed
from backbone.replication import proposal
from backbone.replication.agreement import Agreement
from backbone.replication.mapping import Translation
from backbone.replication.merge import Side
from backbone.replication.message import inflate
from backbone.replication.proposing import (
    Decides,
    Hears,
    HearsAnswer,
    HearsWithdrawn,
    Meets,
    Named,
    Proposes,
    Stage,
    Turns,
    Withdraws,
    step,
)
from backbone.replication.scope.judging import EVERYTHING, Scope
from backbone.service.endpoint import Earlier, Endpoint
from backbone.service.flow.inbound import stop, take
from backbone.service.links.talks import ask, carry_out, heard, open_proposal, talks_in, with_first
from backbone.store import links, lists, proposals
from backbone.store.engine import Connection
from backbone.store.messages import Incoming
from backbone.store.proposals import Version

# The link in operation


async def refresh(ep: Endpoint) -> None:
    """Make the endpoint work by what stands in the store. Raises ``ConfigError`` where the link's file does not fit."""
    every, wanted = await ep.store.read(lambda tx: (proposals.every(tx, ep.row), links.get(tx, ep.row).agreement))
    present = proposals.present_of(every)
    if present is None:
        return
    before_it = proposals.before(every, present)
    before = before_it if present.stage is Stage.TURNING else None
    if present.version != ep.version:
        agreement = Agreement.parse(wanted, f"the agreement of link {ep.name}")
        ep.translation, ep.scope = _fitting(ep, agreement)
        ep.agreement = agreement
        ep.policies, ep.version = agreement.policies(), present.version
    ep.earlier = None if before is None else _earlier(ep, proposals.agreement_of(before))
    ep.known = tuple(proposals.agreement_of(o) for o in every if o.ours_from is not None or o.stage is Stage.ACCEPTED)
    hashes = frozenset(one.policy_hash() for one in ep.known)
    ep.identity = replace(ep.identity, policy_hash=ep.agreement.policy_hash(), also=hashes)
    ep.standing = None if before_it is None else _standing(present, before_it)
    ep.unsaid = present.said_up_to is not None
    ep.unsettled = True


async def settle(ep: Endpoint) -> None:
    """A store was put back, ours or the partner's: what is said from here on is by one agreement in both directions."""
    if ep.earlier is not None:
        await ep.store.run(lambda tx: heard(tx, ep, Meets(talks_in(tx, links.get(tx, ep.row)).present)))
        await refresh(ep)


def _standing(present: Version, before: Version) -> dict[str, Any]:
    said = proposal.Standing(
        version=present.version, base=before.digest, digest=present.digest,
        agreement=proposal.spell(proposals.agreement_of(present)),
    )  # fmt: skip
    return said.model_dump()


def _earlier(ep: Endpoint, agreement: Agreement) -> Earlier:
    assert ep.translate is not None
    return Earlier(agreement, ep.translate(agreement), agreement.policies())


def _fitting(ep: Endpoint, agreement: Agreement) -> tuple[Translation, Scope]:
    """The link's file for another agreement. Raises ``ConfigError`` where it does not fit."""
    assert ep.translate is not None, "this endpoint keeps its agreement for ever"
    translation = ep.translate(agreement)
    problems = translation.problems(ep.schema)
    if problems:
        raise ConfigError(f"links/{ep.name}.toml does not fit the changed agreement: {'; '.join(problems)}")
    return translation, ep.judge(agreement) if ep.judge is not None else EVERYTHING


# What our admin asks for


async def propose(ep: Endpoint, item: int, arguments: Mapping[str, Any]) -> None:
    """Say it to the partner; answered with ``problem``, or the ``version``."""
    agreement = Agreement.parse(arguments["agreement"], "the proposed agreement")
    problem = _misfit(ep, agreement)
    await ep.store.run(lambda tx: _answered(tx, item, problem or _propose(tx, ep, agreement)))
    await refresh(ep)


def _propose(tx: Connection, ep: Endpoint, agreement: Agreement) -> str:
    row = with_first(tx, ep)
    talks = talks_in(tx, row)
    text, open_ = proposal.spell(agreement), open_proposal(tx, row)
    if text == proposal.spell(ep.agreement):
        return "this is the agreement that is in effect already: nothing to propose"
    same = open_ is not None and text == proposal.spell(proposals.agreement_of(open_))
    digest = proposal.digest_of(ep.link_id, talks.last + 1, talks.present.digest, agreement)
    try:
        after, effects = step(talks, Proposes(digest, same=same))
    except UsageError as error:
        return str(error)
    if after.last > talks.last:
        proposals.add(tx, ep.row, after.last, text, digest, ep.clock(), stage=Stage.PROPOSED)
    carry_out(tx, ep, after, effects)
    return ""


async def withdraw(ep: Endpoint, item: int, _arguments: Mapping[str, Any]) -> None:
    """Take back what is proposed."""
    await ep.store.run(lambda tx: _answered(tx, item, ask(tx, ep, Withdraws())))


async def decide(ep: Endpoint, item: int, arguments: Mapping[str, Any]) -> None:
    """Accept or refuse what the partner proposes, as it was looked at."""
    named = Named(int(arguments["version"]), bytes.fromhex(arguments["digest"]))
    given, reason = Decides(named, bool(arguments["accepts"])), str(arguments.get("reason", ""))
    open_ = await ep.store.read(lambda tx: open_proposal(tx, links.get(tx, ep.row)))
    problem = _misfit(ep, proposals.agreement_of(open_)) if open_ is not None and given.accepts else ""
    await ep.store.run(lambda tx: _answered(tx, item, problem or ask(tx, ep, given, reason)))
    await refresh(ep)


def _misfit(ep: Endpoint, agreement: Agreement) -> str:
    try:
        _fitting(ep, agreement)
    except ConfigError as error:
        return str(error)
    return ""


def _answered(tx: Connection, item: int, problem: str) -> None:
    lists.answer(tx, item, {"problem": problem})


# What the partner says


def hear(tx: Connection, ep: Endpoint, record: Mapping[str, Any]) -> None:
    """A proposal, its withdrawal, or the answer to ours. Raises ``PeerError``; then nothing was changed."""
    kind = record.get("type")
    if kind == proposal.PROPOSE:
        _hear_proposal(tx, ep, record)
    elif kind == proposal.WITHDRAW:
        heard(tx, ep, HearsWithdrawn(proposal.read_withdrawn(record).version))
    else:
        said = proposal.read_answered(record)
        heard(tx, ep, HearsAnswer(Named(said.version, said.digest), said.accepted), said.reason)
    ep.unsettled = True


def _hear_proposal(tx: Connection, ep: Endpoint, record: Mapping[str, Any]) -> None:
    said, agreement = proposal.read_proposed(ep.link_id, record)
    row = links.get(tx, ep.row)
    before = talks_in(tx, row)
    talks, effects = step(before, Hears(Named(said.version, said.digest), said.base))
    if talks.proposed != before.proposed:
        with_first(tx, ep)
        text = proposal.spell(agreement)
        proposals.put_heard(tx, ep.row, said.version, text, said.digest, ep.clock())
    carry_out(tx, ep, talks, effects)


# How it takes effect


async def advance(ep: Endpoint) -> int:
    """The master goes over to what the slave has accepted, between two of its change sets; 1 when it did."""
    if not ep.unsettled or ep.unsaid:
        return 0
    row = await ep.store.read(lambda tx: links.get(tx, ep.row))
    talks, state = await ep.store.read(lambda tx: (talks_in(tx, row), links.state(tx, ep.row)))
    if talks.side is not Side.MASTER or not talks.accepted:
        ep.unsettled = False
        return 0
    if not state.phase.works or state.occupied:
        return 0
    accepted = await ep.store.read(lambda tx: open_proposal(tx, row))
    assert accepted is not None
    _fitting(ep, proposals.agreement_of(accepted))
    await ep.store.run(lambda tx: heard(tx, ep, Turns()))
    passed("agreeing: turned")
    await refresh(ep)
    return 1


async def meet(ep: Endpoint, incoming: Incoming) -> None:
    """The partner's number: what it says behind this message it says by the new agreement. A partner that goes over to
    what was not accepted (proposed) here stops the link.
    """
    row = await ep.store.read(lambda tx: links.get(tx, ep.row))
    try:
        said = proposal.decode_agreed(inflate(incoming.message.header, incoming.message.body))
        given = Meets(Named(said.version, said.digest))
        step(await ep.store.read(lambda tx: talks_in(tx, row)), given)
    except PeerError as error:
        reason = f"message {incoming.seq} of the partner cannot be taken ({error})"
        await ep.store.run(lambda tx: stop(tx, ep, incoming, reason))
        return
    if row.side == Side.SLAVE:
        accepted = await ep.store.read(lambda tx: open_proposal(tx, row))
        assert accepted is not None
        _fitting(ep, proposals.agreement_of(accepted))

    def both(tx: Connection) -> None:
        if take(tx, ep, incoming):
            proposals.change(tx, ep.row, said.version, ep.clock(), theirs_from=incoming.seq)
            heard(tx, ep, given)

    await ep.store.run(both)
    passed("agreeing: met")
    await refresh(ep)
