"""Whether a mapping fits the agreement and the tracker: a sentence for each thing that does not."""

import difflib
from collections.abc import Iterable, Iterator, Mapping

from backbone.model import SETS, Schema
from backbone.replication.agreement import Agreement
from backbone.replication.mapping.compiled import Compiled
from backbone.replication.mapping.rules import Rules


def problems(agreement: Agreement, rules: Rules, fields: Mapping[str, Compiled], schema: Schema) -> list[str]:
    """What in ``rules`` does not fit."""
    return [*_unknown(agreement, rules, schema), *_no_way_back(agreement, rules), *_values(fields, schema)]


def _unknown(agreement: Agreement, rules: Rules, schema: Schema) -> Iterator[str]:
    for name, rule in rules.fields.items():
        if name not in agreement.fields:
            yield f"fields.{name} is not in the agreement{nearest(name, agreement.fields)}"
        if rule.local not in schema.fields:
            yield f"fields.{name}: the tracker has no field {rule.local!r}{nearest(rule.local, schema.fields)}"
    for name in agreement.fields.keys() - rules.fields.keys():
        yield f"fields.{name} is in the agreement but not in this file: say which field it is here"
    for login in rules.users:
        if login not in schema.people:
            yield f"users: nobody here has the log-in {login!r}{nearest(login, schema.people)}"


def _no_way_back(agreement: Agreement, rules: Rules) -> Iterator[str]:
    for name, rule in rules.fields.items():
        rows = [v for value in rule.values.values() for v in ([value] if isinstance(value, str) else value)]
        shared = agreement.fields.get(name)
        if len(set(rows)) != len(rows):
            yield f"fields.{name}: a local value stands in two rows, so the way out is not defined"
        if any(not value for value in rule.values.values()):
            yield f"fields.{name}: a row has no local value, so the way back is not defined"
        elif shared and shared.type in SETS and any(isinstance(v, list) for v in rule.values.values()):
            yield f"fields.{name}: several local values for one agreed value have no way back in a set"
    if len(set(rules.users.values())) != len(rules.users):
        yield "users: two log-ins have the same word, so the way back is not defined"


def _values(fields: Mapping[str, Compiled], schema: Schema) -> Iterator[str]:
    for rule in fields.values():
        local = schema.fields.get(rule.local.field)
        if local and local.values is not None and not local.open:
            for value in rule.agreed_value.keys() - set(local.values):
                yield f"fields.{rule.name}: {local.name} has no value {value!r}{nearest(value, local.values)}"


def nearest(word: str, among: Iterable[str]) -> str:
    """In brackets, for the end of a sentence; empty where nothing is near."""
    found = difflib.get_close_matches(word, list(among), n=1, cutoff=0.5)
    return f" (did you mean {found[0]!r}?)" if found else ""
