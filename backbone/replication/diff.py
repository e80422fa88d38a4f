"""What an edit changes, and what a change set asks for: the base of capture and apply.

A *shadow* is what a link knows of one issue: a register with its image for each cell. Functions here take
cells in the agreement's words and give plans as values; the service carries them out.

The image decides, never the sent value: a local edit is one where the tracker shows something else than
what was last read back, so what a tracker makes of our writes (it rounds, trims, adds) is no edit and there is no echo.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from backbone.model import Cell, Cells, Value
from backbone.replication import limits
from backbone.replication.merge import EMPTY, NEVER, Policy, Register, Side, Stamp, join, write
from backbone.replication.message import ChangeSet, Operation

Shadow: TypeAlias = Mapping[Cell, Register]
NOTE = "~"
"""Begins the name of a cell that is our own note of a local value: it has an image, and never travels."""
BROUGHT = f"{NOTE}{NOTE}brought"
"""The field of our notes of what we brought to the partner though it was born at a third node; they last."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Both sides wrote one cell without knowing of each other; ``lost`` is the value that does not stand."""

    cell: Cell
    stands: Value
    lost: Value
    lost_here: bool
    """Our own value lost."""
    open: bool
    """The policy leaves it to a person."""
    unless_noted: bool = False
    """Counts only where there is no record of this cell: what lost may have lost before."""


class Quiet(NamedTuple):
    """What of an edit does not travel: its image follows the tracker, and there is no operation."""

    kept: Collection[str] = frozenset()
    """These fields."""
    along: Collection[str] = frozenset()
    """These fields, until another one travels with them."""
    outside: bool = False
    """All of it: the issue has not entered the link."""
    entering: bool = False
    """Nothing, and all that was kept while the issue was outside goes with it."""
    cells: Collection[Cell] = frozenset()
    """These cells."""

    def keeps(self, cell: Cell) -> bool:
        """Whether a change of this cell makes no operation by itself."""
        field = cell.field
        kept = self.outside or field in self.kept or cell in self.cells
        return kept or (field in self.along and not self.entering)


NOT_QUIET = Quiet()


class Captured(NamedTuple):
    """What a local edit comes to: the registers that changed, and the operations for the peer."""

    registers: Shadow
    operations: tuple[Operation, ...]


class Plan(NamedTuple):
    """What a remote change set comes to here: the registers that changed, what the tracker shall show, who lost."""

    registers: Shadow
    targets: Cells
    conflicts: tuple[Conflict, ...]


def capture(shadow: Shadow, cells: Cells, side: Side, inc: int, n: int, quiet: Quiet = NOT_QUIET) -> Captured:
    """Cells as the tracker shows them after an edit, against the images. ``n`` is a fresh number of this side."""
    registers: dict[Cell, Register] = {}
    operations: list[Operation] = []
    stamped: dict[Stamp, Register] = {}  # most cells of an edit were last written at one time, if ever

    def say(cell: Cell, before: Register, value: Value) -> None:
        after = stamped.get(before.known)
        if after is None:
            after = stamped[before.known] = write(before, value, side, inc, n)
        registers[cell] = Register(after.write, after.known, value, value)
        operations.append(Operation(cell, value, after.write, after.known))

    for cell, value in cells.items():
        before = shadow.get(cell, EMPTY)
        if value == before.image:
            continue
        if quiet is not NOT_QUIET and quiet.keeps(cell):
            registers[cell] = before._replace(image=value)
        else:
            say(cell, before, value)
    if quiet.entering or (quiet.along and operations):
        for cell, before in list({**shadow, **registers}.items()):
            if _goes_along(cell, before, quiet):
                say(cell, before, before.image)
    return Captured(registers, tuple(operations))


def _goes_along(cell: Cell, register: Register, quiet: Quiet) -> bool:
    """Whether what was kept before goes together with what travels: it then has an image that was never said."""
    if register.image == register.value or cell.field in quiet.kept:
        return False
    return cell.field in quiet.along or (quiet.entering and register.write == NEVER)


def whole(shadow: Shadow, cells: Cells, unsaid: Collection[Cell]) -> Cells:
    """``cells`` as a complete picture: what has an image and is not in it is absent, unless it could not be said."""
    gone: dict[Cell, Value] = {
        cell: None
        for cell, register in shadow.items()
        if register.image is not None and cell not in cells and cell not in unsaid and cell.field != BROUGHT
    }
    return {**cells, **gone}


def plan(
    shadow: Shadow, operations: Iterable[Operation], policy_of: Mapping[str, Policy], *, redo: bool = False
) -> Plan:
    """Join each operation. The shadow must hold every local edit already: read before write.

    ``redo`` also asks for writes that stand already but that the tracker does not show: what waited for its other
    end, or for a person.
    """
    registers: dict[Cell, Register] = {}
    targets: dict[Cell, Value] = {}
    conflicts: dict[Cell, Conflict] = {}
    for cell, value, written, known in operations:
        ours = registers.get(cell) or shadow.get(cell, EMPTY)
        policy = policy_of[cell.field]
        register, theirs_stands, conflict, unaware = join(policy, ours, value, written, known)
        registers[cell] = register
        if theirs_stands or (redo and ours.write == written):
            targets[cell] = value
        if conflict:
            lost = ours.value if theirs_stands else value
            conflicts[cell] = Conflict(cell, register.value, lost, theirs_stands, policy is Policy.MANUAL)
        elif unaware and cell not in conflicts:
            conflicts[cell] = Conflict(cell, value, ours.value, True, policy is Policy.MANUAL, unless_noted=True)
    wanted = {cell: value for cell, value in targets.items() if registers[cell].image != value}
    return Plan(registers, wanted, tuple(conflicts.values()) if conflicts else ())


def read_back(shadow: Shadow, targets: Cells, answered: Cells) -> tuple[Shadow, Cells]:
    """After a write: the registers with their new images, and what the tracker changed beyond what it was told.

    ``answered`` holds every target as the tracker shows it, and its side effects. A target that it shows otherwise is
    its way of showing it; another cell that no longer has its image was changed by the tracker itself, a
    local edit like any other.
    """
    registers: dict[Cell, Register] = {}
    effects: dict[Cell, Value] = {}
    for cell, value in answered.items():
        if cell in targets or cell.field.startswith(NOTE):
            write, known, agreed, _ = shadow.get(cell, EMPTY)
            registers[cell] = Register(write, known, agreed, value)
        else:
            effects[cell] = value
    return registers, effects


def in_pieces(change_set: ChangeSet, body_bytes: int = limits.body_bytes) -> Iterator[ChangeSet]:
    """The same change set in pieces that are sent and applied quickly; nearly always itself."""
    piece: list[Operation] = []
    size = 0
    for operation in change_set.operations:
        if piece and (len(piece) >= limits.operations_per_change_set or size >= body_bytes):
            yield change_set._replace(operations=tuple(piece))
            piece, size = [], 0
        piece.append(operation)
        size += size_of(operation.value)
    if piece:
        yield change_set._replace(operations=tuple(piece))


def size_of(value: Value) -> int:
    """About how many bytes a value takes; a character is counted as one."""
    if isinstance(value, dict):
        return sum(len(part) for part in value.values() if isinstance(part, str))
    return len(value) if isinstance(value, str) else 1


def highest_number(operations: Iterable[Operation]) -> int:
    """The greatest number in any stamp: our own next one must exceed it."""
    highest, before = 0, NEVER
    for _, _, written, known in operations:
        if written is before and known is before:
            continue  # one object, as in most of an edit
        highest, before = max(highest, written[1], written[3], known[1], known[3]), written
    return highest


__all__ = ["BROUGHT", "EMPTY", "NOTE", "NOT_QUIET", "Captured", "Conflict", "Plan", "Quiet", "Shadow", "Stamp",
           "capture", "highest_number", "in_pieces", "plan", "read_back", "size_of", "whole"]  # fmt: skip
