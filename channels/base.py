"""The port to a transport, and its contract.

A channel moves *parcels*: sealed bytes with a name. It loses, repeats and reorders as it likes; it
promises only two things: ``send`` returns when the transport has taken responsibility, and a delivery is handed
over again (now, or after a restart) until it was confirmed.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

PATIENT_SECONDS = 1.0
INFORMATION = "For information: "
"""What a sentence of ``check`` begins with when it asks for nothing."""


class ChannelError(Exception):
    """One sentence for an admin: what is wrong with the transport and what to do."""


class ChannelUnavailable(ChannelError):
    """The transport does not answer; nothing was lost; try again later."""


class ChannelRefused(ChannelError):
    """The transport will not take this parcel, and would not next time."""


@dataclass(frozen=True, slots=True)
class Label:
    """What stands on the outside of a parcel, readable by anybody and trusted by nobody."""

    tag: str
    """Which link: 16 hex digits."""
    incarnation: str
    """The sender's life: 8 hex digits."""
    lane: str
    """``c`` change sets, ``b`` attachments, ``k`` control."""
    number: int
    """0 where the message is not numbered."""


@dataclass(frozen=True, slots=True)
class Parcel:
    label: Label
    data: bytes


@dataclass(frozen=True, slots=True)
class Limits:
    parcel_bytes_max: int
    linger_seconds: float
    """How long a busy sender may gather before it sends: short where a parcel costs little."""
    ack_delay_seconds: float
    resend_floor_seconds: float

    @property
    def patient(self) -> bool:
        """Whether changes linger so long before they leave that a parcel must be dear, and so is a look for one."""
        return self.linger_seconds >= PATIENT_SECONDS


@dataclass(frozen=True, slots=True)
class Delivery:
    """A parcel that arrived. ``token`` names it for ``confirm``. ``problem`` is set when what arrived
    is not what was sent (for quarantine); ``label`` is then a guess.
    """

    parcel: Parcel
    token: str
    problem: str | None = None


class Channel(Protocol):
    """One link's transport. ``send`` may be called side by side; the receiving half by one task only."""

    limits: Limits

    async def check(self) -> Sequence[str]:
        """What an admin must do before this channel works, a sentence each; empty when all is well.

        A sentence that begins with ``INFORMATION`` asks for nothing.
        """
        ...

    async def send(self, parcel: Parcel) -> None:
        """Hand over; durable when it returns. Raises ``ChannelUnavailable`` or ``ChannelRefused``."""
        ...

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """What lies ready, up to ``limit``, without waiting. Unconfirmed deliveries are not repeated within one process
        unless ``forget`` was called; after a restart they come again. Fewer than ``limit`` does not mean that
        nothing is left (a call is bounded in bytes too); an empty answer does.
        """
        ...

    async def confirm(self, tokens: Sequence[str]) -> None:
        """These are stored with us: the transport may let them go."""
        ...

    async def forget(self, tokens: Sequence[str]) -> None:
        """These could not be stored: hand them over again later."""
        ...

    async def acknowledged(self, tag: str, incarnation: str, lane: str, number: int) -> None:
        """The peer has everything up to ``number`` in that lane: what we still hold of it may go.

        Housekeeping: after ``ChannelUnavailable`` the next call makes up for it.
        """
        ...

    def hints(self) -> AsyncIterator[None]:
        """Yields when something may have arrived. A hint: it may come for nothing, late or never."""
        ...

    def notices(self) -> Sequence[str]:
        """What the transport said about earlier parcels since the last call (a bounce), a sentence each.

        Hints: anybody can forge one.
        """
        ...

    async def close(self) -> None: ...
