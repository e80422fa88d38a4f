"""One field's rule, ready to use: what a translation asks of each field, and nothing that it could know before."""

from collections.abc import Callable
from dataclasses import dataclass

from backbone.model import CHOSEN, SETS, Cell, Field, FieldType, Value
from backbone.replication import forms
from backbone.replication.agreement import SharedField
from backbone.replication.mapping.marked import UNMARKED, Marked
from backbone.replication.mapping.patterns import PatternError
from backbone.replication.mapping.references import References
from backbone.replication.mapping.rows import Rows
from backbone.replication.mapping.rules import NUMBER_HERE, FieldRule
from backbone.replication.mapping.texts import Texts
from backbone.replication.mapping.ways import Only, Way
from backbone.replication.mapping.wording import Wording
from backbone.replication.merge import Side

_SPOKEN = SETS | CHOSEN | {FieldType.USER}
"""Types whose values are names of something."""
_FORMED = {FieldType.NUMBER, FieldType.DATE, FieldType.DATETIME, FieldType.DURATION}
"""Types whose values have a form."""
_DAYS = {FieldType.DATE, FieldType.DATETIME}
_OTHERWISE = {FieldType.USER, FieldType.USERS, FieldType.RELATION, FieldType.BOOLEAN, FieldType.TABLE}
"""Types whose values are found otherwise than by their words."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """``plain``: the field's value is the same on both sides. ``straight``: its words go through ``wording``, and that
    is all. ``free``: the agreement takes any word.
    """

    name: str
    kind: FieldType
    single: bool
    plain: bool
    straight: bool
    free: bool
    lossy: bool
    """What was agreed must be looked up before a value goes out."""
    local: Cell
    agreed: Cell
    wording: Wording
    sends: bool
    takes: bool
    only: frozenset[Only]
    always: bool
    """What the partner says is written here, whenever it comes."""
    separator: str
    send_if_empty: str | None
    write_if_empty: str | None
    empties: frozenset[Value]
    """Local values that count as none."""
    texts: Texts | None
    """Of rich text, which has references in it."""
    fits: Callable[[str], bool]
    """Whether the agreement takes this word."""
    rows: Rows | None
    """Of a table."""

    @classmethod
    def of(
        cls,
        name: str,
        rule: FieldRule,
        shared: SharedField,
        side: Side | None,
        marked: Marked = UNMARKED,
        references: References | None = None,
    ) -> "Compiled":
        """``side`` is ours. Raises ``PatternError``."""
        wording = Wording(rule, shared.type, marked)
        empty = bool(rule.send_if_empty is not None or rule.write_if_empty is not None or rule.counts_as_empty)
        if rule.counts_as_empty and shared.type in SETS:
            raise PatternError("counts_as_empty is for fields with one value; this one is a set")
        plain = not (wording.changes or empty or rule.separator or rule.only or shared.characters_max)
        sends, takes = ways(rule, shared, side)
        rich = shared.type is FieldType.RICHTEXT and not rule.separator and references is not None
        lossy = wording.lossy or rich or rule.write_if_empty is not None or shared.type in _DAYS
        return cls(
            name=name,
            kind=shared.type,
            single=shared.type not in SETS,
            plain=plain and takes and not rich and shared.type not in _SPOKEN | _FORMED,
            straight=not (lossy or rule.separator or shared.type in _OTHERWISE),
            free=not (shared.values or shared.characters_max or shared.type in _FORMED),
            lossy=lossy,
            local=Cell(rule.local or ""),
            agreed=Cell(name),
            wording=wording,
            sends=sends,
            takes=takes,
            only=frozenset(rule.only),
            always=takes and not rule.only,
            separator=rule.separator,
            send_if_empty=rule.send_if_empty,
            write_if_empty=rule.write_if_empty,
            empties=frozenset(rule.counts_as_empty),
            texts=_texts(references, wording) if rich else None,
            fits=forms.form_of(shared.type, frozenset(shared.values), shared.characters_max),
            rows=_rows(name, rule, shared) if shared.type is FieldType.TABLE else None,
        )

    def if_empty(self, number: str) -> str | None:
        """What is said of an issue of this number where the local field is empty."""
        return self.send_if_empty and self.send_if_empty.replace(NUMBER_HERE, number)

    def word_out(self, value: Value) -> str | None:
        """A single local value as an agreed word. Raises ``NoRow``."""
        if value is None:
            return self.send_if_empty
        word = self.wording.out(_as_word(value))
        if self.kind is FieldType.DATE and word is not None and word[10:11] == "T":
            return word[:10]
        if self.kind is FieldType.DATETIME and word is not None and forms.is_date(word):
            return f"{word}T00:00:00Z"
        return word

    def value_back(self, value: Value, local: Field | None) -> Value:
        """An agreed value as the local one. Raises ``NoRow``."""
        if value is None:
            return self.write_if_empty
        word = self.wording.back(_as_word(value))
        kind = local.type if local is not None else None
        if kind is FieldType.BOOLEAN and word is not None:
            return word == "true"
        if kind is FieldType.DATETIME and word is not None and forms.is_date(word):
            return f"{word}T00:00:00Z"
        if kind is FieldType.DATE and self.kind is FieldType.DATETIME and word is not None:
            return word[:10]
        return word

    def value_of(self, word: str | None) -> Value:
        """An agreed word as an agreed value."""
        return word == "true" if self.kind is FieldType.BOOLEAN and word is not None else word


def _texts(references: References | None, wording: Wording) -> Texts:
    assert references is not None, "rich text has references"
    if not wording.changes:
        return Texts(references, _same, _same)
    return Texts(references, lambda text: wording.out(text) or "", lambda text: wording.back(text) or "")


def _same(text: str) -> str:
    return text


def _rows(name: str, rule: FieldRule, shared: SharedField) -> Rows:
    both = [column for column in shared.columns if column in rule.columns]
    columns = [Compiled.of(c, rule.columns[c].as_field, shared.columns[c].as_field, None) for c in both]
    return Rows(name, rule.local or "", tuple(columns), shared.rows)


def ways(rule: FieldRule, shared: SharedField, side: Side | None) -> tuple[bool, bool]:
    """Whether a field goes out, and whether it comes in: what the rule says, within what was agreed."""
    sends = rule.way is not Way.TO_LOCAL and (side is None or shared.direction.allows(side))
    takes = rule.way is not Way.TO_REMOTE and (side is None or shared.direction.allows(side.other))
    return sends, takes


def _as_word(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
