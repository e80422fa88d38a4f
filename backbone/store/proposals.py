"""The ``proposal`` table: every version of a link's agreement.

Version 1 is the handshake's; it has no row until another one is proposed.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, delete, select

from backbone.model import ATTACHMENT, COMMENT
from backbone.replication.agreement import Agreement
from backbone.replication.message import ChangeSet
from backbone.replication.proposing import Named, Stage
from backbone.store import lists
from backbone.store.codec import pack_registers, unpack_registers
from backbone.store.prepared import change as change_rows
from backbone.store.prepared import prepared
from backbone.store.tables import former, proposal, shadow, waiting

_CHANGED_AT_ONCE = 500
_EVERY = prepared(lambda link: select(proposal).where(proposal.c.link == link).order_by(proposal.c.version))


@dataclass(frozen=True, slots=True)
class Version:
    """One version. ``ours_from`` and ``theirs_from`` are the numbers, in the lane of change sets, of the messages with
    which each side went over to it. ``said_up_to`` is the last issue of which we have said what is new in it; ``None``
    where nothing is left to say.
    """

    version: int
    stage: Stage
    agreement: str
    """JSON."""
    digest: bytes
    reason: str
    ours_from: int | None
    theirs_from: int | None
    said_up_to: str | None
    changed_at: float


def agreement_of(version: Version) -> Agreement:
    """As a value. Raises ``ConfigError``."""
    return _parsed(version.agreement, version.version)


@lru_cache(maxsize=64)
def _parsed(text: str, version: int) -> Agreement:
    """Parsing one costs as much as a step of the link, and what a link looks at is mostly the same few."""
    return Agreement.parse(json.loads(text), f"version {version} of the agreement")


def every(tx: Connection, link: int) -> list[Version]:
    """All versions of this link, the oldest first; none before the first proposal."""
    return [
        Version(
            r.version, Stage(r.stage), r.agreement, bytes(r.digest), r.reason, r.ours_from, r.theirs_from,
            r.said_up_to, r.changed_at,
        )
        for r in _EVERY(tx, link)
    ]  # fmt: skip


def present_of(every: Sequence[Version]) -> Version | None:
    """The one by which we write."""
    return next((one for one in reversed(every) if one.stage in (Stage.TURNING, Stage.IN_EFFECT)), None)


def before(every: Sequence[Version], one: Version) -> Version | None:
    """The one that was in effect before it."""
    ours = [other for other in every if other.ours_from is not None and other.stage is not Stage.GIVEN_UP]
    earlier = [other for other in ours if other.version < one.version]
    return earlier[-1] if earlier else None


def open_one(every: Sequence[Version]) -> Version | None:
    """What is proposed, or accepted, and not in effect yet."""
    return next((one for one in every if one.stage in (Stage.PROPOSED, Stage.ACCEPTED)), None)


def told_one(every: Sequence[Version]) -> Version | None:
    """What a partner told after our store was put back, until our admin has said that it is so."""
    return next((one for one in every if one.stage is Stage.TOLD), None)


def put_told(tx: Connection, link: int, named: Named, agreement: str, now: float) -> None:
    """One is told at a time; a version of the same number that we remember otherwise gives way."""
    for one in every(tx, link):
        if one.stage is Stage.TOLD and one.version != named.version:
            tx.execute(delete(proposal).where(proposal.c.link == link, proposal.c.version == one.version))
    tx.execute(delete(proposal).where(proposal.c.link == link, proposal.c.version == named.version))
    add(tx, link, named.version, agreement, named.digest, now, stage=Stage.TOLD)


def put_heard(tx: Connection, link: int, version: int, agreement: str, digest: bytes, now: float) -> None:
    """The partner proposes it; perhaps once more, after it was in effect and our admin gave it up."""
    if any(one.version == version for one in every(tx, link)):
        change(tx, link, version, now, stage=Stage.PROPOSED, agreement=agreement, digest=digest)
    else:
        add(tx, link, version, agreement, digest, now, stage=Stage.PROPOSED)


def last_two(tx: Connection, link: int) -> tuple[Version, Version]:
    """The version by which we wrote before, and the one by which we write; only where it was changed."""
    found = every(tx, link)
    present = present_of(found)
    assert present is not None, "nothing was ever proposed"
    given_up = [one for one in found if one.ours_from is not None and one.version > present.version]
    earlier = given_up[-1] if given_up else before(found, present)
    assert earlier is not None, "the agreement was never changed"
    return earlier, present


def add(tx: Connection, link: int, version: int, agreement: str, digest: bytes, now: float, **values: Any) -> None:
    """A new version; ``agreement`` is JSON."""
    tx.execute(
        proposal.insert().values(
            link=link, version=version, agreement=agreement, digest=digest, created_at=now, changed_at=now, **values
        )
    )


def change(tx: Connection, link: int, version: int, now: float, **values: Any) -> None:
    """Set columns of one version."""
    change_rows(tx, proposal, {"link": link, "version": version}, {"changed_at": now, **values})


def forget_after(tx: Connection, link: int, version: int) -> None:
    """What came after this one was never proposed, or is given up, as it was before it was proposed once more."""
    after = (proposal.c.link == link, proposal.c.version > version)
    tx.execute(delete(proposal).where(*after, proposal.c.ours_from.is_(None)))
    tx.execute(proposal.update().where(*after).values(stage=Stage.GIVEN_UP))


def forget_words(tx: Connection, link: int, version: int, reason: str) -> None:
    """Of a version that never took effect only that it was, and why it was refused."""
    named = (proposal.c.link == link, proposal.c.version == version, proposal.c.ours_from.is_(None))
    tx.execute(proposal.update().where(*named).values(agreement=json.dumps({"fields": {}}), reason=reason))


def forget_fields(tx: Connection, link: int, fields: Collection[str]) -> list[tuple[str, ChangeSet, bool]]:
    """What this link knows of fields (and kinds of content) that are no longer shared: registers, what waits, and what
    of them stands in change sets that a person has to release. Returns the key of each of these, what it was, and
    whether anything else is in it.
    """
    if not fields:
        return []
    for kind in {COMMENT, ATTACHMENT} & set(fields):
        tx.execute(delete(shadow).where(shadow.c.link == link, shadow.c.part.startswith(f"{kind}:")))
    _forget_registers(tx, link, set(fields))
    tx.execute(delete(waiting).where(waiting.c.link == link, waiting.c.field.in_(fields)))
    tx.execute(delete(former).where(former.c.link == link, former.c.field.in_(fields)))
    changed: list[tuple[str, ChangeSet, bool]] = []
    for key, change_set in lists.held_change_sets(tx, link):
        kept = tuple(operation for operation in change_set.operations if operation.cell.field not in fields)
        if len(kept) < len(change_set.operations):
            lists.amend_held(tx, link, key, change_set._replace(operations=kept))
            changed.append((key, change_set, bool(kept)))
    return changed


def _forget_registers(tx: Connection, link: int, fields: set[str]) -> None:
    after = ""
    while rows := tx.execute(
        select(shadow.c.gid, shadow.c.registers)
        .where(shadow.c.link == link, shadow.c.part == "", shadow.c.gid > after)
        .order_by(shadow.c.gid)
        .limit(_CHANGED_AT_ONCE)
    ).all():
        _keep_the_others(tx, link, [(r.gid, r.registers) for r in rows], fields)
        after = rows[-1].gid


def _keep_the_others(tx: Connection, link: int, rows: Iterable[tuple[str, bytes]], fields: set[str]) -> None:
    for gid, packed in rows:
        registers = unpack_registers(packed)
        kept = {cell: register for cell, register in registers.items() if cell.field not in fields}
        if len(kept) < len(registers):
            named = (shadow.c.link == link, shadow.c.gid == gid, shadow.c.part == "")
            tx.execute(shadow.update().where(*named).values(registers=pack_registers(kept)))
