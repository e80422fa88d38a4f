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
from backbone.service.status import LinkStatus, status

LOOK_SECONDS = 0.1

ACTIVE_SECONDS_MAX = 60.0
EQUAL_SECONDS_MAX = 60.0
STALLED_SECONDS_MAX = 60.0
"""An initial population that does not move for so long has failed."""


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


def nodes(scene: Scene) -> Nodes:
    return Nodes(link_of(scene.master), link_of(scene.slave))


def until_active(scene: Scene, processes: Processes) -> float:
    """Both sides have seen the connection test succeed; gives the last moment when that was not so."""
    looked = [time.monotonic()]

    def look() -> bool:
        began = time.monotonic()
        active = nodes(scene).active
        looked.extend([] if active else [began])
        return active

    _until(processes, ACTIVE_SECONDS_MAX, "the link did not become active", look)
    return looked[-1]


def populate(scene: Scene, processes: Processes, screen: Screen, total: int) -> float:
    """The initial population, with its progress; gives the moment when it was seen to be over."""
    moved = time.monotonic()
    done = 0
    with screen.progress("issues in the slave's tracker", total) as advance:
        while True:
            _alive(processes)
            if (arrived := count_issues(scene.slave)) != done:
                done, moved = arrived, time.monotonic()
            advance(min(done, total))
            if done >= total and (seen := nodes(scene)).master.populated and seen.quiet:
                return time.monotonic()
            if time.monotonic() - moved > STALLED_SECONDS_MAX:
                raise BackboneError(f"the initial population stands still at {done} of {total} issues")
            time.sleep(LOOK_SECONDS)


def until_equal(scene: Scene, processes: Processes) -> Proof:
    """Both trackers hold the same, and nothing is on its way."""
    last: list[Proof] = []

    def look() -> bool:
        last[:] = [prove(scene.master, scene.slave)]
        return last[0].equal and nodes(scene).quiet

    try:
        _until(processes, EQUAL_SECONDS_MAX, "the trackers did not become equal", look)
    except BackboneError as error:
        raise BackboneError("\n".join([str(error), *last[0].differences[:20]])) from error
    return last[0]


def _until(processes: Processes, seconds: float, otherwise: str, look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        _alive(processes)
        if time.monotonic() > deadline:
            raise BackboneError(f"{otherwise} within {seconds:.0f} s")
        time.sleep(LOOK_SECONDS)


def _alive(processes: Processes) -> None:
    for word in processes.words:
        if processes.ended(word):
            raise BackboneError(f"{word} ended by itself")
