"""Digests of shared state, by which two nodes prove that they agree without sending the issues.

An issue's digest is over its registers, in an order that both sides share. Which issues differ is found by a tree over
these (``tree.py``); only they are then compared cell by cell.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import TypeAlias

from backbone.model import Cell, Value
from backbone.replication.diff import Shadow

CellDigests: TypeAlias = Mapping[Cell, bytes]
_text_of = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode  # made once: half the time


def of_value(value: Value) -> bytes:
    """Eight bytes for one value; equal values give equal digests, whatever made them."""
    return hashlib.sha256(_text_of(value).encode()).digest()[:8]


def of_cells(shadow: Shadow) -> CellDigests:
    """One digest for each cell that is not absent: value and write stamp."""
    return {
        cell: of_value([*register.write, of_value(register.value).hex()])  # type: ignore[arg-type]
        for cell, register in shadow.items()
        if register.value is not None
    }


def of_issue(cells: CellDigests) -> bytes:
    """Sixteen bytes for one issue."""
    state = hashlib.sha256()
    for cell in sorted(cells):
        state.update(json.dumps(cell).encode() + cells[cell])
    return state.digest()[:16]


def bucket(gid: str) -> int:
    """One of 256 parts of all issues, the same on both sides."""
    return hashlib.sha256(gid.encode()).digest()[0]
