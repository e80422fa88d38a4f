"""Two whole nodes without faults, moved by hand: the simulation's world in a calm."""

import asyncio
from collections.abc import Awaitable, Callable

from backbone.model import Cell, Cells, Write
from backbone.store import lists
from tests.simulation import promises
from tests.simulation.channel import DIRECTORY, Carrier
from tests.simulation.node import Habits, Node, reopen, trimmed
from tests.simulation.world import World


class Pair:
    """``alice``'s node is the master, ``bob``'s the slave."""

    def __init__(self, carrier: Carrier = DIRECTORY) -> None:
        self.world = World(1, habits=(Habits(), Habits(trimmed, reopen)), carrier=carrier)
        self.world.calm = True
        for air in self.world.airs:
            air.calm = True
        self.alice, self.bob = self.world.nodes
        self.refusing: dict[str, str] = {}
        self.bob.tracker.refuse = self._refuse

    def _refuse(self, write: Write) -> str | None:
        title = write.cells.get(Cell("title"))
        return self.refusing.get(str(title).strip()) if title is not None else None

    async def begin(self) -> None:
        for node in (self.alice, self.bob):
            await node.start()

    async def settle(self, rounds: int = 40) -> None:
        """Everybody works until nothing is left to do."""
        for _ in range(rounds):
            if not await self.world._round() and promises.quiet(self.world):
                return
            self.world.now += 45.0 * self.world.pace
        raise AssertionError("the nodes do not come to rest")

    async def restore(self) -> None:
        """Both stores are put back to their copies."""
        for node in (self.alice, self.bob):
            node.restore()
            await node.start()

    def title(self, node: Node, index: int = 0) -> str | None:
        """The title of an issue, as the tracker shows it."""
        value = promises._issues(node)[index].cells.get(Cell("title"))
        return value if isinstance(value, str) else None

    def cells(self, node: Node, index: int = 0) -> Cells:
        """An issue's cells, as the tracker shows them."""
        return promises._issues(node)[index].cells

    def aside(self, node: Node) -> list[tuple[str, str]]:
        """What is in quarantine: kind and reason."""
        return [(i.kind, i.reason) for i in node.store.read_now(lambda tx: lists.set_aside_items(tx, 1))]

    async def ask(self, node: Node, kind: str, **arguments: object) -> int:
        """What the command line would ask for."""
        item: int = node.store.run_now(lambda tx: lists.ask(tx, 1, kind, arguments, 0.0))
        return item


def run(story: Callable[[Pair], Awaitable[None]], carrier: Carrier = DIRECTORY) -> None:
    """Tell a story over two fresh nodes."""

    async def tell() -> None:
        pair = Pair(carrier)
        await pair.begin()
        await story(pair)

    asyncio.run(tell())


def issue(pair: Pair, title: str, **fields: str) -> str:
    """Alice makes an issue."""
    cells: dict[Cell, str] = {Cell(name): value for name, value in fields.items()}
    return pair.alice.tracker.create({Cell("title"): title, Cell("description"): title, **cells}, "alice")
