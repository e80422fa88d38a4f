"""The marker of a write: a row of ours, committed together with it."""

import json
import zlib
from typing import Any

from backbone.model import Applied, Cell

_LEVEL = 1
"""The answers to an initial population are as large as the issues: pack them, but not at the price of the writes."""


def save(db: Any, applied: Applied) -> None:
    cells = [(cell.field, cell.element, value) for cell, value in applied.cells.items()]
    answer = zlib.compress(json.dumps([cells, dict(applied.created)], ensure_ascii=False).encode(), _LEVEL)
    db.sql(
        "insert into backbone_marker (key, local, position, answer) values (?, ?, ?, ?)",
        (applied.key, applied.local, applied.position[0], answer),
    )


def index(db: Any) -> None:
    """For ``written``: made when it is first needed, so that an initial population does not keep it up to date."""
    db.sql("create index if not exists backbone_marker_local on backbone_marker (local)")


def written(db: Any, local: str, since: int) -> list[Applied]:
    """The writes in one issue behind ``since``, in commit order."""
    db.sql(
        "select key, local, position, answer from backbone_marker where local=? and position>? order by position, key",
        (local, since),
    )
    return [_applied(row) for row in db.cursor.fetchall()]


def find(db: Any, key: str) -> Applied | None:
    """The write as it was answered then."""
    db.sql("select key, local, position, answer from backbone_marker where key=?", (key,))
    row = db.cursor.fetchone()
    return None if row is None else _applied(row)


def _applied(row: Any) -> Applied:
    cells, created = json.loads(zlib.decompress(row["answer"]))
    read_back = {Cell(name, element): value for name, element, value in cells}
    return Applied(row["key"], row["local"], (row["position"],), read_back, created)
