"""Do both sides agree? Digests over the channel, after each side has compared its tracker with its images.

The asking side sends the digests of the first level of its tree (step ``buckets``). The other side describes what
differs (``nodes``), and the asking side goes down where it still does (``ask``), until it knows which issues differ.
Of these it asks for the cells (``issues``) and names issue, field and the digests of both values. Where little is below
what differs, the first answer tells the cells at once.

Nobody has to rest for it. The way down only chooses what to look at. What counts is the last step: there each side says
at which numbers its digests were taken, and what the messages between the two cuts touch is left out and counted as in
flight. Only where that is too much is the answer ``busy``.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, FailFast, Field, ValidationError

from backbone.errors import PeerError
from backbone.model import Cell
from backbone.replication import digest, limits
from backbone.replication.agreement import Strict
from backbone.replication.message import Kind, encode_record
from backbone.replication.tree import Description, Tree, is_prefix
from backbone.service.endpoint import Endpoint
from backbone.service.flow.recording import number
from backbone.service.healing import differing, flying
from backbone.service.healing.flying import MOVED_MAX
from backbone.service.healing.scrubbing import SHARES, Scrubbed
from backbone.service.healing.walk import NAMED_MAX, Walk
from backbone.store import links, lists
from backbone.store.engine import Connection

PATIENT_TRIES = 4
"""So often an audit is made again to see all issues at rest; then those in flight are left out."""

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


_Digests = Annotated[dict[str, bytes], BeforeValidator(_all_or_none)]


class Question(Strict):
    """One message of an audit."""

    step: Annotated[str, Field(pattern="^(buckets|nodes|ask|issues|busy)$")]
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
    asked: Annotated[tuple[_Short, ...], Field(max_length=limits.audit_nodes_max), FailFast()] = ()
    """The nodes that are to be described, or that are."""
    want: Annotated[tuple[_Short, ...], Field(max_length=limits.audit_wanted_max), FailFast()] = ()
    """The issues whose cells are to be told, or are."""
    buckets: Annotated[_Digests, Field(max_length=16 * limits.audit_nodes_max)] = Field(default_factory=dict)
    leaves: Annotated[_Digests, Field(max_length=limits.audit_leaf_issues * limits.audit_nodes_max)] = Field(
        default_factory=dict
    )
    cells: Annotated[dict[str, tuple[tuple[str, str, bytes], ...]], BeforeValidator(_all_or_none)] = Field(
        default_factory=dict
    )


def parse(record: Mapping[str, Any]) -> Question:
    """A peer's record as a question; ``PeerError`` when it is none."""
    try:
        question = Question.model_validate(record)
    except ValidationError as error:
        raise PeerError("a digest message is malformed") from error
    if not all(map(is_prefix, question.asked)):
        raise PeerError("a digest message is malformed")
    return question


def count(result: Mapping[str, Any]) -> int:
    """How much an audit found, on both sides."""
    return sum(len(result.get(name, ())) for name in ("differences", "drift_here", "drift_there"))


def begins(record: Mapping[str, Any]) -> bool:
    """Whether it is the first question: then our tracker is compared with our images before the answer."""
    return record.get("step") == "buckets"


def share_of(record: Mapping[str, Any]) -> int | None:
    """Which share of the issues a question wants to be read; all for whatever is none."""
    share = record.get("share")
    return share if isinstance(share, int) and 0 <= share < SHARES else None


def begin(tx: Connection, ep: Endpoint, request: int, scrubbed: Scrubbed, share: int | None = None) -> None:
    """Ask the partner. ``share``: by schedule only that one of ``SHARES`` is read from the trackers."""
    buckets = _tree(tx, ep, ("ours", request), fresh=True).first_level()
    _say(tx, ep, "buckets", request, -1 if share is None else share, issues=scrubbed.count,
         drift=scrubbed.drift[:NAMED_MAX], buckets=buckets)  # fmt: skip


def compare(tx: Connection, ep: Endpoint, question: Question, scrubbed: Scrubbed) -> None:
    """Answer a question, or read an answer. Two sides that write by different agreements are compared later."""
    if question.agreement != _agreement(ep) or not question.agreement:
        if question.step in ("buckets", "ask"):
            _say(tx, ep, "busy", question.audit, question.share)
            return
        question = question.model_copy(update={"step": "busy"})
    if question.step == "buckets":
        _answer_first(tx, ep, question, scrubbed)
    elif question.step == "ask":
        _answer(tx, ep, question)
    else:
        _read(tx, ep, question)


# The answering side


def _answer_first(tx: Connection, ep: Endpoint, question: Question, scrubbed: Scrubbed) -> None:
    tree = _tree(tx, ep, ("theirs", question.audit), fresh=True)
    nodes = tree.differing({name: value for name, value in question.buckets.items() if len(name) == 2})
    drift = scrubbed.drift[:NAMED_MAX]
    if sum(map(tree.count, nodes)) <= limits.audit_issues_at_once:
        gids = [gid for name in nodes for gid in tree.below(name)]
        cells, left = _cells(tx, ep, gids)
        if not left:
            _tell_cells(tx, ep, question, cells, issues=scrubbed.count, drift=drift, asked=tuple(nodes))
            return
    said = tree.describe(nodes)
    _say(tx, ep, "nodes", question.audit, question.share, issues=scrubbed.count, drift=drift, asked=tuple(nodes),
         buckets=said.nodes, leaves=said.issues)  # fmt: skip


def _answer(tx: Connection, ep: Endpoint, question: Question) -> None:
    if question.asked:
        said = _tree(tx, ep, ("theirs", question.audit)).describe(question.asked)
        _say(tx, ep, "nodes", question.audit, question.share, asked=question.asked, buckets=said.nodes,
             leaves=said.issues)  # fmt: skip
        return
    ep.trees.clear()
    cells, left = _cells(tx, ep, question.want)
    told = tuple(gid for gid in question.want if gid not in left)
    _tell_cells(tx, ep, question, cells, want=told)


def _cells(tx: Connection, ep: Endpoint, gids: Iterable[str]) -> tuple[dict[str, digest.CellDigests], set[str]]:
    """The cells' digests of these issues, and for which of them there is no room in one message."""
    found: dict[str, digest.CellDigests] = {}
    left: set[str] = set()
    size = 0
    for gid in gids:
        mine = differing.of(tx, ep, [gid]) if not left else {}
        size += sum(len(cell.field) + len(cell.element) + 16 for cells in mine.values() for cell in cells)
        if left or (found and size > limits.audit_cells_bytes):
            left.add(gid)
        else:
            found.update(mine)
    return found, left


def _tell_cells(
    tx: Connection, ep: Endpoint, question: Question, cells: Mapping[str, digest.CellDigests], **said: Any
) -> None:
    moved = flying.touched(tx, ep, links.state(tx, ep.row), question.applied)
    if moved is None:
        _say(tx, ep, "busy", question.audit, question.share)
        return
    told = {gid: tuple((c.field, c.element, value) for c, value in digests.items()) for gid, digests in cells.items()}
    _say(tx, ep, "issues", question.audit, question.share, moved=tuple(sorted(moved)), cells=told, **said)


# The asking side


def _read(tx: Connection, ep: Endpoint, answer: Question) -> None:
    item = lists.request_item(tx, answer.audit)
    if item is None or item.kind != "audit" or item.state != "sent":
        return
    arguments = json.loads(item.arguments)
    walk = Walk.model_validate(arguments.get("walk") or {}).heard(answer.issues, answer.drift)
    tree = _tree(tx, ep, ("ours", answer.audit))
    if answer.step == "nodes":
        asked = walk.asked or answer.asked
        walk = walk.went_down(tree.compare(asked, Description(answer.buckets, answer.leaves)))
    else:
        looked = _look(tx, ep, tree, walk, answer) if answer.step == "issues" else None
        if looked is None:
            lists.answer(tx, answer.audit, {"busy": True}, state="open", arguments={**arguments, "walk": {}})
            return
        walk = looked
    walk = walk.next()
    if not walk.ends:
        lists.answer(tx, answer.audit, {}, state="sent", arguments={**arguments, "walk": walk.model_dump()})
        _say(tx, ep, "ask", answer.audit, answer.share, asked=walk.asked, want=walk.want)
        return
    ep.trees.clear()
    if walk.in_flight and int(arguments.get("tries", 0)) < PATIENT_TRIES:
        lists.answer(tx, answer.audit, {"busy": True}, state="open", arguments={**arguments, "walk": {}})
        return
    lists.answer(tx, answer.audit, _result(walk), arguments={**arguments, "walk": {}})


def _look(tx: Connection, ep: Endpoint, tree: Tree, walk: Walk, answer: Question) -> Walk | None:
    """What the cells of some issues show; ``None`` when too much is in flight."""
    ours_moved = flying.touched(tx, ep, links.state(tx, ep.row), answer.applied)
    if ours_moved is None:
        return None
    wanted: Sequence[str] = walk.want or [*answer.cells, *(g for name in answer.asked for g in tree.below(name))]
    covered = [gid for gid in dict.fromkeys(wanted) if not walk.want or gid in answer.want]
    theirs = {gid: {Cell(f, e): v for f, e, v in answer.cells[gid]} for gid in covered if gid in answer.cells}
    ours = differing.of(tx, ep, covered)
    moved = ours_moved | set(answer.moved)
    moved |= {gid for gid in ours if flying.written_since(tx, ep, gid, answer.clock)}
    found = differing.named(tx, ep, *({g: c for g, c in side.items() if g not in moved} for side in (ours, theirs)))
    return walk.looked(covered, list(found), len(moved & (ours.keys() | theirs.keys())))


def _result(walk: Walk) -> dict[str, Any]:
    return {
        "issues": walk.ours,
        "theirs": walk.theirs,
        "in_flight": walk.in_flight,
        "differences": [one["name"] for one in walk.details],
        "details": walk.details,
        "more": walk.more,
        "drift_here": walk.drift_here,
        "drift_there": walk.drift_there,
    }


def _tree(tx: Connection, ep: Endpoint, key: tuple[str, int], *, fresh: bool = False) -> Tree:
    """All issues as they stood at the audit's beginning, if that is still known: the way down only chooses."""
    if fresh or key not in ep.trees:
        ep.trees.clear()
        ep.trees[key] = Tree(differing.every(tx, ep))
    return ep.trees[key]


def _agreement(ep: Endpoint) -> int:
    return ep.version if ep.earlier is None else 0


def _say(tx: Connection, ep: Endpoint, step: str, audit: int, share: int, **said: Any) -> None:
    state = links.state(tx, ep.row)
    question = Question.model_validate({
        "step": step, "audit": audit, "share": share, "sent": state.out["c"].last, "applied": state.into["c"].applied,
        "issues": 0, "clock": links.get(tx, ep.row).clock, "agreement": _agreement(ep), **said,
    })  # fmt: skip
    ordinary = {"agreement"} if question.agreement == 1 else set()
    number(tx, ep, [(Kind.DIGEST, encode_record(question.model_dump(exclude=ordinary)), 0, None)])
