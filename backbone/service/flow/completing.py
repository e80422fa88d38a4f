"""Cells that waited for something that has come since: another issue, a content, an issue that rested."""

from backbone.replication.identity import marker
from backbone.replication.message import ChangeSet, Operation
from backbone.service.endpoint import Endpoint
from backbone.service.flow.tasks import Task
from backbone.store import links, lists, shadows, standing
from backbone.store.engine import Connection
from backbone.store.ledger import unpack_source
from backbone.store.shadows import Book

COMPLETED_AT_ONCE = 500


def completable(tx: Connection, ep: Endpoint) -> list[Task]:
    """Their writes, under keys of their own."""
    tasks: list[Task] = []
    stuck, life = lists.held_gids(tx, ep.row) | standing.resting(tx, ep.row), links.state(tx, ep.row).life[0]
    for gid, (source, come) in shadows.ready(tx, ep.row, COMPLETED_AT_ONCE).items():
        cells = [cell for cell in come if cell.field in ep.theirs.policies]  # what joined waits for the partner's turn
        if gid in stuck or not cells:
            continue
        book = Book(tx, ep.row)
        book.load_cells({gid: cells})
        registers = book.fields(gid, cells)
        operations = tuple(
            Operation(cell, registers[cell].value, registers[cell].write, registers[cell].known) for cell in cells
        )
        # An issue's cells may share one write stamp and be completed at different times: each is named.
        # A repair writes once more what was written before, under a key of its own.
        again = shadows.asked_again(tx, ep.row, gid)
        stamps = again + "/".join(f"{o.cell.field} {o.cell.element} {tuple(o.write)}" for o in operations)
        origin, path = (None, ()) if source is None else unpack_source(source)
        change_set = ChangeSet(gid, "", "", operations, origin, path)
        tasks.append(Task(marker(ep.link_id, f"{gid}/{stamps}", life, 0, len(operations)), change_set, late=True))
    return tasks
