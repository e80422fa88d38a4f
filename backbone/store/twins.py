"""The ``twin`` and ``twinning`` tables: issues that were on both sides before the link, while they are paired."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, and_, delete, func, or_, select

from backbone.store.engine import among, upsert
from backbone.store.tables import twin, twinning

FREE, PAIRING, PAIRED, TOLD, WAITS, LEFT = "", "pairing", "paired", "told", "waits", "left"
"""What becomes of one of our issues: looked at; to be written for the first time as the partner's; written; all that it
shows has been said; kept back until a person says whose twin it is; kept back once, and nobody's twin.
"""
_COLUMNS = ("link", "local", "word", "gid", "state")


class Twin(NamedTuple):
    """One of our issues. ``gid`` is the partner's issue, or the one for which it waits."""

    local: str
    word: str = ""
    gid: str = ""
    state: str = FREE

    @property
    def is_unsaid(self) -> bool:
        """Whether it is paired, and what it shows has not been said yet."""
        return self.state in (PAIRING, PAIRED)


class Progress(NamedTuple):
    """How far pairing is. ``after``: the last issue looked at; ``told``: the partner has said all of its own."""

    after: str | None = None
    looked: bool = False
    told: bool = False


def progress(tx: Connection, link: int) -> Progress:
    """How far pairing is on one link."""
    row = tx.execute(select(twinning).where(twinning.c.link == link)).one_or_none()
    return Progress() if row is None else Progress(row.after, bool(row.looked), bool(row.told))


def proceed(tx: Connection, link: int, now: Progress) -> None:
    """So far, from now on."""
    row = (link, now.after, int(now.looked), int(now.told))
    upsert(tx, twinning, ("link", "after", "looked", "told"), [row], keys=1)


def look_again(tx: Connection, link: int) -> None:
    """Our store was restored: what the tracker shows may be another than what was noted."""
    tx.execute(twinning.update().where(twinning.c.link == link).values(after=None, looked=0))


def note(tx: Connection, link: int, words: Mapping[str, str]) -> None:
    """The key that each of these issues shows; one without is forgotten, unless more is known of it."""
    known = {one.local: one for one in of_locals(tx, link, words)}
    rows = [(known.get(local, Twin(local)))._replace(word=word) for local, word in words.items()]
    put(tx, link, [one for one in rows if one.word or one.state])
    gone = [one.local for one in rows if not one.word and not one.state]
    tx.execute(delete(twin).where(twin.c.link == link, among(twin.c.local, gone)))


def put(tx: Connection, link: int, rows: Iterable[Twin]) -> None:
    """Issues stand so from now on."""
    upsert(tx, twin, _COLUMNS, [(link, *one) for one in rows], keys=2)


def of_locals(tx: Connection, link: int, locals_: Iterable[str]) -> Sequence[Twin]:
    """Those of these issues of which something is known."""
    return _read(tx, and_(twin.c.link == link, among(twin.c.local, locals_)))


def of_gids(tx: Connection, link: int, gids: Iterable[str]) -> Mapping[str, Twin]:
    """Which of these issues of the partner's have a twin here."""
    paired = twin.c.state.in_((PAIRING, PAIRED, TOLD))
    found = _read(tx, and_(twin.c.link == link, paired, among(twin.c.gid, gids)))
    return {one.gid: one for one in found}


def with_words(tx: Connection, link: int, words: Collection[str]) -> Sequence[Twin]:
    """Our issues that show one of these keys."""
    return _read(tx, and_(twin.c.link == link, among(twin.c.word, words)))


def in_state(tx: Connection, link: int, *states: str) -> Sequence[Twin]:
    """All that stand so, by their names here."""
    return _read(tx, and_(twin.c.link == link, twin.c.state.in_(states)))


def kept_back(tx: Connection, link: int) -> set[str]:
    """Our issues of which nothing is said yet."""
    return {one.local for one in in_state(tx, link, WAITS, LEFT)}


def counts(tx: Connection, link: int) -> dict[str, int]:
    """How many issues stand how."""
    rows = tx.execute(select(twin.c.state, func.count()).where(twin.c.link == link).group_by(twin.c.state))
    return {state: int(count) for state, count in rows}


def shared_words(tx: Connection, link: int) -> dict[str, list[str]]:
    """Keys that several of our issues show, and which."""
    several = (
        select(twin.c.word).where(twin.c.link == link, twin.c.word != "").group_by(twin.c.word).having(func.count() > 1)
    )
    words: dict[str, list[str]] = {}
    for one in _read(tx, and_(twin.c.link == link, or_(twin.c.word.in_(several)))):
        words.setdefault(one.word, []).append(one.local)
    return words


def _read(tx: Connection, condition: object) -> list[Twin]:
    rows = tx.execute(select(twin).where(condition).order_by(twin.c.local))  # type: ignore[arg-type]
    return [Twin(row.local, row.word, row.gid, row.state) for row in rows]
