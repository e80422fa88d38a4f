"""What part an issue takes: the ``[scope]`` table, compiled once for a link."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from backbone.model import ATTACHMENT, COMMENT, SETS, Cell, FieldType, Value
from backbone.replication.agreement import Agreement
from backbone.replication.mapping.nearest import nearest
from backbone.replication.mapping.rules import RuleError
from backbone.replication.scope.expression import Expression, ExpressionError
from backbone.replication.scope.rules import Leaving, Part, ScopeRules

_MOMENTS = {FieldType.DATE, FieldType.DATETIME}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Circumstances(NamedTuple):
    """What an expression may ask besides the issue's values."""

    here: bool
    """The issue began at this node."""
    now: float = 0.0
    """Seconds since 1970, UTC."""
    link: str = ""
    fits: bool | None = True
    """Whether the tracker's own query and ``since`` take it; ``None`` where nobody has asked the tracker."""


class Scope:
    """``rules`` over the fields of ``agreement``. Whoever is unsure keeps an issue at home."""

    def __init__(
        self, rules: ScopeRules, agreement: Agreement, node: str = "", side: str = "", where: str = "the mapping"
    ) -> None:
        """``node`` and ``side`` are ours. Raises ``RuleError``."""
        self.rules = rules
        self._agreement = agreement
        self._node = {"name": node}
        self._side = side
        for name, value in rules.close_with.items():
            place = ("scope", "close_with", name)
            if name not in agreement.fields:
                raise RuleError(where, place, f"is not in the agreement{nearest(name, agreement.fields)}")
            if agreement.fields[name].type in SETS or not agreement.allows(Cell(name), value):
                raise RuleError(where, place, f"{value!r} is no value that the agreement allows for it")
        self._issues = self._compiled(where, ("scope", "issues"), rules.issues) if rules.issues else None
        self._types = [(self._compiled(where, ("scope", "types"), row.when), row.type) for row in rules.types]
        self.asks_tracker = rules.query is not None or rules.since is not None
        self.guards_theirs = bool(self._types)
        self.guards = self.guards_theirs or self.asks_tracker or self._issues is not None

    def _compiled(self, where: str, place: tuple[str, ...], source: str) -> Expression:
        """Tried on an issue without values and on one that has each."""
        about = Circumstances(here=True)
        try:
            made = Expression(source, self._variables({}, about))
            made.test(self._variables(self._example(), about))
        except ExpressionError as error:
            raise RuleError(where, place, f"{source[:80]!r}: {error}") from None
        return made

    def _example(self) -> dict[Cell, Value]:
        by_type: dict[FieldType, Value] = {
            FieldType.NUMBER: "1", FieldType.DATE: "2026-11-21", FieldType.DATETIME: "2026-11-21T09:30:00Z",
            FieldType.BOOLEAN: True, FieldType.TABLE: {},
        }  # fmt: skip
        return {
            Cell(name, "x" if field.type in SETS else ""): by_type.get(field.type, True if field.type in SETS else "x")
            for name, field in self._agreement.fields.items()
        }

    @property
    def leaving(self) -> Leaving:
        """What becomes of issues that leave."""
        return self.rules.leaving

    def part(self, values: Mapping[Cell, Value], about: Circumstances) -> Part:
        """What part an issue with these agreed values takes. Raises ``ExpressionError`` where an expression cannot be
        evaluated on them.
        """
        if about.here and about.fits is not True and self.asks_tracker:
            return Part.SKIPPED
        if self._issues is None and not self._types:
            return Part.FULL
        variables = self._variables(values, about)
        if about.here and self._issues is not None and not self._issues.test(variables):
            return Part.SKIPPED
        part = next((part for when, part in self._types if when.test(variables)), Part.FULL)
        return Part.FULL if part is Part.UPDATE_ONLY and about.here else part

    def _variables(self, values: Mapping[Cell, Value], about: Circumstances) -> dict[str, Any]:
        return {
            "issue": self._issue(values, about),
            "now": datetime.fromtimestamp(about.now, UTC) if about.now else _EPOCH,
            "link": {"name": about.link, "side": self._side},
            "node": self._node,
        }

    def _issue(self, values: Mapping[Cell, Value], about: Circumstances) -> dict[str, Any]:
        issue: dict[str, Any] = {
            name: [] if field.type in SETS else _plain(None, field.type)
            for name, field in self._agreement.fields.items()
        }
        comments, attachments = [], []
        for cell, value in values.items():
            if cell.field == COMMENT and isinstance(value, dict):
                comments.append({"text": str(value["text"]), "author": str(value["author"])})
            elif cell.field == ATTACHMENT and isinstance(value, dict):
                attachments.append(str(value["name"]))
            elif cell.field not in issue or bool(cell.element) is not isinstance(issue[cell.field], list):
                continue  # not shared, or of an earlier agreement
            elif isinstance(value, dict):  # a row has every column: what is not there would be an error
                columns = self._agreement.fields[cell.field].columns
                issue[cell.field].append({column: str(value.get(column, "")) for column in columns})
            elif cell.element and value:
                issue[cell.field].append(cell.element)
            elif not cell.element:
                issue[cell.field] = _plain(value, self._agreement.fields[cell.field].type)
        # What an agreed field is called goes first: nobody's field is hidden by a word of ours.
        return {"comments": comments, "attachments": attachments, "here": about.here, **issue}


def _plain(value: Value, kind: FieldType) -> Any:
    """A value as CEL has it: texts, true and false, numbers, moments; null where there is no number or moment."""
    if kind is FieldType.BOOLEAN:
        return value is True or value == "true"
    if kind is not FieldType.NUMBER and kind not in _MOMENTS:
        return "" if value is None else str(value)
    try:
        return None if value is None else float(str(value)) if kind is FieldType.NUMBER else _moment(str(value))
    except ValueError:
        return None  # of an earlier agreement


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


EVERYTHING = Scope(ScopeRules(), Agreement(fields={}))
"""Every issue takes part in full."""
