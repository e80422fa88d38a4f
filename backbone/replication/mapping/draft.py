"""The local cells of one issue while they are put together."""

from dataclasses import dataclass, field

from backbone.model import Cell, Value
from backbone.replication.diff import Shadow
from backbone.replication.mapping.words import Inward


@dataclass(slots=True)
class Draft:
    """What ``Inward`` is made from."""

    shadow: Shadow
    cells: dict[Cell, Value] = field(default_factory=dict)
    at: dict[Cell, Cell] = field(default_factory=dict)
    waiting: dict[Cell, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def shows(self, cell: Cell) -> bool:
        """Whether the tracker has this comment or attachment."""
        register = self.shadow.get(cell)
        return register is not None and register.image is not None

    def put(self, agreed: Cell, local: Cell, value: Value) -> None:
        """``local`` is where ``agreed`` is shown here."""
        self.cells[local] = value
        self.at[agreed] = local

    def content(self, cell: Cell, local: str | None, value: Value) -> None:
        """A comment or attachment: one that is here, or one to be made under its marker."""
        self.put(cell, Cell(cell.field, f"+{cell.element}" if local is None else local), value)

    def done(self) -> Inward:
        """As a value."""
        return Inward(self.cells, self.at, self.waiting, tuple(self.problems))
