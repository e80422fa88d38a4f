"""Where the values of a rule have no way out, or no way back."""

from collections.abc import Iterator

from backbone.replication.mapping.faults import Fault
from backbone.replication.mapping.patterns import has_wildcard, holes_of
from backbone.replication.mapping.rules import WordRule


def undefined(rule: WordRule, place: tuple[str, ...], *, comes_in: bool, in_set: bool = False) -> Iterator[Fault]:
    """``comes_in``: what the partner says is written here. ``in_set``: the values are members, and go both ways."""
    rows = [(agreed, [v] if isinstance(v, str) else v) for agreed, v in rule.values.items()]
    table = (*place, "values") if rows else place
    said = [value for _, row in rows for value in row]
    if len(set(said)) != len(said):
        yield Fault(table, ": a local value stands in two rows, so the way out is not defined")
    if comes_in:
        for agreed, row in rows:
            yield from _way_back(agreed, row, table, in_set=in_set)
        yield from _lost(rule, place)


def _way_back(agreed: str, row: list[str], place: tuple[str, ...], *, in_set: bool) -> Iterator[Fault]:
    if not row:
        yield Fault(place, f": a row has no local value, so the way back of {agreed!r} is not defined")
    elif has_wildcard(row[0]):
        yield Fault(place, f": the first value of {agreed!r} has a wildcard, so the way back is not defined; "
                           "begin the row with the value that is written here")  # fmt: skip
    elif in_set and len(row) > 1:
        yield Fault(place, ": several local values for one agreed value have no way back in a set")


def _lost(rule: WordRule, place: tuple[str, ...]) -> Iterator[Fault]:
    for pattern in rule.patterns:
        lost = sorted(set(holes_of(pattern.local)) - set(holes_of(pattern.agreed)))
        if lost and pattern.back is None:
            yield Fault(place, f": {pattern.agreed!r} does not hold the {lost[0]!r} of {pattern.local!r}, so the "
                               "way back is not defined; say with 'back' what is written here")  # fmt: skip
