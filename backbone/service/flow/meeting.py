"""Things that this link meets and that its kin (the node's other links on the same tracker) know already.

A gid is one and the same over all nodes. What a partner names for the first time may be in our tracker: it came over
another link, or was born here. Then it is not made again; our own picture of it is recorded first, by the rules that
decide what of it this partner may see, and what the partner says is joined with that. Nothing is learnt and nothing
written by naming a gid: an issue that would not be sent over this link is not met over it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from backbone.model import ATTACHMENT, COMMENT, ISSUE, Applied, Edit, Issue
from backbone.replication.identity import creation
from backbone.replication.link import Life
from backbone.service.endpoint import Endpoint
from backbone.service.flow.outbound import as_edit, fetch_contents
from backbone.service.flow.recording import emit, record
from backbone.service.flow.sighting import Sighted, sighted
from backbone.service.flow.tasks import Task
from backbone.store import kin, links
from backbone.store.engine import Connection
from backbone.store.shadows import Book

_CONTENT = (COMMENT, ATTACHMENT)


class _Unknown(NamedTuple):
    """What this link has no name for."""

    issues: frozenset[str]
    contents: Mapping[str, str]
    """The local name of the issue, by gid."""


_NOTHING = _Unknown(frozenset(), {})


async def meet(ep: Endpoint, tasks: Sequence[Task]) -> None:
    """What these tasks name and kin know becomes known to this link, as far as it takes part in it."""
    unknown, life = await ep.store.read(lambda tx: (_unknown(tx, ep, tasks), links.state(tx, ep.row).life))
    if unknown is _NOTHING:
        return
    seen = await sighted(ep)
    locals_ = await _found(ep, unknown, seen)
    if not locals_:
        return
    issues = await ep.tracker.read(sorted(locals_))
    for issue in issues.values():
        await fetch_contents(ep, issue.cells)
    await ep.store.run(lambda tx: _record(tx, ep, life, seen, issues))


def _unknown(tx: Connection, ep: Endpoint, tasks: Sequence[Task]) -> _Unknown:
    book = Book(tx, ep.row)
    if not book.kin:
        return _NOTHING
    said = {task.change_set.gid: [] for task in tasks}  # type: dict[str, list[str]]
    for task in tasks:
        named = [o.cell.element for o in task.change_set.operations if o.cell.field in _CONTENT and o.value is not None]
        said[task.change_set.gid] += named
    book.load_gids([*said, *(content for contents in said.values() for content in contents)])
    contents: dict[str, str] = {}
    for gid, named in said.items():
        known = book.by_gid(gid)
        if known is not None:
            contents.update({content: known.local for content in named if book.by_gid(content) is None})
    issues = frozenset(gid for gid in said if book.by_gid(gid) is None)
    return _Unknown(issues, contents) if issues or contents else _NOTHING


async def _found(ep: Endpoint, unknown: _Unknown, seen: Sighted) -> set[str]:
    """Which issues of the tracker these are, or are in: kin know them, or made them and could not record it."""
    known = await ep.store.read(lambda tx: kin.named(tx, kin.of(tx, ep.row), [*unknown.issues, *unknown.contents]))
    found = {one.local for gid, one in known.items() if gid in unknown.issues and one.kind == ISSUE}
    made = {gid: name for name, gid in seen.names.items()}
    found |= {made[gid][1] for gid in unknown.issues if gid in made}
    found |= {unknown.contents[gid] for gid in unknown.contents if gid in made or gid in known}
    rest = [gid for gid in unknown.issues if gid not in known and gid not in made]
    applied: Mapping[str, Applied] = await ep.tracker.find([creation(gid) for gid in rest]) if rest else {}
    return found | {one.local for one in applied.values()}


def _record(tx: Connection, ep: Endpoint, life: Life, seen: Sighted, issues: Mapping[str, Issue]) -> None:
    if links.state(tx, ep.row).life != life:
        return
    book = Book(tx, ep.row)
    change_sets = record(tx, ep, book, _edits(issues.values()), seen, whole=True)
    book.flush(ep.clock())
    emit(tx, ep, change_sets)


def _edits(issues: Iterable[Issue]) -> list[Edit]:
    return [as_edit(issue) for issue in issues]
