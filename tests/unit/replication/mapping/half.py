"""One side of a link without store and channel: a tracker's issue, its shadow, and the rules between them."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from backbone.model import ATTACHMENT, COMMENT, Cell, Cells, Field, FieldType, Person, Schema, Value
from backbone.replication import diff
from backbone.replication.agreement import Agreement
from backbone.replication.mapping import Names, Occasion, Rules, Translation
from backbone.replication.merge import Register, Side, Stamp
from backbone.replication.message import Operation

NUMBER = "17"
"""What the tracker calls the issue."""
SCHEMA = Schema(
    {
        f.name: f
        for f in (
            Field("subject", FieldType.TEXT),
            Field("state", FieldType.CHOICE, ("unread", "chatting", "testing", "resolved", "deferred")),
            Field("resolution", FieldType.CHOICE, ("fixed", "wontfix")),
            Field("release", FieldType.TEXT),
            Field("steps", FieldType.TEXT),
            Field("notes", FieldType.TEXT),
            Field("hidden", FieldType.BOOLEAN),
            Field("yes_no", FieldType.CHOICE, ("yes", "no")),
            Field("due", FieldType.DATE),
            Field("since", FieldType.DATETIME),
            Field("hours", FieldType.NUMBER),
            Field("area", FieldType.CHOICES, ("core", "web")),
            Field("keyword", FieldType.CHOICES, ("ui",), open=True),
            Field("parts", FieldType.TEXT),
            Field("owner", FieldType.USER),
            Field("depends", FieldType.RELATION),
            Field("times", FieldType.TABLE, columns={
                column.name: column
                for column in (
                    Field("by", FieldType.USER), Field("date", FieldType.DATETIME), Field("minutes", FieldType.NUMBER),
                    Field("activity", FieldType.CHOICE, ("fixing", "patching", "driving")),
                    Field("note", FieldType.TEXT), Field("paid", FieldType.BOOLEAN),
                )
            }),
        )
    },
    {"ann": Person("ann", "Ann Example", "ann@acme.example", ("Support",)), "bot": Person("bot", "Robot"),
     "beta-bob": Person("beta-bob", "bob"), "eve": Person("eve", "Eve Other", "eve@acme.example", ("Sales",))},
    visibilities=("internal", "managers"),
)  # fmt: skip


def names(born_here: Callable[[str], bool] = lambda _: False) -> Names:
    """Everything is called on the wire as it is called here."""
    return Names(lambda kind, local: local if local.startswith("~") else f"{kind[0]}-{local}",
                 lambda gid: gid[2:] or None, born_here, lambda *_: False,
                 lambda kind, local: f"{kind[0]}-{local}")  # fmt: skip


def translation(fields: Mapping[str, Any], agreed: Mapping[str, Any], **more: Any) -> Translation:
    """``more``: other tables of the link's file, ``side``, ``convert``, and ``terms`` of the agreement."""
    side = more.pop("side", None)
    terms, convert = more.pop("terms", {}), more.pop("convert", None)
    agreement = Agreement.parse({"fields": agreed, **terms}, "agreement")
    rules = Rules.parse({"fields": fields, **more}, "links/bob.toml")
    return Translation(agreement, rules, "alice's", "bot", side, convert=convert)


class Half:
    """An issue that is moved by hand."""

    def __init__(self, words: Translation, schema: Schema = SCHEMA) -> None:
        self.words = words
        self.schema = schema
        self.shown: dict[Cell, Value] = {}
        self.shadow: dict[Cell, Register] = {}
        self.known = False
        self.clock = 0
        self.problems: tuple[str, ...] = ()
        self.heard: set[str] = set()
        """The gids of the partner's comments and attachments."""
        self.names = names(lambda gid: gid not in self.heard)

    def edit(self, **fields: Value | list[str] | dict[str, Any]) -> Cells:
        """Somebody edits local fields, a list is a set, a dictionary has rows by their names; returns what is then said
        to the partner.
        """
        cells: dict[Cell, Value] = {}
        for name, value in fields.items():
            if isinstance(value, list):
                cells.update({c: None for c in self.shown if c.field == name and c.element not in value})
                cells.update({Cell(name, element): True for element in value})
            elif isinstance(value, dict):
                cells.update({Cell(name, e): cast("Value", row or None) for e, row in value.items()})
            else:
                cells[Cell(name)] = value
        return self.capture(cells)

    def capture(self, cells: Cells) -> Cells:
        """The same with cells."""
        self.shown.update(cells)
        out = self.words.to_agreed(cells, self.schema, self.names, self.shadow, fresh=not self.known, number=NUMBER)
        self.known = True
        self.problems = out.problems
        self.clock += 1
        captured = diff.capture(self.shadow, out.cells, Side.MASTER, 1, self.clock, out.quiet)
        self.shadow.update(captured.registers)
        return {operation.cell: operation.value for operation in captured.operations}

    def hear(self, said: Cells) -> Cells:
        """The partner says something; returns what is written here. What reading back says is sent must be nothing."""
        self.clock += 1
        self.heard |= {c.element for c in said if c.field in (COMMENT, ATTACHMENT) and c not in self.shadow}
        stamp = Stamp(1, self.clock, 1, self.clock)
        operations = [Operation(cell, value, stamp, stamp) for cell, value in said.items()]
        plan = diff.plan(self.shadow, operations, self.words.agreement.policies())
        inward = self.words.to_local(
            plan.targets, self.schema, self.names, self.shadow, bool,
            Occasion(f"k{self.clock}", "then", not self.known, "Bob"),
        )  # fmt: skip
        self.problems = inward.problems
        cells = inward.cells if self.known else {**self.words.on_create, **inward.cells}
        self.shadow.update(plan.registers)
        answered = {_made(cell, value): _shown(cell, value) for cell, value in cells.items()}
        self.shown.update(answered)
        self.known = True
        seen = self.words.to_agreed(answered, self.schema, self.names, self.shadow, number=NUMBER).cells
        targets = {c: plan.targets[c] for c in inward.at}
        assert not inward.verbatim or answered != inward.cells or seen == targets
        registers, _ = diff.read_back(self.shadow, targets, seen)
        self.shadow.update(registers)
        return cells

    def said_again(self) -> Cells:
        """What is sent when the tracker shows all of it again, though nobody edited anything."""
        return self.capture(dict(self.shown))

    def value(self, field: str) -> Value:
        """A single local value."""
        return self.shown.get(Cell(field))

    def members(self, field: str) -> set[str]:
        """A local set."""
        return {cell.element for cell, value in self.shown.items() if cell.field == field and value}

    def comments(self) -> list[str]:
        """The texts of the comments here."""
        return [str(v["text"]) for c, v in self.shown.items() if c.field == COMMENT and isinstance(v, dict)]


def _shown(cell: Cell, value: Value) -> Value:
    """A row without its empty columns."""
    if isinstance(value, dict) and cell.field not in (COMMENT, ATTACHMENT):
        return {column: text for column, text in value.items() if text != ""}
    return value


def _made(cell: Cell, value: Value) -> Cell:
    """A comment, attachment or row that was to be made, under the id that it got."""
    if cell.field not in (COMMENT, ATTACHMENT) and not isinstance(value, dict):
        return cell
    marker = cell.element.removeprefix("+")
    if marker == cell.element or marker.startswith("~"):
        return Cell(cell.field, marker)
    return Cell(cell.field, marker[2:])


__all__ = ["ATTACHMENT", "SCHEMA", "Half", "names", "translation"]
