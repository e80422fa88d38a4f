"""Rows of tables, out and in: a row is one value, each of its columns is translated like a field of its own.

A column that shows just what we make of the agreed word keeps that word: an author whom nobody knows here, or the part
of a moment that a day does not have, is not lost when somebody edits another column.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from backbone.model import CHOSEN, ROW, Cell, Field, FieldType, Record, Schema, Value
from backbone.replication.mapping.draft import Draft
from backbone.replication.mapping.people import People
from backbone.replication.mapping.tables import NoRow
from backbone.replication.mapping.words import Names

if TYPE_CHECKING:
    from backbone.replication.mapping.compiled import Compiled


@dataclass(frozen=True, slots=True)
class Rows:
    """One table's columns."""

    table: str
    """What the agreement calls it."""
    local: str
    columns: "tuple[Compiled, ...]"
    rows_max: int

    def out(self, row: Record, known: Value, people: People, schema: Schema) -> Record:
        """A row in agreed words; ``known`` is as it was agreed upon. Raises ``NoRow``."""
        before = known if isinstance(known, dict) else {}
        said: Record = {}
        for column in self.columns:
            shown, agreed = str(row.get(column.local.field, "")), str(before.get(column.name, ""))
            word = agreed if agreed and self._shows(column, agreed, shown, people, schema) else ""
            word = word or self._word(column, shown, people, schema)
            if word:
                said[column.name] = word
        return said

    def back(self, row: Record, people: People, schema: Schema) -> Record:
        """An agreed row in local words: all columns that have a rule, empty ones too. Raises ``NoRow``."""
        return {
            column.local.field: self._local(column, str(row.get(column.name, "")), people, schema)
            for column in self.columns
        }

    def into(self, cell: Cell, value: Value, names: Names, people: People, draft: Draft) -> None:
        """The partner's word about a row, put into ``draft``. Raises ``NoRow``."""
        local = names.local_of(cell.element) if draft.shows(cell) else None
        if isinstance(value, dict):
            shown = Cell(self.local, f"+{cell.element}" if local is None else local)
            draft.put(cell, shown, self.back(value, people, draft.schema))
        elif local is not None:
            draft.put(cell, Cell(self.local, local), None)

    def gid(self, element: str, names: Names) -> Cell:
        """The agreed cell of a local row."""
        return Cell(self.table, names.gid_of(ROW, element))

    def people_in(self, row: Record) -> list[str]:
        """The words for people in an agreed row."""
        named = [column.name for column in self.columns if column.kind is FieldType.USER]
        return [str(row[name]) for name in named if name in row]

    def _word(self, column: "Compiled", shown: str, people: People, schema: Schema) -> str:
        if not shown:
            return ""
        if column.kind is FieldType.USER:
            word = people.word(shown, schema) or ""
        else:
            try:
                word = column.word_out(shown) or ""
            except NoRow as error:
                raise self._lacking(column, error) from error
        if word and not column.fits(word):
            raise NoRow(word, f"of column {column.name} is none that the agreement allows, or not in its form")
        return word

    def _shows(self, column: "Compiled", agreed: str, shown: str, people: People, schema: Schema) -> bool:
        try:
            return self._local(column, agreed, people, schema) == shown
        except NoRow:
            return False

    def _local(self, column: "Compiled", agreed: str, people: People, schema: Schema) -> str:
        if not agreed:
            return ""
        if column.kind is FieldType.USER:
            return people.login(agreed, schema) or people.stand_in
        known = self._known(column, schema)
        try:
            value = column.value_back(agreed, known)
        except NoRow as error:
            raise self._lacking(column, error) from error
        word = ("true" if value else "false") if isinstance(value, bool) else str(value or "")
        if column.kind in CHOSEN and known is not None and known.values is not None and word not in known.values:
            raise NoRow(agreed, f"of column {column.name} is nothing in {self.local}.{column.local.field} here")
        return word

    def _known(self, column: "Compiled", schema: Schema) -> Field | None:
        table = schema.fields.get(self.local)
        return table.columns.get(column.local.field) if table is not None else None

    def _lacking(self, column: "Compiled", error: NoRow) -> NoRow:
        return NoRow(error.word, f"has no row under fields.{self.table}.columns.{column.name}.values")
