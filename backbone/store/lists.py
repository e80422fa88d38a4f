"""The lists that people read and act on: ``quarantine``, ``held``, ``conflict`` and ``request``."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection, Row, func, select

from backbone.model import Cell, Value
from backbone.replication.diff import Conflict
from backbone.replication.message import ChangeSet
from backbone.store.codec import pack_change_set, unpack_change_set
from backbone.store.prepared import change, prepared
from backbone.store.tables import conflict, held, identity, quarantine, request

Item: TypeAlias = Row[Any]
"""A row of ``quarantine``."""

_Q = quarantine.c
_OPEN = prepared(lambda link: select(quarantine).where(_Q.link == link, _Q.state == "open").order_by(_Q.id))
_DUE = prepared(
    lambda link, now, limit: (
        select(quarantine).where(_Q.link == link, _Q.state == "open", _Q.next_at <= now).order_by(_Q.id).limit(limit)
    )
)
_BY_KEY = prepared(lambda link, key: select(quarantine).where(_Q.link == link, _Q.key == key, _Q.state == "open"))
_PARCELS = prepared(
    lambda link: select(func.count(), func.sum(func.length(_Q.payload)), func.max(_Q.id)).where(
        _Q.link == link, _Q.kind == "parcel", _Q.state == "open"
    )
)
_ATTEMPTS = prepared(lambda item: select(_Q.attempts).where(_Q.id == item))
_HELD_BY_KEY = prepared(
    lambda link, key: select(held.c.id, held.c.change_set).where(held.c.link == link, held.c.key == key)
)
_GOES_ON = prepared(
    lambda link, gid: select(func.coalesce(func.min(held.c.ready), 0)).where(held.c.link == link, held.c.gid == gid)
)
_HELD_READY = prepared(
    lambda link, limit: (
        select(held)
        .where(
            held.c.id.in_(
                select(func.min(held.c.id))
                .where(held.c.link == link, held.c.ready == 1)
                .group_by(held.c.gid)
                .limit(limit)
            )
        )
        .order_by(held.c.id)
    )
)
_HELD_GIDS = prepared(lambda link: select(held.c.gid).where(held.c.link == link).distinct())
_UNHOLD = prepared(lambda link, key: held.delete().where(held.c.link == link, held.c.key == key))
_ASKED = prepared(
    lambda link: select(request).where(request.c.link == link, request.c.state == "open").order_by(request.c.id)
)
"""Looked for in each round of the service's work."""

# quarantine


def set_aside(tx: Connection, link: int, kind: str, reason: str, now: float, **values: Any) -> int:
    """Keep something that could not be opened, decoded or applied, with its reason."""
    row = {"link": link, "kind": kind, "reason": reason, "created_at": now, "changed_at": now, **values}
    result = tx.execute(quarantine.insert(), row)
    assert result.inserted_primary_key is not None
    return int(result.inserted_primary_key[0])


def set_aside_count(tx: Connection, link: int) -> int:
    """How many items wait for a person."""
    query = select(func.count()).where(quarantine.c.link == link, quarantine.c.state == "open")
    return int(tx.execute(query).scalar_one())


def set_aside_items(tx: Connection, link: int | None, *, everything: bool = False) -> Sequence[Row[Any]]:
    """Items, oldest first."""
    if link is not None and not everything:
        return _OPEN(tx, link).all()
    query = select(quarantine).order_by(quarantine.c.id)
    if link is not None:
        query = query.where(quarantine.c.link == link)
    if not everything:
        query = query.where(quarantine.c.state == "open")
    return tx.execute(query).all()


class ParcelsAside(NamedTuple):
    """The open parcels in quarantine: how many, their bytes, and the last one with how often it was set aside."""

    items: int
    bytes_kept: int
    last: int | None
    attempts: int


def parcels_aside(tx: Connection, link: int) -> ParcelsAside:
    """What of a link's quarantine somebody outside could make grow."""
    count, size, last = _PARCELS(tx, link).one()
    attempts = _ATTEMPTS(tx, last).scalar_one_or_none()
    return ParcelsAside(count, size or 0, last, attempts or 0)


def set_aside_item(tx: Connection, item: int) -> Row[Any] | None:
    """One item."""
    return tx.execute(select(quarantine).where(quarantine.c.id == item)).one_or_none()


def set_aside_change(tx: Connection, item: int, now: float, **values: Any) -> None:
    """An attempt was made, or a person decided."""
    change(tx, quarantine, {"id": item}, {"changed_at": now, **values})


def set_aside_due(tx: Connection, link: int, now: float, limit: int) -> Sequence[Row[Any]]:
    """Open items whose schedule says that they are tried again."""
    return _DUE(tx, link, now, limit).all()


def set_aside_forget(tx: Connection, item: int) -> None:
    """Only for an item that says the same as another."""
    tx.execute(quarantine.delete().where(quarantine.c.id == item))


def set_aside_by_key(tx: Connection, link: int, key: str) -> Row[Any] | None:
    """The open item of one change set."""
    return _BY_KEY(tx, link, key).one_or_none()


# held change sets


def hold(tx: Connection, link: int, key: str, change_set: ChangeSet) -> None:
    """A change set of an issue that waits; the same key once. Behind one that was released it may go on like that."""
    if _HELD_BY_KEY(tx, link, key).one_or_none() is None:
        ready = _GOES_ON(tx, link, change_set.gid).scalar_one()
        packed = pack_change_set(change_set)
        row = {"link": link, "gid": change_set.gid, "key": key, "change_set": packed, "ready": ready}
        tx.execute(held.insert(), row)


def held_by_key(tx: Connection, link: int, key: str) -> ChangeSet | None:
    """One held change set."""
    row = _HELD_BY_KEY(tx, link, key).one_or_none()
    return None if row is None else unpack_change_set(row.change_set)


def amend_held(tx: Connection, link: int, key: str, change_set: ChangeSet) -> None:
    """A person changed it."""
    packed = pack_change_set(change_set)
    tx.execute(held.update().where(held.c.link == link, held.c.key == key).values(change_set=packed))


def held_ready(tx: Connection, link: int, limit: int) -> list[tuple[str, ChangeSet]]:
    """The first held change set of each issue that may go on, with its key."""
    return [(row.key, unpack_change_set(row.change_set)) for row in _HELD_READY(tx, link, limit)]


def held_change_sets(tx: Connection, link: int) -> list[tuple[str, ChangeSet]]:
    """All that is held, with its keys."""
    rows = tx.execute(select(held).where(held.c.link == link).order_by(held.c.id))
    return [(row.key, unpack_change_set(row.change_set)) for row in rows]


def let_go(tx: Connection, link: int, gid: str, *, ready: bool = True) -> None:
    """A person released the issue (or it is stuck again)."""
    tx.execute(held.update().where(held.c.link == link, held.c.gid == gid).values(ready=int(ready)))


def unhold(tx: Connection, link: int, key: str) -> None:
    """It was applied or skipped."""
    _UNHOLD(tx, link, key)


def holds(tx: Connection, link: int, gid: str) -> int:
    """How many change sets of this issue wait."""
    return int(tx.execute(select(func.count()).where(held.c.link == link, held.c.gid == gid)).scalar_one())


def held_gids(tx: Connection, link: int) -> set[str]:
    """The issues that have something held."""
    return set(_HELD_GIDS(tx, link).scalars())


# conflicts


def record_conflicts(tx: Connection, link: int, gid: str, conflicts: Sequence[Conflict], now: float) -> None:
    """Keep the losing values."""
    fresh = [c for c in conflicts if not (c.unless_noted and _is_noted(tx, link, gid, c.cell))]
    if fresh:
        tx.execute(
            conflict.insert(),
            [
                {
                    "link": link, "gid": gid, "field": c.cell.field, "element": c.cell.element,
                    "stands": json.dumps(c.stands), "lost": json.dumps(c.lost), "lost_here": int(c.lost_here),
                    "state": "open" if c.open else "settled", "created_at": now,
                }
                for c in fresh
            ],
        )  # fmt: skip


def _is_noted(tx: Connection, link: int, gid: str, cell: Cell) -> bool:
    c = conflict.c
    here = (c.link == link, c.gid == gid, c.field == cell.field, c.element == cell.element)
    return tx.execute(select(c.id).where(*here).limit(1)).one_or_none() is not None


def conflicts(tx: Connection, link: int | None, *, everything: bool) -> Sequence[Row[Any]]:
    """Conflict records, oldest first; open ones only unless asked."""
    query = select(conflict).order_by(conflict.c.id)
    if link is not None:
        query = query.where(conflict.c.link == link)
    if not everything:
        query = query.where(conflict.c.state == "open")
    return tx.execute(query).all()


def local_names(tx: Connection, issues: Sequence[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """How these issues, ``(link, gid)``, are called here."""
    found: dict[tuple[int, str], str] = {}
    for link in {link for link, _ in issues}:
        gids = {gid for owner, gid in issues if owner == link}
        rows = tx.execute(select(identity).where(identity.c.link == link, identity.c.gid.in_(gids)))
        found.update({(link, row.gid): row.local for row in rows})
    return found


def conflict_item(tx: Connection, item: int) -> Row[Any] | None:
    """One record."""
    return tx.execute(select(conflict).where(conflict.c.id == item)).one_or_none()


def settle_conflict(tx: Connection, item: int, state: str) -> None:
    """A person decided."""
    tx.execute(conflict.update().where(conflict.c.id == item).values(state=state))


def conflict_counts(tx: Connection, link: int) -> dict[str, int]:
    """How many records, by state."""
    rows = tx.execute(select(conflict.c.state, func.count()).where(conflict.c.link == link).group_by(conflict.c.state))
    return {row[0]: int(row[1]) for row in rows}


# requests


def ask(tx: Connection, link: int, kind: str, arguments: Mapping[str, Any], now: float) -> int:
    """A person asks the service for something."""
    row = {"link": link, "kind": kind, "arguments": json.dumps(arguments), "created_at": now}
    result = tx.execute(request.insert(), row)
    assert result.inserted_primary_key is not None
    return int(result.inserted_primary_key[0])


def asked(tx: Connection, link: int) -> list[tuple[int, str, dict[str, Any]]]:
    """What is still to be done, oldest first."""
    rows = _ASKED(tx, link)
    return [(row.id, row.kind, json.loads(row.arguments)) for row in rows]


def answer(
    tx: Connection, item: int, result: Mapping[str, Any], *, state: str = "done",
    arguments: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """It was done, with this result; or it goes on (``state`` other than ``done``, perhaps with other arguments)."""
    values = {"state": state, "result": json.dumps(result)}
    if arguments is not None:
        values["arguments"] = json.dumps(arguments)
    change(tx, request, {"id": item}, values)


def withdraw(tx: Connection, item: int) -> bool:
    """Nobody waits for the answer any more; ``False`` when it was carried out already."""
    waiting = request.c.state.in_(("open", "sent"))
    return bool(tx.execute(request.update().where(request.c.id == item, waiting).values(state="expired")).rowcount)


def last_asked(tx: Connection, link: int, kind: str) -> Row[Any] | None:
    """The newest request of that kind."""
    query = select(request).where(request.c.link == link, request.c.kind == kind)
    return tx.execute(query.order_by(request.c.id.desc()).limit(1)).one_or_none()


def last_audit(tx: Connection, link: int) -> dict[str, Any]:
    """What the newest audit found that came to an end; empty where there is none."""
    query = select(request.c.result).where(
        request.c.link == link,
        request.c.kind == "audit",
        request.c.state == "done",
        request.c.result.like('%"issues"%'),
    )
    text = tx.execute(query.order_by(request.c.id.desc()).limit(1)).scalar_one_or_none()
    found: dict[str, Any] = json.loads(text or "{}")
    return found


def request_item(tx: Connection, item: int) -> Row[Any] | None:
    """One request with its result."""
    return tx.execute(select(request).where(request.c.id == item)).one_or_none()


def value_of(text: str | None) -> Value:
    """A value as it stands in a record."""
    return None if text is None else json.loads(text)
