"""Queries as Roundup's own web interface writes them, on a real tracker."""

import pytest

from backbone.model import Cell, Value, Write
from backbone.trackers.base import QueryRefused, Searchable
from tests.support.roundup import RoundupHarness

ISSUES: list[dict[Cell, Value]] = [
    {Cell("title"): "It leaks", Cell("priority"): "bug", Cell("status"): "unread", Cell("keyword", "share"): True},
    {Cell("title"): "It drips", Cell("priority"): "bug", Cell("status"): "chatting"},
    {Cell("title"): "It squeaks", Cell("priority"): "wish", Cell("status"): "unread"},
]


async def found(harness: RoundupHarness, query: str, *issues: str) -> list[str]:
    tracker = harness.tracker
    assert isinstance(tracker, Searchable)
    return sorted(await tracker.matching(query, issues or ("1", "2", "3")))


@pytest.fixture
async def filled(classic: RoundupHarness) -> RoundupHarness:
    await classic.tracker.apply([Write(f"k{n}", None, None, cells) for n, cells in enumerate(ISSUES)])
    return classic


async def test_a_query_finds_by_name_number_and_text(filled: RoundupHarness) -> None:
    assert await found(filled, "priority=bug&status=unread,chatting") == ["1", "2"]
    assert await found(filled, "?status=unread&:columns=id,title") == ["1", "3"]
    assert await found(filled, "keyword=share") == ["1"]
    assert await found(filled, "keyword=-1") == ["2", "3"]
    assert await found(filled, "title=leak") == ["1"]
    assert await found(filled, "status=1", "2", "3") == ["3"]
    assert await found(filled, "creation=from 2020-01-01") == ["1", "2", "3"]
    assert await found(filled, "creation=to 2020-01-01") == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("stats=unread", "the tracker's issues have no 'stats'"),
        ("status=unred", "status has no 'unred', neither by its key nor by its number"),
        ("unread", "is no query"),
        (":columns=id", "names no property"),
        ("creation=when", "creation=when: the tracker does not understand that value, and would take every issue"),
        ("creation=;", "would take every issue"),
        ("title=", "would take every issue"),
        ("status=", "status has no ''"),
    ],
)
async def test_a_query_that_cannot_be_is_refused(filled: RoundupHarness, query: str, words: str) -> None:
    with pytest.raises(QueryRefused, match=words):
        await found(filled, query)
