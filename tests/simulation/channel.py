"""A channel that loses, repeats, reorders and replays, driven by the world's dice."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from channels.base import Delivery, Limits, Parcel

LIMITS = Limits(parcel_bytes_max=1 << 25, linger_seconds=0.0, ack_delay_seconds=0.05, resend_floor_seconds=30.0)


@dataclass
class Weather:
    """How bad the channel is; all are chances per parcel."""

    lose: float = 0.0
    repeat: float = 0.0
    replay: float = 0.0
    alter: float = 0.0


@dataclass
class Air:
    """One direction: what is under way, and everything that ever was."""

    weather: Weather
    dice: random.Random
    calm: bool = False
    flying: list[Parcel] = field(default_factory=list)
    log: list[Parcel] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def put(self, parcel: Parcel) -> None:
        self.log.append(parcel)
        if self.calm:
            self.flying.append(parcel)
            return
        if self.dice.random() < self.weather.lose:
            self.counts["lost"] += 1
            return
        if self.dice.random() < self.weather.alter:
            self.counts["altered"] += 1
            spoilt = bytearray(parcel.data)
            spoilt[self.dice.randrange(len(spoilt))] ^= 1 + self.dice.randrange(255)
            parcel = Parcel(parcel.label, bytes(spoilt))
        self.flying.append(parcel)
        if self.dice.random() < self.weather.repeat:
            self.counts["repeated"] += 1
            self.flying.append(parcel)

    def take(self, limit: int) -> list[Parcel]:
        if not self.calm:
            if self.log and self.dice.random() < self.weather.replay:
                self.counts["replayed"] += 1
                self.flying.append(self.dice.choice(self.log))
            self.dice.shuffle(self.flying)
            limit = self.dice.randrange(limit + 1)
        taken, self.flying = self.flying[:limit], self.flying[limit:]
        return taken


class SimulatedChannel:
    """One node's end. What was received and not confirmed comes again after ``restart``."""

    limits = LIMITS

    def __init__(self, out: Air, into: Air) -> None:
        self._out = out
        self._into = into
        self._open: dict[str, Parcel] = {}
        self._count = 0
        self.told: list[str] = []

    async def check(self) -> Sequence[str]:
        return ()

    async def send(self, parcel: Parcel) -> None:
        self._out.put(parcel)

    async def receive(self, limit: int) -> Sequence[Delivery]:
        deliveries: list[Delivery] = []
        for parcel in self._into.take(limit):
            self._count += 1
            self._open[str(self._count)] = parcel
            deliveries.append(Delivery(parcel, str(self._count)))
        return deliveries

    async def confirm(self, tokens: Sequence[str]) -> None:
        for token in tokens:
            del self._open[token]

    async def forget(self, tokens: Sequence[str]) -> None:
        for token in tokens:
            self._into.flying.append(self._open.pop(token))

    def restart(self) -> None:
        """The process died: everything unconfirmed is handed over again."""
        self._into.flying += self._open.values()
        self._open.clear()

    async def acknowledged(self, tag: str, incarnation: str, lane: str, number: int) -> None:
        pass

    async def hints(self) -> AsyncIterator[None]:
        return
        yield

    def notices(self) -> Sequence[str]:
        told, self.told = self.told, []
        return told

    async def close(self) -> None:
        pass
