"""The one form in which a value of each type travels; everything else is refused, from whichever side it comes."""

import re
from collections.abc import Callable, Mapping
from datetime import date

from backbone.model import SETS, FieldType, Value
from backbone.replication.moment import is_moment

_NUMBER = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?", re.ASCII)
"""Decimal text. A float has about 310 digits before the point at most; more is a mistake, or an attack."""
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_DURATION = re.compile(
    r"-?P(?=.)([0-9]{1,9}Y)?([0-9]{1,9}M)?([0-9]{1,9}W)?([0-9]{1,9}D)?"
    r"(T(?=.)([0-9]{1,9}H)?([0-9]{1,9}M)?([0-9]{1,9}S)?)?", re.ASCII
)  # fmt: skip


def is_date(text: str) -> bool:
    """A day that exists (RFC 3339, section 5.6, ``full-date``)."""
    if _DATE.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def _is_duration(text: str) -> bool:
    """ISO 8601, section 5.5.2.2."""
    return _DURATION.fullmatch(text) is not None


_FORMS: Mapping[FieldType, Callable[[str], bool]] = {
    FieldType.NUMBER: _is_number,
    FieldType.DATE: is_date,
    FieldType.DATETIME: is_moment,
    FieldType.DURATION: _is_duration,
}


def form_of(kind: FieldType, values: frozenset[str], characters_max: int | None) -> Callable[[str], bool]:
    """Whether a text (a single value, or a member of a set) may stand in a field. ``values``, if any, are all."""
    has_form = _FORMS.get(kind)

    def fits(text: str) -> bool:
        return (
            (has_form is None or has_form(text))
            and (not values or text in values)
            and (characters_max is None or len(text) <= characters_max)
        )

    return fits if has_form or values or characters_max is not None else _any_text


def _any_text(text: str) -> bool:
    del text
    return True


def cell_form(kind: FieldType, text_fits: Callable[[str], bool]) -> Callable[[str, Value], bool]:
    """Whether a cell of a shared field, its element and value, may be so; ``None`` is absent, and may always be."""

    def member(element: str, value: Value) -> bool:
        return bool(element) and (value is None or (value is True and text_fits(element)))

    def flag(element: str, value: Value) -> bool:
        return not element and (value is None or isinstance(value, bool))

    def single(element: str, value: Value) -> bool:
        return not element and (value is None or (isinstance(value, str) and text_fits(value)))

    if kind in SETS:
        return member
    return flag if kind is FieldType.BOOLEAN else single
