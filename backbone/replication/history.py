"""How much of an issue's history travels: every update in its order, or only where it led."""

from collections.abc import Iterable
from enum import StrEnum

from backbone.model import Cell
from backbone.replication.message import ChangeSet, Operation


class History(StrEnum):
    """``[link] history``."""

    ALL = "all"
    """Also what the tracker's journal knows of issues that are older than the link."""
    EVERY = "every"
    """Every update since the link began, with its author and time."""
    LAST = "last"
    """Of updates that are captured together only what they led to."""


def only_last(change_sets: Iterable[ChangeSet]) -> list[ChangeSet]:
    """Updates of one issue that follow each other as one: each cell's last write, by whoever began.

    What came over other trackers stays apart, as it has an origin of its own.
    """
    made: list[ChangeSet] = []
    at: dict[str, int] = {}
    for one in change_sets:
        before = at.get(one.gid)
        if before is None or made[before].path != one.path or len(one.path) > 1:
            at[one.gid] = len(made)
            made.append(one)
        else:
            made[before] = _together(made[before], one)
    return made


def _together(first: ChangeSet, then: ChangeSet) -> ChangeSet:
    operations: dict[Cell, Operation] = {operation.cell: operation for operation in first.operations}
    operations.update({operation.cell: operation for operation in then.operations})
    return first._replace(operations=tuple(operations.values()), origin=then.origin)
