"""What kin were writing to the tracker when it was read: in the tracker already, and perhaps not recorded yet.

Whoever has read the tracker asks afterwards: a write that was read had its intent in the store before, and there it
is still, or else what came of it is recorded.
"""

from collections.abc import Mapping
from typing import NamedTuple

from backbone.model import ATTACHMENT, COMMENT, ISSUE, Applied, Cell, Value
from backbone.replication.message import ChangeSet
from backbone.service.endpoint import Endpoint
from backbone.store import kin

_CONTENT = (COMMENT, ATTACHMENT)


class Sighted(NamedTuple):
    """``names`` are gids by kind of thing and local name; ``contents`` what was said of comments and attachments."""

    names: Mapping[tuple[str, str], str]
    contents: Mapping[Cell, Value]


NOTHING = Sighted({}, {})


async def sighted(ep: Endpoint) -> Sighted:
    """What the tracker has of the writes that kin have begun."""
    begun = await ep.store.read(lambda tx: kin.begun(tx, kin.of(tx, ep.row)))
    if not begun:
        return NOTHING
    names: dict[tuple[str, str], str] = {}
    contents: dict[Cell, Value] = {}
    for key, applied in (await ep.tracker.find(list(begun))).items():
        names[ISSUE, applied.local] = begun[key].gid
        names.update(_made(applied))
        contents.update(_said(begun[key]))
    return Sighted(names, contents)


def _made(applied: Applied) -> dict[tuple[str, str], str]:
    """Comments and attachments that the write made."""
    fields = {cell.element: cell.field for cell in applied.cells if cell.field in _CONTENT}
    return {(fields[local], local): mark[1:] for mark, local in applied.created.items() if local in fields}


def _said(change_set: ChangeSet) -> dict[Cell, Value]:
    return {o.cell: o.value for o in change_set.operations if o.cell.field in _CONTENT}
