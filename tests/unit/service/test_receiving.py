"""How often a link looks for parcels when nothing tells of them."""

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any

import pytest

from backbone.service.running import exchanging
from backbone.service.running.loops import Running
from backbone.service.running.persisting import Persisting
from tests.simulation.channel import DIRECTORY, MAIL, Carrier
from tests.unit.service.pair import Pair

POLL_SECONDS = 5.0
LOOKS = 12


class _Impatient(selectors.DefaultSelector):
    """Nobody waits for time to pass: where nothing is ready it has passed."""

    seconds = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        found = super().select(0)
        if not found:
            self.seconds += timeout or 0.0
        return found


class _Hurried(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._impatient = _Impatient()
        super().__init__(self._impatient)

    def time(self) -> float:
        return self._impatient.seconds


async def looks(carrier: Carrier) -> list[float]:
    """When the link looked, in seconds since the first time."""
    pair = Pair(carrier)
    await pair.begin()
    ep, running, found = pair.bob.ep, Running("alice"), list[float]()
    receive, loop, enough = ep.channel.receive, asyncio.get_running_loop(), asyncio.Event()

    async def noted(limit: int) -> Any:
        found.append(loop.time())
        if len(found) == LOOKS:
            enough.set()
        return await receive(limit)

    ep.channel.receive = noted  # type: ignore[method-assign]
    persisting = Persisting(ep, running, "receive", asyncio.Event())
    receiving = asyncio.create_task(exchanging._receiving(ep, running, persisting, POLL_SECONDS))
    await enough.wait()
    receiving.cancel()
    await asyncio.wait({receiving})
    return [when - found[0] for when in found]


INTERVALS: Mapping[Carrier, float] = {DIRECTORY: POLL_SECONDS / 2, MAIL: POLL_SECONDS}


@pytest.mark.parametrize("carrier", INTERVALS)
def test_a_directory_is_looked_at_twice_in_an_interval_and_a_mail_server_once(carrier: Carrier) -> None:
    with asyncio.Runner(loop_factory=_Hurried) as runner:
        found = runner.run(looks(carrier))
    assert found == pytest.approx([n * INTERVALS[carrier] for n in range(LOOKS)], abs=0.001)
