"""What counts as a moment, against what a peer may say instead."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.replication.moment import is_moment


@given(st.datetimes(), st.sampled_from(["seconds", "milliseconds", "microseconds"]))
def test_every_moment_that_a_clock_shows_is_one(moment: datetime, exactly: str) -> None:
    assert is_moment(f"{moment.isoformat(timespec=exactly)}Z")


@pytest.mark.parametrize("text", ["2024-02-29T00:00:00Z", "0001-01-01T00:00:00.000000001Z", "9999-12-31T23:59:59.9Z"])
def test_so_are_the_first_the_last_and_the_rare(text: str) -> None:
    assert is_moment(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "2026-11-21", "2026-11-21T04:19Z", "2026-11-21T04:19:00", "2026-11-21 04:19:00Z", "2026-11-21t04:19:00z",
        "2026-11-21T04:19:00+00:00", "2026-11-21T04:19:00.Z", "2026-11-21T04:19:00.0000000001Z", "20261121T041900Z",
        "2026-11-21T04:19:00Z\n", " 2026-11-21T04:19:00Z", "2026-11-21T04:19:00Z2026-11-21T04:19:00Z",
        "\u0662\u0660\u0662\u0666-11-21T04:19:00Z", "-026-11-21T04:19:00Z", "2026-W47-6T04:19:00Z",
    ],
)  # fmt: skip
def test_another_form_is_none(text: str) -> None:
    assert not is_moment(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
        "0000-01-01T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T04:60:00Z", "2016-12-31T23:59:60Z",
    ],
)  # fmt: skip
def test_a_moment_that_never_was_is_none(text: str) -> None:
    assert not is_moment(text)


@given(st.from_regex(r"\A\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d*)?(Z|[+-]00:00)?\n?\Z"))
def test_whatever_passes_is_read_by_others(text: str) -> None:
    if is_moment(text):
        assert datetime.fromisoformat(text).utcoffset() == timedelta(0)
