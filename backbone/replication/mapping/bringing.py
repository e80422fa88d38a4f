"""What was born at a third node and told to the partner by us: for this link it is ours, and obeys its rules for what
leaves. What the partner told us of first is the partner's.

A gid says where a thing was born, and not over which way it came: so a note in the shadow says what we brought.
"""

from backbone.model import Cell
from backbone.replication.diff import BROUGHT, EMPTY, Shadow
from backbone.replication.mapping.words import Names

NOTED = EMPTY._replace(image=True)


def note(element: str = "") -> Cell:
    """The note about a comment or attachment, by its gid; about the issue itself without one."""
    return Cell(BROUGHT, element)


def brought(shadow: Shadow, element: str = "") -> bool:
    """Whether there is one."""
    register = shadow.get(note(element))
    return register is not None and register.image is not None


def is_ours(cell: Cell, names: Names, shadow: Shadow) -> bool:
    """Whether a comment or attachment, in agreed words, is shared by us: it was born here, or brought."""
    return names.born_here(cell.element) or (names.born_elsewhere(cell.element) and brought(shadow, cell.element))


def is_brought_now(cell: Cell, names: Names, shadow: Shadow) -> bool:
    """Whether it would be brought by being told now."""
    return cell not in shadow and names.born_elsewhere(cell.element)
