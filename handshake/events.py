"""The values of a link's life: its state, what can happen to it, what is then to be done.

The rules that connect them are in ``pairing.py``.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from handshake.limits import PROBE_BYTES


class Role(StrEnum):
    MASTER = "master"
    SLAVE = "slave"


class Stage(StrEnum):
    DRAFT = "draft"
    OFFERED = "offered"
    CONFIRMED = "confirmed"
    TESTED = "tested"
    ACTIVE = "active"
    PAUSED = "paused"
    RESYNC = "resync"
    FAILED = "failed"
    EXPIRED = "expired"
    REVOKED = "revoked"


HANDSHAKE = frozenset({Stage.OFFERED, Stage.CONFIRMED, Stage.TESTED})
"""Shown to people as one state, ``handshake``."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """All that pairing has to remember of one link."""

    role: Role
    stage: Stage = Stage.DRAFT
    expires_at: int = 0
    """Seconds since 1970; an acceptance that arrives later is refused."""
    sizes: frozenset[int] = frozenset(PROBE_BYTES)
    """The connection test's sizes in bytes."""
    peer: str | None = None
    """The pinned fingerprint."""
    transcript: str | None = None
    echoes: frozenset[int] = frozenset()
    """Sizes that came back to us."""
    peer_tested: bool = False
    """The peer said that all its echoes came back."""
    reason: str | None = None
    """Why the link failed or was revoked."""
    repaired_to: Stage | None = None
    """Where a failed link goes on."""
    resumed_to: Stage | None = None
    """Where a paused link goes on."""
    again: bool = False
    """A new handshake for a link that was active before: its numbered messages rest until both stores are joined."""
    compare: bool = False
    """It is through, and people have yet to compare its words."""

    @property
    def shown(self) -> str:
        """The state's name for people."""
        return "handshake" if self.stage in HANDSHAKE else self.stage.value

    @property
    def missing(self) -> frozenset[int]:
        """Sizes that did not come back to us yet."""
        return self.sizes - self.echoes


# Inputs


@dataclass(frozen=True, slots=True)
class OfferMade:
    """We are the master and wrote the handshake file; or wrote it again, with a new expiry."""

    expires_at: int
    sizes: frozenset[int]


@dataclass(frozen=True, slots=True)
class OfferImported:
    """We are the slave, verified the file and made our acceptance."""

    peer: str
    transcript: str
    expires_at: int
    sizes: frozenset[int]


@dataclass(frozen=True, slots=True)
class OfferedAgain:
    """We are the master and wrote a handshake file with a new key for a link that we had: it rests until then."""

    expires_at: int
    sizes: frozenset[int]


@dataclass(frozen=True, slots=True)
class ImportedAgain:
    """We are the slave and joined such a file with a new key of our own."""

    peer: str
    transcript: str
    expires_at: int
    sizes: frozenset[int]


@dataclass(frozen=True, slots=True)
class AcceptanceReceived:
    """A well-formed acceptance whose proof fits our offer; all others never get here."""

    peer: str
    transcript: str
    at: int


@dataclass(frozen=True, slots=True)
class ConfirmationReceived:
    """The master's confirmation, signed by its pinned key."""

    transcript: str


@dataclass(frozen=True, slots=True)
class EchoSeen:
    """A probe of ours of this size came back unchanged."""

    size: int


@dataclass(frozen=True, slots=True)
class PeerEchoSeen:
    """The peer says that all its probes came back. ``waiting``: it does not know the same of us yet."""

    waiting: bool


@dataclass(frozen=True, slots=True)
class Waited:
    """The time after which an unanswered step is repeated has passed."""


@dataclass(frozen=True, slots=True)
class Expired:
    """The offer's time is over."""


@dataclass(frozen=True, slots=True)
class Paused:
    """An admin stops the link for a while."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """An admin lets it go on."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """The store, or the peer's, was found to be older than it should be, or cloned."""


@dataclass(frozen=True, slots=True)
class Joined:
    """After a roll-back: both states are joined again."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The link cannot go on without a person; ``reason`` is a sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Repaired:
    """A person removed the cause."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """For ever over. ``ours``: we say so and tell the peer; else the peer said so."""

    reason: str
    ours: bool


Input: TypeAlias = (
    OfferMade
    | OfferImported
    | OfferedAgain
    | ImportedAgain
    | AcceptanceReceived
    | ConfirmationReceived
    | EchoSeen
    | PeerEchoSeen
    | Waited
    | Expired
    | Paused
    | Resumed
    | RolledBack
    | Joined
    | Failed
    | Repaired
    | Revoked
)


# Effects


@dataclass(frozen=True, slots=True)
class SpendToken:
    """The offer can not be accepted any more: forget its token."""


@dataclass(frozen=True, slots=True)
class SendAcceptance:
    """Send our acceptance, the same bytes as before."""


@dataclass(frozen=True, slots=True)
class SendConfirmation:
    """Send the confirmation of the pinned exchange."""


@dataclass(frozen=True, slots=True)
class SendProbes:
    """Send a signed ping of each of these sizes."""

    sizes: frozenset[int]


@dataclass(frozen=True, slots=True)
class TellTested:
    """Tell the peer that all our probes came back, and whether we still wait to hear the same."""

    waiting: bool


@dataclass(frozen=True, slots=True)
class Activate:
    """Replication may begin or go on."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Emit no change set until the link is active again."""


@dataclass(frozen=True, slots=True)
class SendRevocation:
    """Tell the peer that the link is over."""

    reason: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """Show this sentence to a person; nothing else happens."""

    sentence: str


Effect: TypeAlias = (
    SpendToken | SendAcceptance | SendConfirmation | SendProbes | TellTested | Activate | Hold | SendRevocation | Alarm
)
Result: TypeAlias = tuple[Pairing, tuple[Effect, ...]]
