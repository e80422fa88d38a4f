"""Whether our store knows what it wrote itself: one that was put back together with its anchor, or that runs twice,
meets writes of its own in the tracker of which it knows nothing, and would take them for what people did (PROTOCOL 2.6:
an unknown object with a marker is never emitted).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from backbone.errors import BackboneError
from backbone.model import Applied, Edit, Position, covers
from backbone.replication.identity import born_at, created, made_over
from backbone.replication.link import Phase
from backbone.service.endpoint import Endpoint
from backbone.service.healing.renewing import renew_all
from backbone.service.links.progress import roll_back
from backbone.store import intents, kin, links
from backbone.store.engine import Connection
from backbone.store.links import LinkRow

_REASON = (
    "the tracker shows writes of this node that its store does not know: an older copy of the node was put back, or a "
    "second copy runs; if one does, stop it"
)
_UNDECIDED = f"{_REASON}, and say on the one that shall live, for each link that is stopped: backbone resync"
_RANDOM_BYTES = 8


class Forgotten(BackboneError):
    """Our store does not know a write of ours: what was read is not to be recorded. The node has begun a new life, and
    its links are joined with their partners again; or this link is stopped, as a person has to decide.
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
    every = [one for ones in written.values() for one in ones]
    if not every:
        return []
    reason, own = await ep.store.run(lambda tx: (_check(tx, ep, every), _made_over(tx, ep, every)))
    if reason:
        raise Forgotten(reason)
    return own


def _seen(tx: Connection, ep: Endpoint, issues: Collection[str]) -> Mapping[str, Position | None]:
    return kin.seen(tx, [ep.row, *kin.of(tx, ep.row)], issues)


def _check(tx: Connection, ep: Endpoint, written: Sequence[Applied]) -> str:
    """Why nothing may be recorded; empty when all is known. Where a link of the node is stopped, as another copy lives
    perhaps, none begins a life by itself: two copies would take the links from each other for ever.
    """
    if not links.state(tx, ep.row).phase.works or not _is_forgotten(tx, ep, written):
        return ""
    if any(row.peer and links.state(tx, row.id).phase is Phase.STOPPED for row in links.every(tx)):
        roll_back(tx, links.get(tx, ep.row), _UNDECIDED)
        ep.log.error("stopped", reason=_UNDECIDED)
        return _UNDECIDED
    life = renew_all(tx, ep.random_bytes(_RANDOM_BYTES), _REASON, ep.clock())
    ep.log.warning("restored", reason=_REASON, life=life[0])
    return _REASON


def _is_forgotten(tx: Connection, ep: Endpoint, written: Sequence[Applied]) -> bool:
    """Our links on this tracker have made one of these writes, and none of them knows of it. What was there when this
    link was joined again after a restore has been seen to.
    """
    rows = [links.get(tx, row) for row in (ep.row, *kin.of(tx, ep.row))]
    joined_at = rows[0].joined_at
    seen = _seen(tx, ep, {one.local for one in written})
    begun = {intent.key for row in rows for intent in intents.begun(tx, row.id)}
    return any(
        not _covered(seen.get(one.local), one) and not _covered(joined_at, one) and one.key not in begun
        for one in written
        if _is_ours(one, rows)
    )


def _made_over(tx: Connection, ep: Endpoint, written: Sequence[Applied]) -> list[Applied]:
    row = links.get(tx, ep.row)
    return [one for one in written if _is_ours(one, [row])]


def _is_ours(one: Applied, rows: Iterable[LinkRow]) -> bool:
    """Whether one of these links made it. The key that an issue is made under does not tell the link, and another node
    may be at work on the tracker: it counts if the issue is of one of our partners.
    """
    name = created(one.key)
    if name is not None:
        return any(row.peer is not None and born_at(name, str(row.peer["node"])) for row in rows)
    return any(made_over(one.key, row.link_id) for row in rows)


def _covered(position: Position | None, one: Applied) -> bool:
    return position is not None and covers(position, one.position)
