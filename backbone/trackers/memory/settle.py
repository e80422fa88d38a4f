"""What a commit makes of an issue: the memory tracker's own rules, without state."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from backbone.model import ATTACHMENT, COMMENT, SETS, Cell, Cells, Field, Record, Schema, Value

Normalise: TypeAlias = Callable[[Cell, Value], Value]
SideEffect: TypeAlias = Callable[[Cells, Cells], Cells]

NEW = "+"
VISIBILITY = "visibility"
_CONTENT = (COMMENT, ATTACHMENT)
_NONE_CREATED: Mapping[str, str] = {}


class Impossible(Exception):
    """The tracker cannot hold what was asked for; the text says why, in its own words."""


NO_CONTENTS: Mapping[str, bytes] = MappingProxyType({})


class Wanted(NamedTuple):
    """What somebody asks of an issue: cells as in ``Write.cells``, by whom and when, with contents by SHA-256."""

    cells: Cells
    author: str
    at: str
    contents: Mapping[str, bytes] = NO_CONTENTS


class Settled(NamedTuple):
    """What it comes to: the issue's cells afterwards, those that changed, and what was asked for as it stands now."""

    cells: Cells
    changed: Cells
    answered: Cells
    created: Mapping[str, str]
    contents: Mapping[str, bytes]
    """By attachment id."""


@dataclass(frozen=True, slots=True)
class Rules:
    schema: Schema
    normalise: Normalise | None = None
    side_effect: SideEffect | None = None
    required: tuple[Cell, ...] = ()
    """The cells that an issue cannot be without."""
    names: Mapping[Cell, Cell] = field(default_factory=dict)
    """One object for the name of each single value, whoever asks: issues by the ten thousand share it."""

    def settle(self, present: Cells | None, wanted: Wanted, number: int) -> Settled:
        """The outcome of ``wanted`` for an issue that holds ``present`` (``None``: it is made). ``number`` is the
        commit's own, from which comments and attachments get their ids. Raises ``Impossible``.
        """
        before: Cells = present if present is not None else {}
        cells, created = _named(wanted.cells, number)
        values: dict[Cell, Value] = {}
        single: set[str] = set()
        for cell, value in cells.items():
            if cell[0] in _CONTENT:
                values[cell] = self._value(cell, value, before, wanted, created)
                continue
            if value is not None and self._check(cell, value):
                single.add(cell[0])
            values[self.names.get(cell, cell)] = self._normal(cell, value)
        if single:
            values = _with_one_target_each(values, before, single)
        if self.side_effect is not None:
            effects = self.side_effect(before, values)
            values.update({cell: self._normal(cell, value) for cell, value in effects.items()})
        after = _merged(before, values)
        self._check_required(after)
        changed = after if present is None else {c: v for c, v in values.items() if before.get(c) != v}
        return Settled(after, changed, _answer(values, after), created, _contents(wanted, values, created))

    def _check(self, cell: Cell, value: Value) -> bool:
        """Whether the field holds one target only."""
        name = cell[0]
        known = self.schema.fields.get(name)
        if known is None:
            raise Impossible(f"there is no field {name!r}")
        if bool(cell[1]) != (known.type in SETS):
            raise Impossible(f"field {name!r} is not a set" if cell[1] else f"field {name!r} is a set")
        if known.values is not None and not known.open and (label := cell[1] or value) not in known.values:
            raise Impossible(f"field {name!r} has no value {label!r}")
        return known.single

    def _value(self, cell: Cell, value: Value, before: Cells, wanted: Wanted, created: Mapping[str, str]) -> Value:
        if value is None:
            return None
        assert isinstance(value, dict), f"{cell} is a record"
        if cell[1] not in created.values():
            return self._rewritten(cell, value, before)
        record: Record = {
            "author": self._author(str(value.get("author") or wanted.author), wanted.author),
            "created": str(value.get("created") or wanted.at),
        }
        if cell[0] == COMMENT:
            return self._normal(cell, {"text": str(value["text"]), **record, **self._visibility(value)})
        content = wanted.contents.get(str(value["sha256"]))
        if content is None:
            raise Impossible(f"the content of {value.get('name')!r} is not here")
        about: Record = {
            "name": str(value["name"]),
            "type": str(value.get("type") or "application/octet-stream"),
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        return self._normal(cell, {**about, **record})

    def _rewritten(self, cell: Cell, value: Record, before: Cells) -> Value:
        """An existing comment or attachment keeps its author and time, and an attachment its content."""
        old = before.get(cell)
        if not isinstance(old, dict):
            raise Impossible(f"there is no {cell[0]} {cell[1]!r}")
        if cell[0] == ATTACHMENT:
            return self._normal(cell, {**old, "name": str(value["name"])})
        seen_by = self._visibility(value) if VISIBILITY in value else self._visibility(old)
        kept = {key: part for key, part in old.items() if key != VISIBILITY}
        return self._normal(cell, {**kept, "text": str(value["text"]), **seen_by})

    def _visibility(self, value: Record) -> Record:
        """Who may see a comment; nothing for everybody."""
        word = str(value.get(VISIBILITY, ""))
        if word and word not in self.schema.visibilities:
            raise Impossible(f"there is no visibility {word!r}")
        return {VISIBILITY: word} if word else {}

    def _author(self, login: str, otherwise: str) -> str:
        return login if not self.schema.people or login in self.schema.people else otherwise

    def _normal(self, cell: Cell, value: Value) -> Value:
        if self.normalise is not None and value is not None:
            value = self.normalise(cell, value)
        return None if not value and (value == "" or cell[1]) else value

    def _check_required(self, after: Cells) -> None:
        for cell in self.required:
            if after.get(cell) is None:
                raise Impossible(f"field {cell.field!r} is required")


def rules_of(schema: Schema, normalise: Normalise | None, side_effect: SideEffect | None) -> Rules:
    required = tuple(Cell(name) for name, known in schema.fields.items() if known.required)
    return Rules(schema, normalise, side_effect, required, {Cell(name): Cell(name) for name in schema.fields})


def _contents(wanted: Wanted, values: Cells, created: Mapping[str, str]) -> Mapping[str, bytes]:
    """The contents of the attachments that are made, by their id."""
    if not created:
        return NO_CONTENTS
    made = ((local, values.get(Cell(ATTACHMENT, local))) for local in created.values())
    return {local: wanted.contents[str(value["sha256"])] for local, value in made if isinstance(value, dict)}


def _named(cells: Cells, number: int) -> tuple[Cells, Mapping[str, str]]:
    """The cells with ``+MARKER`` elements under the ids that they get: the commit's number, and a count from the
    second on, so that a replayed journal gives the same ids.
    """
    if NEW not in [element[:1] for _, element in cells]:
        return cells, _NONE_CREATED
    created: dict[str, str] = {}
    named: dict[Cell, Value] = {}
    for cell, value in cells.items():
        if cell[0] in _CONTENT and cell[1].startswith(NEW):
            count = f"-{len(created) + 1}" if created else ""
            created[cell[1]] = f"{cell[0][0]}{number}{count}"
            named[Cell(cell[0], created[cell[1]])] = value
        else:
            named[cell] = value
    return named, created


def _with_one_target_each(values: dict[Cell, Value], before: Cells, single: set[str]) -> dict[Cell, Value]:
    """Where a relation holds one target, the last one asked for stays and every other one goes."""
    last = {cell[0]: cell for cell, value in values.items() if value is not None and cell[0] in single}
    gone = {c: None for c in (*before, *values) if c[0] in last and last[c[0]] != c}
    return {**values, **gone}


def _merged(before: Cells, values: Cells) -> Cells:
    if not before and None not in values.values():
        return values
    return {cell: value for cell, value in {**before, **values}.items() if value is not None}


def _answer(values: Cells, after: Cells) -> Cells:
    """The same mapping where possible: fifty thousand issues are not held twice."""
    return after if len(values) == len(after) and None not in values.values() else values


def with_values(schema: Schema, cells: Cells) -> Schema:
    """The schema once ``cells`` are in an issue: values of open choices that nobody used before exist from then on."""
    fields: dict[str, Field] = {}
    for cell, value in cells.items():
        known = fields.get(cell[0]) or schema.fields.get(cell[0])
        label = cell[1] or value
        if known and value is not None and known.open and known.values is not None and label not in known.values:
            fields[cell[0]] = replace(known, values=(*known.values, str(label)))
    return replace(schema, fields={**schema.fields, **fields}) if fields else schema
