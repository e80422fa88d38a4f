"""Telling people: what is said, and handing it over by mail and by webhook until it was taken.

What is to be told stands in the store, a row for each who is told; a process that dies between the handing over and
the note of it tells once more, under the same id.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backbone.config import check_webhook
from backbone.errors import BackboneError, ConfigError
from backbone.replication.alarm import News, lasting
from backbone.service.node import Node
from backbone.service.parties import mail_account
from backbone.store import alarms as store
from backbone.store.alarms import Way
from channels.base import ChannelError
from channels.mail.secrets import FromFile

MAIL, WEBHOOK = "mail", "webhook"
AT_ONCE = 20
AGAIN_SECONDS = 60.0
AGAIN_SECONDS_MAX = 3600.0
GIVEN_UP_SECONDS = 3 * 86_400.0
"""An alarm that could not be told for so long stands on the list; who never hears of it would not hear of it later."""
FORGOTTEN_SECONDS = 30 * 86_400.0

_WORDS = {"begins": "", "worse": "worse: ", "over": "over: "}


def ways(node: Node) -> list[Way]:
    """Everybody who is told."""
    table = node.config.alarms
    mails = [Way(MAIL, address) for address in table.to]
    return [*mails, Way(WEBHOOK, "")] if table.webhook or table.webhook_file else mails


def content(node: Node, event: str, subject: str, lines: Sequence[str], alarms: Sequence[News] = ()) -> dict[str, Any]:
    """What is told: for people ``subject`` and ``text``, for programs the rest."""
    now = node.clock()
    return {
        "id": secrets.token_hex(8),
        "node": node.name,
        "event": event,
        "at": _utc(now),
        "subject": f"[backbone {node.name}] {subject}",
        "text": "\n".join(lines),
        "alarms": [
            {
                "what": one.what, "kind": str(one.alarm.kind), "about": one.alarm.about, "level": one.alarm.level,
                "sentence": one.alarm.sentence, "since": _utc(one.since),
            }
            for one in alarms
        ],
    }  # fmt: skip


def of_news(node: Node, news: Sequence[News]) -> dict[str, Any]:
    """What began, grew worse or is over."""
    lines = [line_of(one, node.clock()) for one in news]
    begun = sum(one.what != "over" for one in news)
    subject = lines[0] if len(lines) == 1 else f"{begun} alarms" if begun else f"{len(lines)} alarms are over"
    where = f"Node {node.name}. `backbone status` and `backbone alarm list` show how things stand now."
    return content(node, "alarm" if begun else "over", subject[:150], [*lines, "", where], news)


def line_of(one: News, now: float) -> str:
    """One alarm as a line of text."""
    about = f"{one.alarm.about}: " if one.alarm.about else ""
    lasted = f" (it lasted {lasting(now - one.since)})" if one.what == "over" else ""
    return f"{_WORDS[one.what]}{about}{one.alarm.sentence}{lasted}"


async def tell_due(node: Node) -> list[str]:
    """Hand over what is due; what was not taken is tried again later, ever more slowly. Returns the troubles."""
    now = node.clock()
    due = await node.store.read(lambda tx: store.due(tx, now, AT_ONCE))
    troubles: dict[tuple[str, str], str] = {}
    for row in due:
        if (row.way, row.recipient) in troubles:
            continue
        error = await _try(node, row)
        if error is None:
            await node.store.run(lambda tx, i=row.id: store.told(tx, i))  # type: ignore[misc]
            continue
        troubles[row.way, row.recipient] = str(error)
        if now - row.created_at > GIVEN_UP_SECONDS:
            await node.store.run(lambda tx, i=row.id: store.told(tx, i, state="given up"))  # type: ignore[misc]
            continue
        wait = max(again_after(row.attempts), getattr(error, "retry_after", 0.0))
        await node.store.run(lambda tx, i=row.id, e=str(error), w=wait: store.not_told(tx, i, e, now + w))  # type: ignore[misc]
    return list(troubles.values())


def again_after(attempts: int) -> float:
    """Seconds until the next attempt, after so many before this one."""
    return min(AGAIN_SECONDS * 2.0 ** min(attempts, 20), AGAIN_SECONDS_MAX)


async def _try(node: Node, row: Any) -> BackboneError | ChannelError | None:
    import json

    try:
        await hand_over(node, Way(row.way, row.recipient), json.loads(row.content))
    except (BackboneError, ChannelError) as error:
        return error
    return None


async def hand_over(node: Node, way: Way, said: Mapping[str, Any]) -> None:
    """Once. Raises ``BackboneError`` or ``ChannelError`` when it was not taken."""
    table = node.config.alarms
    if way.kind == WEBHOOK:
        from backbone.service.watching.webhook import post

        await post(webhook_of(node), said, node.folder.resolve(table.ca_file) if table.ca_file else None)
        return
    from channels.mail.notice import send

    account = mail_account(node, table.mail or "", f"{node.folder.config}: alarms.mail")
    await send(account, way.recipient, str(said["subject"]), f"{said['text']}\n", str(said["id"]))


def check_account(node: Node) -> None:
    """Whether the account that sends is one. Raises ``ConfigError`` or ``ChannelError``."""
    from channels.mail.notice import NO_LINK
    from channels.mail.settings import settings_from

    where = f"{node.folder.config}: alarms.mail"
    settings_from({**mail_account(node, node.config.alarms.mail or "", where), "tag": NO_LINK})


def webhook_of(node: Node) -> str:
    """The address. Raises ``ConfigError``; its sentence does not hold the address."""
    table = node.config.alarms
    if table.webhook is not None:
        return table.webhook
    if table.webhook_file is None:
        raise ConfigError(f"{node.folder.config}: [alarms] has no webhook any more")
    file: Path = node.folder.resolve(table.webhook_file)
    try:
        return check_webhook(FromFile(file).read().reveal())
    except ChannelError as error:
        raise ConfigError(f"{node.folder.config}: alarms.webhook_file: {error}") from error
    except ValueError as error:
        raise ConfigError(f"{file}: the webhook {error}") from error


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
