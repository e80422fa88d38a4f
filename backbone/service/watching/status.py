"""How each link stands, from the tables alone: readable while the node runs, and while it does not."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from backbone.replication.alarm import TOLD_ONLY
from backbone.replication.merge import Side
from backbone.replication.rekeying import Keys, Stage
from backbone.service.links.progress import load
from backbone.service.links.talks import talks_in
from backbone.store import alarms, counts, links, lists
from backbone.store.engine import Connection, Store
from backbone.store.links import LinkRow

_STAGES = {
    Stage.MAKING: "our new key is being made",
    Stage.ANNOUNCED: "the partner is told our new key; the old one signs until it has taken it",
    Stage.TURNED: "our new key signs; the old one opens what is still under way",
}


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """One link. Counts of messages are of the change-set lane; counts of change sets say so."""

    name: str
    side: str
    state: str
    stage: str
    reason: str
    peer: str
    peer_fingerprint: str
    verified_by: str
    issues: int
    populated: bool
    sent: int
    """Messages that left at least once."""
    acknowledged: int
    """Messages that the partner has stored."""
    applied_there: int
    """Messages whose effects are durable at the partner."""
    received: int
    applied_here: int
    waiting: int
    """Messages that wait to be applied: there, and here."""
    change_sets_sent: int
    change_sets_applied_there: int
    cells_waiting: int
    """Relations and attachments whose other end is not here yet."""
    quarantined: int
    conflicts_open: int
    conflicts: int
    heard_at: float | None
    holding: bool
    agreement_version: int
    """Of the agreement by which we write."""
    proposed: str
    """That another agreement is proposed, and what is to be done; empty otherwise."""
    key_change: str
    """How far a change of our key has come; empty where none is under way."""
    alarms: tuple[str, ...]
    """What a running node found wrong with it at its last look: the partner's silence, for one."""


def status(store: Store) -> list[LinkStatus]:
    """Every link, by name. Raises ``StoreError``."""
    return store.read_now(status_in)


def status_in(tx: Connection) -> list[LinkStatus]:
    """As ``status``, within a transaction."""
    return [_link(tx, row) for row in links.every(tx)]


def _link(tx: Connection, row: LinkRow) -> LinkStatus:
    progress = load(row)
    peer = row.peer or {}
    conflicts = lists.conflict_counts(tx, row.id)
    shown: dict[str, Any] = {
        "name": row.name,
        "side": row.side,
        "state": progress.pairing.shown,
        "stage": str(progress.pairing.stage),
        "reason": row.reason,
        "peer": peer.get("name", ""),
        "peer_fingerprint": peer.get("fingerprint", ""),
        "verified_by": progress.verified_by,
        "issues": counts.issues(tx, row.id),
        "populated": row.populated,
        "cells_waiting": counts.cells_waiting(tx, row.id),
        "quarantined": lists.set_aside_count(tx, row.id),
        "conflicts_open": conflicts.get("open", 0),
        "conflicts": sum(conflicts.values()),
        "agreement_version": talks_in(tx, row).present.version,
        "proposed": _proposed(tx, row),
        "key_change": doing(row.keys),
        "alarms": _alarms(tx, row.name),
    }
    return LinkStatus(**shown, **_numbers(tx, row))


def _proposed(tx: Connection, row: LinkRow) -> str:
    talks = talks_in(tx, row)
    if talks.turning:
        return f"version {talks.present.version} of the agreement takes effect when the partner has heard it"
    if talks.proposed is None:
        return ""
    version = talks.proposed.version
    if talks.accepted:
        return f"version {version} of the agreement is accepted, and takes effect soon"
    if talks.side is Side.MASTER:
        return f"we have proposed version {version} of the agreement, and the partner has not answered"
    return f"the partner proposes version {version} of the agreement: backbone link review {row.name}"


def doing(keys: Keys) -> str:
    """How far a change of our key has come; empty where none is under way."""
    ours = keys.ours
    if ours.stage is Stage.SETTLED:
        return ""
    day = datetime.fromtimestamp(ours.since, UTC).strftime("%Y-%m-%d")
    return f"{_STAGES[ours.stage]} (asked for on {day})"


def _alarms(tx: Connection, name: str) -> tuple[str, ...]:
    """Beside what has a column of its own."""
    found = [one.alarm for one in alarms.standing(tx) if one.gone_at is None and one.alarm.about == name]
    return tuple(alarm.sentence for alarm in found if alarm.kind not in TOLD_ONLY)


def _numbers(tx: Connection, row: LinkRow) -> dict[str, Any]:
    if row.peer is None:
        zero = ("sent", "acknowledged", "applied_there", "received", "applied_here", "waiting", "change_sets_sent",
                "change_sets_applied_there")  # fmt: skip
        return {**dict.fromkeys(zero, 0), "heard_at": None, "holding": False}
    state = links.state(tx, row.id)
    out, into = state.out["c"], state.into["c"]
    return {
        "sent": counts.messages_sent(tx, row.id, state),
        "acknowledged": out.stored,
        "applied_there": out.applied,
        "received": into.recv,
        "applied_here": into.applied,
        "waiting": out.last - out.applied + into.recv - into.applied,
        "change_sets_sent": counts.change_sets(tx, row.id, state, out.last),
        "change_sets_applied_there": counts.change_sets(tx, row.id, state, out.applied),
        "heard_at": state.heard_at,
        "holding": state.phase == "hold",
    }
