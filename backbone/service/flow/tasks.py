"""What is to be applied: a change set with the key of its write, and its order among others."""

from collections.abc import Sequence
from typing import NamedTuple

from backbone.replication.message import ChangeSet
from backbone.store.lists import Intent

_LATE = "late"
_HELD = "held"


class Task(NamedTuple):
    """A change set to apply, with the key of its write. ``late`` completes cells that waited for something."""

    key: str
    change_set: ChangeSet
    held: bool = False
    late: bool = False


def rounds(tasks: Sequence[Task]) -> list[list[Task]]:
    """Rounds in which each issue stands at most once; an issue's change sets keep their order."""
    found: list[list[Task]] = []
    turn: dict[str, int] = {}
    for task in tasks:
        index = turn.get(task.change_set.gid, 0)
        if index == len(found):
            found.append([])
        found[index].append(task)
        turn[task.change_set.gid] = index + 1
    return found


def for_resume(task: Task, key: str) -> Intent:
    """What came in a message is found there; of all else the intent keeps what it was, in front of the author. ``key``
    is the write's.
    """
    gid = task.change_set.gid
    if not (task.late or task.held):
        return Intent(key, gid)
    said = f"{_LATE if task.late else _HELD}/{task.key}/{task.change_set.author}"
    return Intent(key, gid, task.change_set._replace(author=said))


def as_task(work: ChangeSet) -> Task:
    """The inverse, for an intent that keeps its work."""
    prefix, key, author = work.author.split("/", 2)
    return Task(key, work._replace(author=author), held=prefix == _HELD, late=prefix == _LATE)
