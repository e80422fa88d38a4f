"""Which write of a value came first where several nodes share an issue, and what a link does with old news.

Each write of a cell has an *origin*, which travels with it over any number of links: who made it, and its *rank*, a
number greater than all that its writer's tracker had seen (a Lamport clock). Origins are in one total order that
extends causality, so that nodes in a ring agree on the last write whatever way it came; a link's own stamps
(``merge``) cannot tell, because each link has its own. For each cell a tracker keeps the origin of what it shows.

Nodes with one link say no origins and need none: what they say gets one from the partner, as if it were made there.
"""

from typing import NamedTuple

from backbone.replication.merge import Policy

RANK_MAX = 2**50
"""Beyond this a partner's rank is not believed: otherwise it could bring our own numbers to their end."""
LIFE_RANKS = 2**32
"""A new life of a store begins so far above the ranks that it remembers."""


class Origin(NamedTuple):
    """The write that made a value; compared in this order."""

    rank: int
    place: str
    """The tracker in which it was made (``identity.place``)."""
    number: int
    """The rank that it had there: no two writes of a place have the same."""

    def raised(self, rank: int) -> "Origin":
        """The same write, chosen by a policy against one of that rank."""
        return self._replace(rank=rank + 1)


class Verdict(NamedTuple):
    """What becomes of a write that arrives."""

    writes: bool
    """It is written to the tracker."""
    stands: Origin | None
    """The origin of what the tracker shows then."""
    again: bool = False
    """What the tracker shows is said again: the link's registers hold the older value."""


def judge(policy: Policy, theirs: Origin, ours: Origin | None, *, theirs_stands: bool) -> Verdict:
    """``theirs_stands`` is the join's word, ``ours`` the origin of what the tracker shows.

    Under ``newest`` origins decide: an older write is not written. Where the link took it for the newer one, we say
    ours again; where the link took ours for the newer one and it is not, the partner does, so that one of the two
    speaks. Under any other policy the link decides, and what it chose against the order ranks above both, on both
    sides alike.
    """
    if ours is None:
        return Verdict(theirs_stands, theirs if theirs_stands else None)
    if theirs == ours:
        return Verdict(writes=False, stands=ours)
    if policy is Policy.NEWEST:
        newer = theirs > ours
        return Verdict(newer, max(theirs, ours), again=theirs_stands and not newer)
    if theirs_stands:
        return Verdict(writes=True, stands=theirs if theirs > ours else theirs.raised(ours.rank))
    return Verdict(writes=False, stands=ours if ours > theirs else ours.raised(theirs.rank))


def believed(origin: Origin | None) -> Origin | None:
    """A partner's word, as far as we take it."""
    return origin if origin is not None and origin.rank <= RANK_MAX else None


def differ(one: Origin, other: Origin | None) -> bool:
    """Whether two writes may have been made without knowing of each other: a place knows its own earlier ones."""
    return other is None or one.place != other.place
