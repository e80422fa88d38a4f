"""From feed rows to edits."""

from collections.abc import Iterable, Sequence
from typing import Any

from roundup import date, hyperdb

from backbone.model import SETS, Cell, Edit, Touched, Value
from backbone.trackers.roundup import feed
from backbone.trackers.roundup.cells import (
    cells_of,
    content_cells,
    label_of,
    login_of,
    moment_of,
    node_of,
    property_cells,
)
from backbone.trackers.roundup.feed import Row
from backbone.trackers.roundup.history import Step, unwind
from backbone.trackers.roundup.shape import Property, Shape, Watched

COMMIT_ROWS_MAX = 100
"""How far a page is stretched so that it does not end inside a commit. The feed does not know commits: rows of one
issue by one person that follow each other directly are taken for one.
"""


def touched(db: Any, shape: Shape, since: int, limit: int) -> Touched:
    """The edits of a page of the feed."""
    classes = [shape.issue_class, *dict.fromkeys(watched.class_name for watched in shape.watched)]
    rows = feed.rows_since(db, classes, since, limit + COMMIT_ROWS_MAX)
    page = _page(rows, limit)
    more = len(page) < len(rows)
    end = page[-1].number if more else feed.head(db)
    found: list[Edit] = []
    for node in dict.fromkeys(row.node for row in page if row.class_name == shape.issue_class):
        found += [edit for edit in edits_of(db, shape, node, since) or () if edit.position[0] <= end]
    for watched in shape.watched:
        for row in (row for row in page if row.class_name == watched.class_name):
            for node in _issues_with(db, shape, watched, row.node):
                found.append(_content_edit(db, shape, watched, node, row))
    return Touched(sorted(found, key=lambda edit: edit.position), (end,), more)


def touched_of(db: Any, shape: Shape, local: str, since: int) -> Touched | None:
    """One issue's own edits; ``None`` if it is gone."""
    own = edits_of(db, shape, local, since)
    if own is None:
        return None
    found = list(own)
    for watched in shape.watched:
        rows = feed.edits_in(db, watched, local, since)
        found += [_content_edit(db, shape, watched, local, row) for row in rows]
    return Touched(sorted(found, key=lambda edit: edit.position), (feed.head(db),))


def edits_of(db: Any, shape: Shape, local: str, since: int) -> Sequence[Edit] | None:
    """What the issue's own journal says; ``None`` if the issue is gone."""
    present = node_of(db, shape, local)
    if present is None:
        return None
    rows = [_decoded(db, row) for row in feed.rows_of(db, shape.issue_class, local, since)]
    edits = (_edit(db, shape, step) for step in unwind(rows, present))
    return [edit for edit in edits if edit.cells or edit.created]


def _page(rows: Sequence[Row], limit: int) -> Sequence[Row]:
    end = min(limit, len(rows))
    while 0 < end < len(rows) and _one_commit(rows[end - 1], rows[end]):
        end += 1
    return rows[:end]


def _one_commit(first: Row, second: Row) -> bool:
    return (first.class_name, first.node, first.tag) == (second.class_name, second.node, second.tag)


def _edit(db: Any, shape: Shape, step: Step) -> Edit:
    row = step.row
    cells = cells_of(db, shape, dict(step.whole)) if step.whole is not None else _step_cells(db, shape, step)
    author = login_of(db, row.tag)
    return Edit(row.node, (row.number,), author, moment_of(row.date), cells, created=row.action == "create")


def _step_cells(db: Any, shape: Shape, step: Step) -> dict[Cell, Value]:
    cells: dict[Cell, Value] = {}
    for name, (old, new) in step.changed.items():
        known = shape.properties.get(name)
        if known is not None:
            cells.update(changed_cells(db, known, old, new))
    for name, nodes in step.added.items():
        cells.update(_element_cells(db, shape, name, nodes))
    for name, nodes in step.removed.items():
        cells.update(dict.fromkeys(_element_cells(db, shape, name, nodes)))
    return cells


def changed_cells(db: Any, known: Property, old: Any, new: Any) -> dict[Cell, Value]:
    """The cells of a property that went from one value to another."""
    before, after = property_cells(db, known, old), property_cells(db, known, new)
    if known.type not in SETS:
        return {Cell(known.name): after.get(Cell(known.name))}
    return {
        **{cell: None for cell in before if cell not in after},
        **{c: v for c, v in after.items() if c not in before},
    }


def _element_cells(db: Any, shape: Shape, name: str, nodes: Iterable[str]) -> dict[Cell, Value]:
    if name in shape.contents:
        return content_cells(db, shape, name, nodes)
    known = shape.properties.get(name)
    if known is None:
        return {}
    existing = [node for node in nodes if known.label is None or db.getclass(known.linked).hasnode(node)]
    return {Cell(known.name, label_of(db, known, node)): True for node in existing}


def _content_edit(db: Any, shape: Shape, watched: Watched, local: str, row: Row) -> Edit:
    """A message's text keeps no history, and of a row none is told: each edit is told with what is there at present."""
    cells = content_cells(db, shape, watched.name, [row.node])
    return Edit(local, (row.number,), login_of(db, row.tag), moment_of(row.date), cells)


def _issues_with(db: Any, shape: Shape, watched: Watched, node: str) -> list[str]:
    """The issues of our class that show this message or row and are not retired."""
    db.sql(f"select nodeid from {watched.links} where linkid=?", (int(node),))  # noqa: S608
    nodes = [str(row[0]) for row in db.cursor.fetchall()]
    return [local for local in nodes if not db.getclass(shape.issue_class).is_retired(local)]


def _decoded(db: Any, row: Row) -> Row:
    """The journal keeps dates, intervals and flags in the database's form."""
    if not isinstance(row.params, dict):
        return row
    properties = db.getclass(row.class_name).getprops()
    params = {name: _raw(properties.get(name), old) for name, old in row.params.items()}
    return Row(row.number, row.class_name, row.node, row.date, row.tag, row.action, params)


def _raw(prop: Any, old: Any) -> Any:
    if old in (None, ""):
        return None
    if isinstance(prop, hyperdb.Date):
        return date.Date(old)
    if isinstance(prop, hyperdb.Interval):
        return date.Interval(old)
    return old
