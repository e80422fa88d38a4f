"""How everything stands, told once a day where the admin wants it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from backbone.replication.alarm import TOLD_ONLY, News, Standing, lasting
from backbone.service.node import Node
from backbone.service.watching import telling
from backbone.service.watching.status import LinkStatus
from backbone.store import alarms as store
from backbone.store.engine import Connection


def digest(node: Node, links: Sequence[LinkStatus], known: Sequence[Standing]) -> dict[str, Any]:
    """How everything stands, for once a day."""
    now = node.clock()
    lines = [_line(link, now) for link in links] or ["There is no link yet."]
    standing = [News("begins", one.alarm, one.since) for one in known if _stands(one)]
    told = [f"- {telling.line_of(one, now)} (for {lasting(now - one.since)})" for one in standing]
    subject = f"the day: {len(standing)} alarms" if standing else "the day: all is well"
    return telling.content(node, "digest", subject, [*lines, "", *(told or ["Nothing is wrong."])], standing)


def _stands(one: Standing) -> bool:
    return one.gone_at is None and one.alarm.kind not in TOLD_ONLY


def _line(link: LinkStatus, now: float) -> str:
    heard = "never heard" if link.heard_at is None else f"heard {lasting(now - link.heard_at)} ago"
    return (
        f"{link.name}: {link.state}, {link.issues} issues, {link.change_sets_sent} change sets sent, "
        f"{link.change_sets_applied_there} applied there, {link.waiting} messages waiting, "
        f"{link.quarantined} set aside, {link.conflicts_open} conflicts to decide, {heard}"
    )


def is_due(tx: Connection, node: Node, now: float) -> bool:
    """Whether it is to be told: once after each day's time. A node that was down then makes up for one day only."""
    at = node.config.alarms.digest_time
    if at is None:
        return False
    here = datetime.fromtimestamp(now).astimezone()
    due = here.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    if due > here:
        due -= timedelta(days=1)
    last = store.last_told(tx, "digest")
    return last is None or last < due.timestamp()
