"""What only the tracker can say of the scope: its own query, and when an issue was last edited."""

from collections.abc import Collection

from backbone.errors import ConfigError
from backbone.replication.scope.rules import ScopeRules
from backbone.service.endpoint import Endpoint
from backbone.service.flow.scoping import NOT_ASKED, Fits
from backbone.trackers.base import QueryRefused, Searchable, Tracker


async def fits(ep: Endpoint, issues: Collection[str], *, looking_back: bool = False) -> Fits:
    """Whether the query takes each of these issues as it stands; with ``looking_back`` also whether it was made or
    edited since the scope's ``since``: what comes from the feed was edited just now.
    """
    if not ep.scope.asks_tracker:
        return NOT_ASKED
    found = await taken(ep.tracker, ep.scope.rules, issues, f"links/{ep.name}.toml", looking_back=looking_back)
    return {local: local in found for local in issues}


async def taken(
    tracker: Tracker, rules: ScopeRules, issues: Collection[str], file: str, *, looking_back: bool
) -> set[str]:
    """Those of these issues that ``query`` takes, and ``since`` when looking back. Raises ``ConfigError``."""
    found = set(issues)
    if rules.query is not None and found:
        found = await matching(tracker, rules.query, found, f"{file}: scope.query")
    if looking_back and rules.since is not None and found:
        found = await edited_since(tracker, rules.since, found)
    return found


async def matching(tracker: Tracker, query: str, issues: Collection[str], where: str) -> set[str]:
    """Those of these issues that the tracker's query finds. Raises ``ConfigError``, which names ``where``."""
    if not isinstance(tracker, Searchable):
        raise ConfigError(f"{where}: this kind of tracker takes no query; say it as an expression, in issues")
    try:
        return set(await tracker.matching(query, sorted(issues)))
    except QueryRefused as error:
        raise ConfigError(f"{where}: {error}") from error


async def edited_since(tracker: Tracker, since: str, issues: Collection[str]) -> set[str]:
    """Those of these issues that were made or edited at or after ``since`` (RFC 3339 in UTC)."""
    beginning = tuple(0 for _ in await tracker.head())
    found: set[str] = set()
    for local, touched in (await tracker.touched_of(dict.fromkeys(issues, beginning))).items():
        if any(edit.at >= since for edit in touched.edits):
            found.add(local)
    return found
