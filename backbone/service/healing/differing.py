"""The digests of what stands here, and what differs of it from the partner's, named for a person."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from backbone.model import COMMENT, Cell
from backbone.replication import digest
from backbone.service.endpoint import Endpoint
from backbone.store import shadows, standing
from backbone.store.engine import Connection
from backbone.store.shadows import Book

PAGE = 200


def every(tx: Connection, ep: Endpoint) -> Iterator[tuple[str, bytes]]:
    """``(gid, digest)`` of every issue that has entered the link."""
    after = ""
    while page := shadows.pages(tx, ep.row, after, PAGE):
        yield from ((gid, digest.of_issue(cells)) for gid, cells in of(tx, ep, (known.gid for known in page)).items())
        after = page[-1].gid


def of(tx: Connection, ep: Endpoint, gids: Iterable[str]) -> dict[str, digest.CellDigests]:
    """The digests of the cells of these issues, where they are shared here and do not rest."""
    found = shadows.wholes(tx, ep.row, gids)
    resting = standing.resting(tx, ep.row, found)
    return {gid: cells for gid, r in found.items() if gid not in resting and (cells := digest.of_cells(r))}


def named(
    tx: Connection, ep: Endpoint, ours: Mapping[str, digest.CellDigests], theirs: Mapping[str, digest.CellDigests]
) -> Iterator[dict[str, Any]]:
    """Each difference with its name, the digests of both sides, and our own value."""
    book = Book(tx, ep.row)
    for gid in sorted(ours.keys() | theirs.keys()):
        known = book.by_gid(gid)
        name = known.local if known else gid
        if gid not in theirs or gid not in ours:
            where = "here" if gid in ours else "at the partner"
            yield {"name": f"{name}: only {where}", "gid": gid, "issue": name, "field": "", "element": "",
                   "here": None, "there": None, "value": None}  # fmt: skip
            continue
        here, there = ours[gid], theirs[gid]
        differing = sorted(cell for cell in here.keys() | there.keys() if here.get(cell) != there.get(cell))
        registers = book.load_whole(gid) if differing else {}
        for cell in differing:
            sides = {"here": here.get(cell), "there": there.get(cell)}
            yield {"name": f"{name}: {_key(cell)}", "gid": gid, "issue": name, "field": cell.field,
                   "element": cell.element, **{side: value and value.hex() for side, value in sides.items()},
                   "value": registers[cell].value if cell in registers else None}  # fmt: skip


def _key(cell: Cell) -> str:
    return f"{cell.field} {cell.element}" if cell.field == COMMENT or cell.element else cell.field
