"""Looking after a node: what is wrong is noticed, told once, and told again when it is over."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from backbone.config import AlarmTable
from backbone.errors import BackboneError, UsageError
from backbone.replication.alarm import Alarm, Kind, News, Thresholds, alarms, follow
from backbone.service.logs import logger
from backbone.service.node import Node
from backbone.service.watching import day, telling
from backbone.service.watching.metrics import Figures, serving
from backbone.service.watching.picture import Slow, look_slowly, take
from backbone.service.watching.status import status_in
from backbone.store import alarms as store
from backbone.store.alarms import Way
from backbone.store.engine import Connection
from channels.base import ChannelError

LOOK_SECONDS = 60.0
SLOW_SECONDS = 3600.0
"""Keys and mailboxes change by the day, and a log-in is not free."""
HOUR = 3600.0
MIB = 2**20

_SEEN_BY_THE_SERVICE = frozenset({Kind.MAILBOX})
"""What only a running node looks at: others read what it found."""


def thresholds(table: AlarmTable) -> Thresholds:
    """What the admin set, for the rules."""
    return Thresholds(
        silent_seconds=table.silent_hours * HOUR,
        outbox_messages=table.outbox_messages,
        outbox_seconds=table.outbox_hours * HOUR,
        handshake_seconds=table.handshake_hours * HOUR,
        key_days=table.key_days,
        disk_free_bytes=table.disk_free_mb * MIB,
        mailbox_percent=table.mailbox_percent,
        idle_seconds=table.idle_hours * HOUR,
    )


async def watch(node: Node) -> None:
    """Until cancelled. What fails here stops nothing else; it is in the log, and looked at again."""
    figures = Figures(node)
    slow, slow_at = Slow(), float("-inf")
    with serving(figures, node.config.alarms.metrics_port, logger(node=node.name)):
        while True:
            with _carefully(node):
                if node.clock() - slow_at >= SLOW_SECONDS:
                    slow, slow_at = await look_slowly(node, mailboxes=True), node.clock()
                figures.alarms = await look(node, slow)
                await _tell(node)
            await asyncio.sleep(LOOK_SECONDS)


async def once(node: Node) -> None:
    """For a node that is run now and then: look, and tell what is due."""
    with _carefully(node):
        await look(node, await look_slowly(node, mailboxes=True))
        await _tell(node)


@contextmanager
def _carefully(node: Node) -> Iterator[None]:
    """Who looks after a node does not end it."""
    log = logger(node=node.name)
    try:
        yield
    except (BackboneError, ChannelError, OSError) as error:
        log.warning("not looked", reason=str(error))
    except Exception:
        log.exception("fault")


async def _tell(node: Node) -> None:
    for trouble in await telling.tell_due(node):
        logger(node=node.name).warning("not told", reason=trouble)


async def look(node: Node, slow: Slow) -> list[Alarm]:
    """One look: what is wrong is kept, and what is news of it is put down to be told, in one transaction."""
    picture = await take(node, slow)
    found = alarms(picture, thresholds(node.config.alarms))
    settle = node.config.alarms.settle_minutes * 60.0
    told = telling.ways(node)

    def keep(tx: Connection) -> list[News]:
        known = store.standing(tx)
        after, news = follow(known, found, picture.now, settle, telling=bool(told))
        if after != known:
            store.keep_standing(tx, after)
        if news:
            store.tell(tx, told, "alarm", telling.of_news(node, news), picture.now)
        if told and day.is_due(tx, node, picture.now):
            store.tell(tx, told, "digest", day.digest(node, status_in(tx), after), picture.now)
            store.forget(tx, picture.now - telling.FORGOTTEN_SECONDS)
        return news

    for one in await node.store.run(keep):
        logger(node=node.name).warning("alarm", what=one.what, name=one.alarm.name, reason=one.alarm.sentence)
    return found


async def check(node: Node) -> list[Alarm]:
    """What is wrong now, for somebody who looks from outside; nothing is written and no mailbox is asked."""
    try:
        ran_at = node.anchor_path.stat().st_mtime
    except OSError:
        ran_at = None
    picture = await take(node, await look_slowly(node, mailboxes=False), ran_at=ran_at)
    known = await node.store.read(store.standing)
    kept = [one.alarm for one in known if one.alarm.kind in _SEEN_BY_THE_SERVICE and one.gone_at is None]
    return sorted([*alarms(picture, thresholds(node.config.alarms)), *kept])


def problems(node: Node) -> list[str]:
    """What of ``[alarms]`` cannot work, a sentence each; nothing is sent."""
    table = node.config.alarms
    checks: list[Callable[[], object]] = []
    if table.mail is not None:
        checks.append(lambda: telling.check_account(node))
    if table.webhook_file is not None:
        checks.append(lambda: telling.webhook_of(node))
    found: list[str] = []
    for one in checks:
        try:
            one()
        except (BackboneError, ChannelError) as error:
            found.append(str(error))
    return found


async def test(node: Node) -> list[tuple[Way, str]]:
    """Tell everybody that this is a test; whom, and why it was not taken (empty: it was). Raises ``UsageError``."""
    told = telling.ways(node)
    if not told:
        raise UsageError(f"{node.folder.config}: [alarms] names nobody to tell: set mail and to, or webhook")
    said = telling.content(node, "test", "a test", [f"Node {node.name} tells its alarms this way. All is well."])
    results: list[tuple[Way, str]] = []
    for way in told:
        try:
            await telling.hand_over(node, way, said)
        except (BackboneError, ChannelError) as error:
            results.append((way, str(error)))
        else:
            results.append((way, ""))
    return results
