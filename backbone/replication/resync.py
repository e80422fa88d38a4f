"""Joining again after a restore: what a state says, and how it meets a store older than its tracker (PROTOCOL 2.7).

A restored store has forgotten what was written, said and heard since the backup; the tracker has not. So what the
tracker shows is no edit of a person just because it differs from the image: it may be the last of our own writes, or a
value that the peer has had. Only what is neither is an edit that nobody has seen, and it is emitted as a new write.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

from pydantic import Field, ValidationError

from backbone.errors import PeerError
from backbone.model import Cell, Cells, Value
from backbone.replication import limits
from backbone.replication.diff import NOTE, Conflict, Plan, Shadow
from backbone.replication.digest import of_value
from backbone.replication.link import LinkState, Welcome
from backbone.replication.merge import EMPTY, NEVER, Policy, Register, Side, stands_over, write
from backbone.replication.message import (
    LANES,
    ChangeSet,
    Counter,
    Digest,
    Incarnation,
    Operation,
    Wire,
    decode_change_sets,
    decode_record,
    encode_change_set,
    encode_change_sets,
    encode_record,
)

_Name = Annotated[str, Field(max_length=limits.name_bytes_max)]
_Rest = Annotated[str, Field(pattern="^(frozen|cut)?$")]
_Short = Annotated[bytes, Field(min_length=8, max_length=8)]
Former = Mapping[str, Mapping[Cell, Collection[bytes]]]
"""The digests of former values (``digest.of_value``), by gid and cell."""


NO_HISTORY: Former = MappingProxyType({})
_MAPS = frozenset(bytes([first]) for first in (*range(0x80, 0x90), 0xDE, 0xDF))
"""The first byte of a MessagePack map."""


class Told(NamedTuple):
    """One message of a state. All names come before the first issue."""

    names: tuple[str, ...] = ()
    """Gids of the issues that the sender knows."""
    issues: tuple[ChangeSet, ...] = ()
    """Every register of an issue; several for one that is large."""
    former: Former = NO_HISTORY
    last: bool = False
    resting: tuple[tuple[str, str, str], ...] = ()
    """Issues that rest: gid, what they are at the sender's, what they are at the receiver's. Before the first issue."""


class _Told(Wire):
    names: Annotated[tuple[_Name, ...], Field(max_length=limits.state_names)]
    issues: bytes
    former: Annotated[
        tuple[
            tuple[_Name, _Name, _Name, Annotated[tuple[_Short, ...], Field(max_length=limits.state_history_max)]], ...
        ],
        Field(max_length=limits.change_sets_per_message * limits.operations_per_change_set),
    ]
    last: bool
    resting: Annotated[tuple[tuple[_Name, _Rest, _Rest], ...], Field(max_length=limits.state_names)] = ()


class _Welcome(Wire):
    life: Incarnation
    lanes: dict[_Name, tuple[Counter, Digest]]
    agreement: dict[str, int | bytes | Annotated[str, Field(max_length=limits.agreement_bytes_max)]] | None = None


def encode_told(told: Told) -> bytes:
    """The raw body of a STATE message."""
    former = [
        (gid, cell.field, cell.element, tuple(digests))
        for gid, cells in told.former.items()
        for cell, digests in cells.items()
    ]
    issues = encode_change_sets([encode_change_set(issue) for issue in told.issues])
    record = {"names": told.names, "issues": issues, "former": former, "last": told.last}
    return encode_record({**record, "resting": told.resting} if told.resting else record)


def decode_told(raw: bytes) -> Told:
    """The inverse. Checks the form only."""
    try:
        said = _Told.model_validate(decode_record(raw))
    except ValidationError as error:
        raise PeerError("a message of the partner's state is malformed") from error
    former: dict[str, dict[Cell, Collection[bytes]]] = {}
    for gid, name, element, digests in said.former:
        former.setdefault(gid, {})[Cell(name, element)] = digests
    return Told(said.names, tuple(decode_change_sets(said.issues)), former, said.last, said.resting)


def spoken(raw: bytes) -> list[ChangeSet]:
    """The change sets in the raw body of a message: of change sets, which is a list, or of a state, which is a map."""
    return list(decode_told(raw).issues) if raw[:1] in _MAPS else decode_change_sets(raw)


def encode_welcome(state: LinkState, agreement: Mapping[str, Any] | None = None) -> bytes:
    """The raw body of a WELCOME: which life of the peer it answers, and behind which numbers our state begins; by which
    agreement we write (``proposal.Standing``), where it is not the handshake's.
    """
    life = state.welcomed
    assert life is not None, "nobody asked"
    said = {} if agreement is None else {"agreement": dict(agreement)}
    return encode_record({"life": tuple(life), "lanes": dict(state.jump), **said})


def decode_welcome(raw: bytes) -> Welcome:
    """The inverse."""
    try:
        said = _Welcome.model_validate(decode_record(raw))
    except ValidationError as error:
        raise PeerError("the partner's welcome is malformed") from error
    if said.lanes.keys() != set(LANES):
        raise PeerError("the partner's welcome names other lanes than the protocol knows")
    return Welcome(said.life, said.lanes, said.agreement)


class Standing(NamedTuple):
    """What the tracker shows of one issue, in agreed words."""

    now: Cells
    as_theirs: Cells
    """The same, read with the peer's registers: where several agreed values look alike here, it is the peer's."""
    base: Cells
    """What the last of our own writes left, where one came after what the store remembers."""
    unsaid: Collection[Cell] = ()
    """What could not be put into agreed words."""


class Met(NamedTuple):
    """What an issue comes to when the peer's state meets it."""

    registers: Shadow
    """Ours, with images such that only unseen edits differ from what the tracker shows."""
    operations: tuple[Operation, ...]
    """The peer's, as far as they say anything new or are not shown here."""
    lacking: tuple[Operation, ...]
    """Writes of ours that the peer does not know."""
    conflicts: tuple[Conflict, ...]
    """The peer's values that an unseen edit replaces."""


def meet(
    shadow: Shadow, theirs: Iterable[Operation], former: Mapping[Cell, Collection[bytes]], standing: Standing,
    policy_of: Mapping[str, Policy], told: Callable[[Cell], bool],
) -> Met:  # fmt: skip
    """``shadow`` is all that our store knows of the issue; ``told`` says which cells the peer's state has spoken of,
    by saying nothing of them too.
    """
    said = {operation.cell: operation for operation in theirs}
    registers: dict[Cell, Register] = {}
    operations: list[Operation] = []
    lacking: list[Operation] = []
    conflicts: list[Conflict] = []
    for cell in sorted({*said, *shadow, *standing.now, *standing.base}):
        if cell.field.startswith(NOTE):
            continue
        operation, shown = said.get(cell), standing.now.get(cell)
        ours = _believed(shadow.get(cell, EMPTY), operation)
        was = standing.base.get(cell, ours.image)
        if cell in standing.unsaid:
            after = ours
        elif shown != was and _is_unseen(shown, ours, operation, former.get(cell, ()), standing):
            after = _to_be_captured(ours, was, operation)
            if operation is not None and operation.value != was and not ours.known.contains(operation.write):
                is_open = policy_of[cell.field] is Policy.MANUAL
                conflicts.append(Conflict(cell, shown, operation.value, lost_here=False, open=is_open))
        elif cell in standing.base and _both_forgot(ours, operation, shown, told(cell)):
            after = ours._replace(image=ours.value)  # it is said as ours
        else:
            after = _as_shown(ours, operation, shown, standing, policy_of.get(cell.field))
            if _is_lacking(ours, operation, told(cell)):
                lacking.append(Operation(cell, ours.value, ours.write, ours.known))
        if after != shadow.get(cell, EMPTY):
            registers[cell] = after
        if operation is not None and _says_something(ours, operation, standing):
            operations.append(operation)
    return Met(registers, tuple(operations), tuple(lacking), tuple(conflicts))


def without_taken_out(
    plan: Plan, is_gone: Callable[[Cell], bool], side: Side, inc: int, number: Callable[[], int]
) -> tuple[Plan, Shadow]:
    """The plan without what the partner says of things of ours that neither our store nor our tracker has, and what we
    say of those: they were told in a life that our store forgot, and taken out since.
    """
    gone = [cell for cell, value in plan.targets.items() if value is not None and is_gone(cell)]
    if not gone:
        return plan, {}
    said = {cell: write(plan.registers[cell], None, side, inc, number()) for cell in gone}
    targets = {cell: value for cell, value in plan.targets.items() if cell not in said}
    return Plan({**plan.registers, **said}, targets, plan.conflicts), said


def _as_shown(
    ours: Register, operation: Operation | None, shown: Value, standing: Standing, policy: Policy | None
) -> Register:
    """Ours; or the peer's, where it is shown and ours was forgotten: it is not said as ours, too. Or the peer's, where
    ours would stand by today's policy and the peer has seen it: that came of both, by the policy of then.
    """
    if operation is None or policy is None:
        return ours._replace(image=shown)
    if ours.known == NEVER:
        is_shown = operation.value in (shown, standing.as_theirs.get(operation.cell))
    else:
        is_shown = operation.known.contains(ours.known) and stands_over(policy, ours.write, operation.write)
    if not is_shown:
        return ours._replace(image=shown)
    return Register(operation.write, operation.known, operation.value, shown)


def _is_unseen(
    shown: Value, ours: Register, operation: Operation | None, former: Collection[bytes], standing: Standing
) -> bool:
    """Whether a person made this, and the peer never had it. What came after a write that the peer does not know, it
    does not know either, whatever it looks like.
    """
    if operation is not None:
        if ours.write != NEVER and not operation.known.contains(ours.write):
            return True
        if operation.value in (shown, standing.as_theirs.get(operation.cell)):
            return False
    return of_value(shown) not in former


def _believed(ours: Register, operation: Operation | None) -> Register:
    """Ours. But where the peer has another value under the number of our write, our store was put back without a word
    and gave the number again before anybody found out: what the peer has is what our store forgot, and what it has
    itself, nobody has heard.
    """
    if operation is None or operation.write != ours.write or operation.value == ours.value:
        return ours
    return ours._replace(value=operation.value, image=operation.value)


def _both_forgot(ours: Register, operation: Operation | None, shown: Value, told: bool) -> bool:
    """Whether the peer said once what our own write left, and forgot it, too: it says nothing, or what our store knows
    to be older.
    """
    if operation is None:
        return told and shown != ours.value
    return ours.known.contains(operation.write) and shown not in (ours.value, ours.image)


def _to_be_captured(ours: Register, was: Value, operation: Operation | None) -> Register:
    """Such that capturing it makes a write that knows the peer's."""
    known = ours.known if operation is None else ours.known.union(operation.known)
    return ours._replace(known=known, image=was)


def _is_lacking(ours: Register, operation: Operation | None, told: bool) -> bool:
    if ours.write == NEVER:
        return False
    return told if operation is None else not operation.known.contains(ours.write)


def _says_something(ours: Register, operation: Operation, standing: Standing) -> bool:
    """A value that the tracker shows in its own way is written once more: that changes nothing there."""
    same = (operation.write, operation.known) == (ours.write, ours.known)
    return not same or standing.as_theirs.get(operation.cell) != operation.value


def in_messages(
    said: Sequence[tuple[ChangeSet, Mapping[Cell, list[bytes]]]], body_bytes: int, *, last: bool
) -> Iterator[Told]:
    """Issues with the former values of their cells, in messages that inflate to about ``body_bytes``; ``last``: the
    last one of them ends the state, though it be empty.
    """
    issues: list[ChangeSet] = []
    former: dict[str, Mapping[Cell, list[bytes]]] = {}
    size = 0
    for change_set, digests in said:
        weight = len(encode_change_set(change_set)) + 64 * sum(len(d) + 1 for d in digests.values())
        if issues and (size + weight > body_bytes or change_set.gid in former):
            yield Told(issues=tuple(issues), former=former)
            issues, former, size = [], {}, 0
        issues.append(change_set)
        if digests:
            former[change_set.gid] = digests
        size += weight
    if issues or last:
        yield Told(issues=tuple(issues), former=former, last=last)


__all__ = [
    "Former", "Met", "Standing", "Told", "decode_told", "decode_welcome", "encode_told", "encode_welcome",
    "in_messages", "meet", "spoken",
]  # fmt: skip
