"""What is to be applied: a change set with the key of its write, and its order among others."""

from collections.abc import Sequence
from typing import NamedTuple

from backbone.replication.message import ChangeSet
from backbone.store.intents import Intent

GENERATIONS_MAX = 8
"""Each that comes in one message costs a round of its own."""
_LATE = "late"
_HELD = "held"


class Task(NamedTuple):
    """A change set to apply, with the key of its write. ``late`` completes cells that waited for something."""

    key: str
    change_set: ChangeSet
    held: bool = False
    late: bool = False


def rounds(tasks: Sequence[Task]) -> list[list[Task]]:
    """Rounds in which each issue stands at most once; an issue's change sets keep their order, and an issue comes
    behind those to which it points when it is first spoken of: a child is made under its parent.
    """
    found: dict[int, list[Task]] = {}
    turn = _first_turns(tasks)
    for task in tasks:
        gid = task.change_set.gid
        found.setdefault(turn[gid], []).append(task)
        turn[gid] += 1
    return [found[index] for index in sorted(found)]


def _first_turns(tasks: Sequence[Task]) -> dict[str, int]:
    """Where many generations come at once, or issues in a circle, the last of them share a round: what has no place
    under its parent yet is put there later.
    """
    turn = dict.fromkeys((task.change_set.gid for task in tasks), 0)
    behind: dict[str, set[str]] = {}
    for task in reversed(tasks):
        gid = task.change_set.gid
        pointed = {o.cell.element for o in task.change_set.operations if o.value is True and o.cell.element in turn}
        behind[gid] = pointed - {gid}
    waiting = {gid: targets for gid, targets in behind.items() if targets}
    for generation in range(1, GENERATIONS_MAX):
        if not waiting:
            break
        turn.update(dict.fromkeys(waiting, generation))
        waiting = {gid: targets for gid, targets in waiting.items() if not targets.isdisjoint(waiting)}
    return turn


def for_resume(task: Task, key: str) -> Intent:
    """What came in a message is found there; of all else the intent keeps what it was, in front of the author. ``key``
    is the write's.
    """
    if not (task.late or task.held):
        return Intent(key)
    said = f"{_LATE if task.late else _HELD}/{task.key}/{task.change_set.author}"
    return Intent(key, task.change_set._replace(author=said))


def as_task(work: ChangeSet) -> Task:
    """The inverse, for an intent that keeps its work."""
    prefix, key, author = work.author.split("/", 2)
    return Task(key, work._replace(author=author), held=prefix == _HELD, late=prefix == _LATE)
