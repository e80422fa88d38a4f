"""What a person should know of a mapping before it runs, beyond what keeps it from starting.

``lacking``, ``uncovered`` and ``impossible`` find what would be refused; ``counter_examples`` proves that what goes out
comes back.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from backbone.model import CHOSEN, Cell, Field, Schema
from backbone.replication.mapping.compiled import Compiled
from backbone.replication.mapping.composed import Composed
from backbone.replication.mapping.faults import Fault
from backbone.replication.mapping.sources import Sources
from backbone.replication.mapping.tables import NoRow
from backbone.replication.mapping.translation import Translation
from backbone.replication.mapping.ways import Only

Used = Mapping[str, Iterable[str]]
"""Local field, or ``TABLE.COLUMN`` -> the values that stand in it somewhere; members, for a set."""


class _Subject(NamedTuple):
    """A field with words, or a column of a table: what its rule is to be proved on."""

    rule: Compiled
    place: tuple[str, ...]
    local: str
    allowed: tuple[str, ...]
    """All values that the agreement has; empty for any."""
    known: Field | None
    sends: bool
    takes: bool


def looked_at(words: Translation) -> Iterator[str]:
    """The keys of ``Used`` that are worth looking for."""
    for rule in words.fields.values():
        if rule.rows is None:
            yield rule.local.field
        else:
            yield from (f"{rule.rows.local}.{column.local.field}" for column in rule.rows.columns)


def lacking(words: Translation, schema: Schema) -> Iterator[Fault]:
    """Fields that the tracker wants in a new issue and that nothing fills."""
    rules = words.rules
    filled = {cell.field for cell in words.on_create}
    for rule in words.every:
        if rule.takes and Only.ON_UPDATE not in rule.only:
            filled.update(rules.fields[rule.name].sources)
    for field in schema.fields.values():
        if field.required and field.name not in filled:
            yield Fault(("on_create",), f": the tracker wants {field.name!r} in each new issue, and nothing fills it; "
                                        "say here what it gets")  # fmt: skip


def uncovered(words: Translation, schema: Schema, used: Used) -> Iterator[Fault]:
    """Local values that cannot be said, and allowed values of the agreement that cannot be written."""
    for one in _subjects(words, schema):
        rule = one.rule
        for value in sorted(_values(one, used)) if one.sends else ():
            if _out(rule, value) is None and not _stays_home(rule, value):
                yield Fault(one.place, f": no row covers {value!r}, which {one.local} can be")
        for agreed in one.allowed if one.takes else ():
            local = _back(rule, agreed)
            exists = one.known is None or one.known.values is None or one.known.open or local in one.known.values
            if local is None or (rule.kind in CHOSEN and not rule.separator and not exists):
                yield Fault(one.place, f": the agreement allows {agreed!r}, which is nothing here")


def _subjects(words: Translation, schema: Schema) -> Iterator[_Subject]:
    for rule in words.fields.values():
        shared = words.agreement.fields[rule.name]
        place, known = ("fields", rule.name), schema.fields.get(rule.local.field)
        if rule.rows is None:
            yield _Subject(rule, place, rule.local.field, tuple(shared.values), known, rule.sends, rule.takes)
            continue
        for column in rule.rows.columns:
            local = column.local.field
            yield _Subject(
                column, (*place, "columns", column.name), f"{rule.rows.local}.{local}",
                tuple(shared.columns[column.name].values), known.columns.get(local) if known else None,
                rule.sends, rule.takes,
            )  # fmt: skip


def impossible(words: Translation, schema: Schema) -> Iterator[Fault]:
    """Changes of a choice that the partner can make and the tracker's workflow does not have; by their end."""
    for rule in words.fields.values():
        known = schema.fields.get(rule.local.field)
        if not rule.takes or known is None or known.transitions is None:
            continue
        said = words.agreement.fields[rule.name].values or sorted(rule.wording.agreed_words()) or known.values or ()
        written = dict.fromkeys(local for agreed in said if (local := _back(rule, agreed)) is not None)
        for end in written:
            lacking_ = [start for start in written if start != end and (start, end) not in known.transitions]
            if lacking_:
                yield Fault(("fields", rule.name), f": {known.name} cannot be changed to {end!r} from "
                                                   f"{', '.join(map(repr, lacking_))}: the workflow has no such "
                                                   "transition, so a change like that of the partner's would be refused"
                                                   )  # fmt: skip


def counter_examples(words: Translation, schema: Schema, used: Used) -> Iterator[Fault]:
    """Values that come back as something that would go out otherwise, of each rule for both ways."""
    for one in _subjects(words, schema):
        if one.sends and one.takes and one.rule.wording.changes:
            yield from _of_words(one, _values(one, used))
    for composed in words.composed.values():
        if composed.sends and composed.takes:
            yield from _of_rows(composed)


def _of_words(one: _Subject, values: Iterable[str]) -> Iterator[Fault]:
    rule = one.rule
    said = {value: _out(rule, value) for value in values}
    for value, agreed in sorted(said.items()):
        if agreed is None:
            continue
        local = _back(rule, agreed)
        again = None if local is None else _out(rule, local)
        if again != agreed:
            yield Fault(one.place, f": {value!r} is sent as {agreed!r}, which is written back here as {local!r} and "
                                   f"would be sent as {again!r}")  # fmt: skip
    for agreed in sorted(({*one.allowed} | rule.wording.agreed_words()) - {*said.values()}):
        local = _back(rule, agreed)
        again = None if local is None else _out(rule, local)
        if local is not None and again != agreed and not rule.lossy:
            yield Fault(one.place, f": {agreed!r} is written here as {local!r} and would be sent back as {again!r}")


def _of_rows(rule: Composed) -> Iterator[Fault]:
    for value in dict.fromkeys(row.value for row in rule.rows):
        writes = {Cell(local): word for local, word in rule.writes(value)}
        again = rule.value(Sources(writes, {}, rule.sources))
        if again != value:
            said = ", ".join(f"{cell.field} = {word!r}" for cell, word in writes.items())
            words = f": {value!r} is written here as {said} and would be sent back as {again!r}"
            yield Fault(("fields", rule.name, "first_match"), words)


def _values(one: _Subject, used: Used) -> set[str]:
    if not _is_text(one.rule):
        return set()
    found = {*used.get(one.local, ()), *((one.known.values or ()) if one.known else ())}
    return {value for value in found if value not in one.rule.empties}


def _is_text(rule: Compiled) -> bool:
    return rule.wording.changes and not rule.separator


def _out(rule: Compiled, value: str) -> str | None:
    try:
        return rule.wording.out(value)
    except NoRow:
        return None


def _back(rule: Compiled, agreed: str) -> str | None:
    try:
        return rule.wording.back(agreed)
    except NoRow:
        return None


def _stays_home(rule: Compiled, value: str) -> bool:
    """A member of a set without the prefix that would make it the partner's business."""
    try:
        return rule.wording.out(value) is None
    except NoRow:
        return False
