"""Does our tracker show what we believe it shows? Finds what no journal told: a write that was lost without a word."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from backbone.model import Cell, Issue, Value
from backbone.replication import digest
from backbone.service.endpoint import Endpoint
from backbone.service.flow import outbound
from backbone.store import shadows
from backbone.store.engine import Connection
from backbone.store.shadows import Book, Known

SCRUBBED_AT_ONCE = 200
SHARES = 7
"""By schedule one issue in so many is read each time: all of them in a week."""


class Drift(NamedTuple):
    """One cell that the tracker shows otherwise than when it was last read back. ``cell`` is ``None`` for an issue
    that is gone.
    """

    known: Known
    cell: Cell | None
    shown: Value
    sentence: str


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What comparing the tracker with our images has shown: sentences, without values."""

    drift: tuple[str, ...]
    count: int


async def scrub(ep: Endpoint, share: int | None = None) -> Scrubbed:
    """Compare shared issues with our images, all of them or one of ``SHARES``; ``count`` is of all."""
    found, count = await drifted(ep, share)
    return Scrubbed(tuple(one.sentence for one in found), count)


async def drifted(ep: Endpoint, share: int | None = None) -> tuple[list[Drift], int]:
    """As ``scrub``, with the cells. What people did is captured first: the rest was never in a journal."""
    while await outbound.capture(ep):
        pass
    drift: list[Drift] = []
    count, after = 0, ""
    while page := await ep.store.read(lambda tx, a=after: shadows.pages(tx, ep.row, a, SCRUBBED_AT_ONCE)):  # type: ignore[misc]
        chosen = [known for known in page if share is None or digest.bucket(known.gid) % SHARES == share % SHARES]
        found = await ep.tracker.read([known.local for known in chosen]) if chosen else {}
        drift += await ep.store.read(lambda tx, f=found, c=chosen: list(_drift(tx, ep, c, f)))  # type: ignore[misc]
        count += len(page)
        after = page[-1].gid
    return drift, count


def _drift(tx: Connection, ep: Endpoint, page: list[Known], found: Mapping[str, Issue]) -> Iterator[Drift]:
    book = Book(tx, ep.row)
    for known in page:
        issue = found.get(known.local)
        if issue is None:
            yield Drift(known, None, None, f"{known.local}: deleted in the tracker")
            continue
        registers = book.load_whole(known.gid)
        book.load_locals(ep.named_in(issue.cells))
        names, local = ep.names(book), issue.local
        agreed = ep.translation.to_agreed(issue.cells, ep.schema, names, registers, number=local).cells
        for cell in sorted(c for c in registers.keys() | agreed.keys() if c.field in ep.policies):
            register, shown = registers.get(cell), agreed.get(cell)
            sentence = None
            if shown != (register.image if register else None):
                sentence = f"{known.local}: {_name(cell)} changed in the tracker and not captured yet"
            elif (
                register
                and register.image is None
                and ep.translation.is_expected(cell, register.value, names, registers)
            ):
                sentence = f"{known.local}: {_name(cell)} is agreed upon but not in the tracker"
            if sentence is not None:
                yield Drift(known, cell, shown, sentence)


def _name(cell: Cell) -> str:
    return f"{cell.field} {cell.element}".strip()
