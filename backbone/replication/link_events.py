"""What can happen to a link (inputs), and what its rules then want done (effects)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from backbone.replication.link_state import Receiving, Welcome
from backbone.replication.message import Header, Kind

# Inputs


@dataclass(frozen=True, slots=True)
class Started:
    """The process began: ``clean`` when the one before it ended in order."""

    now: float
    boot: int
    clean: bool


@dataclass(frozen=True, slots=True)
class Numbered:
    """A message took the lane's next number; its digest is known."""

    lane: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """A message whose signature is the pinned key's. The shell looks up what the numbers alone do not tell.

    ``known`` is the digest under which this number was stored before; ``chains`` our own chain at what the peer says
    it has applied, per lane, where we still have it; ``ahead_bytes`` what its lane would keep unapplied, with this one.
    """

    now: float
    header: Header
    known: bytes | None = None
    chains: Mapping[str, bytes] = field(default_factory=dict)
    ahead_bytes: int = 0
    welcome: Welcome | None = None
    """What a ``WELCOME`` says."""
    asked: Mapping[str, int] = field(default_factory=dict)
    """The highest number that a ``NACK`` asks for, by lane."""
    random: bytes = bytes(8)
    """Fresh, for a new life."""


@dataclass(frozen=True, slots=True)
class Took:
    """The effects of the lane's next message are durable. ``prev`` and ``digest`` stand in its header."""

    now: float
    lane: str
    digest: bytes
    prev: bytes
    unhurried: bool = False
    """Nobody waits for its acknowledgement."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went by."""

    now: float


@dataclass(frozen=True, slots=True)
class Spoke:
    """A message left, and with it our acknowledgement, which told ``said``: where ``into`` stood when it was made."""

    now: float
    said: Mapping[str, Receiving]


@dataclass(frozen=True, slots=True)
class Stopped:
    """Something outside stops the link (the anchor, a person)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Answering:
    """All that the peer's earlier life left in the inbox is applied: we begin to tell our state."""

    now: float


@dataclass(frozen=True, slots=True)
class Telling:
    """Our state is in words up to this issue; ``None``: all of it."""

    issue: str | None


@dataclass(frozen=True, slots=True)
class HeardAll:
    """The last message of the peer's state is taken."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What the peer's state lacked is numbered: the link goes on."""

    now: float


Input: TypeAlias = (
    Started | Numbered | Received | Took | Tick | Spoke | Stopped | Answering | Telling | HeardAll | Joined
)

# Effects


@dataclass(frozen=True, slots=True)
class Store:
    """Keep the message that was received: it is new."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Nothing to keep: a repetition, or of an earlier life; ``reason`` for the log."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Not for us or not as agreed: quarantine it and tell the admin."""

    reason: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The peer has stored and applied up to these numbers."""

    lane: str
    stored: int
    applied: int


@dataclass(frozen=True, slots=True)
class Say:
    """Send an unnumbered message of this kind."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Halt:
    """The link stops in a clear state; nothing more is emitted before a person has seen to it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reborn:
    """A new life of ours began: what the old one still had under way is dropped."""

    reason: str


@dataclass(frozen=True, slots=True)
class Healed:
    """The peer came in a later life: the link goes on."""


Effect: TypeAlias = Store | Drop | Refuse | Acknowledged | Say | Halt | Reborn | Healed
