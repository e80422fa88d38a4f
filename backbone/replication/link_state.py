"""What one link knows: of both nodes, of its channel's pace, of each lane in both directions. Numbers, never bodies."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeAlias

from backbone.replication import limits
from backbone.replication.message import LANES, VERSION, Ack, Header, LaneAck

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
    also: frozenset[bytes] = frozenset()
    """The hashes of agreements that were in effect before, or are accepted: from which number on which of them holds is
    said among the change sets."""


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

    def too_far(self, seq: int, ahead_bytes: int) -> bool:
        """Whether keeping this would be more than a peer can make us keep. What is applied next is always taken."""
        ahead = seq - self.applied
        return ahead > limits.ahead_messages_max or (ahead > 1 and ahead_bytes > limits.ahead_bytes_max)

    def storing(self, seq: int) -> "Receiving":
        """The lane with one more number stored."""
        joined: list[Range] = []
        for first, last in sorted((*self.held, (seq, seq))):
            if joined and first == joined[-1][1] + 1:
                joined[-1] = (joined[-1][0], last)
            else:
                joined.append((first, last))
        recv = self.recv
        if joined[0][0] == recv + 1:
            recv = joined.pop(0)[1]
        return replace(self, recv=recv, held=tuple(joined), high=max(self.high, seq))


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
    challenge_due: float | None = None
    challenges: int = 0
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
    agreement: Mapping[str, Any] | None = None
    """By which one it writes, where that is not the handshake's."""


def foreign(header: Header, identity: Identity) -> str | None:
    """Why a well-signed message is not for this link, or ``None``: OpenPGP alone does not tell."""
    expected = {
        "link": (header.link, identity.link),
        "sender": (header.sender, identity.peer),
        "receiver": (header.receiver, identity.us),
        "signing key": (header.sfp, identity.peer_fingerprint),
        "receiving key": (header.rfp, identity.our_fingerprint),
        "protocol version": (header.v, VERSION),
        "suite": (header.suite, identity.suite),
        "negotiated agreement": (header.caps, identity.caps),
    }
    if header.sender == identity.us:
        return "the message is our own: do both sides write into one directory?"
    wrong = [what for what, (said, meant) in expected.items() if said != meant]
    return f"the message names another {wrong[0]}" if wrong else None


def orders_alike(header: Header, identity: Identity) -> bool:
    """Whether the peer orders concurrent writes as was agreed; what is not numbered holds none."""
    return not header.seq or header.pol == identity.policy_hash or header.pol in identity.also


def acknowledgement(state: LinkState) -> Ack:
    """What the next message says of what we have."""
    lanes = {
        lane: LaneAck(recv=r.recv, applied=r.applied, chain=r.chain, held=r.held[: limits.ranges_max])
        for lane, r in state.into.items()
    }
    return Ack(inc=state.peer_life, boot=state.peer_boot, no=state.ack_no + 1, lanes=lanes)


def check(state: LinkState) -> None:
    """What holds after every step."""
    for out in state.out.values():
        assert out.applied <= out.stored <= out.last, "the peer cannot have more than was numbered"
    for into in state.into.values():
        assert into.applied <= into.recv <= into.high, "applied <= stored <= numbered"
        assert all(first > into.recv + 1 for first, _ in into.held), "held ranges lie beyond a gap"
