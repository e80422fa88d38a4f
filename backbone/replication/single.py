"""Relations that hold one target in a tracker: an issue has at most one parent, whoever moves it.

A relation is a set of cells, so two parents that were given at once are two writes that know nothing of each other, and
the join lets both stand. A tracker with room for one keeps the newer write, and says that the other target is gone.
Which one is newer is the same on both sides: both keep the same parent.
"""

from collections.abc import Callable

from backbone.model import Cell
from backbone.replication.diff import Conflict, Plan, Shadow
from backbone.replication.merge import Policy, Register, Side, stands_over, write


def with_one_target(
    shadow: Shadow, plan: Plan, holds_one: Callable[[str], bool], side: Side, inc: int, number: Callable[[], int]
) -> tuple[Plan, Shadow]:
    """The plan without targets that are older than what stands there, and what we say of those. ``holds_one`` tells of
    a field whether ours has one target and may be said; ``number`` gives a fresh number of ours. ``shadow`` is as it
    was before the plan.
    """
    said: dict[Cell, Register] = {}
    conflicts: list[Conflict] = []
    for cell, value in plan.targets.items():
        if value is None or not holds_one(cell.field):
            continue
        after = {**shadow, **plan.registers}
        rivals = [other for other in after if other not in said and _is_rival(cell, other, after, plan)]
        if any(_is_newer(other, cell, after) for other in rivals):
            conflicts.append(Conflict(cell, None, True, lost_here=False, open=False))
            said[cell] = write(after[cell], None, side, inc, number())
        else:
            lost = [other for other in rivals if other not in plan.targets]
            conflicts += [Conflict(other, None, True, lost_here=True, open=False) for other in lost]
    if not conflicts:
        return plan, {}
    targets = {cell: value for cell, value in plan.targets.items() if cell not in said}
    return Plan({**plan.registers, **said}, targets, (*plan.conflicts, *conflicts)), said


def _is_rival(cell: Cell, other: Cell, after: Shadow, plan: Plan) -> bool:
    """Whether it stands in the same field by the plan: here already, or to be written."""
    if other.field != cell.field or other == cell or after[other].value is None:
        return False
    return after[other].image is not None or other in plan.targets


def _is_newer(one: Cell, other: Cell, after: Shadow) -> bool:
    first, second = after[one].write, after[other].write
    return stands_over(Policy.NEWEST, first, second) or (first == second and one > other)
