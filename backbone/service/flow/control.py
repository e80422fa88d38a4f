"""The control lane: receipts, digests, and what pairing has to say, in order."""

import contextlib
from typing import Annotated

from pydantic import Field, ValidationError

from backbone.errors import PeerError
from backbone.points import passed
from backbone.replication import proposal, twins
from backbone.replication.agreement import Strict
from backbone.replication.message import Kind, decode_record, inflate
from backbone.replication.scope import standing
from backbone.service.endpoint import Endpoint
from backbone.service.evidence import receipting
from backbone.service.flow import holding, quarantine, resending, resting
from backbone.service.flow.inbound import follows, take
from backbone.service.healing import audit, repair, scrubbing
from backbone.service.links import agreeing, pairing, rotating
from backbone.store import links, lists, messages, shadows
from backbone.store.engine import Connection
from backbone.store.messages import Incoming

_Short = Annotated[str, Field(max_length=1_000)]


class Receipt(Strict):
    """What became of one of our change sets at the partner's."""

    gid: _Short
    key: _Short
    outcome: Annotated[str, Field(pattern="^(refused|applied|skipped)$")]
    reason: _Short


async def take_control(ep: Endpoint) -> int:
    """Carry out the control lane's next messages; returns how many there were."""
    found = await ep.store.read(lambda tx: _next(tx, ep))
    for count, incoming in enumerate(found):
        if not await follows(ep, incoming):
            break
        if await _comes_too_early(ep, incoming):
            return count
        answer = await _prepare(ep, incoming)
        await ep.store.run(lambda tx, i=incoming, a=answer: _take(tx, ep, i, a))  # type: ignore[misc]
        if ep.rekeyed:
            await rotating.refresh(ep)
        passed("control: taken")
    return len(found)


def _next(tx: Connection, ep: Endpoint) -> list[Incoming]:
    """Nothing while our store is joined again: the answers come after what the partner's state lacks."""
    state = links.state(tx, ep.row)
    return messages.next_in(tx, ep.row, state, "k", 16) if state.phase.works else []


async def _comes_too_early(ep: Endpoint, incoming: Incoming) -> bool:
    """What the partner said of an issue before it let it rest, and of all before it said that this was all, is applied
    first: the lanes are not in order together.
    """
    if incoming.kind != Kind.CTRL:
        return False
    try:
        record = decode_record(inflate(incoming.message.header, incoming.message.body))
        after = _after(record)
    except PeerError:
        return False  # it is set aside when it is taken
    into = await ep.store.read(lambda tx: links.state(tx, ep.row).into["c"])
    return into.applied < min(after, into.high)


def _after(record: dict[str, object]) -> int:
    if record.get("type") == standing.TYPE:
        return standing.read_announcement(record).after
    return twins.read_populated(record).after if record.get("type") == twins.TYPE else 0


async def _prepare(ep: Endpoint, incoming: Incoming) -> scrubbing.Scrubbed | str | None:
    """What has to be read from the tracker, or put into the key ring, before a message can be answered; a sentence
    where that shows that it cannot be taken.
    """
    if incoming.kind == Kind.CTRL:
        with contextlib.suppress(PeerError):
            record = decode_record(inflate(incoming.message.header, incoming.message.body))
            if record.get("type") == resending.TYPE:
                await resending.fetch(ep, record)
            return await rotating.prepare(ep, record) or None
    if incoming.kind != Kind.DIGEST:
        return None
    share = None
    with contextlib.suppress(PeerError):  # what is no record is set aside when it is taken
        record = decode_record(inflate(incoming.message.header, incoming.message.body))
        if not audit.begins(record):
            return scrubbing.Scrubbed((), await ep.store.read(lambda tx: shadows.count(tx, ep.row)))
        share = audit.share_of(record)
    return await scrubbing.scrub(ep, share)


def _take(tx: Connection, ep: Endpoint, incoming: Incoming, scrubbed: scrubbing.Scrubbed | str | None) -> None:
    """Nothing twice: while the earlier life of the partner's store is applied, two turns may have read it."""
    if not take(tx, ep, incoming):
        return
    try:
        if isinstance(scrubbed, str):
            raise PeerError(scrubbed)
        raw = inflate(incoming.message.header, incoming.message.body)
        if incoming.kind == Kind.RECEIPTS:
            receipting.take(tx, ep, incoming, raw)
            return
        record = decode_record(raw)
        if incoming.kind == Kind.RECEIPT:
            _keep_receipt(tx, ep, Receipt.model_validate(record))
        elif incoming.kind == Kind.DIGEST and scrubbed is not None:
            audit.compare(tx, ep, audit.parse(record), scrubbed)
        elif incoming.kind == Kind.CTRL:
            _command(tx, ep, record)
        else:
            raise PeerError(f"a message of kind {incoming.kind!r}, which this version does not know")
    except (PeerError, ValidationError) as error:
        reason = str(error) if isinstance(error, PeerError) else "a control message is malformed"
        payload = incoming.message.body
        lists.set_aside(tx, ep.row, "message", reason, ep.clock(), payload=payload, advice="tell the partner's admin")


def _command(tx: Connection, ep: Endpoint, record: dict[str, object]) -> None:
    if record.get("type") in (repair.REPAIR, repair.REWRITE):
        repair.take(tx, ep, record)
        return
    if record.get("type") == standing.TYPE:
        resting.take(tx, ep, record)
        return
    if record.get("type") in (proposal.PROPOSE, proposal.WITHDRAW, proposal.ANSWER):
        agreeing.hear(tx, ep, record)
        return
    if record.get("type") == twins.TYPE:
        twins.read_populated(record)
        holding.hear(tx, ep)
        return
    if record.get("type") in rotating.RECORDS:
        rotating.hear(tx, ep, record)
        return
    if record.get("type") == resending.TYPE:
        resending.send_again(tx, ep, record)
        return
    if record.get("type") != "tested":
        raise PeerError(f"a command {str(record.get('type'))[:40]!r}, which this version does not know")
    pairing.take_tested(tx, ep, record)


def _keep_receipt(tx: Connection, ep: Endpoint, receipt: Receipt) -> None:
    key, now = f"peer/{receipt.key}", ep.clock()
    item = lists.set_aside_by_key(tx, ep.row, key)
    if receipt.outcome == "applied":
        if item is not None:
            lists.set_aside_change(tx, item.id, now, state="applied")
        return
    if receipt.outcome == "skipped":
        quarantine.passed_over(tx, ep, receipt.gid, key, receipt.reason)
        return
    reason = f"the partner could not apply our change: {receipt.reason}"
    if item is not None:
        lists.set_aside_change(tx, item.id, now, reason=reason)
        return
    lists.set_aside(
        tx, ep.row, "peer", reason, now, gid=receipt.gid, key=key,
        advice="the partner's admin has it on the list: agree with them what shall become of it",
    )  # fmt: skip
