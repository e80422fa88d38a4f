"""One link's mapping, compiled once: cells out and cells in."""

from collections.abc import Callable

from backbone.model import ATTACHMENT, COMMENT, ISSUE, Cell, Cells, FieldType, Schema, Value
from backbone.replication.agreement import Agreement
from backbone.replication.diff import Shadow
from backbone.replication.mapping import fitting
from backbone.replication.mapping.compiled import Compiled
from backbone.replication.mapping.contents import Contents
from backbone.replication.mapping.draft import Draft
from backbone.replication.mapping.people import People
from backbone.replication.mapping.rules import Rules
from backbone.replication.mapping.words import Inward, Names, Outward


class Translation:
    """Between the words of one tracker and those of one agreement."""

    def __init__(self, agreement: Agreement, rules: Rules, node_name: str, user: str = "") -> None:
        """``user`` is the synchronization user's log-in: the author of what nobody here wrote."""
        self._agreement = agreement
        self._rules = rules
        self._people = People(rules.users, hidden=agreement.authors == "hidden", node_name=node_name)
        self._contents = Contents(agreement, self._people, user)
        self._fields = {
            name: Compiled.of(name, rule, agreement.fields[name].type)
            for name, rule in rules.fields.items()
            if name in agreement.fields
        }
        self._by_local = {rule.local.field: rule for rule in self._fields.values()}
        related = [name for name, shared in agreement.fields.items() if shared.type is FieldType.RELATION]
        self._names = {COMMENT: COMMENT, ATTACHMENT: ATTACHMENT, **dict.fromkeys(related, ISSUE)}
        self.on_create = {Cell(name): value for name, value in rules.on_create.items()}

    def problems(self, schema: Schema) -> list[str]:
        """What in this mapping does not fit the agreement or the tracker, a sentence each."""
        return fitting.problems(self._agreement, self._rules, self._fields, schema)

    def person(self, login: str, schema: Schema) -> str:
        """The word by which the peer may know the author of something."""
        return self._people.author(login, schema)

    def login(self, word: str) -> str | None:
        """The log-in to write as, where the mapping names one."""
        return self._people.login_of.get(word)

    def to_agreed(self, cells: Cells, schema: Schema, names: Names, shadow: Shadow) -> Outward:
        """What the tracker shows, in agreed words. What is not in the agreement is left out without a word."""
        agreed: dict[Cell, Value] = {}
        problems: dict[Cell, str] = {}
        for cell, value in cells.items():
            rule = self._by_local.get(cell.field)
            if rule is None:
                if cell.field in (COMMENT, ATTACHMENT):
                    self._contents.out(cell, value, schema, names, shadow, agreed)
            elif rule.plain:
                agreed[rule.agreed] = value
            else:
                try:
                    self._field_out(rule, cell, value, names, agreed)
                except KeyError as error:
                    words = f"{cell.field}: the value {error.args[0]!r} has no row under fields.{rule.name}.values"
                    problems[Cell(rule.name, cell.element)] = words
        return Outward(agreed, tuple(problems.values()), tuple(problems))

    def _field_out(self, rule: Compiled, cell: Cell, value: Value, names: Names, agreed: dict[Cell, Value]) -> None:
        table = rule.agreed_value
        if not rule.single:
            element: str | None = cell.element
            if rule.kind is FieldType.RELATION:
                element = names.gid_of(ISSUE, cell.element)
            elif rule.kind is FieldType.USERS:
                element = self._people.word_of.get(cell.element)
            elif table:
                element = table[cell.element]
            if element is not None:
                agreed[Cell(rule.name, element)] = value
            return
        if isinstance(value, str):
            if rule.kind is FieldType.USER:
                value = self._people.word_of.get(value)
            elif table:
                value = table[value]
        agreed[rule.agreed] = value

    def to_local(
        self, cells: Cells, schema: Schema, names: Names, shadow: Shadow, contents: Callable[[str], bool]
    ) -> Inward:
        """What the agreement's words mean here. ``contents`` tells whether an attachment's bytes are here.

        A comment or attachment that the tracker does not show (any more) is to be made, whatever it was called.
        """
        draft = Draft(shadow)
        for cell, value in cells.items():
            rule = self._fields.get(cell.field)
            if rule is not None and rule.plain:
                draft.put(cell, rule.local, value)
                continue
            named = self._names.get(cell.field)
            if named is not None and names.strange(named, cell.element):
                words = "the partner names something of ours that this link does not know"
                draft.problems.append(f"{cell.field}: {words}")
            elif cell.field == COMMENT:
                self._contents.comment_in(cell, value, names, draft)
            elif cell.field == ATTACHMENT:
                self._contents.attachment_in(cell, value, names, contents, draft)
            elif rule is not None:
                self._field_in(rule, cell, value, schema, names, draft)
        return draft.done()

    def _field_in(self, rule: Compiled, cell: Cell, value: Value, schema: Schema, names: Names, draft: Draft) -> None:
        kind = rule.kind
        word = value if rule.single else cell.element
        if kind is FieldType.RELATION:
            word = names.local_of(cell.element)
            if word is None:
                draft.waiting[cell] = cell.element
                return
        elif kind in (FieldType.USER, FieldType.USERS) and word is not None:
            word = self._people.login_of.get(str(word))
            if word is None:
                return
        elif isinstance(word, str) and rule.local_value:
            word = rule.local_value.get(word)
            if word is None:
                named = value if rule.single else cell.element
                draft.problems.append(f"{cell.field}: the partner's value {named!r} has no row under "
                                      f"fields.{cell.field}.values")  # fmt: skip
                return
        if kind in (FieldType.CHOICE, FieldType.CHOICES) and not _exists(schema, rule.local.field, word):
            draft.problems.append(f"{cell.field}: {rule.local.field} has no value {word!r} here; add it to the "
                                  f"tracker or give it a row under fields.{cell.field}.values")  # fmt: skip
            return
        target = rule.local if rule.single else Cell(rule.local.field, str(word))
        draft.put(cell, target, word if rule.single else value)


def _exists(schema: Schema, name: str, value: Value) -> bool:
    known = schema.fields.get(name)
    return value is None or known is None or known.values is None or known.open or value in known.values
