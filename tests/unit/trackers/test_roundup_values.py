"""Roundup's values in the model's words."""

import pytest
from roundup import date

from backbone.model import FieldType, Value
from backbone.trackers.roundup.shape import Property
from backbone.trackers.roundup.values import to_raw, to_text


@pytest.mark.parametrize(
    ("field_type", "text"),
    [
        (FieldType.DATE, "2026-11-21T04:19:00Z"),
        (FieldType.DATE, "2026-02-28T23:59:59.999Z"),
        (FieldType.DURATION, "P1Y2M3DT4H5M6S"),
        (FieldType.DURATION, "-PT30M"),
        (FieldType.DURATION, "P0D"),
        (FieldType.NUMBER, "3"),
        (FieldType.NUMBER, "-2.5"),
        (FieldType.NUMBER, "0.00000012"),
        (FieldType.TEXT, "ä\nb"),
        (FieldType.BOOLEAN, False),
        (FieldType.BOOLEAN, True),
    ],
)
def test_a_value_survives_the_way_there_and_back(field_type: FieldType, text: Value) -> None:
    known = Property("x", field_type)
    assert to_text(known, to_raw(known, text)) == text


def test_a_time_with_an_offset_becomes_utc() -> None:
    known = Property("x", FieldType.DATE)
    assert to_text(known, to_raw(known, "2026-11-21T01:00:00+02:00")) == "2026-11-20T23:00:00Z"


def test_a_second_just_before_the_next_is_not_rounded_into_it() -> None:
    known = Property("x", FieldType.DATE)
    assert to_text(known, date.Date((2026, 1, 1, 0, 0, 59.9996, 0, 0, 0))) == "2026-01-01T00:00:59.999Z"


def test_weeks_are_days() -> None:
    known = Property("x", FieldType.DURATION)
    assert to_text(known, to_raw(known, "P2W")) == "P14D"


@pytest.mark.parametrize(
    ("field_type", "value"),
    [
        (FieldType.NUMBER, "1e5"),
        (FieldType.NUMBER, "nan"),
        (FieldType.NUMBER, "٣"),
        (FieldType.NUMBER, "9" * 400),
        (FieldType.DATE, "yesterday"),
        (FieldType.DURATION, "P"),
        (FieldType.DURATION, "P1DT"),
        (FieldType.DURATION, "2 days"),
        (FieldType.BOOLEAN, "yes"),
        (FieldType.TEXT, True),
    ],
)
def test_what_is_no_such_value_is_refused(field_type: FieldType, value: Value) -> None:
    with pytest.raises(ValueError, match=r"."):
        to_raw(Property("x", field_type), value)


def test_a_whole_number_has_no_fraction() -> None:
    with pytest.raises(ValueError, match="whole number"):
        to_raw(Property("x", FieldType.NUMBER, whole=True), "2.5")
