"""The ``twin`` and ``twinning`` tables: issues that were on both sides before the link, while they are paired."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, func, select

from backbone.store.engine import upsert
from backbone.store.prepared import among, listed, prepared
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


_PROGRESS = prepared(lambda link: select(twinning).where(twinning.c.link == link))
_LOOK_AGAIN = prepared(lambda link: twinning.update().where(twinning.c.link == link).values(after=None, looked=0))
_OF = prepared(
    lambda link, locals_: select(twin).where(twin.c.link == link, among(twin.c.local, locals_)).order_by(twin.c.local)
)
_GONE = prepared(lambda link, locals_: delete(twin).where(twin.c.link == link, among(twin.c.local, locals_)))
_PAIRED = prepared(
    lambda link, gids: select(twin).where(
        twin.c.link == link, among(twin.c.gid, gids), twin.c.state.in_((PAIRING, PAIRED, TOLD))
    )
)
_WITH_WORDS = prepared(
    lambda link, words: select(twin).where(twin.c.link == link, among(twin.c.word, words)).order_by(twin.c.local)
)
_IN_STATE = prepared(
    lambda link, states: select(twin).where(twin.c.link == link, among(twin.c.state, states)).order_by(twin.c.local)
)
_COUNTS = prepared(lambda link: select(twin.c.state, func.count()).where(twin.c.link == link).group_by(twin.c.state))


def progress(tx: Connection, link: int) -> Progress:
    """How far pairing is on one link."""
    row = _PROGRESS(tx, link).one_or_none()
    return Progress() if row is None else Progress(row.after, bool(row.looked), bool(row.told))


def proceed(tx: Connection, link: int, now: Progress) -> None:
    """So far, from now on."""
    row = (link, now.after, int(now.looked), int(now.told))
    upsert(tx, twinning, ("link", "after", "looked", "told"), [row], keys=1)


def look_again(tx: Connection, link: int) -> None:
    """Our store was restored: what the tracker shows may be another than what was noted."""
    _LOOK_AGAIN(tx, link)


def note(tx: Connection, link: int, words: Mapping[str, str]) -> None:
    """The key that each of these issues shows; one without is forgotten, unless more is known of it."""
    known = {one.local: one for one in of_locals(tx, link, words)}
    rows = [known.get(local, Twin(local))._replace(word=word) for local, word in words.items()]
    put(tx, link, [one for one in rows if one.word or one.state])
    _GONE(tx, link, listed(one.local for one in rows if not one.word and not one.state))


def put(tx: Connection, link: int, rows: Iterable[Twin]) -> None:
    """Issues stand so from now on."""
    upsert(tx, twin, _COLUMNS, [(link, *one) for one in rows], keys=2)


def of_locals(tx: Connection, link: int, locals_: Iterable[str]) -> Sequence[Twin]:
    """Those of these issues of which something is known."""
    return [_twin(row) for row in _OF(tx, link, listed(locals_))]


def of_gids(tx: Connection, link: int, gids: Iterable[str]) -> Mapping[str, Twin]:
    """Which of these issues of the partner's have a twin here."""
    return {row.gid: _twin(row) for row in _PAIRED(tx, link, listed(gids))}


def with_words(tx: Connection, link: int, words: Iterable[str]) -> Sequence[Twin]:
    """Our issues that show one of these keys."""
    return [_twin(row) for row in _WITH_WORDS(tx, link, listed(words))]


def in_state(tx: Connection, link: int, *states: str) -> Sequence[Twin]:
    """All that stand so, by their names here."""
    return [_twin(row) for row in _IN_STATE(tx, link, listed(states))]


def kept_back(tx: Connection, link: int) -> set[str]:
    """Our issues of which nothing is said yet."""
    return {one.local for one in in_state(tx, link, WAITS, LEFT)}


def counts(tx: Connection, link: int) -> dict[str, int]:
    """How many issues stand how."""
    return {state: int(count) for state, count in _COUNTS(tx, link)}


def _twin(row: Row[Any]) -> Twin:
    return Twin(row.local, row.word, row.gid, row.state)
