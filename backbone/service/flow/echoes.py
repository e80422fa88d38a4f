"""What we wrote ourselves a moment ago, for when the tracker's feed brings it back.

A hint in memory and no more: each of these writes is in the store as seen, and what is not known here is looked up
there. A population comes back edit by edit; looking up each would cost the receiver a tenth of its time.
"""

from collections.abc import Iterable, Sequence

from backbone.model import Applied, Edit, Outcome, Position, covers

KEPT = 10_000
"""Some messages' worth. A tracker that does not bring our writes back in its feed leaves them here."""


class Echoes:
    """The positions of our own last writes, by issue."""

    def __init__(self) -> None:
        self._seen: dict[str, Position] = {}

    def wrote(self, outcomes: Iterable[Outcome]) -> None:
        """These writes are in the store as seen."""
        if len(self._seen) >= KEPT:
            self._seen.clear()
        self._seen.update({one.local: one.position for one in outcomes if isinstance(one, Applied)})

    def without(self, edits: Sequence[Edit]) -> list[Edit]:
        """What of the feed may be somebody else's."""
        return [edit for edit in edits if not self._is_ours(edit)]

    def _is_ours(self, edit: Edit) -> bool:
        seen = self._seen.get(edit.local)
        return seen is not None and (seen == edit.position or covers(seen, edit.position))
