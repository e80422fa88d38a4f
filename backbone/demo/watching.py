"""Waiting for the two nodes, by what ``backbone status`` says of them and by looking into the trackers."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from backbone.demo.processes import Processes
from backbone.demo.proof import Proof, count_issues, prove
from backbone.demo.scene import Company, Scene
from backbone.demo.screen import Screen
from backbone.errors import BackboneError
from backbone.service.node import open_node
from backbone.service.watching.status import LinkStatus, status

LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Nodes:
    """How the link stands on both sides."""

    master: LinkStatus
    slave: LinkStatus

    @property
    def active(self) -> bool:
        return self.master.state == self.slave.state == "active"

    @property
    def quiet(self) -> bool:
        """Nothing is on its way."""
        return all(not side.waiting and not side.cells_waiting for side in (self.master, self.slave))


def link_of(company: Company) -> LinkStatus:
    """The company's side of the link, as ``backbone status`` tells it; a process for each look would slow the nodes."""

    async def look() -> LinkStatus:
        async with open_node(company.node, exclusive=False) as node:
            (link,) = status(node.store)
            return link

    return asyncio.run(look())


class Watch:
    """The two nodes of a demo. What takes longer than ``bound_seconds`` has failed."""

    def __init__(self, scene: Scene, processes: Processes, bound_seconds: float) -> None:
        self._scene = scene
        self._processes = processes
        self._bound_seconds = bound_seconds

    def nodes(self) -> Nodes:
        """As they stand at this moment."""
        return Nodes(link_of(self._scene.master), link_of(self._scene.slave))

    def until_active(self) -> float:
        """Both sides have seen the connection test succeed; gives the last moment when that was not so."""
        looked = [time.monotonic()]

        def look() -> bool:
            began = time.monotonic()
            active = self.nodes().active
            looked.extend([] if active else [began])
            return active

        self._until("the link did not become active", look)
        return looked[-1]

    def populate(self, screen: Screen, total: int) -> float:
        """The initial population, with its progress; gives the moment when it was seen to be over."""
        moved = time.monotonic()
        done = 0
        with screen.progress("issues in the slave's tracker", total) as advance:
            while True:
                self._alive()
                if (arrived := count_issues(self._scene.slave)) != done:
                    done, moved = arrived, time.monotonic()
                advance(min(done, total))
                if done >= total and (seen := self.nodes()).master.populated and seen.quiet:
                    return time.monotonic()
                if time.monotonic() - moved > self._bound_seconds:
                    raise BackboneError(f"the initial population stands still at {done} of {total} issues")
                time.sleep(LOOK_SECONDS)

    def until_equal(self) -> Proof:
        """Both trackers hold the same, and nothing is on its way."""
        last: list[Proof] = []

        def look() -> bool:
            last[:] = [prove(self._scene.master, self._scene.slave)]
            return last[0].equal and self.nodes().quiet

        try:
            self._until("the trackers did not become equal", look)
        except BackboneError as error:
            raise BackboneError("\n".join([str(error), *last[0].differences[:20]])) from error
        return last[0]

    def _until(self, otherwise: str, look: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self._bound_seconds
        while not look():
            self._alive()
            if time.monotonic() > deadline:
                raise BackboneError(f"{otherwise} within {self._bound_seconds:.0f} s")
            time.sleep(LOOK_SECONDS)

    def _alive(self) -> None:
        for word in self._processes.words:
            if self._processes.ended(word):
                raise BackboneError(f"{word} ended by itself")
