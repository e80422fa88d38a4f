"""Points at which the world may strike: a process dies, a person edits, another task runs in between."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import iscoroutinefunction
from typing import Any, Protocol

from backbone.errors import TrackerUnavailable
from backbone.model import Outcome, Position, Touched, Write
from backbone.store.engine import Store, StoreError, Transaction


class Ended(BaseException):
    """What a node was doing ends here."""


class Crash(Ended):
    """Its process dies. What is durable stays; everything else is gone."""


class Cancelled(Ended):
    """One of its loops met with trouble, so that the others are cancelled, and the link begins again."""


class World(Protocol):
    async def point(self, node: str, name: str) -> None: ...
    def unavailable(self, node: str, name: str) -> bool: ...
    def full(self, node: str) -> bool: ...
    def stale(self, node: str, name: str) -> bool: ...
    def count(self, what: str) -> None: ...


class Pointed:
    """Any port, with a point before and after each awaited call."""

    def __init__(self, inner: Any, world: World, node: str, name: str) -> None:
        self._inner = inner
        self._world = world
        self._node = node
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(self._inner, attribute)
        if not iscoroutinefunction(value):
            return value
        return self._around(attribute, value)

    def _around(self, attribute: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def pointed(*args: Any, **kwargs: Any) -> Any:
            await self._world.point(self._node, f"before {self._name}.{attribute}")
            result = await call(*args, **kwargs)
            await self._world.point(self._node, f"after {self._name}.{attribute}")
            return result

        return pointed


class PointedTracker(Pointed):
    """A tracker may also die, or answer no more, between two writes of one call."""

    def _around(self, attribute: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def asked(*args: Any, **kwargs: Any) -> Any:
            self._answers(f"before tracker.{attribute}")
            return await call(*args, **kwargs)

        return super()._around(attribute, asked)

    async def touched(self, since: Position, limit: int) -> Touched:
        """Sometimes the answer of a moment ago: nothing new."""
        if self._world.stale(self._node, "touched"):
            return Touched((), since)
        found: Touched = await self._around("touched", self._inner.touched)(since, limit)
        return found

    async def touched_of(self, issues: Mapping[str, Position]) -> Mapping[str, Touched]:
        """As above, for named issues."""
        if self._world.stale(self._node, "touched_of"):
            known = await self._inner.read(list(issues))
            return {local: Touched((), seen) for local, seen in issues.items() if local in known}
        found: Mapping[str, Touched] = await self._around("touched_of", self._inner.touched_of)(issues)
        return found

    async def apply(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        outcomes: list[Outcome] = []
        for write in writes:
            await self._world.point(self._node, "before tracker.apply")
            self._answers("before tracker.apply")
            outcomes += await self._inner.apply([write])
            self._world.count(type(outcomes[-1]).__name__ + (" late" if write.at == "" else ""))
            self._answers("after tracker.apply")
            await self._world.point(self._node, "after tracker.apply")
        return outcomes

    async def find(self, keys: Sequence[str]) -> Any:
        found = await self._around("find", self._inner.find)(keys)
        if found:
            self._world.count("finished after a crash")
        return found

    def _answers(self, name: str) -> None:
        if self._world.unavailable(self._node, name):
            raise TrackerUnavailable(f"the tracker does not answer {name}")


class PointedStore(Store):
    """The store, with a point around each transaction: it happened as a whole, or not at all."""

    def __init__(self, inner: Store, world: World, node: str) -> None:
        self._inner = inner
        self._world = world
        self._node = node

    async def run(self, work: Transaction[Any]) -> Any:
        await self._world.point(self._node, "before commit")
        if self._world.full(self._node):
            raise StoreError("the store cannot be written: database or disk is full; free some space on its disk")
        result = self._inner.run_now(work)
        await self._world.point(self._node, "after commit")
        return result

    async def read(self, work: Transaction[Any]) -> Any:
        await self._world.point(self._node, "before read")
        return self._inner.read_now(work)

    def read_now(self, work: Transaction[Any]) -> Any:
        return self._inner.read_now(work)
