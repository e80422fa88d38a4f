"""Points at which the world may strike: a process dies, a person edits, another task runs in between."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from backbone.model import Outcome, Write
from backbone.store.engine import Store, Transaction


class Crash(BaseException):
    """A node's process dies here. What is durable stays; everything else is gone."""


class World(Protocol):
    async def point(self, node: str, name: str) -> None: ...


class Pointed:
    """Any port, with a point before and after each awaited call."""

    def __init__(self, inner: Any, world: World, node: str, name: str) -> None:
        self._inner = inner
        self._world = world
        self._node = node
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(self._inner, attribute)
        if not callable(value) or attribute == "hints":
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
    """A tracker may also die between two writes of one call."""

    async def apply(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        outcomes: list[Outcome] = []
        for write in writes:
            await self._world.point(self._node, "before tracker.apply")
            outcomes += await self._inner.apply([write])
            await self._world.point(self._node, "after tracker.apply")
        return outcomes


class PointedStore(Store):
    """The store, with a point around each transaction: it happened as a whole, or not at all."""

    def __init__(self, inner: Store, world: World, node: str) -> None:
        self._inner = inner
        self._world = world
        self._node = node

    async def run(self, work: Transaction[Any]) -> Any:
        await self._world.point(self._node, "before commit")
        result = self._inner.run_now(work)
        await self._world.point(self._node, "after commit")
        return result

    async def read(self, work: Transaction[Any]) -> Any:
        await self._world.point(self._node, "before read")
        return self._inner.read_now(work)
