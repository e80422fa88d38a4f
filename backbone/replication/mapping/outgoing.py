"""Local cells in agreed words."""

from collections.abc import Iterable, Iterator

from backbone.model import ATTACHMENT, COMMENT, ISSUE, Cell, Cells, FieldType, Schema, Value
from backbone.replication.diff import Shadow
from backbone.replication.mapping.compiled import Compiled
from backbone.replication.mapping.composed import Composed
from backbone.replication.mapping.contents import Contents
from backbone.replication.mapping.joined import joined_out, split_out
from backbone.replication.mapping.people import People
from backbone.replication.mapping.rows import Rows
from backbone.replication.mapping.sources import Sources
from backbone.replication.mapping.tables import NoRow
from backbone.replication.mapping.texts import Texts
from backbone.replication.mapping.words import Names


class Outgoing:
    """One bag of local cells on its way out: ``agreed`` and ``problems`` are filled, and ``kept``."""

    def __init__(self, cells: Cells, schema: Schema, names: Names, shadow: Shadow) -> None:
        self._cells = cells
        self._schema = schema
        self._names = names
        self._shadow = shadow
        self.agreed: dict[Cell, Value] = {}
        self.problems: dict[Cell, str] = {}
        self.kept: set[Cell] = set()
        """What is said here and does not travel."""
        self._room: dict[str, int] = {}
        """How many rows more a table may have."""

    def content(self, cell: Cell, value: Value, contents: Contents) -> None:
        """A comment or attachment."""
        if cell.field not in (COMMENT, ATTACHMENT):
            return
        try:
            said = contents.out(cell, value, self._schema, self._names, self._shadow)
        except NoRow as error:
            target = Cell(cell.field, self._names.gid_of(cell.field, cell.element))
            self.problems[target] = f"{cell.field} {cell.element}: the {error.words(cell.field)}"
            return
        self.agreed.update(said)
        if value is None:
            self.kept.update(target for target in said if contents.stays(target, self._names, self._shadow))

    def field(self, rule: Compiled, cell: Cell, value: Value, people: People) -> None:
        """A field that is not the same on both sides."""
        if rule.rows is not None:
            self._row(rule, rule.rows, cell, value, people)
            return
        if rule.empties and isinstance(value, str) and value in rule.empties:
            value = None
        try:
            if rule.straight and not (rule.single and isinstance(value, bool)):
                self._straight(rule, cell, value)
            elif rule.separator:
                self._joined(rule, value)
            elif rule.single:
                self._say(rule, rule.agreed, self._single(rule, value, people))
            else:
                element = self._element(rule, cell.element, people)
                if element is not None:
                    self._say(rule, Cell(rule.name, element), value)
        except NoRow as error:
            unsaid = Cell(rule.name, "" if rule.single else cell.element)
            self.problems[unsaid] = f"{cell.field}: the {error.words(rule.name)}"

    def composed(self, rule: Composed, sources: Sources) -> None:
        """A field that no single local field is."""
        value = rule.value(sources)
        if value is None or rule.fits(value):
            self.agreed[rule.agreed] = value
        else:
            self.problems[rule.agreed] = _not_agreed(rule.name, value)

    def empty(self, rules: Iterable[Compiled], number: str, *, fresh: bool) -> None:
        """What is said instead of a value that is not there."""
        for rule in rules:
            register, word = self._shadow.get(rule.agreed), rule.if_empty(number)
            stands = register is not None and register.image == word
            if self.agreed.get(rule.agreed, rule.send_if_empty) != rule.send_if_empty:
                continue
            if rule.agreed in self.agreed or fresh or stands:
                self.agreed[rule.agreed] = word

    def numbered(self, rules: Iterable[Compiled], number: str) -> None:
        """What the tracker calls the issue: said once, by whatever is said of the issue first."""
        for rule in rules:
            try:
                self._say(rule, rule.agreed, rule.word_out(number))
            except NoRow as error:
                self.problems[rule.agreed] = f"{rule.local.field}: the {error.words(rule.name)}"

    def _straight(self, rule: Compiled, cell: Cell, value: Value) -> None:
        """Most fields of most issues: no more is done than must be."""
        if rule.single:
            word = rule.send_if_empty if value is None else rule.wording.out(str(value))
            target, value = rule.agreed, word
        else:
            word = rule.wording.out(cell.element)
            if word is None:
                return
            target = Cell(rule.name, word)
        if rule.free or value is None or rule.fits(word or ""):
            self.agreed[target] = value
        else:
            self.problems[target] = _not_agreed(rule.name, word or "")

    def _say(self, rule: Compiled, cell: Cell, value: Value) -> None:
        word = value if isinstance(value, str) else cell.element
        if value is None or not word or rule.fits(word):
            self.agreed[cell] = value
        else:
            self.problems[cell] = _not_agreed(rule.name, word)

    def _row(self, rule: Compiled, rows: Rows, cell: Cell, value: Value, people: People) -> None:
        target = rows.gid(cell.element, self._names)
        register = self._shadow.get(target)
        if not isinstance(value, dict):
            if register is not None:
                self.agreed[target] = None
            return
        known = register.value if register is not None else None
        try:
            said = rows.out(value, known, people, self._schema)
        except NoRow as error:
            self.problems[target] = f"{cell.field} {cell.element}: the {error.words(rule.name)}"
            return
        if known is None and not self._has_room(rows):
            words = f"the agreement allows {rows.rows_max} rows of {rule.name}, and this is one more"
            self.problems[target] = f"{cell.field} {cell.element}: {words}"
            return
        self.agreed[target] = said

    def _has_room(self, rows: Rows) -> bool:
        room = self._room.get(rows.table)
        if room is None:
            room = rows.rows_max - sum(c.field == rows.table and r.value is not None for c, r in self._shadow.items())
        self._room[rows.table] = room - 1
        return room > 0

    def _joined(self, rule: Compiled, value: Value) -> None:
        if rule.single:
            if rule.agreed not in self.agreed:
                self._say(rule, rule.agreed, joined_out(rule, self._cells, self._shadow))
            return
        split: dict[Cell, Value] = {}
        split_out(rule, value, self._shadow, split)
        for cell, member in split.items():
            self._say(rule, cell, member)

    def _single(self, rule: Compiled, value: Value, people: People) -> Value:
        if rule.kind is FieldType.USER:
            return self._person(rule, value, people) if isinstance(value, str) else None
        if rule.texts is not None and isinstance(value, str):
            return self._rich(rule, rule.texts, value)
        if rule.lossy:
            register = self._shadow.get(rule.agreed)
            if register is not None and _shows(rule, register.value, value, self._schema):
                return register.value
        return rule.value_of(rule.word_out(value))

    def _rich(self, rule: Compiled, texts: Texts, value: str) -> str:
        register = self._shadow.get(rule.agreed)
        agreed = register.value if register is not None else None
        return texts.out(value, agreed if isinstance(agreed, str) else None, self._schema, self._names)[0]

    def _element(self, rule: Compiled, element: str, people: People) -> str | None:
        """A member whose agreed word is not its own: it is looked for among those that are agreed."""
        if rule.kind is FieldType.RELATION:
            return self._names.gid_of(ISSUE, element)
        if rule.kind is FieldType.USERS:
            agreed = (c.element for c in self._known(rule) if people.login(c.element, self._schema) == element)
            return next(agreed, None) or people.word(element, self._schema)
        for cell in self._known(rule):
            if _back(rule, cell.element) == element:
                return cell.element
        return rule.wording.out(element)

    def _known(self, rule: Compiled) -> Iterator[Cell]:
        """The members that are agreed."""
        for cell, register in self._shadow.items():
            if cell.field == rule.name and (register.value or register.image):
                yield cell

    def _person(self, rule: Compiled, login: str, people: People) -> str | None:
        """The agreed word where it is theirs, in whatever letters, or nobody's and they stand in; else their own."""
        register = self._shadow.get(rule.agreed)
        agreed = register.value if register is not None else None
        if isinstance(agreed, str) and (people.login(agreed, self._schema) or people.stand_in) == login:
            return agreed
        return people.word(login, self._schema)


def _back(rule: Compiled, element: str) -> str | None:
    try:
        return rule.wording.back(element)
    except NoRow:
        return None


def _shows(rule: Compiled, agreed: Value, local: Value, schema: Schema) -> bool:
    """Whether this local value is just what we make of that agreed one: then nobody has edited it."""
    try:
        return rule.value_back(agreed, schema.fields.get(rule.local.field)) == local
    except NoRow:
        return False


def _not_agreed(name: str, word: str) -> str:
    return f"fields.{name}: the value {word[:80]!r} is none that the agreement allows, or not in its form"
