"""What a link's state machine holds, takes and gives: its state, inputs and effects. The rules are in ``link``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from backbone.replication import limits
from backbone.replication.message import LANES, Header, Kind

Life: TypeAlias = tuple[int, bytes]
Range: TypeAlias = tuple[int, int]
Jump: TypeAlias = tuple[int, bytes]
START = bytes(32)


class Phase(StrEnum):
    """Whether we may speak.

    ``HOLD``: after an unclean start, until the peer has answered once. ``RESTORED``: in a new life, until the peer says
    where its lanes begin for us. ``JOINING``: until its whole state is joined with ours. ``AWAITING``: the peer's store
    is an old copy or a second one; until it comes in a later life. ``STOPPED``: until a person has seen to it.
    """

    RUNNING = "running"
    HOLD = "hold"
    RESTORED = "restored"
    JOINING = "joining"
    AWAITING = "awaiting"
    STOPPED = "stopped"

    @property
    def works(self) -> bool:
        """Whether edits are captured and the peer's changes applied."""
        return self in (Phase.RUNNING, Phase.HOLD)


@dataclass(frozen=True, slots=True)
class Identity:
    """What every header of the peer must say: this link, both nodes, both fingerprints, what was agreed."""

    link: str
    us: str
    peer: str
    our_fingerprint: str
    peer_fingerprint: str
    caps: bytes
    policy_hash: bytes
    suite: int = 1


@dataclass(frozen=True, slots=True)
class Timing:
    """What the channel makes of time, in seconds."""

    ack_delay: float
    ask_delay: float
    resend_floor: float


@dataclass(frozen=True, slots=True)
class Sending:
    """One lane outwards. ``stored`` and ``applied`` are what the peer has said."""

    last: int = 0
    chain: bytes = START
    stored: int = 0
    applied: int = 0


@dataclass(frozen=True, slots=True)
class Receiving:
    """One lane inwards. ``held`` are ranges stored above ``recv``; ``high`` is what the peer has numbered."""

    recv: int = 0
    held: tuple[Range, ...] = ()
    applied: int = 0
    chain: bytes = START
    high: int = 0

    def has(self, seq: int) -> bool:
        """Whether this number was stored."""
        return seq <= self.recv or any(first <= seq <= last for first, last in self.held)

    def missing(self) -> tuple[Range, ...]:
        """What the peer has numbered and we do not have, as ranges."""
        gaps: list[Range] = []
        nxt = self.recv + 1
        for first, last in (*self.held, (self.high + 1, self.high + 1)):
            if nxt < first:
                gaps.append((nxt, first - 1))
            nxt = max(nxt, last + 1)
        return tuple(gaps[: limits.ranges_max])


def _lanes_out() -> Mapping[str, Sending]:
    return dict.fromkeys(LANES, Sending())


def fresh_lanes() -> Mapping[str, Receiving]:
    """Of a stream of which nothing is known."""
    return dict.fromkeys(LANES, Receiving())


@dataclass(frozen=True, slots=True)
class LinkState:
    """All that one link knows of its two streams."""

    life: Life
    boot: int
    peer_life: Life
    peer_boot: int = 0
    phase: Phase = Phase.RUNNING
    reason: str = ""
    out: Mapping[str, Sending] = field(default_factory=_lanes_out)
    into: Mapping[str, Receiving] = field(default_factory=fresh_lanes)
    ack_no: int = 0
    peer_ack_no: int = 0
    credit_messages: int = limits.window_messages
    credit_bytes: int = limits.window_bytes
    ack_due: float | None = None
    ask_due: float | None = None
    hello_due: float | None = None
    hold_until: float | None = None
    heard_at: float | None = None
    spoke_at: float | None = None
    peer_next: Life | None = None
    """The later life in which the peer asked for our state, until we begin to tell it."""
    welcomed: Life | None = None
    """The peer's life that is told our state, ..."""
    jump: Mapping[str, Jump] = field(default_factory=dict)
    """... beginning behind these numbers of ours."""
    welcome_due: float | None = None
    telling: str | None = None
    """The last issue of our state that was put into words; ``None`` when all is told."""
    told: int = 0
    """The last number that belongs to it."""
    heard_all: bool = False
    """The peer's whole state is joined."""
    later: int = 0
    """The counter of a later life of ours that the peer knows."""

    @property
    def occupied(self) -> bool:
        """Whether the peer asked for our state and it is not told yet: then nothing else is numbered."""
        return self.peer_next is not None or self.telling is not None


@dataclass(frozen=True, slots=True)
class Welcome:
    """The peer's answer to one life of ours: behind which of its numbers it tells its state, and its chain there."""

    life: Life
    lanes: Mapping[str, Jump]


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
    random: bytes = bytes(8)
    """Fresh, for a new life."""


@dataclass(frozen=True, slots=True)
class Took:
    """The effects of the lane's next message are durable. ``prev`` and ``digest`` stand in its header."""

    now: float
    lane: str
    digest: bytes
    prev: bytes


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
