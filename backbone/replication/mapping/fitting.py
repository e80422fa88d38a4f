"""Whether a mapping fits the agreement and the tracker: a sentence for each thing that does not.

What is found here keeps a link from starting. What a person should know besides is in ``proving``.
"""

from collections.abc import Collection, Iterator, Mapping

from backbone.model import SETS, FieldType, Schema
from backbone.replication.agreement import Agreement
from backbone.replication.mapping.column_fitting import column_faults
from backbone.replication.mapping.compiled import Compiled
from backbone.replication.mapping.content_fitting import content_faults
from backbone.replication.mapping.faults import Fault
from backbone.replication.mapping.nearest import nearest
from backbone.replication.mapping.patterns import has_wildcard, literal
from backbone.replication.mapping.rules import NUMBER, FieldRule, Rules
from backbone.replication.mapping.undefined import undefined
from backbone.replication.mapping.ways import Way


def faults(
    agreement: Agreement, rules: Rules, fields: Mapping[str, Compiled], takes: Collection[str], schema: Schema
) -> list[Fault]:
    """What in ``rules`` does not fit; ``takes`` are the agreed fields that are written here."""
    return [
        *_fields(agreement, rules, takes),
        *_locals(rules, schema),
        *_people(rules, schema),
        *_no_way_back(rules, agreement, takes),
        *_shapes(fields, schema),
        *column_faults(agreement, rules, fields, schema),
        *_values(fields, rules, agreement, schema),
        *content_faults(agreement, rules, schema),
    ]


def _fields(agreement: Agreement, rules: Rules, takes: Collection[str]) -> Iterator[Fault]:
    for name in rules.fields:
        if name not in agreement.fields:
            yield Fault(("fields", name), f" is not in the agreement{nearest(name, agreement.fields)}")
    for name in sorted(agreement.fields.keys() - rules.fields.keys()):
        yield Fault(("fields", name), " is in the agreement but not in this file: say which field it is here")
    writers: dict[str, str] = {}
    for name, rule in rules.fields.items():
        if rule.local is None or name not in takes:
            continue
        other = writers.setdefault(rule.local, name)
        if other != name:
            yield Fault(("fields", name), f": fields.{other} writes {rule.local!r} too; make one of them to_remote")
    for condition in rules.only_if:
        if condition.agreed is not None and condition.agreed not in agreement.fields:
            hint = nearest(condition.agreed, agreement.fields)
            yield Fault(("only_if",), f": {condition.agreed} is not in the agreement{hint}")


def _locals(rules: Rules, schema: Schema) -> Iterator[Fault]:
    named: list[tuple[tuple[str, ...], str]] = [
        (("fields", name), local) for name, rule in rules.fields.items() for local in rule.sources
    ]
    named += [(("only_if",), condition.local) for condition in rules.only_if if condition.local is not None]
    named += [(("on_update", local), local) for local in rules.on_update]
    tables = {field.name for field in schema.fields.values() if field.type is FieldType.TABLE}
    for place, local in named:
        if local not in schema.fields and local != NUMBER:
            yield Fault(place, f": the tracker has no field {local!r}{nearest(local, schema.fields)}")
        elif local in tables and not (place[0] == "fields" and rules.fields[place[1]].local == local):
            yield Fault(place, f": {local!r} is a table, which can only be shared as one")


def _people(rules: Rules, schema: Schema) -> Iterator[Fault]:
    for login in rules.users:
        if login not in schema.people:
            yield Fault(("users",), f": nobody here has the log-in {login!r}{nearest(login, schema.people)}")
    if len(set(rules.users.values())) != len(rules.users):
        yield Fault(("users",), ": two log-ins have the same word, so the way back is not defined")


def _no_way_back(rules: Rules, agreement: Agreement, takes: Collection[str]) -> Iterator[Fault]:
    for name, rule in rules.fields.items():
        shared = agreement.fields.get(name)
        in_set = rule.way is Way.BOTH and shared is not None and shared.type in SETS
        yield from undefined(rule, ("fields", name), comes_in=name in takes, in_set=in_set)
        yield from _first_rows(rule, ("fields", name)) if name in takes else ()


def _first_rows(rule: FieldRule, place: tuple[str, ...]) -> Iterator[Fault]:
    for row_ in rule.first_match:
        writes = {local for local, text in row_.when.items() if not has_wildcard(text)}
        first = next(one for one in rule.first_match if one.value == row_.value)
        if first is row_ and not writes:
            yield Fault(place, f": the first row for {row_.value!r} has wildcards only, so the way back is not "
                               "defined; say direction = 'to_remote', or name a value in it")  # fmt: skip


def _shapes(fields: Mapping[str, Compiled], schema: Schema) -> Iterator[Fault]:
    for rule in fields.values():
        local = schema.fields.get(rule.local.field)
        if local is None:
            continue
        here, there = local.type in SETS, not rule.single
        if rule.separator and here == there:
            what = "both sides have a set" if here else "both sides have one value"
            yield Fault(("fields", rule.name, "separator"), f": {what}, so nothing is joined; leave it out")
        elif not rule.separator and here != there:
            what = f"{local.name} holds several values and the agreement one" if here else (
                f"{local.name} holds one value and the agreement several")  # fmt: skip
            yield Fault(("fields", rule.name), f": {what}; say with separator how they stand in one text")
        for kind in (FieldType.RELATION, FieldType.TABLE):
            if kind in (rule.kind, local.type) and rule.kind is not local.type:
                yield Fault(("fields", rule.name), f": only one of the agreement's type {rule.kind} and the tracker's "
                                                   f"{local.type} is a {kind}")  # fmt: skip


def _values(fields: Mapping[str, Compiled], rules: Rules, agreement: Agreement, schema: Schema) -> Iterator[Fault]:
    for rule in fields.values():
        said, local = rules.fields[rule.name], schema.fields.get(rule.local.field)
        if local and local.values is not None and not local.open and not rule.separator:
            for value in _written(said) - set(local.values):
                hint = nearest(value, local.values)
                yield Fault(("fields", rule.name, "values"), f": {local.name} has no value {value!r}{hint}")
    for name in rules.fields.keys() & agreement.fields.keys():
        agreed = agreement.fields[name].values
        for value in sorted(_sent(rules.fields[name]) - set(agreed)) if agreed else ():
            yield Fault(("fields", name), f": the agreement has no value {value!r}{nearest(value, agreed)}")


def _written(rule: FieldRule) -> set[str]:
    """The local values that a rule names, with the prefix that they have here."""
    rows = [v for value in rule.values.values() for v in ([value] if isinstance(value, str) else value)]
    rows += [*rule.values_to_local.values(), *rule.values_to_remote]
    whole = [rule.write_if_empty] if rule.write_if_empty else []
    return {rule.strip_prefix + literal(value) for value in rows if not has_wildcard(value)} | set(whole)


def _sent(rule: FieldRule) -> set[str]:
    """The agreed values that a rule names."""
    named = [*rule.values, *rule.values_to_remote.values(), *(row.value for row in rule.first_match)]
    whole = [value for value in (rule.send_if_empty, rule.constant) if value]
    return {rule.add_prefix + value for value in named} | set(whole)
