"""Counts what a node asks of its tracker and of its store.

The steps of SQLite's virtual machine tell what no count of statements does: a table that is read through, row by row,
takes more of them the longer it is, and a search in an index does not.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence, Sized
from contextlib import contextmanager
from typing import Any

from backbone.store.engine import Store

_READING = frozenset({"head", "issues", "read", "touched", "touched_of", "apply", "find"})


class CountedTracker:
    """A tracker that counts calls, and what goes in and comes out of them."""

    def __init__(self, inner: Any, counts: Counter[str]) -> None:
        self._inner = inner
        self._counts = counts

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in _READING:
            return found

        async def counted(*arguments: Any) -> Any:
            answer = await found(*arguments)
            self._counts[f"tracker.{name}"] += 1
            self._counts[f"tracker.{name}.items"] += _size(answer)
            return answer

        return counted

    def hints(self) -> AsyncIterator[None]:
        """As the tracker's own."""
        hints: AsyncIterator[None] = self._inner.hints()
        return hints


def _size(answer: Any) -> int:
    edits: Any = getattr(answer, "edits", answer)
    if isinstance(edits, dict):
        return sum(_size(one) for one in edits.values())
    return len(edits) if isinstance(edits, Sized) and not isinstance(edits, str) else 1


@contextmanager
def counted(store: Store, counts: Counter[str]) -> Iterator[None]:
    """Counts statements and steps on the connection that the store has, while the block runs."""

    def statement(sql: str) -> None:
        word = sql.split(None, 1)[0].lower()
        if word not in ("commit", "rollback"):
            counts["sql.statements"] += 1
            counts[f"sql.{word}"] += 1

    def step() -> int:
        counts["sql.steps"] += 1
        return 0

    driver: Any = store.read_now(lambda tx: tx.connection.driver_connection)
    driver.set_progress_handler(step, 1)
    driver.set_trace_callback(statement)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)
        driver.set_trace_callback(None)


def differing(few: Counter[str], many: Counter[str]) -> Sequence[str]:
    """What was counted differently, a line each; empty when the two are equal."""
    return [f"{name}: {few[name]} and {many[name]}" for name in sorted(few | many) if few[name] != many[name]]
