"""When which key signs: the rules of a key's rotation, pure (PROTOCOL 2.5, "Keys").

The primary key stays, and with it the fingerprint that both sides pinned and the safety words; a new pair of subkeys
takes the place of the old one. The side that rotates says the new ones in a ``rekey`` record, signed by the old key.
Its partner seals to the new key from there on and takes both signatures. When the partner has taken that record, the
side that rotates signs with the new key and says in a ``turned`` record up to which number of each lane the old one
signed. From there on the old key is taken for those numbers only, and only until they have come or a time is over;
what is missing then is asked for, and sent again under the new key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError

from backbone.errors import PeerError, UsageError
from backbone.replication import limits
from backbone.replication.link import Drop, LinkState, Phase, Refuse
from backbone.replication.link_state import Life
from backbone.replication.message import LANES, Counter, Fingerprint, Header, Wire

REKEY, TURNED = "rekey", "turned"


class Rekey(Wire):
    """A side's certificate with its new subkeys. The signing one has signed in it too (RFC 4880, 5.2.1, type 0x19)."""

    type: Annotated[str, Field(pattern=f"^{REKEY}$")] = REKEY
    certificate: Annotated[bytes, Field(max_length=limits.certificate_bytes_max)]
    signing: Fingerprint
    sealing: Fingerprint


class Turned(Wire):
    """What is numbered behind ``up_to`` is signed by this key and no other."""

    type: Annotated[str, Field(pattern=f"^{TURNED}$")] = TURNED
    signing: Fingerprint
    up_to: Annotated[dict[str, Counter], Field(max_length=len(LANES))]


_Said = TypeVar("_Said", Rekey, Turned)


class Stage(StrEnum):
    """How far our rotation has come. ``MAKING``: asked for; ``ANNOUNCED``: said; ``TURNED``: the new key signs."""

    SETTLED = "settled"
    MAKING = "making"
    ANNOUNCED = "announced"
    TURNED = "turned"


class Next(StrEnum):
    """What is to be done about our rotation."""

    NOTHING = "nothing"
    MAKE = "make"
    ANNOUNCE = "announce"
    TURN = "turn"
    SAY = "say"
    SETTLE = "settle"


@dataclass(frozen=True, slots=True)
class Ours:
    """Our key. ``signing`` is empty where there was never another than the first."""

    stage: Stage = Stage.SETTLED
    signing: str = ""
    coming: str = ""
    sealing: str = ""
    """What the partner shall seal to, with ``coming``."""
    said: int = 0
    """Our number, in the control lane of ``life``, of what was last said about it."""
    life: Life = (0, b"")
    sealed_to_old: Mapping[str, int] = field(default_factory=dict)
    """Up to these numbers of the partner's ``peer_life`` it may have sealed to the old key."""
    peer_life: Life = (0, b"")
    since: float = 0.0
    """When the rotation was asked for, in seconds since 1970; of the last one, when it was done."""


@dataclass(frozen=True, slots=True)
class Former:
    """The partner's key of before: it is taken for these numbers of this life, if they have not come, until then."""

    signing: str
    life: Life
    up_to: Mapping[str, int]
    until: float


@dataclass(frozen=True, slots=True)
class Theirs:
    """The partner's key. ``signing`` is empty where there was never another than the first."""

    signing: str = ""
    coming: str = ""
    """Announced: is taken beside ``signing``."""
    sealing: str = ""
    former: Former | None = None
    revoked: str = ""
    """Why nothing that the partner's key signs counts any more; empty where it does."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Which keys of a link are at work."""

    ours: Ours = Ours()
    theirs: Theirs = Theirs()
    before: str = ""
    """After a new handshake: the label of the partner's last life before it, whose parcels new keys do not open."""
    homes: tuple[tuple[str, str, str], ...] = ()
    """The key folders of earlier handshakes, with our fingerprint and the partner's: they open old evidence."""


def read_rekey(record: Mapping[str, Any]) -> Rekey:
    """Raises ``PeerError``."""
    return _read(Rekey, record)


def read_turned(record: Mapping[str, Any]) -> Turned:
    """Raises ``PeerError``."""
    return _read(Turned, record)


def _read(kind: type[_Said], record: Mapping[str, Any]) -> _Said:
    try:
        return kind.model_validate(dict(record))
    except ValidationError as error:
        raise PeerError("a record about the partner's key is malformed") from error


# Our rotation


def begin(ours: Ours, signing: str, now: float) -> Ours:
    """An admin asks for another key; ``signing`` is the one at work. Raises ``UsageError``."""
    if ours.stage is not Stage.SETTLED:
        raise UsageError("a change of this link's key is under way already: backbone key show says how far it is")
    return replace(ours, stage=Stage.MAKING, signing=signing, coming="", sealing="", since=now)


def following(ours: Ours, state: LinkState) -> Next:
    """What comes next, by what the partner has taken. In a later life of ours all that was under way is said again; in
    one of the partner's what it may have forgotten: of a key that signs it is told with our state.
    """
    taken = ours.life == state.life and state.out["k"].applied >= ours.said
    match ours.stage:
        case Stage.SETTLED:
            return Next.NOTHING
        case Stage.MAKING:
            return Next.ANNOUNCE if ours.coming else Next.MAKE
        case Stage.ANNOUNCED if (ours.life, ours.peer_life) != (state.life, state.peer_life):
            return Next.ANNOUNCE
        case Stage.ANNOUNCED:
            return Next.TURN if taken else Next.NOTHING
        case _ if ours.life != state.life:
            return Next.SAY
    return Next.SETTLE if taken and _all_opened(ours, state) else Next.NOTHING


def _all_opened(ours: Ours, state: LinkState) -> bool:
    """Whether everything that was sealed to the old key has come."""
    if ours.peer_life != state.peer_life:
        return True
    return all(state.into[lane].recv >= last for lane, last in ours.sealed_to_old.items())


def made(ours: Ours, signing: str, sealing: str) -> Ours:
    """The new subkeys are in the key folder."""
    return replace(ours, coming=signing, sealing=sealing)


def announced(ours: Ours, state: LinkState) -> Ours:
    """The ``rekey`` record took the control lane's last number."""
    return replace(ours, stage=Stage.ANNOUNCED, said=state.out["k"].last, life=state.life, peer_life=state.peer_life)


def turning(ours: Ours, state: LinkState) -> Turned:
    """What is said when the new key begins to sign, before that takes a number itself."""
    return Turned(signing=ours.coming or ours.signing, up_to={lane: out.last for lane, out in state.out.items()})


def turned(ours: Ours, state: LinkState) -> Ours:
    """The ``turned`` record took the control lane's last number. What the partner seals to us from its next message on
    it seals to the new key: before it took our ``rekey`` it had not numbered more than what we know of.
    """
    return replace(
        ours, stage=Stage.TURNED, signing=ours.coming or ours.signing, coming="", said=state.out["k"].last,
        life=state.life, peer_life=state.peer_life,
        sealed_to_old={lane: into.high for lane, into in state.into.items()},
    )  # fmt: skip


def settled(ours: Ours, now: float) -> Ours:
    """The old key is not needed any more; it stays in the folder, to open what it opened."""
    return replace(ours, stage=Stage.SETTLED, sealed_to_old={}, since=now)


# The partner's rotation


def heard(theirs: Theirs, said: Rekey) -> Theirs:
    """The partner's next key, or once more the one that signs; its certificate was looked at and holds it."""
    return replace(theirs, coming="" if said.signing == theirs.signing else said.signing, sealing=said.sealing)


def heard_turned(theirs: Theirs, said: Turned, life: Life, now: float) -> Theirs:
    """The partner signs with the key that it announced. Raises ``PeerError``; then nothing was changed."""
    if said.signing == theirs.signing:
        return theirs
    if said.signing != theirs.coming or said.up_to.keys() != set(LANES):
        raise PeerError("the partner says that it signs with a key which it has not announced")
    former = Former(theirs.signing, life, dict(said.up_to), now + limits.key_overlap_seconds)
    return replace(theirs, signing=said.signing, coming="", former=former)


def told(theirs: Theirs, signing: str, sealing: str, now: float) -> Theirs:
    """After our store was put back: what the partner's key is now, said under the one that our copy knows."""
    if theirs.signing == signing:
        return theirs
    former = Former(theirs.signing, _ANY_LIFE, {}, now + limits.key_overlap_seconds)
    return replace(theirs, signing=signing, coming="", sealing=sealing, former=former)


def judge(theirs: Theirs, header: Header, key: str, state: LinkState, now: float) -> Drop | Refuse | None:
    """Whether a message counts that the partner's subkey ``key`` has signed: ``None`` if it does.

    What the old key signed is dropped where it can be late: it is sent again under the new one, or is old news.
    """
    if trusted(theirs, key):
        return None
    former = theirs.former
    if theirs.revoked or former is None:
        return Refuse(REVOKED)
    if state.phase is Phase.RESTORED or (former.life == _ANY_LIFE and now <= former.until):
        return Drop("signed by a key that this copy of the store does not know, or knows as replaced")
    last = former.up_to.get(header.lane, 0)
    if tuple(header.inc) != tuple(former.life) or header.seq > last:
        return Refuse(REPLACED)
    at_work = tuple(state.peer_life) == tuple(former.life) and former.signing in ("", key)
    fresh = header.seq > 0 and not state.into[header.lane].has(header.seq)
    return None if at_work and fresh and now <= former.until else Drop("signed by the partner's key of before")


def trusted(theirs: Theirs, key: str) -> bool:
    """Whether this subkey of the partner signs now."""
    return not theirs.revoked and (not theirs.signing or key in (theirs.signing, theirs.coming))


_ANY_LIFE: Life = (0, b"")
"""Of a key that was replaced while our store did not look: what it signed is told anew under the other."""
REVOKED = "it is signed by a key that was revoked: whoever sends it has stolen the key, or has not heard of it"
REPLACED = (
    "it is signed by a key that the partner has replaced: somebody uses the old key, or the partner's node was "
    "restored from a backup that is older than its new key; ask its admin, and if so: backbone link create --again"
)

__all__ = [
    "REKEY", "REPLACED", "REVOKED", "TURNED", "Former", "Keys", "Next", "Ours", "Rekey", "Stage", "Theirs", "Turned",
    "announced", "begin", "following", "heard", "heard_turned", "judge", "made", "read_rekey", "read_turned", "settled",
    "told", "trusted", "turned", "turning",
]  # fmt: skip
