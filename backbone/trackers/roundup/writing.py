"""One write, inside a transaction that somebody else opened and will commit or roll back."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from backbone.model import Applied, Cell, Cells, Outcome, Refused, Stale, Value, Write
from backbone.trackers.roundup import feed, markers
from backbone.trackers.roundup.capture import changed_cells
from backbone.trackers.roundup.cells import cells_of, content_cells, node_of, property_cells
from backbone.trackers.roundup.draft import Draft, draft_cell, holder_of
from backbone.trackers.roundup.links import acting, user_node
from backbone.trackers.roundup.shape import Shape

WORDS_MAX = 500
"""An auditor may quote what it refuses, however long it is."""


def write(db: Any, shape: Shape, wanted: Write, user: str) -> Outcome:
    """Make the write and leave its marker. After ``Refused`` the transaction holds pieces and must be rolled back."""
    known = markers.find(db, wanted.key)
    if known is not None:
        return known
    before: Mapping[str, Any] = {}
    if wanted.local is not None:
        node = node_of(db, shape, wanted.local)
        if node is None:
            return Refused(wanted.key, f"there is no {shape.issue_class} {wanted.local} (any more)")
        before = node
        since = wanted.expected[0] if wanted.expected is not None else None
        if since is not None and feed.moved(db, shape, wanted.local, since):
            return Stale(wanted.key)
    try:
        return _written(db, shape, wanted, before, user)
    except sqlite3.IntegrityError as error:
        return Refused(wanted.key, _words(error))
    except (sqlite3.Error, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - auditors are the tracker's own programs and raise what they like
        return Refused(wanted.key, _words(error))


def _written(db: Any, shape: Shape, wanted: Write, before: Mapping[str, Any], user: str) -> Applied:
    author = wanted.author if wanted.author and user_node(db, wanted.author) else user
    draft = Draft(before)
    with acting(db, author):
        for cell, value in wanted.cells.items():
            draft_cell(db, shape, draft, wanted, cell, value)
        issues = db.getclass(shape.issue_class)
        changed = {name: value for name, value in draft.values.items() if value != before.get(name)}
        _check_required(shape, changed, new=wanted.local is None)
        if wanted.local is None:
            local = issues.create(**changed)
        else:
            local = wanted.local
            if changed:
                issues.set(local, **changed)
    after = node_of(db, shape, local)
    assert after is not None, "a write does not retire its own issue"
    cells = _read_back(db, shape, wanted, draft, after)
    applied = Applied(wanted.key, local, (feed.head(db),), cells, draft.created)
    markers.save(db, applied)
    return applied


def _read_back(db: Any, shape: Shape, wanted: Write, draft: Draft, after: dict[str, Any]) -> Cells:
    """The cells of the write as they stand, and whatever else changed along."""
    if wanted.local is None:
        changed: dict[Cell, Value] = cells_of(db, shape, after)
    else:
        changed = _differences(db, shape, draft.before, after)
    asked = [Cell(cell.field, draft.created.get(cell.element, cell.element)) for cell in wanted.cells]
    standing = {c: changed[c] if c in changed else _standing(db, shape, after, c) for c in asked}
    return {**changed, **standing}


def _standing(db: Any, shape: Shape, after: dict[str, Any], cell: Cell) -> Value:
    """What one cell holds."""
    if cell.field in shape.properties:
        return property_cells(db, shape.properties[cell.field], after.get(cell.field)).get(cell)
    holder = holder_of(shape, after, cell.element)
    return content_cells(db, shape, holder[0], [holder[1]])[cell] if holder is not None else None


def _differences(db: Any, shape: Shape, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[Cell, Value]:
    cells: dict[Cell, Value] = {}
    for name, known in shape.properties.items():
        if before.get(name) != after.get(name):
            cells.update(changed_cells(db, known, before.get(name), after.get(name)))
    for name in shape.contents:
        old, new = before.get(name) or (), after.get(name) or ()
        cells.update(dict.fromkeys(content_cells(db, shape, name, [node for node in old if node not in new])))
        cells.update(content_cells(db, shape, name, [node for node in new if node not in old]))
    return cells


def _check_required(shape: Shape, changed: Mapping[str, Any], new: bool) -> None:
    for name, known in shape.properties.items():
        value = changed.get(name)
        empty = value is None or (isinstance(value, str | list) and not value)
        if known.required and (new or name in changed) and empty:
            raise ValueError(f"property {name!r} is required")


def _words(error: Exception) -> str:
    """The tracker's own words, fit to be shown and sent; a bare ``KeyError('x')`` says too little alone."""
    if isinstance(error, UnicodeError):
        return f"the text cannot be stored: {error.reason if isinstance(error, UnicodeEncodeError) else error}"
    text = " ".join(str(part) for part in error.args if part) or type(error).__name__
    text = f"{type(error).__name__}: {text}" if isinstance(error, KeyError | IndexError) else text
    return text.encode("utf-8", "replace").decode()[:WORDS_MAX]
