"""What is wrong is named once, however often it is looked at, and what is news of it is told once."""

from dataclasses import replace
from typing import Any

import pytest

from backbone.replication.alarm import (
    DAY,
    HOUR,
    SENTENCE_MAX,
    Alarm,
    Kind,
    LinkPicture,
    News,
    NodePicture,
    Standing,
    Thresholds,
    alarms,
    follow,
    lasting,
)

NOW = 1_000_000_000.0
FINE = LinkPicture("beta", "active", exchanges=True, heard_at=NOW - HOUR)
SETTLE = 300.0


def found(link: LinkPicture, limits: Thresholds = Thresholds()) -> list[tuple[str, int]]:  # noqa: B008 - frozen
    return [(one.name, one.level) for one in alarms(NodePicture(NOW, [link]), limits)]


def test_a_link_that_is_well_raises_nothing() -> None:
    assert found(FINE) == []


WRONG: dict[str, tuple[dict[str, Any], list[tuple[str, int]]]] = {
    "silence": ({"heard_at": NOW - 51 * HOUR}, [("silent beta", 1)]),
    "not yet silence": ({"heard_at": NOW - 50 * HOUR}, []),
    "silence of a paused link": ({"heard_at": 0.0, "exchanges": False, "state": "paused"}, []),
    "a long outbox": ({"waiting": 256, "oldest_waiting_at": NOW}, [("outbox beta", 1)]),
    "an old outbox": ({"waiting": 1, "oldest_waiting_at": NOW - 25 * HOUR}, [("outbox beta", 1)]),
    "a young short outbox": ({"waiting": 255, "oldest_waiting_at": NOW - 23 * HOUR}, []),
    "an outbox of a paused link": ({"waiting": 999, "oldest_waiting_at": 0.0, "exchanges": False}, []),
    "a key with time": ({"keys_end_at": {"our": NOW + 61 * DAY}}, []),
    "a key in two months": ({"keys_end_at": {"our": NOW + 59 * DAY}}, [("key beta our", 1)]),
    "a key in a month": ({"keys_end_at": {"our": NOW + 29 * DAY}}, [("key beta our", 2)]),
    "a key in a week": ({"keys_end_at": {"the partner's": NOW + 6 * DAY}}, [("key beta the partner's", 3)]),
    "a key of yesterday": ({"keys_end_at": {"our": NOW - DAY}}, [("key beta our", 4)]),
    "a key of a link that is over": ({"keys_end_at": {"our": NOW}, "state": "revoked", "exchanges": False}, []),
    "an offer that ends": ({"exchanges": False, "offer_ends_at": NOW + HOUR}, [("handshake beta", 1)]),
    "an offer with time": ({"exchanges": False, "offer_ends_at": NOW + 3 * DAY}, []),
    "an offer that ended": ({"exchanges": False, "offer_ends_at": NOW - 1}, []),
    "resync": ({"exchanges": False, "state": "resync", "reason": "an old copy"}, [("stopped beta", 1)]),
    "expired": ({"exchanges": False, "state": "expired"}, [("stopped beta", 1)]),
    "revoked by the partner": ({"exchanges": False, "state": "revoked", "revoked_by_peer": True}, [("ended beta", 1)]),
    "revoked by us": ({"exchanges": False, "state": "revoked", "reason": "it is over"}, []),
    "trouble": ({"reason": "the share is away"}, [("trouble beta", 1)]),
    "quarantine": ({"quarantined": 9}, [("quarantine beta", 1)]),
    "much quarantine": ({"quarantined": 10}, [("quarantine beta", 2)]),
    "conflicts": ({"conflicts": 123}, [("conflicts beta", 3)]),
    "differences": ({"differences": 2}, [("audit beta", 1)]),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_with_a_link_has_a_name_and_a_level(what: str) -> None:
    changed, expected = WRONG[what]
    assert found(replace(FINE, **changed)) == expected


def test_a_shorter_notice_of_keys_begins_later_and_grows_all_the_same() -> None:
    limits = Thresholds(key_days=20)
    levels = [found(replace(FINE, keys_end_at={"our": NOW + days * DAY}), limits) for days in (25, 15, 3, -1)]
    assert [level for one in levels for _, level in one] == [1, 2, 3]


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (NodePicture(NOW, disks={"/n": 500 * 2**20}), []),
        (NodePicture(NOW, disks={"/n": 499 * 2**20}), [("disk /n", 1)]),
        (NodePicture(NOW, disks={"/n": 2**20}), [("disk /n", 2)]),
        (NodePicture(NOW, mailboxes={"main": 0.899}), []),
        (NodePicture(NOW, mailboxes={"main": 0.9}), [("mailbox main", 1)]),
        (NodePicture(NOW, mailboxes={"main": 0.99}), [("mailbox main", 2)]),
        (NodePicture(NOW, ran_at=NOW - 23 * HOUR), []),
        (NodePicture(NOW, ran_at=NOW - 25 * HOUR), [("idle", 1)]),
    ],
)
def test_what_is_wrong_with_a_node_has_a_name_and_a_level(
    picture: NodePicture, expected: list[tuple[str, int]]
) -> None:
    assert [(one.name, one.level) for one in alarms(picture, Thresholds())] == expected


def test_a_sentence_is_one_short_line_whatever_a_partner_wrote() -> None:
    (one,) = alarms(NodePicture(NOW, [replace(FINE, reason="a\r\nBcc: all\x1b[2J" + "x" * 1000)]), Thresholds())
    assert one.sentence.isprintable()
    assert len(one.sentence) == SENTENCE_MAX


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "0 minutes"), (90, "1 minutes"), (HOUR, "60 minutes"), (2 * HOUR, "2 hours"), (2 * DAY, "2 days")],
)
def test_a_time_is_said_in_one_unit(seconds: float, said: str) -> None:
    assert lasting(seconds) == said


DISK = Alarm(Kind.DISK, "/n", 1, "little room")


class Told:
    """Looks one after the other; what was told at each."""

    def __init__(self, *, telling: bool = True) -> None:
        self.known: list[Standing] = []
        self.telling = telling

    def look(self, at: float, *seen: Alarm) -> list[tuple[str, str]]:
        self.known, news = follow(self.known, seen, at, SETTLE, telling=self.telling)
        return [(one.what, one.alarm.name) for one in news]


def test_an_alarm_is_told_once_and_once_when_it_is_over() -> None:
    story = Told()
    assert story.look(0, DISK) == []
    assert story.look(299, DISK) == []
    assert story.look(300, DISK) == [("begins", "disk /n")]
    assert [story.look(at, DISK) for at in range(360, 9000, 60)] == [[]] * 144
    assert story.look(9000) == []
    assert story.look(9299) == []
    assert story.look(9300) == [("over", "disk /n")]
    assert story.known == []
    assert story.look(9360) == []


def test_what_is_over_before_anybody_heard_of_it_is_not_told() -> None:
    story = Told()
    assert [story.look(0, DISK), story.look(60), story.look(400)] == [[], [], []]
    assert story.known == []


def test_trouble_that_flickers_is_told_once() -> None:
    story = Told()
    told = [story.look(at, *([DISK] if at % 120 else [])) for at in range(60, 9000, 60)]
    assert [news for one in told for news in one] == [("begins", "disk /n")]


def test_what_grows_worse_is_told_at_once_and_what_eases_is_not() -> None:
    story = Told()
    worse = DISK._replace(level=2)
    story.look(0, DISK)
    assert story.look(300, DISK) == [("begins", "disk /n")]
    assert story.look(301, worse) == [("worse", "disk /n")]
    assert story.look(302, DISK) == []
    assert story.look(303, worse) == []


def test_what_stands_has_the_latest_sentence_and_its_first_moment() -> None:
    story = Told()
    story.look(0, DISK)
    later = DISK._replace(sentence="hardly any room")
    _, news = follow(story.known, [later], 300, SETTLE)
    assert news == [News("begins", later, 0)]


def test_where_nobody_is_told_it_is_told_when_somebody_can_be() -> None:
    story = Told(telling=False)
    assert [story.look(at, DISK) for at in (0, 300, 600)] == [[], [], []]
    story.telling = True
    assert story.look(660, DISK) == [("begins", "disk /n")]
    story.telling = False
    assert [story.look(at) for at in (720, 2000)] == [[], []]
    assert story.known == []


def test_the_end_of_a_link_is_told_and_never_over() -> None:
    ended = Alarm(Kind.ENDED, "beta", 1, "the partner ended the link for ever")
    story = Told()
    story.look(0, ended)
    assert story.look(300, ended) == [("begins", "ended beta")]
    assert [story.look(at) for at in (600, 1200)] == [[], []]
