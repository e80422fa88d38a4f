"""Roundup's journal read forwards: it keeps old values only, so the new ones are worked out from behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backbone.trackers.roundup.feed import Row

MADE = frozenset({"create", "restored"})
"""After these the whole issue is there at once."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one journal entry did, in Roundup's own values."""

    row: Row
    whole: Mapping[str, Any] | None = None
    """Every property as it stood right after the issue was made or restored."""
    changed: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    """Old and new value."""
    added: Mapping[str, Sequence[str]] = field(default_factory=dict)
    removed: Mapping[str, Sequence[str]] = field(default_factory=dict)


def unwind(rows: Sequence[Row], present: Mapping[str, Any]) -> list[Step]:
    """The steps of one issue, first to last. ``rows`` are all its journal entries from some point on."""
    state = dict(present)
    steps: list[Step] = []
    for row in reversed(rows):
        if row.action in MADE:
            steps.append(Step(row, whole=dict(state)))
        elif row.action == "set" and isinstance(row.params, dict):
            steps.append(_undone(row, state))
    steps.reverse()
    return steps


def _undone(row: Row, state: dict[str, Any]) -> Step:
    """Take the entry back from ``state``."""
    changed: dict[str, tuple[Any, Any]] = {}
    added: dict[str, Sequence[str]] = {}
    removed: dict[str, Sequence[str]] = {}
    for name, old in row.params.items():
        if name not in state:
            continue
        if not isinstance(state[name], list):
            changed[name] = (old, state[name])
            state[name] = old
        elif _is_delta(old):
            plus = [str(node) for sign, nodes in old if sign == "+" for node in nodes]
            minus = [str(node) for sign, nodes in old if sign == "-" for node in nodes]
            added[name], removed[name] = plus, minus
            state[name] = [node for node in state[name] if node not in plus] + minus
    return Step(row, changed=changed, added=added, removed=removed)


def _is_delta(old: Any) -> bool:
    """Roundup notes a mere change of order as the old list; nothing was added or taken out then."""
    return isinstance(old, tuple) and all(isinstance(part, tuple) and len(part) == 2 for part in old)
