"""Whether the columns of a table fit the agreement and the tracker: a sentence for each thing that does not."""

from collections.abc import Iterator, Mapping

from backbone.model import Field, FieldType, Schema
from backbone.replication.agreement import Agreement, SharedField
from backbone.replication.mapping.compiled import Compiled
from backbone.replication.mapping.faults import Fault
from backbone.replication.mapping.nearest import nearest
from backbone.replication.mapping.patterns import has_wildcard, literal
from backbone.replication.mapping.rules import ColumnRule, FieldRule, Rules
from backbone.replication.mapping.undefined import undefined


def column_faults(
    agreement: Agreement, rules: Rules, fields: Mapping[str, Compiled], schema: Schema
) -> Iterator[Fault]:
    """What in the columns of ``rules`` does not fit."""
    tables: dict[str, str] = {}
    for name, rule in rules.fields.items():
        shared, compiled = agreement.fields.get(name), fields.get(name)
        if shared is None or (shared.type is not FieldType.TABLE and not rule.columns):
            continue
        if shared.type is not FieldType.TABLE or compiled is None:
            yield Fault(("fields", name), f": the agreement's type is {shared.type}; "
                                          "columns are of a table, which needs local and columns")  # fmt: skip
            continue
        other = tables.setdefault(compiled.local.field, name)
        if other != name:
            yield Fault(("fields", name), f": fields.{other} has the table {compiled.local.field!r} already")
        yield from _names(name, rule, shared)
        local = schema.fields.get(compiled.local.field)
        if local is not None and local.type is FieldType.TABLE:
            for column, said in rule.columns.items():
                place = ("fields", name, "columns", column)
                yield from undefined(said, place, comes_in=compiled.takes)
                yield from _here(place, said, shared, local)


def _names(name: str, rule: FieldRule, shared: SharedField) -> Iterator[Fault]:
    for column in rule.columns.keys() - shared.columns.keys():
        hint = nearest(column, shared.columns)
        yield Fault(("fields", name, "columns", column), f": the agreement has no such column{hint}")
    for column in sorted(shared.columns.keys() - rule.columns.keys()):
        yield Fault(("fields", name), f": the agreement has the column {column!r}, but this file does not: say under "
                                      "columns which one it is here")  # fmt: skip
    writers: dict[str, str] = {}
    for column, said in rule.columns.items():
        other = writers.setdefault(said.local, column)
        if other != column:
            yield Fault(("fields", name, "columns", column), f": {other} is the column {said.local!r} too")


def _here(place: tuple[str, ...], said: ColumnRule, shared: SharedField, local: Field) -> Iterator[Fault]:
    known, agreed = local.columns.get(said.local), shared.columns.get(place[-1])
    if known is None:
        yield Fault(place, f": {local.name} has no column {said.local!r} here{nearest(said.local, local.columns)}")
        return
    if agreed is None:
        return
    if (known.type is FieldType.USER) is not (agreed.type is FieldType.USER):
        yield Fault(place, f": only one of the agreement's type {agreed.type} and the tracker's {known.type} is a user")
    if known.values is not None and not known.open:
        rows = [v for value in said.values.values() for v in ([value] if isinstance(value, str) else value)]
        written = [*rows, *said.values_to_local.values(), *said.values_to_remote]
        for value in {said.strip_prefix + literal(value) for value in written if not has_wildcard(value)}:
            if value not in known.values:
                yield Fault(place, f": {said.local} has no value {value!r}{nearest(value, known.values)}")
    for value in sorted({*said.values, *said.values_to_remote.values()}) if agreed.values else ():
        if said.add_prefix + value not in agreed.values:
            yield Fault(place, f": the agreement has no value {value!r}{nearest(value, agreed.values)}")
