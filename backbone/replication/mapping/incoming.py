"""Agreed cells in local words."""

from backbone.model import CHOSEN, Cell, Field, FieldType, Schema, Value
from backbone.replication.mapping.compiled import Compiled
from backbone.replication.mapping.composed import Composed
from backbone.replication.mapping.draft import Draft
from backbone.replication.mapping.joined import split_in
from backbone.replication.mapping.people import People
from backbone.replication.mapping.references import WANTED
from backbone.replication.mapping.tables import NoRow
from backbone.replication.mapping.ways import Only
from backbone.replication.mapping.words import Names


def is_taken(rule: Compiled | Composed, draft: Draft, *, fresh: bool) -> bool:
    """Whether what the partner says of this field is written here now."""
    if not rule.takes or (Only.ON_CREATE in rule.only and not fresh) or (Only.ON_UPDATE in rule.only and fresh):
        return False
    if Only.IF_EMPTY not in rule.only:
        return True
    return not any(cell.field == rule.name and register.image is not None for cell, register in draft.shadow.items())


def field_in(
    rule: Compiled, cell: Cell, value: Value, schema: Schema, names: Names, people: People, draft: Draft
) -> None:
    """A field that is not the same on both sides; problems stand in ``draft``."""
    try:
        if rule.rows is not None:
            rule.rows.into(cell, value, names, people, draft)
        elif rule.separator:
            split_in(rule, value, draft)
        elif rule.single:
            _single_in(rule, cell, value, schema, names, people, draft)
        else:
            _member_in(rule, cell, value, schema, names, people, draft)
    except NoRow as error:
        refuse(rule.name, error, draft)


def composed_in(rule: Composed, cell: Cell, value: Value, draft: Draft) -> None:
    """An agreed value that is several local ones."""
    writes = list(rule.writes(str(value))) if value is not None else []
    if not writes and value is not None:
        refuse(rule.name, NoRow(str(value), f"has no row under fields.{rule.name}.first_match"), draft)
    for local, word in writes:
        draft.put(cell, Cell(local), word)


def refuse(name: str, error: NoRow, draft: Draft) -> None:
    """In words for whoever mends the link's file."""
    draft.problems.append(f"{name}: the partner's {error.words(name)}")


def _single_in(
    rule: Compiled, cell: Cell, value: Value, schema: Schema, names: Names, people: People, draft: Draft
) -> None:
    known = schema.fields.get(rule.local.field)
    if rule.kind is FieldType.USER:
        word: Value = None if value is None else people.login(str(value), schema) or people.stand_in or None
        if word is None and value is not None:
            return
    elif rule.texts is not None and isinstance(value, str):
        word, missing = rule.texts.back(value, schema, names)
        if missing is not None:
            draft.waiting[cell] = f"{WANTED}{missing}"
        elif word == value and word not in rule.empties:
            draft.verbatim += 1
    else:
        word = rule.value_back(value, known)
    if word is None or not isinstance(word, str) or _exists(rule, known, word):
        draft.put(cell, rule.local, word)
    else:
        _missing(rule, word, draft)


def _member_in(
    rule: Compiled, cell: Cell, value: Value, schema: Schema, names: Names, people: People, draft: Draft
) -> None:
    if rule.kind is FieldType.RELATION:
        word = names.local_of(cell.element)
        if word is None:
            draft.waiting[cell] = cell.element
    elif rule.kind is FieldType.USERS:
        word = people.login(cell.element, schema)
    else:
        word = rule.wording.back(cell.element)
        if word is not None and not _exists(rule, schema.fields.get(rule.local.field), word):
            _missing(rule, word, draft)
            return
    if word is not None:
        draft.put(cell, Cell(rule.local.field, word), value)


def _exists(rule: Compiled, known: Field | None, word: str) -> bool:
    if rule.kind not in CHOSEN:
        return True
    return known is None or known.values is None or known.open or word in known.values


def _missing(rule: Compiled, word: str, draft: Draft) -> None:
    draft.problems.append(f"{rule.name}: {rule.local.field} has no value {word!r} here; add it to the "
                          f"tracker or give it a row under fields.{rule.name}.values")  # fmt: skip
