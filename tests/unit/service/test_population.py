"""The issues that were there before the link travel in pages."""

from collections.abc import Sequence

import pytest

from backbone.model import Cell, Issue
from backbone.service.flow.outbound import CAPTURED_AT_ONCE, POPULATED_FIRST
from tests.simulation.channel import DIRECTORY, MAIL, Carrier
from tests.unit.service.pair import Pair, run

ISSUES = 320


def pages(text: str, carrier: Carrier) -> list[int]:
    """How many issues alice's node asks its tracker for, page by page."""
    asked: list[int] = []

    async def tell(pair: Pair) -> None:
        tracker = pair.alice.tracker
        for number in range(ISSUES):
            tracker.create({Cell("title"): f"issue {number}", Cell("description"): text}, "ann")
        issues = tracker.issues

        async def counted(after: str | None, limit: int) -> Sequence[Issue]:
            asked.append(limit)
            return await issues(after, limit)

        tracker.issues = counted  # type: ignore[method-assign]
        await pair.settle(rounds=400)
        assert len(await pair.bob.tracker.issues(None, ISSUES + 1)) == ISSUES

    run(tell, carrier)
    return asked


@pytest.mark.parametrize(
    ("text", "carrier", "expected"),
    [
        ("short", DIRECTORY, [50, 200, 1_000, 1_280]),
        ("long " * 8_000, DIRECTORY, [50, 94, 94, 94, 94]),
        ("short", MAIL, [CAPTURED_AT_ONCE, 193]),
        ("long " * 8_000, MAIL, [CAPTURED_AT_ONCE, POPULATED_FIRST]),
    ],
    ids=["short", "long", "short by mail", "long by mail"],
)
def test_a_page_is_what_fits_into_a_message(text: str, carrier: Carrier, expected: list[int]) -> None:
    """Small at first, where the partner can begin at once; a mail holds less than a file."""
    assert pages(text, carrier) == expected
