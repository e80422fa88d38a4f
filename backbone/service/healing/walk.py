"""How far an audit has come down the tree: kept with the request, so that a restart goes on with it."""

from typing import Any

from pydantic import Field

from backbone.replication import limits
from backbone.replication.agreement import Strict
from backbone.replication.tree import Compared, is_prefix

NAMED_MAX = 1_000
"""So many differing issues are named in one audit; a person does not read more."""
PENDING_MAX = 16 * limits.audit_nodes_max
"""Nodes still to be looked at. Where more differ, an audit has enough to name before it comes to the rest."""


class Walk(Strict):
    """The nodes still to be described, the issues whose cells are to be told, and what was found until now."""

    pending: tuple[str, ...] = Field(default=(), strict=False)
    suspects: tuple[str, ...] = Field(default=(), strict=False)
    asked: tuple[str, ...] = Field(default=(), strict=False)
    """What the partner is asked to describe now, ..."""
    want: tuple[str, ...] = Field(default=(), strict=False)
    """... or whose cells."""
    details: list[dict[str, Any]] = Field(default_factory=list)
    drift_here: tuple[str, ...] = Field(default=(), strict=False)
    drift_there: tuple[str, ...] = Field(default=(), strict=False)
    ours: int = 0
    theirs: int = 0
    in_flight: int = 0
    rounds: int = 0
    more: bool = False
    """There are differences that are not named."""

    def heard(self, issues: int, drift: tuple[str, ...]) -> "Walk":
        """The first answer tells how many issues the partner has, and how far its tracker drifted."""
        return self if self.rounds else self.model_copy(update={"theirs": issues, "drift_there": drift})

    def went_down(self, found: Compared) -> "Walk":
        """Some nodes were described."""
        pending = (*self.pending, *(name for name in found.deeper if is_prefix(name)))
        suspects = tuple(dict.fromkeys((*self.suspects, *found.issues)))
        more = self.more or len(suspects) > NAMED_MAX or len(pending) > PENDING_MAX
        update = {"pending": pending[:PENDING_MAX], "suspects": suspects[:NAMED_MAX], "more": more}
        return self.model_copy(update=update)

    def looked(self, covered: list[str], found: list[dict[str, Any]], in_flight: int) -> "Walk":
        """The cells of some issues were compared. Whoever tells of none of those that were asked for is done, too."""
        past = set(covered or self.want)
        details = [*self.details, *found]
        return self.model_copy(update={
            "suspects": tuple(gid for gid in self.suspects if gid not in past), "details": details[:NAMED_MAX],
            "in_flight": self.in_flight + in_flight, "more": self.more or len(details) > NAMED_MAX,
        })  # fmt: skip

    def next(self) -> "Walk":
        """What is asked now: the way down first, then cells; nothing when enough is known."""
        enough = self.rounds >= limits.audit_rounds_max or len(self.details) >= NAMED_MAX
        full = len(self.suspects) >= NAMED_MAX
        more = self.more or ((enough or full) and bool(self.pending)) or (enough and bool(self.suspects))
        down = () if enough or full else self.pending[: limits.audit_nodes_max]
        want = () if enough or down else self.suspects[: limits.audit_wanted_max]
        rest = self.pending[len(down) :] if not full else ()
        return self.model_copy(update={
            "asked": down, "want": want, "pending": rest, "rounds": self.rounds + 1, "more": more,
        })  # fmt: skip

    @property
    def ends(self) -> bool:
        """Whether nothing is asked."""
        return not (self.asked or self.want)
