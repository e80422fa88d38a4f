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


def find(db: Any, key: str) -> Applied | None:
    """The write as it was answered then."""
    db.sql("select local, position, answer from backbone_marker where key=?", (key,))
    row = db.cursor.fetchone()
    if row is None:
        return None
    cells, created = json.loads(zlib.decompress(row["answer"]))
    read_back = {Cell(name, element): value for name, element, value in cells}
    return Applied(key, row["local"], (row["position"],), read_back, created)
