"""Local words and values <-> the agreement's. The only place that knows both.

A mapping must satisfy ``to_agreed(to_local(v)) == v`` where it is not declared otherwise; where a tracker cannot hold a
value, the image that is read back keeps the difference from echoing.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pydantic

from backbone.errors import ConfigError
from backbone.model import ATTACHMENT, COMMENT, ISSUE, SETS, Cell, Cells, FieldType, Record, Schema, Value
from backbone.replication.agreement import Agreement, FieldName, Strict
from backbone.replication.diff import Shadow


class FieldRule(Strict):
    """How one agreed field is called here."""

    local: str
    values: dict[str, str | list[str]] = pydantic.Field(default_factory=dict)
    """Agreed value = local value, or several of which the first is used on the way back."""


class Rules(Strict):
    """The ``[fields]``, ``[users]`` and ``[on_create]`` tables of a link's file."""

    fields: dict[FieldName, FieldRule]
    users: dict[str, str] = pydantic.Field(default_factory=dict)
    """Local log-in = the word for this person that both sides use (an e-mail address, say)."""
    on_create: dict[str, str] = pydantic.Field(default_factory=dict)
    """Local fields and the value they get in an issue that comes from the partner."""

    @classmethod
    def parse(cls, data: Mapping[str, Any], where: str) -> "Rules":
        """From TOML data; ``ConfigError`` names the place."""
        try:
            return cls.model_validate(data)
        except pydantic.ValidationError as error:
            one = error.errors(include_url=False, include_input=False)[0]
            raise ConfigError(f"{where}: {'.'.join(str(p) for p in one['loc'])}: {one['msg']}") from error


class Outward(NamedTuple):
    """Cells in agreed words. ``problems`` are sentences about those that could not be put into them: ``unsaid``."""

    cells: Cells
    problems: tuple[str, ...] = ()
    unsaid: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Inward:
    """Cells in local words. ``waiting`` are agreed cells whose other end is not here yet."""

    cells: Cells
    back: Mapping[Cell, Cell] = field(default_factory=dict)
    """The agreed cell for each local one."""
    waiting: Mapping[Cell, str] = field(default_factory=dict)
    """What each waits for: an issue's gid, or ``sha256:…`` for an attachment's content."""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """How issues, comments and attachments are called on both sides."""

    gid_of: Callable[[str, str], str]
    """``(kind, local)``: kind is ``ISSUE``, ``COMMENT`` or ``ATTACHMENT``."""
    local_of: Callable[[str], str | None]
    born_here: Callable[[str], bool]
    strange: Callable[[str, str], bool]
    """``(kind, gid)``: this can be no new thing of the partner's: it was born here and is not known, or is of another
    kind.
    """


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One field's rule, ready to use. ``plain``: its value is the same on both sides."""

    name: str
    kind: FieldType
    single: bool
    plain: bool
    local: Cell
    agreed: Cell
    local_value: Mapping[str, str]
    agreed_value: Mapping[str, str]

    @classmethod
    def of(cls, name: str, rule: FieldRule, kind: FieldType) -> "_Compiled":
        rows = [(agreed, [v] if isinstance(v, str) else v) for agreed, v in rule.values.items()]
        return cls(
            name=name,
            kind=kind,
            single=kind not in SETS,
            plain=kind not in _SPOKEN and not rows,
            local=Cell(rule.local),
            agreed=Cell(name),
            local_value={agreed: local[0] for agreed, local in rows if local},
            agreed_value={value: agreed for agreed, local in rows for value in local},
        )


_SPOKEN = SETS | {FieldType.USER, FieldType.CHOICE}
"""Types whose values are names of something."""


class Translation:
    """One link's mapping, compiled."""

    def __init__(self, agreement: Agreement, rules: Rules, node_name: str, user: str = "") -> None:
        """``user`` is the synchronization user's log-in: the author of what nobody here wrote."""
        self._user = user
        self._agreement = agreement
        self._rules = rules
        self._stranger = f"a user of {node_name}"
        self._fields = {
            name: _Compiled.of(name, rule, agreement.fields[name].type)
            for name, rule in rules.fields.items()
            if name in agreement.fields
        }
        self._by_local = {rule.local.field: rule for rule in self._fields.values()}
        related = [name for name, shared in agreement.fields.items() if shared.type is FieldType.RELATION]
        self._names = {COMMENT: COMMENT, ATTACHMENT: ATTACHMENT, **dict.fromkeys(related, ISSUE)}
        self._login = {word: login for login, word in rules.users.items()}
        self.on_create = {Cell(name): value for name, value in rules.on_create.items()}

    def problems(self, schema: Schema) -> list[str]:
        """What in this mapping does not fit the agreement or the tracker, a sentence each."""
        return list(self._unknown(schema)) + list(self._no_way_back()) + list(self._values(schema))

    def _unknown(self, schema: Schema) -> Iterator[str]:
        for name, rule in self._rules.fields.items():
            if name not in self._agreement.fields:
                yield f"fields.{name} is not in the agreement{_nearest(name, self._agreement.fields)}"
            if rule.local not in schema.fields:
                yield f"fields.{name}: the tracker has no field {rule.local!r}{_nearest(rule.local, schema.fields)}"
        for name in self._agreement.fields.keys() - self._rules.fields.keys():
            yield f"fields.{name} is in the agreement but not in this file: say which field it is here"
        for login in self._rules.users:
            if login not in schema.people:
                yield f"users: nobody here has the log-in {login!r}{_nearest(login, schema.people)}"

    def _no_way_back(self) -> Iterator[str]:
        for name, rule in self._rules.fields.items():
            rows = [v for value in rule.values.values() for v in ([value] if isinstance(value, str) else value)]
            shared = self._agreement.fields.get(name)
            if len(set(rows)) != len(rows):
                yield f"fields.{name}: a local value stands in two rows, so the way out is not defined"
            if any(not value for value in rule.values.values()):
                yield f"fields.{name}: a row has no local value, so the way back is not defined"
            elif shared and shared.type in SETS and any(isinstance(v, list) for v in rule.values.values()):
                yield f"fields.{name}: several local values for one agreed value have no way back in a set"
        if len(self._login) != len(self._rules.users):
            yield "users: two log-ins have the same word, so the way back is not defined"

    def _values(self, schema: Schema) -> Iterator[str]:
        for rule in self._fields.values():
            local = schema.fields.get(rule.local.field)
            if local and local.values is not None and not local.open:
                for value in rule.agreed_value.keys() - set(local.values):
                    yield f"fields.{rule.name}: {local.name} has no value {value!r}{_nearest(value, local.values)}"

    def person(self, login: str, schema: Schema) -> str:
        """The word by which the peer may know the author of something."""
        if login in self._rules.users:
            return self._rules.users[login]
        if self._agreement.authors == "hidden":
            return self._stranger
        known = schema.people.get(login)
        return (known.name if known else "") or login or self._stranger

    def login(self, word: str) -> str | None:
        """The log-in to write as, where the mapping names one."""
        return self._login.get(word)

    def to_agreed(self, cells: Cells, schema: Schema, names: Names, shadow: Shadow) -> Outward:
        """What the tracker shows, in agreed words. What is not in the agreement is left out without a word."""
        agreed: dict[Cell, Value] = {}
        problems: dict[Cell, str] = {}
        for cell, value in cells.items():
            rule = self._by_local.get(cell.field)
            if rule is None:
                if cell.field in (COMMENT, ATTACHMENT):
                    self._content_out(cell, value, schema, names, shadow, agreed)
            elif rule.plain:
                agreed[rule.agreed] = value
            else:
                try:
                    self._field_out(rule, cell, value, names, agreed)
                except KeyError as error:
                    words = f"{cell.field}: the value {error.args[0]!r} has no row under fields.{rule.name}.values"
                    problems[Cell(rule.name, cell.element)] = words
        return Outward(agreed, tuple(problems.values()), tuple(problems))

    def _content_out(
        self, cell: Cell, value: Value, schema: Schema, names: Names, shadow: Shadow, agreed: dict[Cell, Value]
    ) -> None:
        shared = self._agreement.comments if cell.field == COMMENT else self._agreement.attachments
        if not shared:
            return
        target = Cell(cell.field, names.gid_of(cell.field, cell.element))
        if not isinstance(value, dict):
            agreed[target] = None
            return
        if cell.field == ATTACHMENT and int(value["size"]) > self._agreement.attachment_bytes_max:
            return
        known = shadow[target].value if target in shadow else None
        if isinstance(known, dict):
            record: Record = {**value, "author": known["author"], "created": known["created"]}
            if "text" in record:
                record["text"] = str(record["text"]).removeprefix(_headline(str(known["author"])))
        else:
            record = {**value, "author": self.person(str(value["author"]), schema)}
        agreed[target] = record

    def _field_out(self, rule: _Compiled, cell: Cell, value: Value, names: Names, agreed: dict[Cell, Value]) -> None:
        table = rule.agreed_value
        if not rule.single:
            element: str | None = cell.element
            if rule.kind is FieldType.RELATION:
                element = names.gid_of(ISSUE, cell.element)
            elif rule.kind is FieldType.USERS:
                element = self._rules.users.get(cell.element)
            elif table:
                element = table[cell.element]
            if element is not None:
                agreed[Cell(rule.name, element)] = value
            return
        if isinstance(value, str):
            if rule.kind is FieldType.USER:
                value = self._rules.users.get(value)
            elif table:
                value = table[value]
        agreed[rule.agreed] = value

    def to_local(
        self, cells: Cells, schema: Schema, names: Names, shadow: Shadow, contents: Callable[[str], bool]
    ) -> Inward:
        """What the agreement's words mean here. ``contents`` tells whether an attachment's bytes are here.

        A comment or attachment that the tracker does not show (any more) is to be made, whatever it was called.
        """
        inward = _Inward(shadow)
        for cell, value in cells.items():
            rule = self._fields.get(cell.field)
            if rule is not None and rule.plain:
                inward.cells[rule.local] = value
                inward.back[rule.local] = cell
                continue
            named = self._names.get(cell.field)
            if named is not None and names.strange(named, cell.element):
                words = "the partner names something of ours that this link does not know"
                inward.problems.append(f"{cell.field}: {words}")
            elif cell.field == COMMENT:
                self._comment_in(cell, value, names, inward)
            elif cell.field == ATTACHMENT:
                self._attachment_in(cell, value, names, contents, inward)
            elif rule is not None:
                self._field_in(rule, cell, value, schema, names, inward)
        return Inward(inward.cells, inward.back, inward.waiting, tuple(inward.problems))

    def _comment_in(self, cell: Cell, value: Value, names: Names, inward: "_Inward") -> None:
        local = names.local_of(cell.element) if inward.shows(cell) else None
        if isinstance(value, dict):
            login = self._login.get(str(value["author"]))
            ours = login is not None or names.born_here(cell.element)
            text = str(value["text"]) if ours else _headline(str(value["author"])) + str(value["text"])
            inward.put(cell, local, {"text": text, "author": login or self._user, "created": value["created"]})
        elif local is not None:
            inward.put(cell, local, None)

    def _attachment_in(
        self, cell: Cell, value: Value, names: Names, contents: Callable[[str], bool], inward: "_Inward"
    ) -> None:
        local = names.local_of(cell.element) if inward.shows(cell) else None
        if not isinstance(value, dict):
            if local is not None:
                inward.put(cell, local, None)
        elif local is None and not contents(str(value["sha256"])):
            inward.waiting[cell] = f"sha256:{value['sha256']}"
        else:
            login = self._login.get(str(value["author"]))
            inward.put(cell, local, {**value, "author": login or self._user})

    def _field_in(
        self, rule: _Compiled, cell: Cell, value: Value, schema: Schema, names: Names, inward: "_Inward"
    ) -> None:
        kind = rule.kind
        word = value if rule.single else cell.element
        if kind is FieldType.RELATION:
            word = names.local_of(cell.element)
            if word is None:
                inward.waiting[cell] = cell.element
                return
        elif kind in (FieldType.USER, FieldType.USERS) and word is not None:
            word = self._login.get(str(word))
            if word is None:
                return
        elif isinstance(word, str) and rule.local_value:
            word = rule.local_value.get(word)
            if word is None:
                named = value if rule.single else cell.element
                inward.problems.append(f"{cell.field}: the partner's value {named!r} has no row under "
                                       f"fields.{cell.field}.values")  # fmt: skip
                return
        if kind in (FieldType.CHOICE, FieldType.CHOICES) and not _exists(schema, rule.local.field, word):
            inward.problems.append(f"{cell.field}: {rule.local.field} has no value {word!r} here; add it to the "
                                   f"tracker or give it a row under fields.{cell.field}.values")  # fmt: skip
            return
        target = rule.local if rule.single else Cell(rule.local.field, str(word))
        inward.cells[target] = word if rule.single else value
        inward.back[target] = cell


@dataclass(slots=True)
class _Inward:
    shadow: Shadow
    cells: dict[Cell, Value] = field(default_factory=dict)
    back: dict[Cell, Cell] = field(default_factory=dict)
    waiting: dict[Cell, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def shows(self, cell: Cell) -> bool:
        """Whether the tracker has this comment or attachment."""
        register = self.shadow.get(cell)
        return register is not None and register.image is not None

    def put(self, cell: Cell, local: str | None, value: Value) -> None:
        """A comment or attachment: one that is here, or one to be made under its marker."""
        target = Cell(cell.field, f"+{cell.element}" if local is None else local)
        self.cells[target] = value
        self.back[target] = cell


def _headline(author: str) -> str:
    return f"{author} wrote:\n\n"


def _exists(schema: Schema, name: str, value: Value) -> bool:
    known = schema.fields.get(name)
    return value is None or known is None or known.values is None or known.open or value in known.values


def _nearest(word: str, among: Any) -> str:
    found = difflib.get_close_matches(word, list(among), n=1, cutoff=0.5)
    return f" (did you mean {found[0]!r}?)" if found else ""
