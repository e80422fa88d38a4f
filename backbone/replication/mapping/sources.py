"""The local values that rules over several fields, and conditions, look at.

An edit names only what it changed. The rest is remembered in the shadow, as the image of a cell that never travels:
``~`` and the local field's name, which no agreed field can be called.
"""

from collections.abc import Collection

from backbone.model import Cell, Cells, Value
from backbone.replication.diff import NOTE, Shadow


def note(cells: Cells, wanted: Collection[str], agreed: dict[Cell, Value]) -> None:
    """Put what an edit says of the ``wanted`` local fields beside what is agreed."""
    for cell, value in cells.items():
        if cell.field in wanted:
            agreed[Cell(NOTE + cell.field, cell.element)] = value


class Sources:
    """The present local values of some fields, as text; a set is its members with commas."""

    def __init__(self, cells: Cells, shadow: Shadow, wanted: Collection[str]) -> None:
        self._words: dict[str, dict[str, Value]] = {name: {} for name in wanted}
        for cell, register in shadow.items():
            if cell.field[:1] == NOTE and cell.field[1:] in self._words:
                self._words[cell.field[1:]][cell.element] = register.image
        for cell, value in cells.items():
            if cell.field in self._words:
                self._words[cell.field][cell.element] = value

    def text(self, field: str) -> str:
        """Empty where nothing is there."""
        words = self._words[field]
        if set(words) <= {""}:
            value = words.get("")
            return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        return ", ".join(sorted(element for element, value in words.items() if value is not None and element))
