"""What an admin writes about a mapping: the tables of a link's file. ``docs/mapping.md`` shows each of them."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

import pydantic
from pydantic import Field, model_validator

from backbone.errors import ConfigError
from backbone.model import FieldType
from backbone.replication.agreement import FieldName, SharedField, Strict
from backbone.replication.mapping.content_rules import Attachments, Comments, Files, Leaving, Texts
from backbone.replication.mapping.nearest import nearest
from backbone.replication.mapping.people import PeopleRules
from backbone.replication.mapping.table_rows import Pattern, Text
from backbone.replication.mapping.ways import Only, Way
from backbone.replication.markup import Markup
from backbone.replication.scope.rules import ScopeRules, TypeRule
from backbone.replication.twins import PairingRules

NUMBER = "@number"
"""As a local field: what the tracker calls the issue."""
NUMBER_HERE = "{number}"
_ONE_OF = "local, constant, concatenate, first_match, as_comment"


class RuleError(ConfigError):
    """A rule that cannot be; ``place`` are the keys that lead to it, ``sentence`` is without file and place."""

    def __init__(self, where: str, place: tuple[str, ...], sentence: str) -> None:
        super().__init__(f"{where}: {'.'.join(place)}: {sentence}")
        self.place = place
        self.sentence = sentence


class Part(Strict):
    """One local field of several that become one text."""

    local: Text
    heading: str = ""
    values: dict[Text, Text] = Field(default_factory=dict)
    """Local value = how the partner reads it; others as they are."""


class Row(Strict):
    """A row of an ordered table: the first one whose fields are so gives the value."""

    when: dict[Text, str]
    """Local field = value, with ``*`` as a wildcard; the empty text is an empty field."""
    value: Text


class WordRule(Strict):
    """How the values of a field, or of a column of a table, are called here."""

    values: dict[Text, str | list[str]] = Field(default_factory=dict)
    """Agreed value = local value, or several of which the first is used on the way back and others may have ``*``."""
    values_to_local: dict[Text, Text] = Field(default_factory=dict)
    """Agreed value, with ``*``, = what is written here: after ``values``, on the way in only."""
    values_to_remote: dict[Text, Text] = Field(default_factory=dict)
    """Local value, with ``*``, = what is sent: after ``values``, on the way out only."""
    patterns: tuple[Pattern, ...] = ()
    strip_prefix: str = ""
    """Local values have it, agreed ones do not; members of a set without it stay at home."""
    add_prefix: str = ""
    """Agreed values have it, local ones do not; members of a set without it are left to the partner."""
    allowed_characters: str = ""
    """What a local value is made of, as within the brackets of a regular expression (``a-z0-9-``)."""
    replace_with: str = "_"
    characters_max: Annotated[int, Field(ge=1)] | None = None
    """Longer values are written here cut off."""


class ColumnRule(WordRule):
    """How one agreed column of a table is called here. Its name alone says that its values are the same."""

    local: Text

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, said: Any) -> Any:
        return {"local": said} if isinstance(said, str) else said

    @property
    def as_field(self) -> "FieldRule":
        """The same as the rule of a field of its own."""
        return FieldRule(**self.model_dump(exclude_unset=True))


class FieldRule(WordRule):
    """How one agreed field is called here, and how its values are."""

    local: Text | None = None
    direction: Way = Way.BOTH
    only: tuple[Only, ...] = ()
    markup: Markup | None = None
    """Of a rich text, where it is another than ``[text]`` says."""
    separator: str = ""
    """Stands between several values in one text: a set on one side, a text on the other."""
    send_if_empty: Text | None = None
    """``{number}`` in it is what the tracker calls the issue."""
    write_if_empty: Text | None = None
    counts_as_empty: tuple[Text, ...] = ()
    """Local values that say nothing: what the tracker fills in by itself."""
    constant: Text | None = None
    """What is said about each issue made here; no local field has it."""
    concatenate: tuple[Part, ...] = ()
    first_match: tuple[Row, ...] = ()
    as_comment: Text | None = None
    """A headline: the value becomes a comment here, whenever it changes."""
    columns: dict[FieldName, ColumnRule] = Field(default_factory=dict)
    """Of a table: agreed column = what it is here."""

    @pydantic.field_validator("only", mode="before")
    @classmethod
    def _one_or_several(cls, said: Any) -> Any:
        return [said] if isinstance(said, str) else said

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        said = [self.local, self.constant, self.concatenate, self.first_match, self.as_comment]
        if sum(bool(one) for one in said) != 1:
            raise ValueError(f"needs one of {_ONE_OF}, and not two of them")
        if self.local == NUMBER and self.direction is not Way.TO_REMOTE:
            raise ValueError("an issue's number is never written: say direction = 'to_remote'")
        if self.as_comment and self.direction is Way.TO_REMOTE:
            raise ValueError("as_comment is for what comes in: say direction = 'to_local', or leave it out")
        if (self.constant or self.concatenate) and self.direction is Way.TO_LOCAL:
            raise ValueError("a constant or concatenate is for what goes out: say direction = 'to_remote'")
        if Only.IF_EMPTY in self.only and self.way is Way.BOTH:
            raise ValueError("only = 'if_empty' needs a direction, to_local or to_remote: which side is filled?")
        if Only.WITH_OTHERS in self.only and self.way is not Way.TO_REMOTE:
            raise ValueError("only = 'with_other_changes' is for what goes out: say direction = 'to_remote'")
        if self.columns and (self.local is None or self.only or self.separator or _says_words(self)):
            raise ValueError("a table has local, direction and columns; what is said of values belongs to a column")
        if {Only.ON_CREATE, Only.ON_UPDATE} <= set(self.only):
            raise ValueError("only = 'on_create' and 'on_update' together are always: leave both out")
        return self

    def within(self, shared: SharedField) -> "FieldRule":
        """Without the columns that are not agreed upon, as long as none is missing."""
        if not self.columns or not shared.columns.keys() <= self.columns.keys():
            return self
        return self.model_copy(update={"columns": {name: self.columns[name] for name in shared.columns}})

    @property
    def way(self) -> Way:
        """``direction``, or what the kind of rule makes of it."""
        if self.constant or self.concatenate:
            return Way.TO_REMOTE
        return Way.TO_LOCAL if self.as_comment else self.direction

    @property
    def sources(self) -> tuple[str, ...]:
        """The local fields that it reads."""
        if self.local is not None:
            return (self.local,)
        return (*(part.local for part in self.concatenate), *dict.fromkeys(n for r in self.first_match for n in r.when))


def _says_words(rule: FieldRule) -> bool:
    empties = rule.send_if_empty is not None or rule.write_if_empty is not None
    return empties or rule.markup is not None or not rule.model_fields_set.isdisjoint(WordRule.model_fields)


class Condition(Strict):
    """A local field (of our issues) or an agreed one (of the partner's) that must be so."""

    local: Text | None = None
    agreed: FieldName | None = None
    values: tuple[str, ...] = ("*",)
    """One of these, with ``*`` as a wildcard; the empty text is an empty field, ``*`` any but that."""
    except_values: tuple[str, ...] = ()
    """And none of these; alone, anything else will do."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """``values``, or everything where only ``except_values`` are said."""
        return ("", "*") if self.except_values and "values" not in self.model_fields_set else self.values

    @model_validator(mode="after")
    def _names_one_field(self) -> Self:
        if (self.local is None) == (self.agreed is None):
            raise ValueError("needs either local (for our issues) or agreed (for the partner's)")
        return self


class Rules(Strict):
    """The mapping's tables of a link's file."""

    fields: dict[FieldName, FieldRule]
    users: dict[str, str] = Field(default_factory=dict)
    """Local log-in = the word for this person that both sides use (an e-mail address, say)."""
    people: PeopleRules = PeopleRules()
    on_create: dict[str, str | list[str]] = Field(default_factory=dict)
    """Local fields and what they get in an issue that comes from the partner."""
    on_update: dict[str, str | list[str]] = Field(default_factory=dict)
    """The same, whenever the partner changes an issue that is here."""
    only_if: tuple[Condition, ...] = ()
    """An issue enters the link when all of these are so."""
    comments: Comments = Comments()
    attachments: Attachments = Attachments()
    text: Texts = Texts()
    scope: ScopeRules = ScopeRules()
    pairing: PairingRules = PairingRules()

    def markup_of(self, rule: FieldRule, kind: FieldType) -> Markup:
        """How a field's text is marked up here."""
        return (rule.markup or self.text.markup) if kind is FieldType.RICHTEXT else Markup.MARKDOWN

    def within(self, agreed: Mapping[str, SharedField]) -> "Rules":
        """Without the rules of fields, and of columns, that are not agreed upon (any more, or yet), as long as none is
        missing: else a name may be misspelt.
        """
        if not set(agreed) <= self.fields.keys():
            return self
        fields = {name: rule.within(agreed[name]) for name, rule in self.fields.items() if name in agreed}
        return self.model_copy(update={"fields": fields})

    @classmethod
    def parse(cls, data: Mapping[str, Any], where: str) -> "Rules":
        """From TOML data; ``RuleError`` names the place."""
        try:
            return cls.model_validate(data)
        except pydantic.ValidationError as error:
            every = error.errors(include_url=False, include_input=False)
            one = next((e for e in every if e["type"] == _UNKNOWN), every[0])  # what is missing is perhaps misspelt
            place = tuple(str(part) for part in one["loc"])
            raise RuleError(where, place, _sentence(one["type"], place, one["msg"])) from error


_UNKNOWN = "extra_forbidden"
_INNER: Mapping[str, type[Strict]] = {
    "columns": ColumnRule, "patterns": Pattern, "concatenate": Part, "first_match": Row, "only_if": Condition,
    "comments": Comments, "scope": ScopeRules, "types": TypeRule, "pairing": PairingRules,
    "attachments": Attachments, "text": Texts, "take": Files, "people": PeopleRules,
}  # fmt: skip


def _sentence(kind: str, place: tuple[str, ...], message: str) -> str:
    if kind != _UNKNOWN:
        return message.removeprefix("Value error, ")
    outer = FieldRule if place[0] == "fields" else Rules
    model = next((_INNER[part] for part in reversed(place[:-1]) if part in _INNER), outer)
    if place[:-1][1:] == ("send",):
        model = Leaving if place[0] == "comments" else Files
    return f"there is no such key{nearest(place[-1], model.model_fields)}; docs/mapping.md shows those that there are"
