"""Queries in Roundup's own words: as its web interface writes them: ``status=open,new&keyword=shared``."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from roundup import hyperdb
from roundup.date import Interval, Range

from backbone.trackers.base import QueryRefused

PARTS_MAX = 50
EMPTY = "-1"
"""Stands for an empty link, in Roundup's addresses too."""


def matching(db: Any, issue_class: str, query: str, issues: Sequence[str]) -> list[str]:
    """Those of these issues that the query finds. Raises ``QueryRefused``."""
    spec = filterspec(db, issue_class, query)
    try:
        return [str(node) for node in db.getclass(issue_class).filter(list(issues), spec)] if issues else []
    except (ValueError, KeyError, IndexError) as error:
        raise QueryRefused(f"Roundup does not take the query {query!r}: {error}") from error


def filterspec(db: Any, issue_class: str, query: str) -> dict[str, Any]:
    """What Roundup's ``filter`` wants. Names of linked items may be their keys or ids."""
    try:
        parts = parse_qsl(
            query.removeprefix("?"), strict_parsing=True, keep_blank_values=True, max_num_fields=PARTS_MAX
        )
    except ValueError as error:
        raise QueryRefused(f"{query!r} is no query; write it like status=open,new&keyword=shared") from error
    known = db.getclass(issue_class).getprops()
    spec: dict[str, Any] = {}
    for name, text in parts:
        if name.startswith((":", "@")):
            continue  # how the web interface shows what it finds
        if name not in known:
            raise QueryRefused(f"the tracker's issues have no {name!r}; they have {', '.join(sorted(known))}")
        spec[name] = _wanted(db, name, known[name], text)
    if not spec:
        raise QueryRefused(f"the query {query!r} names no property, so it would take every issue")
    return spec


def _wanted(db: Any, name: str, prop: Any, text: str) -> Any:
    if isinstance(prop, (hyperdb.Link, hyperdb.Multilink)):
        return [_item(db, name, prop, word.strip()) for word in text.split(",")]
    try:
        if text.strip() and _is_understood(db, prop, text):
            return text
    except ValueError:
        pass
    raise QueryRefused(f"{name}={text}: the tracker does not understand that value, and would take every issue")


def _is_understood(db: Any, prop: Any, text: str) -> bool:
    """Roundup's own ``filter`` leaves out what it does not understand, without a word. Raises ``ValueError``."""
    if isinstance(prop, hyperdb.Date):
        ranges = [prop.range_from_raw(part, db) for part in text.split(",") if part != "-"]
        return all(one.from_value or one.to_value for one in ranges)
    if isinstance(prop, hyperdb.Interval):
        span = Range(text, Interval)
        return bool(span.from_value or span.to_value)
    if isinstance(prop, (hyperdb.Number, hyperdb.Integer)):
        return all(float(part) is not None for part in text.split(","))
    return isinstance(prop, (hyperdb.String, hyperdb.Boolean))


def _item(db: Any, name: str, prop: Any, word: str) -> str:
    linked = db.getclass(prop.classname)
    if word == EMPTY or (word.isdigit() and linked.hasnode(word)):
        return word
    try:
        return str(linked.lookup(word))
    except (KeyError, TypeError) as error:
        raise QueryRefused(f"{name} has no {word!r}, neither by its key nor by its number") from error
