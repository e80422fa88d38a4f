"""What a change of the agreement adds to the plan of a change set that comes in.

*Filling*: of a field that joined, the side where an issue began says that there is nothing; what the other side shows
is then said in answer, instead of being taken away. A value that was never said and is replaced is a conflict.

*Settling*: where the order of concurrent writes changed, or may have, while a write was under way, each side may have
joined it by another order. The side that sees both says what stands with it once more, as a write that knows of both.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from backbone.model import Cell, Value
from backbone.replication.diff import Conflict, Plan, Shadow
from backbone.replication.merge import EMPTY, NEVER, Register, Side, write
from backbone.replication.message import Operation


class Overlap(NamedTuple):
    """Which fields need it. ``n`` is a fresh number of ours."""

    fills: Callable[[str], bool]
    contested: Callable[[str], bool]
    side: Side
    inc: int
    n: int


def renew(shadow: Shadow, operations: Iterable[Operation], plan: Plan, overlap: Overlap) -> tuple[Plan, Shadow]:
    """The plan with what we say anew, and the registers of that alone. ``shadow`` is as it was before the plan."""
    said: dict[Cell, Register] = {}
    registers, targets, conflicts = dict(plan.registers), dict(plan.targets), list(plan.conflicts)
    for operation in operations:
        cell, ours = operation.cell, shadow.get(operation.cell, EMPTY)
        joined = registers[cell]
        if _is_unsaid(ours) and operation.value != ours.image:
            if operation.value is None and overlap.fills(cell.field):
                registers[cell] = write(joined, ours.image, overlap.side, overlap.inc, overlap.n)
                targets.pop(cell, None)
                said[cell] = registers[cell]
            elif _takes_away(ours.image, operation.value):
                conflicts.append(Conflict(cell, operation.value, ours.image, lost_here=True, open=False))
        elif overlap.contested(cell.field) and _is_concurrent(ours, operation):
            registers[cell] = write(joined, joined.value, overlap.side, overlap.inc, overlap.n)
            said[cell] = registers[cell]
    if not said and len(conflicts) == len(plan.conflicts):
        return plan, {}
    return Plan(registers, targets, tuple(conflicts)), said


def operations_of(said: Shadow) -> tuple[Operation, ...]:
    """What the peer must hear of it."""
    return tuple(_operations(said))


def _operations(said: Shadow) -> Iterator[Operation]:
    for cell, register in said.items():
        yield Operation(cell, register.value, register.write, register.known)


def _is_unsaid(register: Register) -> bool:
    return register.known == NEVER and register.image is not None


def _takes_away(shown: Value, value: Value) -> bool:
    """Whether something that stood here is gone. Above a comment of the partner's we show its author."""
    if isinstance(shown, dict) and isinstance(value, dict):
        return not str(shown.get("text", "")).endswith(str(value.get("text", "")))
    return value is not None


def _is_concurrent(ours: Register, theirs: Operation) -> bool:
    known = ours.known.contains(theirs.write) or theirs.known.contains(ours.write)
    return ours.known != NEVER and not known


__all__ = ["Overlap", "operations_of", "renew"]
