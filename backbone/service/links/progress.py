"""Where a link's handshake stands: the state of ``handshake.pairing`` with its documents, in the link's row."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from backbone.replication.link import Identity, Phase, Started, Timing, step
from backbone.replication.packing import pack
from backbone.store import links
from backbone.store.codec import unpack
from backbone.store.engine import Connection
from backbone.store.links import LinkRow
from handshake import events, pairing
from handshake.events import Pairing, Role, Stage

_STOPPED = (Stage.PAUSED, Stage.RESYNC, Stage.FAILED)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a link's handshake stands, with the documents it still needs."""

    pairing: Pairing
    offer: bytes = b""
    """Of the master: forgotten once it was accepted. It holds the token."""
    acceptance: bytes = b""
    """The acceptance parcel: of the slave, to send it again; of the master, to know it again."""
    verified_by: str = ""
    alarm: str = ""
    revocation: bytes = b""
    """That our key was stolen, sealed while it still signed; empty where the link, not the key, was revoked."""
    told: int = 0
    """How often the partner was told that we revoked the link."""
    tell_at: float | None = None
    """When it is told next, in seconds since 1970; ``None``: never (again)."""
    partner: dict[str, Any] | None = None
    """Of a new handshake for a link that we had: whose it is."""
    tell_until: float = 0.0
    """When we give up if the channel has not answered."""


def save(progress: Progress) -> bytes:
    """As it stands in the store."""
    plain = asdict(progress)
    plain["pairing"]["sizes"] = sorted(progress.pairing.sizes)
    plain["pairing"]["echoes"] = sorted(progress.pairing.echoes)
    return pack(plain)


def load(row: LinkRow) -> Progress:
    """The inverse."""
    plain = unpack(row.pairing)
    inner = plain.pop("pairing")
    for name in ("sizes", "echoes"):
        inner[name] = frozenset(inner[name])
    for name, kind in (("role", Role), ("stage", Stage), ("resumed_to", Stage), ("repaired_to", Stage)):
        if inner.get(name) is not None:
            inner[name] = kind(inner[name])
    return Progress(pairing=Pairing(**inner), **plain)


def keep(tx: Connection, row: LinkRow, progress: Progress, *, reason: str = "", **values: Any) -> None:
    """Store where the handshake stands; the link's state for people follows it, and why it is so."""
    why = _lasting(tx, row.id, progress) or reason
    links.change(tx, row.id, pairing=save(progress), state=str(progress.pairing.stage), reason=why, **values)


def advance(tx: Connection, row: LinkRow, given: events.Input) -> tuple[events.Effect, ...]:
    """One input of the table, stored; returns what is to be carried out."""
    progress = load(row)
    after, effects = pairing.step(progress.pairing, given)
    alarm = next((e.sentence for e in effects if isinstance(e, events.Alarm)), progress.alarm)
    offer = b"" if any(isinstance(e, events.SpendToken) for e in effects) else progress.offer
    if waits_for_words(after) and progress.verified_by:
        after, more = pairing.step(after, events.Resumed())
        effects += more
    keep(tx, row, replace(progress, pairing=after, offer=offer, alarm=alarm))
    return effects


def waits_for_words(stands: Pairing) -> bool:
    """Whether a new handshake is through but for the comparison of its words."""
    return stands.stage is Stage.PAUSED and stands.compare


def roll_back(tx: Connection, row: LinkRow, reason: str) -> None:
    """Our store, or the partner's, is not the newest: no change set leaves before both are joined again."""
    progress = load(row)
    if progress.pairing.stage in (Stage.DRAFT, Stage.OFFERED, Stage.EXPIRED, Stage.REVOKED):
        return
    if row.peer is not None and (state := links.state(tx, row.id)).phase.works:
        links.save_state(tx, row.id, replace(state, phase=Phase.STOPPED, reason=reason))
    after, _ = pairing.step(progress.pairing, events.RolledBack())
    keep(tx, row, replace(progress, pairing=after, alarm=""), reason=reason)


def joined(tx: Connection, row: LinkRow) -> None:
    """Both stores are joined again, or the partner's came back in a later life."""
    progress = load(row)
    if (progress.pairing.role, progress.pairing.stage, events.Joined) in pairing.TABLE:
        after, _ = pairing.step(progress.pairing, events.Joined())
        keep(tx, row, replace(progress, pairing=after, alarm=""))


def troubled(tx: Connection, row_id: int, why: str) -> None:
    """Something outside keeps the link from working; where it is stopped anyway, why it is stays to be read."""
    progress = load(links.get(tx, row_id))
    if progress.pairing.stage not in _STOPPED or not _lasting(tx, row_id, progress):
        links.change(tx, row_id, reason=why)


def over(tx: Connection, row_id: int) -> None:
    """Nothing troubles the link: what its admin must know otherwise is shown, and nothing else."""
    row = links.get(tx, row_id)
    lasting = _lasting(tx, row_id, load(row))
    if row.reason != lasting:
        links.change(tx, row_id, reason=lasting)


def _lasting(tx: Connection, row_id: int, progress: Progress) -> str:
    return progress.pairing.reason or progress.alarm or links.stopped_because(tx, row_id)


def stage_of(row: LinkRow) -> Stage:
    """Where the link stands."""
    return load(row).pairing.stage


def start_link(
    tx: Connection, ep_row: int, now: float, boot: int, *, clean: bool, identity: Identity, timing: Timing
) -> None:
    """Once for each start of the process: after an unclean end the link holds until the partner has answered."""
    state = links.state(tx, ep_row)
    if state.boot != boot:
        state, _ = step(state, Started(now, boot, clean), identity, timing)
        links.save_state(tx, ep_row, state)
