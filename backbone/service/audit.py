"""Do both sides agree? Digests over the channel, after each side has compared its tracker with its images.

The asking side sends the digests of its buckets (step ``buckets``) with the numbers at which they were taken. The other
side, when it has applied exactly those, answers with the issues of the buckets that differ (step ``issues``), and the
asking side names issue and field. When something is in flight the answer is ``busy``, and the audit is tried again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, FailFast, Field, ValidationError

from backbone.errors import PeerError
from backbone.model import COMMENT, Cell, Issue
from backbone.replication import digest
from backbone.replication.agreement import Strict
from backbone.replication.message import Kind, encode_record
from backbone.service.endpoint import Endpoint
from backbone.service.recording import number
from backbone.store import links, lists, shadows
from backbone.store.engine import Connection
from backbone.store.shadows import Book

SCRUBBED_AT_ONCE = 200
NAMED_MAX = 1_000
"""So many differing issues are named in one audit; a person does not read more."""

_Number = Annotated[int, Field(ge=0, lt=2**53)]
NAME_MAX = 200
_Short = Annotated[str, Field(max_length=NAME_MAX)]


def _is_digest(cell: Any) -> bool:
    return isinstance(cell, tuple) and [type(part) for part in cell] == [str, str, bytes]


def _all_or_none(given: Any) -> Any:
    """Ends at the first wrong one: the library would describe each, in a kilobyte."""
    if isinstance(given, dict):
        for name, value in given.items():
            cells = value if isinstance(value, tuple) else ()
            if not (isinstance(name, str) and len(name) <= NAME_MAX and isinstance(value, bytes | tuple)):
                raise ValueError("not what a digest message holds")
            if not all(map(_is_digest, cells)):
                raise ValueError("not the digests of cells")
    return given


class Question(Strict):
    """One message of an audit."""

    step: Annotated[str, Field(pattern="^(buckets|issues|busy)$")]
    audit: _Number
    sent: _Number
    applied: _Number
    issues: _Number
    drift: Annotated[tuple[_Short, ...], Field(max_length=NAMED_MAX), FailFast()] = ()
    buckets: Annotated[dict[str, bytes], BeforeValidator(_all_or_none), Field(max_length=digest.BUCKETS)] = Field(
        default_factory=dict
    )
    cells: Annotated[dict[str, tuple[tuple[str, str, bytes], ...]], BeforeValidator(_all_or_none)] = Field(
        default_factory=dict
    )


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What comparing the tracker with our images has shown: sentences, without values."""

    drift: tuple[str, ...]
    count: int


def parse(record: Mapping[str, Any]) -> Question:
    """A peer's record as a question; ``PeerError`` when it is none."""
    try:
        return Question.model_validate(record)
    except ValidationError as error:
        raise PeerError("a digest message is malformed") from error


async def scrub(ep: Endpoint) -> Scrubbed:
    """Read every shared issue from the tracker and compare it with what we believe it shows."""
    drift: list[str] = []
    count, after = 0, ""
    while page := await ep.store.read(lambda tx, a=after: shadows.pages(tx, ep.row, a, SCRUBBED_AT_ONCE)):  # type: ignore[misc]
        found = await ep.tracker.read([known.local for known in page])
        drift += await ep.store.read(lambda tx, f=found, p=page: list(_drift(tx, ep, p, f)))  # type: ignore[misc]
        count += len(page)
        after = page[-1].gid
    return Scrubbed(tuple(drift), count)


def _drift(tx: Connection, ep: Endpoint, page: list[shadows.Known], found: Mapping[str, Issue]) -> Iterator[str]:
    book = Book(tx, ep.row)
    for known in page:
        issue = found.get(known.local)
        if issue is None:
            yield f"{known.local}: deleted in the tracker"
            continue
        registers = book.load_whole(known.gid)
        book.load_locals(ep.named_in(issue.cells))
        agreed = ep.translation.to_agreed(issue.cells, ep.schema, ep.names(book), registers).cells
        for cell in sorted(registers.keys() | agreed.keys()):
            register = registers.get(cell)
            if agreed.get(cell) != (register.image if register else None):
                yield f"{known.local}: {_name(cell)} changed in the tracker and not captured yet"
            elif register and isinstance(register.value, dict) and register.image is None:
                yield f"{known.local}: {_name(cell)} is agreed upon but not in the tracker"


def _name(cell: Cell) -> str:
    return f"{cell.field} {cell.element}".strip()


def begin(tx: Connection, ep: Endpoint, request: int, scrubbed: Scrubbed) -> None:
    """Ask the partner."""
    state = links.state(tx, ep.row)
    buckets = digest.of_buckets((gid, digest.of_issue(cells)) for gid, cells in _digests(tx, ep))
    _say(tx, ep, Question(
        step="buckets", audit=request, sent=state.out["c"].last, applied=state.into["c"].applied,
        issues=scrubbed.count, drift=scrubbed.drift[:NAMED_MAX],
        buckets={str(bucket): value for bucket, value in buckets.items()},
    ))  # fmt: skip


def compare(tx: Connection, ep: Endpoint, question: Question, scrubbed: Scrubbed) -> None:
    """Answer a question, or read an answer."""
    if question.step == "buckets":
        _answer(tx, ep, question, scrubbed)
        return
    item = lists.request_item(tx, question.audit)
    if item is None or item.kind != "audit" or item.state != "sent":
        return
    if question.step == "busy":
        lists.answer(tx, question.audit, {"busy": True}, state="open")
        return
    theirs = {gid: {Cell(f, e): value for f, e, value in cells} for gid, cells in question.cells.items()}
    ours = {gid: cells for gid, cells in _digests(tx, ep) if str(digest.bucket(gid)) in question.buckets}
    differences = list(_differences(tx, ep, ours, theirs))
    result = {
        "issues": scrubbed.count,
        "theirs": question.issues,
        "differences": differences[:NAMED_MAX],
        "drift_here": scrubbed.drift[:NAMED_MAX],
        "drift_there": question.drift,
    }
    lists.answer(tx, question.audit, result)


def _answer(tx: Connection, ep: Endpoint, question: Question, scrubbed: Scrubbed) -> None:
    state = links.state(tx, ep.row)
    quiet = question.sent == state.into["c"].applied and question.applied == state.out["c"].last
    ours: dict[str, digest.CellDigests] = dict(_digests(tx, ep)) if quiet else {}
    buckets = digest.of_buckets((gid, digest.of_issue(cells)) for gid, cells in ours.items())
    named = digest.differing({str(b): v for b, v in buckets.items()}, question.buckets)
    cells = {
        gid: tuple((cell.field, cell.element, value) for cell, value in digests.items())
        for gid, digests in ours.items()
        if str(digest.bucket(gid)) in named
    }
    _say(tx, ep, Question(
        step="issues" if quiet else "busy", audit=question.audit, sent=state.out["c"].last,
        applied=state.into["c"].applied, issues=scrubbed.count, drift=scrubbed.drift[:NAMED_MAX],
        buckets=dict.fromkeys(named, b""), cells=cells,
    ))  # fmt: skip


def _differences(
    tx: Connection, ep: Endpoint, ours: Mapping[str, digest.CellDigests], theirs: Mapping[str, digest.CellDigests]
) -> Iterator[str]:
    book = Book(tx, ep.row)
    for gid in sorted(ours.keys() | theirs.keys()):
        known = book.by_gid(gid)
        name = known.local if known else gid
        if gid not in theirs or gid not in ours:
            yield f"{name}: only {'here' if gid in ours else 'at the partner'}"
            continue
        here = {_key(cell): value for cell, value in ours[gid].items()}
        there = {_key(cell): value for cell, value in theirs[gid].items()}
        for key in sorted(digest.differing(here, there)):
            yield f"{name}: {key}"


def _key(cell: Cell) -> str:
    return f"{cell.field} {cell.element}" if cell.field == COMMENT or cell.element else cell.field


def _digests(tx: Connection, ep: Endpoint) -> Iterator[tuple[str, digest.CellDigests]]:
    after = ""
    while page := shadows.pages(tx, ep.row, after, SCRUBBED_AT_ONCE):
        book = Book(tx, ep.row)
        for known in page:
            digests = digest.of_cells(book.load_whole(known.gid))
            if digests:  # else it has not entered the link
                yield known.gid, digests
        after = page[-1].gid


def _say(tx: Connection, ep: Endpoint, question: Question) -> None:
    number(tx, ep, [(Kind.DIGEST, encode_record(question.model_dump()), 0, None)])
