"""Do both sides agree? Digests over the channel, after each side has compared its tracker with its images.

The asking side sends the digests of its buckets (step ``buckets``). The other side answers with the issues of the
buckets that differ (step ``issues``), and the asking side names issue, field and the digests of both values.

Nobody has to rest for it: each side says at which numbers its digests were taken, and what the messages between the
two cuts touch is left out and counted as in flight. Only where that is too much is the answer ``busy``.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, FailFast, Field, ValidationError

from backbone.errors import PeerError
from backbone.model import COMMENT, Cell
from backbone.replication import digest
from backbone.replication.agreement import Strict
from backbone.replication.link import LinkState
from backbone.replication.merge import Side
from backbone.replication.message import Kind, decode_change_sets, encode_record, inflate
from backbone.service.endpoint import Endpoint
from backbone.service.flow.recording import number
from backbone.service.healing.scrubbing import SHARES, Scrubbed
from backbone.store import links, lists, messages, shadows, standing
from backbone.store.engine import Connection
from backbone.store.shadows import Book

PAGE = 200
NAMED_MAX = 1_000
"""So many differing issues are named in one audit; a person does not read more."""
PATIENT_TRIES = 4
"""So often an audit is made again to see all issues at rest; then those in flight are left out."""
MOVED_MAX = 1_000
"""With more messages or issues in flight an audit would say little: it is made again later."""

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
    share: Annotated[int, Field(ge=-1, le=6)] = -1
    clock: _Number = 0
    """The number up to which the answering side had written when its digests were taken."""
    agreement: _Number = 1
    """The version of the agreement that its sender writes by; 0 while the partner still writes by another one. Said
    where it is not the handshake's.
    """
    moved: Annotated[tuple[_Short, ...], Field(max_length=MOVED_MAX), FailFast()] = ()
    """The issues of its messages that the asking side had not applied."""
    drift: Annotated[tuple[_Short, ...], Field(max_length=NAMED_MAX), FailFast()] = ()
    buckets: Annotated[dict[str, bytes], BeforeValidator(_all_or_none), Field(max_length=digest.BUCKETS)] = Field(
        default_factory=dict
    )
    cells: Annotated[dict[str, tuple[tuple[str, str, bytes], ...]], BeforeValidator(_all_or_none)] = Field(
        default_factory=dict
    )


def parse(record: Mapping[str, Any]) -> Question:
    """A peer's record as a question; ``PeerError`` when it is none."""
    try:
        return Question.model_validate(record)
    except ValidationError as error:
        raise PeerError("a digest message is malformed") from error


def count(result: Mapping[str, Any]) -> int:
    """How much an audit found, on both sides."""
    return sum(len(result.get(name, ())) for name in ("differences", "drift_here", "drift_there"))


def share_of(record: Mapping[str, Any]) -> int | None:
    """Which share of the issues a question wants to be read; all for whatever is none."""
    share = record.get("share")
    return share if isinstance(share, int) and 0 <= share < SHARES else None


def begin(tx: Connection, ep: Endpoint, request: int, scrubbed: Scrubbed, share: int | None = None) -> None:
    """Ask the partner. ``share``: by schedule only that one of ``SHARES`` is read from the trackers."""
    state = links.state(tx, ep.row)
    buckets = digest.of_buckets((gid, digest.of_issue(cells)) for gid, cells in _digests(tx, ep))
    _say(tx, ep, Question(
        step="buckets", audit=request, sent=state.out["c"].last, applied=state.into["c"].applied,
        issues=scrubbed.count, drift=scrubbed.drift[:NAMED_MAX], share=-1 if share is None else share,
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
    comparable = question.step == "issues" and question.agreement == _agreement(ep) > 0
    moved = _moved_here(tx, ep, question) if comparable else None
    if moved is None:
        lists.answer(tx, question.audit, {"busy": True}, state="open")
        return
    theirs = {gid: {Cell(f, e): value for f, e, value in cells} for gid, cells in question.cells.items()}
    ours = {gid: cells for gid, cells in _digests(tx, ep) if str(digest.bucket(gid)) in question.buckets}
    moved |= {gid for gid in ours if _written_since(tx, ep, gid, question.clock)}
    in_flight = len(moved & (ours.keys() | theirs.keys()))
    if in_flight and int(json.loads(item.arguments).get("tries", 0)) < PATIENT_TRIES:
        lists.answer(tx, question.audit, {"busy": True}, state="open")
        return
    found = list(_differences(tx, ep, *({g: c for g, c in side.items() if g not in moved} for side in (ours, theirs))))
    lists.answer(tx, question.audit, {
        "issues": scrubbed.count,
        "theirs": question.issues,
        "in_flight": in_flight,
        "differences": [one["name"] for one in found[:NAMED_MAX]],
        "details": found[:NAMED_MAX],
        "drift_here": scrubbed.drift[:NAMED_MAX],
        "drift_there": question.drift,
    })  # fmt: skip


def _answer(tx: Connection, ep: Endpoint, question: Question, scrubbed: Scrubbed) -> None:
    state = links.state(tx, ep.row)
    comparable = question.agreement == _agreement(ep) > 0
    moved = _touched(tx, ep, state, question.applied) if comparable else None
    ours: dict[str, digest.CellDigests] = dict(_digests(tx, ep)) if moved is not None else {}
    buckets = digest.of_buckets((gid, digest.of_issue(cells)) for gid, cells in ours.items())
    named = digest.differing({str(b): v for b, v in buckets.items()}, question.buckets)
    cells = {
        gid: tuple((cell.field, cell.element, value) for cell, value in digests.items())
        for gid, digests in ours.items()
        if str(digest.bucket(gid)) in named
    }
    _say(tx, ep, Question(
        step="busy" if moved is None else "issues", audit=question.audit, sent=state.out["c"].last,
        applied=state.into["c"].applied, issues=scrubbed.count, drift=scrubbed.drift[:NAMED_MAX],
        moved=tuple(sorted(moved or ())), share=question.share, clock=links.get(tx, ep.row).clock,
        buckets=dict.fromkeys(named, b""), cells=cells,
    ))  # fmt: skip


def _moved_here(tx: Connection, ep: Endpoint, answer: Question) -> set[str] | None:
    """Issues that one side's digests know more of than the other's; ``None`` when there are too many."""
    ours = _touched(tx, ep, links.state(tx, ep.row), answer.applied)
    return None if ours is None else ours | set(answer.moved)


def _touched(tx: Connection, ep: Endpoint, state: LinkState, since: int) -> set[str] | None:
    """The issues of our messages beyond number ``since``; ``None`` when there are too many, or some are forgotten."""
    last = state.out["c"].last
    if since >= last:
        return set()
    if last - since > MOVED_MAX:
        return None
    rows = messages.get_out(tx, ep.row, state.life, [("c", seq) for seq in range(since + 1, last + 1)])
    if len(rows) < last - since:
        return None
    touched: set[str] = set()
    for row in rows:
        if row.kind == Kind.AGREED:
            continue
        assert row.body is not None, "the lane of change sets holds bodies"
        touched.update(change_set.gid for change_set in decode_change_sets(inflate(row, row.body)))
    return touched if len(touched) <= MOVED_MAX else None


def _written_since(tx: Connection, ep: Endpoint, gid: str, clock: int) -> bool:
    """Whether the partner wrote to it after its clock stood there: it was applied here since the answer was made."""
    theirs = 1 if ep.side is Side.SLAVE else 3
    registers = Book(tx, ep.row).load_whole(gid).values()
    return any(max(register.write[theirs], register.known[theirs]) > clock for register in registers)


def _differences(
    tx: Connection, ep: Endpoint, ours: Mapping[str, digest.CellDigests], theirs: Mapping[str, digest.CellDigests]
) -> Iterator[dict[str, Any]]:
    """Each with its name, the digests of both sides, and our own value."""
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


def _digests(tx: Connection, ep: Endpoint) -> Iterator[tuple[str, digest.CellDigests]]:
    after = ""
    resting = standing.resting(tx, ep.row)
    while page := shadows.pages(tx, ep.row, after, PAGE):
        book = Book(tx, ep.row)
        for known in page:
            if known.gid in resting:
                continue
            digests = digest.of_cells(book.load_whole(known.gid))
            if digests:  # else it has not entered the link
                yield known.gid, digests
        after = page[-1].gid


def _agreement(ep: Endpoint) -> int:
    return ep.version if ep.earlier is None else 0


def _say(tx: Connection, ep: Endpoint, question: Question) -> None:
    said = {**question.model_dump(exclude={"agreement"})}
    if _agreement(ep) != 1:
        said["agreement"] = _agreement(ep)
    number(tx, ep, [(Kind.DIGEST, encode_record(said), 0, None)])
