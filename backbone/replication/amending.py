"""A person amends one value of a change set that was refused: a write of ours that knows of the peer's."""

import json

from backbone.model import ATTACHMENT, COMMENT, Cell, Record, Value
from backbone.replication.merge import Register, Side, write
from backbone.replication.message import ChangeSet, Operation

SHOWN_IN = {True: "name", False: "text"}
"""The part of a record that a person amends: an attachment's name, a comment's text."""


def text_of(cell: Cell, value: Value) -> str:
    """A value as a person amends it; absent is empty. A row is JSON: its columns and their texts."""
    if isinstance(value, dict) and cell.field not in (COMMENT, ATTACHMENT):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return str(value[_part(cell)])
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value or ""


def value_of(cell: Cell, before: Value, text: str) -> Value:
    """The inverse: what ``text`` means in the place of ``before``. Raises ``ValueError`` with a reason for a person."""
    if isinstance(before, dict) and cell.field not in (COMMENT, ATTACHMENT):
        return _row(cell, text) if text else None
    if isinstance(before, dict):
        return {**before, _part(cell): text}
    if isinstance(before, bool):
        if text not in ("yes", "no"):
            raise ValueError(f"{cell.field} is yes or no")
        return text == "yes" if not cell.element else (True if text == "yes" else None)
    return text or None


def _row(cell: Cell, text: str) -> Record:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict) or not all(isinstance(part, str) for part in row.values()):
        raise ValueError(f'{cell.field} is a row: its columns and their texts, as {{"column": "text"}}')
    return {column: part for column, part in row.items() if part}


def find(change_set: ChangeSet, name: str) -> Cell:
    """The cell that a person calls ``field`` or ``field element``. Raises ``ValueError`` with the names there are."""
    cells = [operation.cell for operation in change_set.operations]
    found = [cell for cell in cells if name in (cell.field, f"{cell.field} {cell.element}")]
    if len(set(found)) != 1:
        there = ", ".join(sorted(f"{cell.field} {cell.element}".strip() for cell in cells))
        raise ValueError(f"{name[:80]!r} names {'several values' if found else 'nothing'} here; there are: {there}")
    return found[0]


def amend(change_set: ChangeSet, cell: Cell, value: Value, side: Side, inc: int, n: int) -> tuple[ChangeSet, Operation]:
    """The change set with our value in that cell, and the operation that the peer must hear.

    Our write knows of theirs, so it stands against it on both sides whatever the policy. ``n`` is a fresh number.
    """
    theirs = [operation for operation in change_set.operations if operation.cell == cell]
    known = theirs[0].known
    for operation in theirs:
        known = known.union(operation.known).union(operation.write)
    register = write(Register(known=known), value, side, inc, n)
    ours = Operation(cell, value, register.write, register.known)
    kept = tuple(operation for operation in change_set.operations if operation.cell != cell)
    return change_set._replace(operations=(*kept, ours)), ours


def _part(cell: Cell) -> str:
    return SHOWN_IN[cell.field == ATTACHMENT]
