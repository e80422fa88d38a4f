"""The local cells of one issue while they are put together."""

from dataclasses import dataclass, field

from backbone.model import Cell, Schema, Value
from backbone.replication.diff import NOTE, Shadow
from backbone.replication.mapping.words import Inward, Names

WITHHELD = f"{NOTE}{NOTE}withheld"
"""The field of our notes of what was shared once and is kept here by now. No local field's note begins so.
"""


def withheld(cell: Cell) -> Cell:
    """The note about a comment or attachment."""
    return Cell(WITHHELD, cell.element)


@dataclass(slots=True)
class Draft:
    """What ``Inward`` is made from."""

    shadow: Shadow
    schema: Schema
    cells: dict[Cell, Value] = field(default_factory=dict)
    at: dict[Cell, Cell] = field(default_factory=dict)
    waiting: dict[Cell, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    verbatim: int = 0
    """How many of the cells stand here in the partner's own words, and would leave in them."""

    def shows(self, cell: Cell) -> bool:
        """Whether the tracker has this comment or attachment."""
        register = self.shadow.get(cell)
        return register is not None and register.image is not None

    def local_of(self, cell: Cell, names: Names) -> str | None:
        """What the tracker calls this comment or attachment, if it has it: also where another link brought it."""
        is_here = self.shows(cell) or names.said_elsewhere(cell) is not None
        return names.local_of(cell.element) if is_here else None

    def is_withheld(self, cell: Cell) -> bool:
        """Whether the tracker has it, and it is kept from the partner who knew it once."""
        register = self.shadow.get(withheld(cell))
        return register is not None and register.image is not None

    def put(self, agreed: Cell, local: Cell, value: Value) -> None:
        """``local`` is where ``agreed`` is shown here."""
        self.cells[local] = value
        self.at[agreed] = local

    def content(self, cell: Cell, local: str | None, value: Value) -> None:
        """A comment or attachment: one that is here, or one to be made under its marker."""
        self.put(cell, Cell(cell.field, f"+{cell.element}" if local is None else local), value)

    def remove(self, cell: Cell, names: Names) -> None:
        """A comment or attachment that goes, if it is here."""
        local = names.local_of(cell.element) if self.shows(cell) else None
        if local is not None:
            self.content(cell, local, None)

    def done(self, *, verbatim: bool) -> Inward:
        """As a value."""
        return Inward(self.cells, self.at, self.waiting, tuple(self.problems), verbatim)
