"""Two ends of a wire inside one process: for tests and simulation, and the shortest reading of the port.

Deterministic: what is sent is there at once, in order. Nothing waits except ``hints``. Losing, repeating and
reordering belong to the one who tests: ``reopened`` is a restart, ``plant`` a hostile carrier, ``away`` a broken one.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from channels.base import ChannelRefused, ChannelUnavailable, Delivery, Limits, Parcel

LIMITS = Limits(parcel_bytes_max=32 * 1024 * 1024, linger_seconds=0.0, ack_delay_seconds=0.0, resend_floor_seconds=1.0)
"""Size as for directories, so that what passes here passes there; no delays, because nothing costs anything."""


@dataclass(slots=True, eq=False)
class _Wire:
    """One direction: deliveries by token, in the order in which they were sent."""

    lying: dict[str, Delivery] = field(default_factory=dict)
    numbers: "count[int]" = field(default_factory=lambda: count(1))
    bells: list[asyncio.Event] = field(default_factory=list)

    def put(self, parcel: Parcel, problem: str | None = None) -> None:
        token = str(next(self.numbers))
        self.lying[token] = Delivery(parcel, token, problem)
        for bell in self.bells:
            bell.set()


class MemoryChannel:
    """One end. Implements ``channels.base.Channel``; made by ``pair``."""

    def __init__(self, outbound: _Wire, inbound: _Wire, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self.away: str | None = None
        """While set, nothing goes: the sentence that is raised."""
        self.told: list[str] = []
        """What ``notices`` gives next."""
        self._outbound = outbound
        self._inbound = inbound
        self._handed: set[str] = set()
        self._closed = False

    def reopened(self) -> "MemoryChannel":
        """The same end after a restart of its process: what was not confirmed comes again."""
        return MemoryChannel(self._outbound, self._inbound, self.limits)

    def plant(self, parcel: Parcel, problem: str | None = None) -> None:
        """Let this arrive here, as a hostile or damaged carrier would."""
        self._inbound.put(parcel, problem)

    @property
    def lying(self) -> Sequence[Parcel]:
        """What was sent from this end and is still held for the peer, oldest first."""
        return [delivery.parcel for delivery in self._outbound.lying.values()]

    async def check(self) -> Sequence[str]:
        return [] if self.away is None else [self.away]

    async def send(self, parcel: Parcel) -> None:
        self._demand()
        if len(parcel.data) > self.limits.parcel_bytes_max:
            raise ChannelRefused(
                f"a parcel of {len(parcel.data)} bytes is larger than {self.limits.parcel_bytes_max}: send it in parts"
            )
        self._outbound.put(parcel)

    async def receive(self, limit: int) -> Sequence[Delivery]:
        self._demand()
        ready = [delivery for token, delivery in self._inbound.lying.items() if token not in self._handed][:limit]
        self._handed.update(delivery.token for delivery in ready)
        return ready

    async def confirm(self, tokens: Sequence[str]) -> None:
        for token in tokens:
            self._inbound.lying.pop(token, None)
        self._handed.difference_update(tokens)

    async def forget(self, tokens: Sequence[str]) -> None:
        self._handed.difference_update(tokens)

    async def acknowledged(self, tag: str, incarnation: str, lane: str, number: int) -> None:
        self._demand()
        for token, delivery in list(self._outbound.lying.items()):
            label = delivery.parcel.label
            if (label.tag, label.incarnation, label.lane) == (tag, incarnation, lane) and 0 < label.number <= number:
                del self._outbound.lying[token]

    async def hints(self) -> AsyncIterator[None]:
        bell = asyncio.Event()
        self._inbound.bells.append(bell)
        try:
            while not self._closed:
                bell.clear()
                yield
                await bell.wait()
        finally:
            self._inbound.bells.remove(bell)

    def notices(self) -> Sequence[str]:
        told, self.told = self.told, []
        return told

    async def close(self) -> None:
        self._closed = True
        for bell in self._inbound.bells:
            bell.set()

    def _demand(self) -> None:
        if self._closed:
            raise ChannelUnavailable("the channel is closed")
        if self.away is not None:
            raise ChannelUnavailable(self.away)


def pair(limits: Limits = LIMITS) -> tuple[MemoryChannel, MemoryChannel]:
    """Two connected ends. Needs no running loop."""
    there, back = _Wire(), _Wire()
    return MemoryChannel(there, back, limits), MemoryChannel(back, there, limits)
