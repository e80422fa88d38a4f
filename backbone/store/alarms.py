"""The ``alarm`` and ``telling`` tables: what is wrong, and what people were told of it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, select

from backbone.replication.alarm import Alarm, Kind, Standing
from backbone.store.tables import alarm, telling


class Way(NamedTuple):
    """How somebody is told: ``mail`` to an address, or ``webhook``, whose recipient has no name here."""

    kind: str
    recipient: str


def standing(tx: Connection) -> list[Standing]:
    """What was wrong at the last look, or is gone for a moment only; by name."""
    rows = tx.execute(select(alarm).order_by(alarm.c.name))
    return [Standing(Alarm(Kind(r.kind), r.about, r.level, r.sentence), r.since, r.told_level, r.gone_at) for r in rows]


def keep_standing(tx: Connection, after: Iterable[Standing]) -> None:
    """Instead of all that was kept before."""
    rows = [
        {
            "name": s.alarm.name, "kind": str(s.alarm.kind), "about": s.alarm.about, "level": s.alarm.level,
            "sentence": s.alarm.sentence, "since": s.since, "told_level": s.told_level, "gone_at": s.gone_at,
        }
        for s in after
    ]  # fmt: skip
    tx.execute(alarm.delete())
    if rows:
        tx.execute(alarm.insert(), rows)


def tell(tx: Connection, ways: Iterable[Way], kind: str, content: Mapping[str, Any], now: float) -> None:
    """Everybody who is told shall hear this."""
    rows = [
        {"way": w.kind, "recipient": w.recipient, "kind": kind, "content": json.dumps(content), "created_at": now,
         "next_at": now}
        for w in ways
    ]  # fmt: skip
    if rows:
        tx.execute(telling.insert(), rows)


def due(tx: Connection, now: float, limit: int) -> Sequence[Row[Any]]:
    """What is to be told now, oldest first."""
    query = select(telling).where(telling.c.state == "open", telling.c.next_at <= now).order_by(telling.c.id)
    return tx.execute(query.limit(limit)).all()


def told(tx: Connection, item: int, *, state: str = "told") -> None:
    """It was heard, or we gave up."""
    tx.execute(telling.update().where(telling.c.id == item).values(state=state, attempts=telling.c.attempts + 1))


def not_told(tx: Connection, item: int, trouble: str, next_at: float) -> None:
    """It is tried again."""
    values = {"attempts": telling.c.attempts + 1, "next_at": next_at, "trouble": trouble}
    tx.execute(telling.update().where(telling.c.id == item).values(**values))


def last_told(tx: Connection, kind: str) -> float | None:
    """When something of that kind was last to be told, whether it was heard or not."""
    at = tx.execute(select(func.max(telling.c.created_at)).where(telling.c.kind == kind)).scalar_one()
    return None if at is None else float(at)


def untold(tx: Connection) -> Sequence[Row[Any]]:
    """What was not heard at the first attempt, and what we gave up; oldest first."""
    query = select(telling).where(telling.c.state != "told", telling.c.attempts > 0).order_by(telling.c.id)
    return tx.execute(query).all()


def forget(tx: Connection, before: float) -> None:
    """Tellings that are done with and older than this."""
    tx.execute(telling.delete().where(telling.c.state != "open", telling.c.created_at < before))
