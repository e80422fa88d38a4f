"""Roundup's values in the model's text forms and back, without a database."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from roundup import date

from backbone.model import FieldType, Value
from backbone.trackers.roundup.shape import Property

_DURATION = re.compile(
    r"([+-])?P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.ASCII
)
_DIGITS_MAX = 300
"""A number is a float in Roundup: more digits than it can hold are a mistake, or an attack."""


def to_text(known: Property, raw: Any) -> Value:
    """The value of a property that is no link; ``None`` where it is empty."""
    if raw is None:
        return None
    match known.type:
        case FieldType.DATE | FieldType.DATETIME:
            return time_text(raw)
        case FieldType.DURATION:
            return duration_text(raw)
        case FieldType.BOOLEAN:
            return bool(raw)
        case FieldType.NUMBER:
            return number_text(raw)
        case _:
            return str(raw) or None


def to_raw(known: Property, value: Value) -> Any:
    """What Roundup stores. Raises ``ValueError`` with words for a person."""
    if value is None:
        return None
    if known.type is FieldType.BOOLEAN:
        if not isinstance(value, bool):
            raise ValueError(f"{known.name} is a flag, not {value!r}")
        return value
    if not isinstance(value, str):
        raise ValueError(f"{known.name} holds text, not {value!r}")  # noqa: TRY004 - a value from afar is refused, no bug of ours
    match known.type:
        case FieldType.DATE | FieldType.DATETIME:
            return to_date(value)
        case FieldType.DURATION:
            return to_interval(value)
        case FieldType.NUMBER:
            return _to_number(known, value)
        case _:
            return value


def time_text(moment: Any) -> str:
    """A ``roundup.date.Date``, which is in UTC, in the model's form: whole seconds unless there is a fraction."""
    thousandths = round(moment.second * 1000)
    text = f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}T{moment.hour:02d}:{moment.minute:02d}"
    seconds, fraction = divmod(min(thousandths, 59_999), 1000)
    return f"{text}:{seconds:02d}.{fraction:03d}Z" if fraction else f"{text}:{seconds:02d}Z"


def to_date(text: str) -> Any:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return date.Date(moment)


def duration_text(interval: Any) -> str:
    """ISO 8601 (5.5.2.2), as Roundup's own notation means different things with and without a date."""
    day = "".join(
        f"{number}{unit}"
        for number, unit in ((interval.year, "Y"), (interval.month, "M"), (interval.day, "D"))
        if number
    )
    time = "".join(
        f"{number}{unit}"
        for number, unit in ((interval.hour, "H"), (interval.minute, "M"), (interval.second, "S"))
        if number
    )
    sign = "-" if interval.sign < 0 else ""
    return f"{sign}P{day}T{time}" if time else f"{sign}P{day or '0D'}"


def to_interval(text: str) -> Any:
    match = _DURATION.fullmatch(text)
    if match is None or text.endswith(("P", "T")):
        raise ValueError(f"{text!r} is not a duration such as P1DT2H30M")
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[1:])
    sign = -1 if match[1] == "-" else 1
    return date.Interval((sign, years, months, weeks * 7 + days, hours, minutes, seconds))


def number_text(number: float) -> str:
    if number == int(number):
        return str(int(number))
    return format(Decimal(repr(number)), "f")


def _to_number(known: Property, text: str) -> int | float:
    if len(text) > _DIGITS_MAX or not re.fullmatch(r"-?\d+(\.\d+)?", text, re.ASCII):
        raise ValueError(f"{known.name} holds a number, not {text[:40]!r}")
    if known.whole:
        if "." in text:
            raise ValueError(f"{known.name} holds a whole number, not {text[:40]!r}")
        return int(text)
    return float(text)
