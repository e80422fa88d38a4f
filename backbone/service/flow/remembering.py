"""Whether our store knows what it wrote itself: one that was put back together with its anchor, or that runs twice,
meets writes of its own in the tracker of which it knows nothing, and would take them for what people did (PROTOCOL 2.6:
an unknown object with a marker is never emitted).
"""

from collections.abc import Collection, Mapping, Sequence

from backbone.errors import BackboneError
from backbone.model import Applied, Edit, Position, covers
from backbone.replication.identity import made_over
from backbone.service.endpoint import Endpoint
from backbone.service.healing.renewing import renew_all
from backbone.store import kin, links, lists
from backbone.store.engine import Connection

_REASON = (
    "the tracker shows writes of this node that its store does not know: an older copy of the node was put back, or it "
    "runs twice"
)
_RANDOM_BYTES = 8


class Forgotten(BackboneError):
    """Our store does not know a write of ours. The node has begun a new life: what was read is not to be recorded, and
    its links are joined with their partners again.
    """


def may_be_ours(ep: Endpoint, edit: Edit) -> bool:
    """Whether this is by somebody as whom we write: the synchronization user, or anybody where people have words."""
    return ep.translation.lends_names or edit.author == ep.tracker.user


async def check_own(ep: Endpoint, issues: Collection[str]) -> list[Applied]:
    """Whether every write of ours in these issues, which were read, is known. Raises ``Forgotten``. What was seen to
    when the link was joined again may lack its names all the same: both stores forgot it. Returns those.
    """
    if not issues:
        return []
    seen = await ep.store.read(lambda tx: _seen(tx, ep, issues))
    written = await ep.tracker.written({local: seen.get(local) for local in sorted(issues)})
    if written and not await ep.store.run(lambda tx: _check(tx, ep, written)):
        raise Forgotten(_REASON)
    return [one for ones in written.values() for one in ones if made_over(one.key, ep.link_id)]


def _seen(tx: Connection, ep: Endpoint, issues: Collection[str]) -> Mapping[str, Position | None]:
    return kin.seen(tx, [ep.row, *kin.of(tx, ep.row)], issues)


def _check(tx: Connection, ep: Endpoint, written: Mapping[str, Sequence[Applied]]) -> bool:
    if not links.state(tx, ep.row).phase.works or not _is_forgotten(tx, ep, written):
        return True
    life = renew_all(tx, ep.random_bytes(_RANDOM_BYTES), _REASON, ep.clock())
    ep.log.warning("restored", reason=_REASON, life=life[0])
    return False


def _is_forgotten(tx: Connection, ep: Endpoint, written: Mapping[str, Sequence[Applied]]) -> bool:
    """Our links on this tracker have made one of these writes, and none of them knows of it. What was there when this
    link was joined again after a restore has been seen to.
    """
    rows = [ep.row, *kin.of(tx, ep.row)]
    names = [links.get(tx, row).link_id for row in rows]
    joined_at = links.get(tx, ep.row).joined_at
    seen = _seen(tx, ep, written)
    begun = {intent.key for row in rows for intent in lists.begun(tx, row)}
    return any(
        not _covered(seen.get(local), one) and not _covered(joined_at, one) and one.key not in begun
        for local, ones in written.items()
        for one in ones
        if any(made_over(one.key, name) for name in names)
    )


def _covered(position: Position | None, one: Applied) -> bool:
    return position is not None and covers(position, one.position)
