"""Makes issues of a car maker and its suppliers: plausible, varied, nobody's, and the same for the same seed for ever.

Each issue is drawn from its own seed, so a larger corpus begins with the smaller one. Only ``Random.random`` is used,
the one method whose results Python promises to keep.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeVar

from backbone.demo import phrases, pictures
from backbone.demo.corpus import Corpus, DemoComment, DemoFile, DemoIssue, DemoPerson
from backbone.demo.names import person

PEOPLE_COUNT = 40
COMMENTS_MAX = 12
RELATIONS_MAX = 3
FIRST_DAY = datetime(2025, 1, 7, 7, 30, tzinfo=UTC)
MINUTES_BETWEEN_ISSUES = 97

Item = TypeVar("Item")


def generate(seed: int, count: int) -> Corpus:
    """``count`` issues with keys ``1``, ``2``, …; relations lead to earlier issues only."""
    comments = sum(_Maker(seed, number).comment_count for number in range(1, count + 1))
    return Corpus(f"generated-{seed}", PEOPLE, count, comments, lambda: _walk(seed, count))


def _walk(seed: int, count: int) -> Iterator[DemoIssue]:
    return (_Maker(seed, number).issue() for number in range(1, count + 1))


PEOPLE: tuple[DemoPerson, ...] = tuple(person(number * 5) for number in range(PEOPLE_COUNT))


class _Dice:
    """Draws from one seed."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)  # noqa: S311  # test data, not a secret

    def below(self, limit: int) -> int:
        return int(self._random.random() * limit)

    def chance(self, share: float) -> bool:
        return self._random.random() < share

    def one(self, items: Sequence[Item]) -> Item:
        return items[self.below(len(items))]

    def some(self, items: Sequence[Item], most: int) -> tuple[Item, ...]:
        """Up to ``most`` different items, in their own order."""
        drawn = {self.below(len(items)) for _ in range(self.below(most + 1))}
        return tuple(items[place] for place in sorted(drawn))


class _Maker:
    """Draws one issue. The number of comments is drawn first, so that a corpus can be counted without being made."""

    def __init__(self, seed: int, number: int) -> None:
        self._dice = _Dice(f"{seed}/{number}")
        self._number = number
        self.comment_count = self._draw_comment_count()
        self._created = FIRST_DAY + timedelta(minutes=number * MINUTES_BETWEEN_ISSUES + self._dice.below(90))
        self._words = self._draw_words()

    def issue(self) -> DemoIssue:
        """To be called once."""
        dice = self._dice
        return DemoIssue(
            key=str(self._number),
            title=self._fill(dice.one(phrases.TITLES)).strip(),
            body=self._body(),
            author=dice.one(PEOPLE).login,
            created=_text(self._created),
            status=dice.one(phrases.STATUSES),
            priority=dice.one(phrases.PRIORITIES),
            labels=dice.some(phrases.LABELS, 3),
            assignee=dice.one(PEOPLE).login if dice.chance(0.7) else "",
            relations=self._relations(),
            comments=tuple(self._comments()),
            attachments=tuple(self._attachments()),
        )

    def _draw_comment_count(self) -> int:
        """Mostly few, now and then many."""
        return min(self._dice.below(COMMENTS_MAX + 1), self._dice.below(COMMENTS_MAX + 1))

    def _draw_words(self) -> dict[str, str]:
        dice = self._dice
        component = dice.one(phrases.COMPONENTS)
        return {
            "component": component,
            "Component": component[0].upper() + component[1:],
            "symptom": dice.one(phrases.SYMPTOMS),
            "condition": dice.one(phrases.CONDITIONS),
            "variant": dice.one(phrases.VARIANTS),
            "index": f"{dice.below(4096):03X}",
            "section": f"{1 + dice.below(12)}.{1 + dice.below(9)}.{dice.below(20)}",
            "few": str(2 + dice.below(40)),
            "many": str(50 + dice.below(900)),
            "person": dice.one(PEOPLE).login,
        }

    def _fill(self, pattern: str) -> str:
        return pattern.format_map(self._words)

    def _body(self) -> str:
        dice = self._dice
        if dice.chance(0.04):
            return ""
        parts = [self._fill(dice.one(phrases.OPENINGS)), self._sentences()]
        for share, pattern in (
            (0.3, phrases.STEPS),
            (0.3, dice.one(phrases.CODE)),
            (0.15, phrases.TABLE),
            (0.2, dice.one(phrases.FOREIGN)),
        ):
            if dice.chance(share):
                parts.append(self._fill(pattern))
        if dice.chance(0.06):
            parts.append(self._long_line())
        if dice.chance(0.3):
            parts.append(self._sentences())
        return "\n\n".join(part for part in parts if part)

    def _sentences(self) -> str:
        return self._fill(" ".join(self._dice.some(phrases.SENTENCES, 5)))

    def _long_line(self) -> str:
        """A dump as people paste it: one line of up to 12,000 characters."""
        return " ".join(f"{self._dice.below(256):02X}" for _ in range(200 + self._dice.below(3800)))

    def _comments(self) -> Iterator[DemoComment]:
        dice = self._dice
        at = self._created
        for _ in range(self.comment_count):
            at += timedelta(minutes=2 + dice.below(4000), seconds=dice.below(60))
            self._words["person"] = dice.one(PEOPLE).login
            text = self._fill(dice.one(phrases.REMARKS))
            if dice.chance(0.2):
                text += "\n\n" + self._fill(dice.one(phrases.CODE + phrases.FOREIGN))
            yield DemoComment(dice.one(PEOPLE).login, _text(at), text)

    def _relations(self) -> tuple[str, ...]:
        if self._number == 1 or not self._dice.chance(0.2):
            return ()
        drawn = {1 + self._dice.below(self._number - 1) for _ in range(1 + self._dice.below(RELATIONS_MAX))}
        return tuple(str(number) for number in sorted(drawn))

    def _attachments(self) -> Iterator[DemoFile]:
        dice = self._dice
        if dice.chance(0.08):
            lines = (f"{place:6d};{dice.below(1600) / 100:.2f};{dice.below(900)}" for place in range(dice.below(200)))
            yield DemoFile(f"trace-{self._number}.csv", "text/csv", "\r\n".join(["ms;V;mA", *lines]).encode())
        if dice.chance(0.06):
            levels = [dice.below(pictures.HEIGHT) for _ in range(pictures.WIDTH)]
            yield DemoFile(f"Messung {self._number} über Nacht.png", "image/png", pictures.bars(levels))
        if dice.chance(0.02):
            yield DemoFile("fault memory.bin", "application/octet-stream", bytes(dice.below(256) for _ in range(2048)))


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
