"""The talks about a link's agreement as the store has them: a step of ``replication.proposing`` with its effects."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from backbone.errors import UsageError
from backbone.replication import proposal, receipt
from backbone.replication.agreement import Agreement
from backbone.replication.differing import joining, leaving, widening
from backbone.replication.merge import Side
from backbone.replication.message import Kind, encode_record
from backbone.replication.proposing import (
    ANSWER,
    PROPOSAL,
    WITHDRAWAL,
    Became,
    Effect,
    Forget,
    Input,
    Named,
    Settled,
    Stage,
    Talks,
    Tell,
    step,
)
from backbone.service.endpoint import Endpoint
from backbone.service.evidence import receipting
from backbone.service.flow import quarantine
from backbone.service.flow.recording import number
from backbone.store import links, lists, proposals, shadows
from backbone.store.engine import Connection
from backbone.store.links import LinkRow
from backbone.store.proposals import Version


def talks_in(tx: Connection, row: LinkRow) -> Talks:
    """Where a link's agreement and the talks about it stand."""
    every = proposals.every(tx, row.id)
    if not every:
        return Talks(Side(row.side), Named(1, first_digest(row)), 1)
    present, open_ = proposals.present_of(every), proposals.open_one(every)
    assert present is not None, "one is always in effect"
    side = Side(row.side)
    heard = every if side is Side.MASTER else [one for one in every if one.stage is not Stage.GIVEN_UP]
    return Talks(
        side=side,
        present=Named(present.version, present.digest),
        last=heard[-1].version,  # the master proposes no number twice; but may say again what our admin gave up
        proposed=Named(open_.version, open_.digest) if open_ else None,
        accepted=open_ is not None and open_.stage is Stage.ACCEPTED,
        turning=present.stage is Stage.TURNING,
    )


def open_proposal(tx: Connection, row: LinkRow) -> Version | None:
    """What is proposed and not in effect yet."""
    return proposals.open_one(proposals.every(tx, row.id))


def first_digest(row: LinkRow) -> bytes:
    """The handshake's agreement, as the first link of the chain: both sides signed its transcript."""
    return hashlib.sha256(f"{row.link_id} {(row.peer or {}).get('transcript', '')}".encode()).digest()


def ask(tx: Connection, ep: Endpoint, given: Input, reason: str = "") -> str:
    """What our admin asks for; returns why it cannot be, if so."""
    row = links.get(tx, ep.row)
    try:
        talks, effects = step(talks_in(tx, row), given)
    except UsageError as error:
        return str(error)
    carry_out(tx, ep, talks, effects, reason)
    return ""


def heard(tx: Connection, ep: Endpoint, given: Input, reason: str = "") -> None:
    """What the partner said, or what follows from it. Raises ``PeerError``; then nothing was changed."""
    talks, effects = step(talks_in(tx, links.get(tx, ep.row)), given)
    carry_out(tx, ep, talks, effects, reason)


def with_first(tx: Connection, ep: Endpoint) -> LinkRow:
    """The link's row; the handshake's agreement gets one of its own among the versions."""
    row = links.get(tx, ep.row)
    if not proposals.every(tx, ep.row):
        text = proposal.spell(Agreement.parse(row.agreement, f"the agreement of link {ep.name}"))
        proposals.add(
            tx, ep.row, 1, text, first_digest(row), ep.clock(), stage=Stage.IN_EFFECT, ours_from=0, theirs_from=0
        )
    return row


def carry_out(tx: Connection, ep: Endpoint, talks: Talks, effects: tuple[Effect, ...], reason: str = "") -> None:
    """What a step asks for; ``talks`` is the state that it left. The row of a new proposal is there already."""
    for effect in effects:
        match effect:
            case Became():
                _became(tx, ep, effect, reason)
            case Tell():
                _tell(tx, ep, talks, effect, reason)
            case Settled():
                _settle(tx, ep, effect.named)
            case Forget():
                proposals.forget_after(tx, ep.row, effect.version)


def _became(tx: Connection, ep: Endpoint, became: Became, reason: str) -> None:
    """Of what never took effect no words are kept: a partner may propose ever so often."""
    version, stage = became.named.version, became.stage
    proposals.change(tx, ep.row, version, ep.clock(), stage=stage)
    if stage in (Stage.REFUSED, Stage.WITHDRAWN, Stage.SUPERSEDED):
        proposals.forget_words(tx, ep.row, version, reason)
    ep.log.info("agreement", version=version, stage=str(stage))


def _tell(tx: Connection, ep: Endpoint, talks: Talks, said: Tell, reason: str) -> None:
    version, digest = said.named.version, said.named.digest
    if said.what == PROPOSAL:
        (found,) = (one for one in proposals.every(tx, ep.row) if one.version == version)
        record: proposal.Proposed | proposal.Withdrawn | proposal.Answered = proposal.Proposed(
            version=version,
            base=talks.present.digest,
            digest=digest,
            agreement=proposal.spell(proposals.agreement_of(found)),
        )
    elif said.what == WITHDRAWAL:
        record = proposal.Withdrawn(version=version)
    elif said.what == ANSWER:
        record = proposal.Answered(version=version, digest=digest, accepted=said.accepts, reason=reason)
    else:
        _go_over(tx, ep, said.named)
        return
    number(tx, ep, [(Kind.CTRL, encode_record(record.model_dump()), 0, None)])


def _go_over(tx: Connection, ep: Endpoint, named: Named) -> None:
    """What is numbered from here on is by the new agreement."""
    number(tx, ep, [(Kind.AGREED, proposal.encode_agreed(proposal.Agreed(**_as_said(named))), 0, None)])
    (found,) = (one for one in proposals.every(tx, ep.row) if one.version == named.version)
    seq = links.state(tx, ep.row).out["c"].last
    proposals.change(tx, ep.row, named.version, ep.clock(), ours_from=seq)
    links.change(tx, ep.row, agreement=json.loads(found.agreement))


def told(tx: Connection, ep: Endpoint, record: Mapping[str, Any] | None) -> str | None:
    """To a store that was put back the partner says by which agreement it writes: why that needs our admin, or ``None``
    where it is ours. Raises ``PeerError``.
    """
    row = links.get(tx, ep.row)
    present, text = talks_in(tx, row).present, ""
    if record is None:
        named = Named(1, first_digest(row))
    else:
        said, agreement = proposal.read_standing(ep.link_id, record)
        named, text = Named(said.version, said.digest), proposal.spell(agreement)
    if named == present:
        return None
    with_first(tx, ep)
    text = text or proposals.every(tx, ep.row)[0].agreement
    proposals.put_told(tx, ep.row, named, text, ep.clock())
    return (
        f"the partner works by version {named.version} of the agreement, and this copy of the store, which was put "
        f"back, by version {present.version}: look at it and say that it is so: backbone link review {ep.name}"
    )


def adopt(tx: Connection, row: LinkRow, now: float) -> None:
    """Our admin says that what the partner told is agreed upon. The link is stopped, and is to be joined anew."""
    every = proposals.every(tx, row.id)
    found, present, open_ = proposals.told_one(every), proposals.present_of(every), proposals.open_one(every)
    assert found is not None, "nothing was told"
    for other in (present, open_):
        if other is not None and other.version != found.version:
            goes_back = other == present and other.version > found.version
            stage = Stage.GIVEN_UP if goes_back else Stage.SUPERSEDED
            proposals.change(tx, row.id, other.version, now, stage=stage)
    old, new = Agreement.parse(row.agreement, "the agreement"), proposals.agreement_of(found)
    proposals.change(
        tx, row.id, found.version, now, stage=Stage.IN_EFFECT, ours_from=0, theirs_from=0,
        said_up_to="" if joining(old, new) or widening(old, new, Side(row.side)) else None,
    )  # fmt: skip
    proposals.forget_fields(tx, row.id, leaving(old, new))
    links.change(tx, row.id, agreement=json.loads(found.agreement))


def _as_said(named: Named) -> dict[str, Any]:
    return {"version": named.version, "digest": named.digest}


def _settle(tx: Connection, ep: Endpoint, named: Named) -> None:
    """Nothing by the old agreement can come any more: what left it is forgotten, what joined it is to be said."""
    old, new = map(proposals.agreement_of, proposals.last_two(tx, ep.row))
    waited = shadows.waits(tx, ep.row)
    for key, sent, is_left in proposals.forget_fields(tx, ep.row, leaving(old, new)):
        item = lists.set_aside_by_key(tx, ep.row, key)
        if item is None or item.edits == "[]":
            receipting.owe(tx, ep, sent, receipt.Became.SUPERSEDED, "not all that it says is shared any more")
        if not is_left:
            quarantine.released(tx, ep, key, sent.gid)
            lists.let_go(tx, ep.row, sent.gid)
    receipting.came(tx, ep, waited - shadows.waits(tx, ep.row))
    if joining(old, new) or widening(old, new, ep.side):
        proposals.change(tx, ep.row, named.version, ep.clock(), said_up_to="")


def spelled(agreement: Agreement) -> dict[str, Any]:
    """As it stands in a request."""
    plain: dict[str, Any] = json.loads(proposal.spell(agreement))
    return plain
