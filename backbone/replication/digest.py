"""Digests of shared state, by which two nodes prove that they agree without sending the issues.

An issue's digest is over its registers, in an order that both sides share; 256 buckets over all issues make the first
comparison small. Only what differs is then named, cell by cell.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from backbone.model import Cell, Value
from backbone.replication.diff import Shadow

BUCKETS = 256
CellDigests: TypeAlias = Mapping[Cell, bytes]


def of_value(value: Value) -> bytes:
    """Eight bytes for one value; equal values give equal digests, whatever made them."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()[:8]


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
    """The bucket an issue belongs to."""
    return hashlib.sha256(gid.encode()).digest()[0]


def of_buckets(issues: Iterable[tuple[str, bytes]]) -> dict[int, bytes]:
    """Sixteen bytes for each bucket that holds an issue, from ``(gid, digest)``."""
    held: dict[int, list[tuple[str, bytes]]] = {}
    for gid, digest in issues:
        held.setdefault(bucket(gid), []).append((gid, digest))
    return {
        number: hashlib.sha256(b"".join(gid.encode() + digest for gid, digest in sorted(members))).digest()[:16]
        for number, members in held.items()
    }


def differing(ours: Mapping[str, bytes], theirs: Mapping[str, bytes]) -> set[str]:
    """The keys whose digests differ or that only one side has."""
    return {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}
