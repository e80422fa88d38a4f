"""A channel that loses, repeats, reorders and replays, driven by the world's dice; and, as mail does, lets wait."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from channels.base import ChannelUnavailable, Delivery, Limits, Parcel
from channels.mail.limits import limits as mail_limits

MAIL_SIZE_MAX = 64 * 2**10
LIMITS = Limits(parcel_bytes_max=1 << 25, linger_seconds=0.0, ack_delay_seconds=0.05, resend_floor_seconds=30.0)


@dataclass(frozen=True)
class Carrier:
    """What carries the parcels, where no misfortune happens."""

    limits: Limits
    delays: tuple[float, ...] = (0.0,)
    """Seconds that a parcel may take."""
    per_hour: int = 1_000_000
    greylists: float = 0.0
    bounces: float = 0.0
    """The chance that a bounce comes, true or forged."""


DIRECTORY = Carrier(LIMITS)
MAIL = Carrier(
    mail_limits(MAIL_SIZE_MAX), delays=(2.0, 2.0, 30.0, 900.0, 4 * 3600.0), per_hour=6, greylists=0.1, bounces=0.05
)
"""A small mailbox at a strict provider: what does not fit into a mail of 64 KiB goes in parts."""


@dataclass
class Weather:
    """How bad the channel is; all are chances per parcel."""

    lose: float = 0.0
    repeat: float = 0.0
    replay: float = 0.0
    alter: float = 0.0
    cut: float = 0.0
    """What arrives is the beginning of a parcel."""
    days: float = 0.0
    """It lies somewhere for days."""
    away: float = 0.0
    """The share is gone, or the server does not answer."""


DAYS_SECONDS = (3_600.0, 86_400.0, 3 * 86_400.0)
AWAY_SECONDS = (1.0, 60.0, 600.0)


@dataclass
class Air:
    """One direction: what is under way, and everything that ever was."""

    weather: Weather
    dice: random.Random
    calm: bool = False
    flying: list[Parcel] = field(default_factory=list)
    waiting: list[tuple[float, Parcel]] = field(default_factory=list)
    """When it arrives, and what."""
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
        if self.dice.random() < self.weather.cut:
            self.counts["cut off"] += 1
            parcel = Parcel(parcel.label, parcel.data[: self.dice.randrange(len(parcel.data))])
        self.flying.append(parcel)
        if self.dice.random() < self.weather.repeat:
            self.counts["repeated"] += 1
            self.flying.append(parcel)

    def arrive(self, now: float) -> None:
        """What waited long enough is there."""
        self.flying += [parcel for due, parcel in self.waiting if self.calm or due <= now]
        self.waiting = [one for one in self.waiting if not self.calm and one[0] > now]

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

    def __init__(self, out: Air, into: Air, carrier: Carrier, clock: Callable[[], float]) -> None:
        self.limits = carrier.limits
        self._carrier = carrier
        self._clock = clock
        self._sent_at: list[float] = []
        self._out = out
        self._into = into
        self._open: dict[str, Parcel] = {}
        self._away_until = 0.0
        self._count = 0
        self.told: list[str] = []

    async def check(self) -> Sequence[str]:
        return ()

    async def send(self, parcel: Parcel) -> None:
        assert len(parcel.data) <= self.limits.parcel_bytes_max
        self._there()
        if not self._out.calm:
            self._hindered()
        self._sent_at.append(self._clock())
        before = len(self._out.flying)
        self._out.put(parcel)
        delay = 0.0 if self._out.calm else self._delay()
        if delay:
            self._out.waiting += [(self._clock() + delay, one) for one in self._out.flying[before:]]
            del self._out.flying[before:]

    def _delay(self) -> float:
        if self._out.dice.random() < self._out.weather.days:
            self._out.counts["late by days"] += 1
            return self._out.dice.choice(DAYS_SECONDS)
        return self._out.dice.choice(self._carrier.delays)

    def _there(self) -> None:
        """The share may be away, for a while."""
        if self._into.calm:
            return
        if self._clock() >= self._away_until and self._out.dice.random() < self._out.weather.away:
            self._away_until = self._clock() + self._out.dice.choice(AWAY_SECONDS)
            self._out.counts["share away"] += 1
        if self._clock() < self._away_until:
            raise ChannelUnavailable("the exchange directory is not there")

    def _hindered(self) -> None:
        """The provider wants no mail now, or sends one back."""
        lately = [at for at in self._sent_at if at > self._clock() - 3600.0]
        if len(lately) >= self._carrier.per_hour:
            self._out.counts["throttled"] += 1
            raise ChannelUnavailable("the provider takes no more mails in this hour")
        if self._carrier.greylists and self._out.dice.random() < self._carrier.greylists:
            self._out.counts["greylisted"] += 1
            raise ChannelUnavailable("450 come again later")
        if self._carrier.bounces and self._out.dice.random() < self._carrier.bounces:
            self._out.counts["bounced"] += 1
            self.told.append("a mail came back")

    async def receive(self, limit: int) -> Sequence[Delivery]:
        self._there()
        self._into.arrive(self._clock())
        deliveries: list[Delivery] = []
        for parcel in self._into.take(limit):
            self._count += 1
            self._open[str(self._count)] = parcel
            deliveries.append(Delivery(parcel, str(self._count)))
        return deliveries

    async def confirm(self, tokens: Sequence[str]) -> None:
        self._there()
        for token in tokens:
            del self._open[token]

    async def forget(self, tokens: Sequence[str]) -> None:
        for token in tokens:
            if token in self._open:
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
