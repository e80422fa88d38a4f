"""What of the outbox is due now: the window, and resends (PROTOCOL 2.3)."""

from collections.abc import Sequence
from dataclasses import dataclass

from backbone.replication import limits
from backbone.replication.link import LinkState, Phase, Timing

_TELLING = (Phase.RESTORED, Phase.JOINING)
"""When both stores were restored, each tells the other its state, and nothing else."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A numbered message that the peer has not applied, or asks for: where it stands, without its body."""

    lane: str
    seq: int
    size: int
    sent_at: float | None = None
    attempts: int = 0
    asked: bool = False
    unhurried: bool = False
    """The peer acknowledges it only along with something else."""


def due(state: LinkState, waiting: Sequence[Waiting], now: float, timing: Timing) -> list[Waiting]:
    """What to send now, in order of number within each lane; control first, attachments last."""
    if state.phase in _TELLING:
        waiting = [w for w in waiting if w.lane == "c" and w.seq <= state.told]
    elif state.phase is not Phase.RUNNING:
        return []
    chosen: list[Waiting] = []
    for lane in ("k", "c", "b"):
        budget = state.credit_bytes
        for item in sorted((w for w in waiting if w.lane == lane), key=lambda w: w.seq):
            unapplied = item.seq > state.out[lane].applied
            if unapplied and item.seq > state.out[lane].applied + state.credit_messages:
                break
            budget -= item.size if unapplied else 0
            if budget < 0 and item.seq > state.out[lane].applied + 1:
                break
            if now >= due_at(state, item, now, timing):
                chosen.append(item)
    return chosen


def due_at(state: LinkState, item: Waiting, now: float, timing: Timing) -> float:
    """When this message may leave (again); never, for what the peer has stored and does not ask for.

    What was sent later than now was sent before the clock was set back: it may leave at once.
    """
    if item.sent_at is None:
        return 0.0
    if not item.asked and item.seq <= state.out[item.lane].stored:
        return float("inf")
    if item.sent_at > now:
        return 0.0
    if item.asked:
        return item.sent_at + timing.resend_floor * limits.asked_share
    if item.unhurried:
        return item.sent_at + limits.receipts_resend_seconds
    wait = timing.resend_floor * limits.resend_growth ** min(item.attempts - 1, 40)
    return item.sent_at + min(wait, limits.resend_seconds_max)
