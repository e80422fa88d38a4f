"""What is wrong with a node: from a picture of its state to a set of named alarms, and which of them are news.

An alarm is named by its kind and by what it is about, so that the same trouble has the same name at every look: it is
told when it begins, when it grows worse by a level, and when it is over.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

DAY = 86_400.0
HOUR = 3_600.0

KEY_DAYS = (7, 30, 60)
"""When the end of a key is spoken of, louder each time: the partner has to take the new one, and may be away."""
FREE_BYTES_MIN = 500 * 2**20
"""Less free disk than this is worth a word: attachments and the store grow."""
WORSE_SHARE = 0.1
"""Of that: with so little left it is said once more."""
MAILBOX_FULL_PERCENT = 98
"""From here on, most servers refuse a mail with an attachment."""
SENTENCE_MAX = 500
"""Characters of what stands in an alarm; a partner's words may be among them."""


class Kind(StrEnum):
    """What can be wrong."""

    SILENT = "silent"
    OUTBOX = "outbox"
    KEY = "key"
    HANDSHAKE = "handshake"
    STOPPED = "stopped"
    ENDED = "ended"
    TROUBLE = "trouble"
    QUARANTINE = "quarantine"
    CONFLICTS = "conflicts"
    AUDIT = "audit"
    DISK = "disk"
    MAILBOX = "mailbox"
    IDLE = "idle"


TOLD_ONLY = frozenset({Kind.ENDED})
"""What is told once and asks for nothing: it neither ends nor counts as an alarm that stands."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on something is an alarm."""

    silent_seconds: float = 50 * HOUR
    """Two heartbeats missed, and two hours for a slow mail."""
    outbox_messages: int = 256
    """The window: from here on nothing more is captured until the partner has applied some."""
    outbox_seconds: float = 24 * HOUR
    handshake_seconds: float = 48 * HOUR
    key_days: int = KEY_DAYS[-1]
    disk_free_bytes: int = FREE_BYTES_MIN
    mailbox_percent: int = 90
    idle_seconds: float = 24 * HOUR
    """Nobody ran the node for so long: far beyond what `backbone sync` from cron leaves between two runs."""


@dataclass(frozen=True, slots=True)
class LinkPicture:
    """One link at one moment. Times are seconds since 1970."""

    name: str
    state: str
    """As people see it: draft, handshake, active, paused, resync, failed, expired, revoked."""
    reason: str = ""
    revoked_by_peer: bool = False
    exchanges: bool = False
    """It has a partner and messages travel: the partner's heartbeat is to be heard."""
    heard_at: float = 0.0
    """When the partner was last heard, or the link was made."""
    offer_ends_at: float | None = None
    """While the handshake file waits for its answer."""
    waiting: int = 0
    """Our messages that the partner has not applied."""
    oldest_waiting_at: float | None = None
    keys_end_at: Mapping[str, float] = field(default_factory=dict)
    """When a key's first use runs out, by whose key it is (``our``, ``the partner's``)."""
    quarantined: int = 0
    conflicts: int = 0
    differences: int = 0
    """What the last audit found to differ."""


@dataclass(frozen=True, slots=True)
class NodePicture:
    """A node at one moment."""

    now: float
    links: Sequence[LinkPicture] = ()
    disks: Mapping[str, int] = field(default_factory=dict)
    """Free bytes, by the folder that was asked."""
    mailboxes: Mapping[str, float] = field(default_factory=dict)
    """The share that is full, 0 to 1, by account; only those whose server tells."""
    ran_at: float | None = None
    """When a process last ran this node, where the one who looks is another."""


class Alarm(NamedTuple):
    """One thing that is wrong. ``level`` grows as it gets worse; what it is about is a link, folder or account."""

    kind: Kind
    about: str
    level: int
    sentence: str

    @property
    def name(self) -> str:
        return f"{self.kind} {self.about}".strip()


def alarms(picture: NodePicture, limits: Thresholds) -> list[Alarm]:
    """All that is wrong, by name. Sentences hold no secrets and nothing of an issue."""
    found = [*_of_node(picture, limits)]
    for link in picture.links:
        for rule in _LINK_RULES:
            found += rule(link, picture.now, limits)
    return sorted(one._replace(sentence=_plain(one.sentence)) for one in found)


def _of_node(picture: NodePicture, limits: Thresholds) -> Iterator[Alarm]:
    for folder, free in picture.disks.items():
        if free < limits.disk_free_bytes:
            level = 2 if free < limits.disk_free_bytes * WORSE_SHARE else 1
            yield Alarm(
                Kind.DISK, folder, level, f"only {free // 2**20} MB are free on the disk of {folder}: make room"
            )
    for account, share in picture.mailboxes.items():
        percent = int(share * 100)
        if percent >= limits.mailbox_percent:
            level = 2 if percent >= MAILBOX_FULL_PERCENT else 1
            sentence = f"the mailbox of account {account} is {percent} % full: make room, or nothing can be received"
            yield Alarm(Kind.MAILBOX, account, level, sentence)
    if picture.ran_at is not None and picture.now - picture.ran_at > limits.idle_seconds:
        ago = lasting(picture.now - picture.ran_at)
        yield Alarm(Kind.IDLE, "", 1, f"nobody has run this node for {ago}: start `backbone run`")


def _silent(link: LinkPicture, now: float, limits: Thresholds) -> Iterator[Alarm]:
    silence = now - link.heard_at
    if link.exchanges and silence > limits.silent_seconds:
        sentence = f"nothing was heard of the partner for {lasting(silence)}: ask whether their node runs"
        yield Alarm(Kind.SILENT, link.name, 1, sentence)


def _outbox(link: LinkPicture, now: float, limits: Thresholds) -> Iterator[Alarm]:
    if not link.exchanges or link.oldest_waiting_at is None:
        return
    age = now - link.oldest_waiting_at
    if link.waiting >= limits.outbox_messages or age > limits.outbox_seconds:
        sentence = f"{link.waiting} messages wait for the partner, the oldest for {lasting(age)}: ask what holds them"
        yield Alarm(Kind.OUTBOX, link.name, 1, sentence)


def _keys(link: LinkPicture, now: float, limits: Thresholds) -> Iterator[Alarm]:
    for whose, ends in link.keys_end_at.items():
        days = (ends - now) / DAY
        if days >= limits.key_days or link.state in ("expired", "revoked"):
            continue
        louder = sum(days < earlier for earlier in (0, *KEY_DAYS) if earlier < limits.key_days)
        when = "has expired" if days < 0 else f"ends in {days:.0f} days"
        sentence = f"{whose} key {when}: {key_advice(link.name, whose, days)}"
        yield Alarm(Kind.KEY, f"{link.name} {whose}", 1 + louder, sentence)


def key_advice(link: str, whose: str, days: float) -> str:
    """What to do about a key that ends in so many days."""
    if days < 0:
        return f"no parcel is signed or taken until there is a new handshake: backbone link create {link} --again"
    command = f"backbone key rotate {link}" if whose == "our" else "backbone key rotate, with its name for this link"
    return command if whose == "our" else f"ask the partner's admin for {command}"


def _handshake(link: LinkPicture, now: float, limits: Thresholds) -> Iterator[Alarm]:
    if link.offer_ends_at is not None and now < link.offer_ends_at < now + limits.handshake_seconds:
        left = lasting(link.offer_ends_at - now)
        sentence = f"the handshake is not finished, and its file is valid for {left} only: remind the partner"
        yield Alarm(Kind.HANDSHAKE, link.name, 1, sentence)


def _stopped(link: LinkPicture, _now: float, _limits: Thresholds) -> Iterator[Alarm]:
    why = f": {link.reason}" if link.reason else ""
    if link.state in ("failed", "resync", "expired"):
        yield Alarm(Kind.STOPPED, link.name, 1, f"the link is stopped, its state is {link.state}{why}")
    elif link.state == "revoked":
        if link.revoked_by_peer:
            yield Alarm(Kind.ENDED, link.name, 1, f"the partner ended the link for ever{why}")
    elif link.reason:
        yield Alarm(Kind.TROUBLE, link.name, 1, link.reason)


def _lists(link: LinkPicture, _now: float, _limits: Thresholds) -> Iterator[Alarm]:
    """The level is the number's length: ten times as many are worth another word, one more is not."""
    for kind, count, words in (
        (Kind.QUARANTINE, link.quarantined, "set aside: backbone queue list"),
        (Kind.CONFLICTS, link.conflicts, "conflicts to decide: backbone conflict list"),
        (Kind.AUDIT, link.differences, f"differences found by the last audit: backbone audit {link.name}"),
    ):
        if count:
            yield Alarm(kind, link.name, len(str(count)), f"{count} {words}")


_LINK_RULES: tuple[Callable[[LinkPicture, float, Thresholds], Iterable[Alarm]], ...] = (
    _silent,
    _outbox,
    _keys,
    _handshake,
    _stopped,
    _lists,
)


def lasting(seconds: float) -> str:
    """A time as people say it, in one unit."""
    for unit, length in (("days", DAY), ("hours", HOUR)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(seconds, 0) // 60:.0f} minutes"


def _plain(text: str) -> str:
    shown = "".join(c if c.isprintable() else " " for c in text)
    return shown if len(shown) <= SENTENCE_MAX else shown[: SENTENCE_MAX - 1] + "…"


# what is news


@dataclass(frozen=True, slots=True)
class Standing:
    """What is remembered of an alarm. ``told_level`` 0: nobody was told yet. ``gone_at``: not seen since then."""

    alarm: Alarm
    since: float
    told_level: int = 0
    gone_at: float | None = None


class News(NamedTuple):
    """Something to tell. ``what``: begins, worse or over."""

    what: str
    alarm: Alarm
    since: float


def follow(
    known: Sequence[Standing], seen: Sequence[Alarm], now: float, settle_seconds: float, *, telling: bool = True
) -> tuple[list[Standing], list[News]]:
    """What stands after a look, and what of it is news. ``telling`` is off where there is nobody to be told.

    What comes or goes is told when it has lasted ``settle_seconds``: trouble that flickers is told once, and what was
    over before anybody heard of it is never told.
    """
    here = {alarm.name: alarm for alarm in seen}
    after: list[Standing] = []
    news: list[News] = []
    for one in known:
        kept, said = _follow_one(one, here.pop(one.alarm.name, None), now, settle_seconds, telling=telling)
        after += [kept] if kept is not None else []
        news += said
    for alarm in here.values():
        begun, said = _told(Standing(alarm, now), now, settle_seconds, telling=telling)
        after.append(begun)
        news += said
    return after, news


def _follow_one(
    one: Standing, alarm: Alarm | None, now: float, settle_seconds: float, *, telling: bool
) -> tuple[Standing | None, list[News]]:
    if alarm is not None:
        return _told(replace(one, alarm=alarm, gone_at=None), now, settle_seconds, telling=telling)
    gone_at = now if one.gone_at is None else one.gone_at
    if now - gone_at < settle_seconds:
        return replace(one, gone_at=gone_at), []
    silent = not one.told_level or one.alarm.kind in TOLD_ONLY or not telling
    return None, [] if silent else [News("over", one.alarm, one.since)]


def _told(one: Standing, now: float, settle_seconds: float, *, telling: bool) -> tuple[Standing, list[News]]:
    if not telling or one.alarm.level <= one.told_level or now - one.since < settle_seconds:
        return one, []
    what = "worse" if one.told_level else "begins"
    return replace(one, told_level=one.alarm.level), [News(what, one.alarm, one.since)]
