"""Settling what an audit found, by the ordinary path and by the policy.

Registers that differ: the side whose write stands by the field's policy writes its value anew, as a write that knows of
the other one; the other side applies that like any change. A tracker that does not show what stands gets it once more.
Nothing is deleted and nothing is decided that the merge would not decide.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import FailFast, Field, ValidationError

from backbone.errors import PeerError
from backbone.model import ATTACHMENT, COMMENT, Cell
from backbone.replication.agreement import Strict
from backbone.replication.merge import EMPTY, NEVER, Side, Stamp, stands_over, write
from backbone.replication.message import ChangeSet, Kind, Operation, encode_record
from backbone.service.endpoint import Endpoint
from backbone.service.flow.recording import emit, number
from backbone.service.healing import scrubbing
from backbone.service.healing.scrubbing import Drift
from backbone.store import links, lists, shadows
from backbone.store.engine import Connection
from backbone.store.shadows import Book

REPAIR, REWRITE = "repair", "rewrite"
CELLS_MAX = 1_000
"""As many as an audit names."""
_Number = Annotated[int, Field(ge=0, lt=2**53)]
_Text = Annotated[str, Field(max_length=1_000)]


class Said(NamedTuple):
    """A cell that differs, and the stamp of the sender's register. A cell without a field is the whole issue."""

    gid: str
    cell: Cell
    stamp: Stamp = NEVER


class Command(Strict):
    """``repair``: settle these, and with ``drift`` what your tracker lost. ``rewrite``: write yours anew."""

    type: Annotated[str, Field(pattern="^(repair|rewrite)$")]
    clock: _Number
    drift: bool = False
    cells: Annotated[
        tuple[tuple[_Text, _Text, _Text, tuple[_Number, _Number, _Number, _Number]], ...],
        Field(max_length=CELLS_MAX),
        FailFast(),
    ] = ()


def of_audit(result: Mapping[str, Any]) -> list[Said]:
    """What an audit named, as cells."""
    return [Said(one["gid"], Cell(one["field"], one["element"])) for one in result.get("details", ())][:CELLS_MAX]


async def begin(ep: Endpoint, item: int, arguments: Mapping[str, Any]) -> None:
    """A person asks to settle what their last audit found: our tracker first, then together with the partner."""
    drift = await _drift(ep) if arguments["drift_here"] else []
    cells = [Said(gid, Cell(field, element)) for gid, field, element in arguments["cells"]]

    def settle(tx: Connection) -> None:
        again = _write_again(tx, ep, drift)
        stamped = [_stamped(tx, ep, one) for one in cells]
        if cells or arguments["drift_there"]:
            _say(tx, ep, REPAIR, stamped, drift=bool(arguments["drift_there"]))
        lists.answer(tx, item, {"written_again": again, "settled": len(cells)})

    await ep.store.run(settle)


async def settle(ep: Endpoint, item: int, arguments: Mapping[str, Any]) -> None:
    """The partner asks: what of theirs does not stand is written anew here; they are asked for what stands there."""
    drift = await _drift(ep) if arguments["drift"] else []
    said = [Said(gid, Cell(field, element), Stamp(*stamp)) for gid, field, element, stamp in arguments["cells"]]

    def both(tx: Connection) -> None:
        _write_again(tx, ep, drift)
        ours = [one for one in said if _stands(tx, ep, one)]
        theirs = [_stamped(tx, ep, one) for one in said if one not in ours]
        rewrite(tx, ep, ours)
        if theirs:
            _say(tx, ep, REWRITE, theirs, drift=False)
        lists.answer(tx, item, {})

    await ep.store.run(both)


def take(tx: Connection, ep: Endpoint, record: Mapping[str, Any]) -> None:
    """A command of the partner's. Raises ``PeerError``."""
    try:
        command = Command.model_validate(record)
    except ValidationError as error:
        raise PeerError("a command to repair is malformed") from error
    links.saw_number(tx, ep.row, command.clock)
    if command.type == REPAIR:
        # To read the whole tracker is dear: what a partner asks for many times is done once.
        waiting = any(kind == "settle" and asked["drift"] for _, kind, asked in lists.asked(tx, ep.row))
        arguments = {"drift": command.drift and not waiting, "cells": command.cells}
        lists.ask(tx, ep.row, "settle", arguments, ep.clock())
        return
    rewrite(tx, ep, [Said(gid, Cell(field, element), Stamp(*stamp)) for gid, field, element, stamp in command.cells])


def rewrite(tx: Connection, ep: Endpoint, cells: Iterable[Said]) -> None:
    """Our values once more, as fresh writes that know of the partner's."""
    by_gid: dict[str, list[Said]] = {}
    for one in cells:
        by_gid.setdefault(one.gid, []).append(one)
    change_sets: list[ChangeSet] = []
    for gid, named in by_gid.items():
        book = Book(tx, ep.row)
        registers = book.load_whole(gid)
        wanted = {one.cell: one.stamp for one in named}
        if Cell("") in wanted:
            wanted = dict.fromkeys(registers, NEVER)
        wanted = {cell: stamp for cell, stamp in wanted.items() if cell.field in ep.policies}
        wanted = {cell: stamp for cell, stamp in wanted.items() if _writes(ep, cell.field, ep.side)}
        if not wanted or book.by_gid(gid) is None:
            continue
        highest = max(max(stamp.newest, registers.get(cell, EMPTY).known.newest) for cell, stamp in wanted.items())
        links.saw_number(tx, ep.row, highest)
        n = links.take_numbers(tx, ep.row, 1)
        operations: list[Operation] = []
        for cell, stamp in wanted.items():
            before = registers.get(cell, EMPTY)
            known = before._replace(known=before.known.union(before.write).union(stamp))
            after = write(known, before.value, ep.side, links.state(tx, ep.row).life[0], n)
            book.put(gid, {cell: after})
            operations.append(Operation(cell, after.value, after.write, after.known))
        book.flush(ep.clock())
        change_sets.append(ChangeSet(gid, "", "", tuple(operations)))
    emit(tx, ep, change_sets)


def _stands(tx: Connection, ep: Endpoint, said: Said) -> bool:
    """Whether our register stands against the partner's; for a whole issue, whether we have it."""
    book = Book(tx, ep.row)
    registers = book.load_whole(said.gid)
    if not said.cell.field:
        return any(register.value is not None for register in registers.values())
    policy = ep.policies.get(said.cell.field)
    if policy is None or not _writes(ep, said.cell.field, ep.side):
        return False
    if not _writes(ep, said.cell.field, ep.side.other):
        return True
    ours = registers.get(said.cell, EMPTY).write
    return stands_over(policy, ours, said.stamp) or (ours == said.stamp and ep.side is Side.MASTER)


def _writes(ep: Endpoint, field: str, side: Side) -> bool:
    """Whether by the agreement that side may write the field at all."""
    return ep.agreement.direction_of(field).allows(side)


def _stamped(tx: Connection, ep: Endpoint, said: Said) -> Said:
    register = Book(tx, ep.row).load_whole(said.gid).get(said.cell, EMPTY)
    return said._replace(stamp=register.write)


def _say(tx: Connection, ep: Endpoint, kind: str, cells: Iterable[Said], *, drift: bool) -> None:
    command = Command(
        type=kind,
        clock=links.get(tx, ep.row).clock,
        drift=drift,
        cells=tuple((one.gid, one.cell.field, one.cell.element, tuple(one.stamp)) for one in cells),
    )
    number(tx, ep, [(Kind.CTRL, encode_record(command.model_dump()), 0, None)])


async def _drift(ep: Endpoint) -> list[Drift]:
    """What can be written again: a field, on an issue that is there."""
    drift, _ = await scrubbing.drifted(ep)
    return [one for one in drift if one.cell is not None and one.cell.field not in (COMMENT, ATTACHMENT)]


def _write_again(tx: Connection, ep: Endpoint, drift: Iterable[Drift]) -> int:
    """The image follows the tracker, and what stands waits to be written, in one transaction: applied like any change
    that is completed late, after what people did meanwhile.
    """
    count = 0
    for one in drift:
        assert one.cell is not None
        book = Book(tx, ep.row)
        register = book.load_whole(one.known.gid).get(one.cell)
        if register is None or register.value == one.shown:
            continue
        book.put(one.known.gid, {one.cell: register._replace(image=one.shown)})
        book.flush(ep.clock())
        wants = f"repair:{links.take_numbers(tx, ep.row, 1)}"
        shadows.wait(tx, ep.row, one.known.gid, {one.cell: wants})
        shadows.arrived(tx, ep.row, [wants])
        count += 1
    return count
