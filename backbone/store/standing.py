"""The ``standing`` table: issues that rest, and those that a person added. An issue without a row simply takes part."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, or_, select

from backbone.store.engine import upsert
from backbone.store.prepared import among, listed, prepared
from backbone.store.tables import standing

ADDED, FROZEN, CUT = "added", "frozen", "cut"
RESTS = (FROZEN, CUT)

_S = standing.c
_RESTS = or_(_S.ours == FROZEN, _S.ours == CUT, _S.theirs == FROZEN, _S.theirs == CUT, _S.waking == 1)
_OF = prepared(lambda link, gids: select(standing).where(_S.link == link, among(_S.gid, gids)))
_RESTING = prepared(lambda link: select(_S.gid).where(_S.link == link, _RESTS))
_RESTING_OF = prepared(lambda link, gids: select(_S.gid).where(_S.link == link, _RESTS, among(_S.gid, gids)))
_WAKING = prepared(
    lambda link, limit: select(_S.gid).where(_S.link == link, _S.waking == 1).order_by(_S.gid).limit(limit)
)
_EVERY = prepared(lambda link: select(standing).where(_S.link == link).order_by(_S.gid))


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
    rows = _OF(tx, link, listed(gids))
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
    found = _RESTING(tx, link) if gids is None else _RESTING_OF(tx, link, listed(gids))
    return set(found.scalars())


def waking(tx: Connection, link: int, limit: int) -> list[str]:
    """Issues of which is still to be said what was kept back."""
    return list(_WAKING(tx, link, limit).scalars())


def every(tx: Connection, link: int) -> Sequence[Standing]:
    """All rows, by gid."""
    rows = _EVERY(tx, link)
    return [Standing(row.gid, row.ours, row.theirs, row.why, bool(row.waking), row.said) for row in rows]
