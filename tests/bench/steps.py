"""Both nodes of a pair in one process, moved step by step: the same work each time, whatever the clock says."""

from collections.abc import Sequence

from backbone.service.endpoint import Endpoint
from backbone.service.flow import applying, control, inbound, outbound
from backbone.service.parties import close_endpoint

ROUNDS = 12
"""A change there, its acknowledgement back, and rounds in which nothing happens; a fixed number, to be compared."""


class Stepped:
    def __init__(self, *endpoints: Endpoint) -> None:
        self.endpoints: Sequence[Endpoint] = endpoints
        self._now = endpoints[0].clock()
        for ep in endpoints:
            ep.clock = lambda: self._now

    async def settle(self) -> None:
        """A fixed number of rounds: the clock moves by a second in each, so that what waits for a time is due."""
        for _ in range(ROUNDS):
            for ep in self.endpoints:
                await inbound.receive(ep)
                await control.take_control(ep)
                await inbound.take_parts(ep)
                await applying.apply(ep)
                await outbound.capture(ep)
                await outbound.send(ep)
            self._now += 1.0

    async def close(self) -> None:
        for ep in self.endpoints:
            await close_endpoint(ep)
