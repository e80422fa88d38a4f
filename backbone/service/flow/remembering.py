"""Whether our store knows what it wrote itself: one that was put back together with its anchor, or that runs twice,
meets writes of its own in the tracker of which it knows nothing, and would take them for what people did (PROTOCOL 2.6:
an unknown object with a marker is never emitted).

Only edits that may be ours are asked for: those of the synchronization user, or of anybody where the mapping writes as
people.
"""

from collections.abc import Iterable, Mapping, Sequence

from backbone.model import Applied, Edit, Position, covers
from backbone.replication.identity import made_over
from backbone.service.endpoint import Endpoint
from backbone.service.healing.renewing import renew_all
from backbone.store import kin, links, lists
from backbone.store.engine import Connection

_FORGOT = (
    "the tracker shows writes of this node that its store does not know: an older copy of the node was put back, or it "
    "runs twice"
)
_RANDOM_BYTES = 8


async def remembers(ep: Endpoint, edits: Iterable[Edit], since: Position | None = None) -> bool:
    """Whether every write of ours behind ``since`` in the issues of these edits is known. If one is not, the node has
    begun a new life, and nothing that was read may be recorded: its links are joined with their partners again.
    """
    lends = ep.translation.lends_names
    issues = {edit.local for edit in edits if lends or edit.author == ep.tracker.user}
    written = await ep.tracker.written(sorted(issues), since) if issues else {}
    if not written:
        return True

    def check(tx: Connection) -> bool:
        if not _is_forgotten(tx, ep, written):
            return True
        life = renew_all(tx, ep.random_bytes(_RANDOM_BYTES), _FORGOT, ep.clock())
        ep.log.warning("restored", reason=_FORGOT, life=life[0])
        return False

    return await ep.store.run(check)


def _is_forgotten(tx: Connection, ep: Endpoint, written: Mapping[str, Sequence[Applied]]) -> bool:
    """Our links on this tracker have made one of these writes, and none of them knows of it. What was there when this
    link was joined again after a restore has been seen to.
    """
    rows = [ep.row, *kin.of(tx, ep.row)]
    names = [links.get(tx, row).link_id for row in rows]
    joined_at = links.get(tx, ep.row).joined_at
    seen = kin.seen(tx, rows, written)
    begun = {intent.key for row in rows for intent in lists.begun(tx, row)}
    return any(
        not _covered(seen.get(local), one) and not _covered(joined_at, one) and one.key not in begun
        for local, ones in written.items()
        for one in ones
        if any(made_over(one.key, name) for name in names)
    )


def _covered(position: Position | None, one: Applied) -> bool:
    return position is not None and covers(position, one.position)
