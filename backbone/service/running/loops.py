"""One link's loops: what wakes them, and whether they rest."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from backbone.replication.link import Phase
from backbone.service.links.progress import load
from backbone.service.node import Node
from backbone.store import links
from handshake.events import Stage


@dataclass(slots=True)
class Running:
    """One link's loops: what wakes them, and whether they rest."""

    name: str
    receive: asyncio.Event = field(default_factory=asyncio.Event)
    work: asyncio.Event = field(default_factory=asyncio.Event)
    look: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody may have changed the link's stage, or removed what troubled it."""
    send: asyncio.Event = field(default_factory=asyncio.Event)
    taking: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while parcels are received and what they say of the handshake is carried out."""
    resting: dict[str, bool] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    """Which loops are in trouble and why; ``link`` when all of it is."""
    pauses: dict[str, float] = field(default_factory=dict)
    """How long a loop in trouble waited the last time, in seconds."""
    shown: str = ""
    """What the store says of the loops' troubles."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """A command asked for something since the link was opened."""
    stepped: bool = False
    """The handshake came to its stage by a step of this process, which has sent what belongs to it."""

    def wake(self) -> None:
        """Somebody asked for something."""
        for event in (self.receive, self.work, self.send, self.look, self.asked):
            event.set()

    @property
    def trouble(self) -> str:
        """Why the link, or a loop of it, does not work at the moment."""
        return "; ".join(sorted(set(self.troubles.values())))

    @property
    def halves(self) -> str:
        """The same of single loops, while the others go on."""
        return "; ".join(sorted({why for name, why in self.troubles.items() if name != "link"}))

    def begin_anew(self) -> None:
        """Other loops will run: what troubled these says nothing of them."""
        self.troubles = {name: why for name, why in self.troubles.items() if name == "link"}
        self.pauses.clear()

    @property
    def rests(self) -> bool:
        """Whether nothing is left to do here and now, as far as there is no trouble."""
        return bool(self.resting) and all(rests or name in self.troubles for name, rests in self.resting.items())


async def stage_now(node: Node, row_id: int) -> Stage:
    """Where the link stands in the store."""
    return load(await node.store.read(lambda tx: links.get(tx, row_id))).pairing.stage


async def is_stopped(node: Node, row_id: int) -> bool:
    """Whether the link waits for a person, and not for its partner."""
    return await node.store.read(lambda tx: links.state(tx, row_id).phase is Phase.STOPPED)


async def hinting(hints: AsyncIterator[None], event: asyncio.Event) -> None:
    """Set ``event`` at each hint, for ever."""
    async for _ in hints:
        event.set()
    await asyncio.Event().wait()


def settled(running: Running, loop: str) -> None:
    """The loop has nothing left to do here and now, and what troubled the link as a whole is over."""
    running.resting[loop] = True
    running.resting["link"] = True
    running.troubles.pop("link", None)


async def event_or(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, or so long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
