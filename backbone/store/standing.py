"""The ``standing`` table: issues that rest, and those that a person added. An issue without a row simply takes part."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, or_, select

from backbone.store.engine import among, upsert
from backbone.store.tables import standing

ADDED, FROZEN, CUT = "added", "frozen", "cut"
RESTS = (FROZEN, CUT)


class Standing(NamedTuple):
    """How one issue stands in the link, on our side and on the partner's: nothing, ``added``, ``frozen`` or ``cut``."""

    gid: str
    ours: str = ""
    theirs: str = ""
    why: str = ""
    """Why it rests on our side, for a person."""
    waking: bool = False
    """It rests no longer, and what was kept back is still to be said."""
    said: int = 0
    """The number of our last write before it rested: later ones of ours the partner has not heard."""

    @property
    def rests(self) -> bool:
        """Nothing of it travels, and nothing that comes is written."""
        return self.ours in RESTS or self.theirs in RESTS or self.waking

    @property
    def is_free(self) -> bool:
        """Neither side wants it to rest."""
        return self.ours not in RESTS and self.theirs not in RESTS


def of(tx: Connection, link: int, gids: Iterable[str]) -> dict[str, Standing]:
    """Those of these issues that have a row."""
    rows = tx.execute(select(standing).where(standing.c.link == link, among(standing.c.gid, gids)))
    return {row.gid: Standing(row.gid, row.ours, row.theirs, row.why, bool(row.waking), row.said) for row in rows}


def get(tx: Connection, link: int, gid: str) -> Standing:
    """One issue."""
    return of(tx, link, [gid]).get(gid, Standing(gid))


def put(tx: Connection, link: int, one: Standing, now: float) -> None:
    """An issue stands so from now on. ``now`` is in seconds since 1970."""
    if one == Standing(one.gid, why=one.why, said=one.said):
        tx.execute(delete(standing).where(standing.c.link == link, standing.c.gid == one.gid))
        return
    row = (link, one.gid, one.ours, one.theirs, one.why, int(one.waking), one.said, now)
    upsert(tx, standing, ("link", "gid", "ours", "theirs", "why", "waking", "said", "changed_at"), [row], keys=2)


def resting(tx: Connection, link: int, gids: Iterable[str] | None = None) -> set[str]:
    """The issues that rest, among ``gids`` or of all."""
    rests = or_(standing.c.ours.in_(RESTS), standing.c.theirs.in_(RESTS), standing.c.waking == 1)
    query = select(standing.c.gid).where(standing.c.link == link, rests)
    if gids is not None:
        query = query.where(among(standing.c.gid, gids))
    return set(tx.execute(query).scalars())


def waking(tx: Connection, link: int, limit: int) -> list[str]:
    """Issues of which is still to be said what was kept back."""
    query = select(standing.c.gid).where(standing.c.link == link, standing.c.waking == 1).order_by(standing.c.gid)
    return list(tx.execute(query.limit(limit)).scalars())


def every(tx: Connection, link: int) -> Sequence[Standing]:
    """All rows, by gid."""
    rows = tx.execute(select(standing).where(standing.c.link == link).order_by(standing.c.gid))
    return [Standing(row.gid, row.ours, row.theirs, row.why, bool(row.waking), row.said) for row in rows]
