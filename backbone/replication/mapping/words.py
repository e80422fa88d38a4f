"""What a translation takes and gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from backbone.model import Cell, Cells


class Outward(NamedTuple):
    """Cells in agreed words. ``problems`` are sentences about those that could not be put into them: ``unsaid``."""

    cells: Cells
    problems: tuple[str, ...] = ()
    unsaid: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Inward:
    """Cells in local words. ``waiting`` are agreed cells whose other end is not here yet."""

    cells: Cells
    back: Mapping[Cell, Cell] = field(default_factory=dict)
    """The agreed cell for each local one."""
    waiting: Mapping[Cell, str] = field(default_factory=dict)
    """What each waits for: an issue's gid, or ``sha256:…`` for an attachment's content."""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """How issues, comments and attachments are called on both sides."""

    gid_of: Callable[[str, str], str]
    """``(kind, local)``: kind is ``ISSUE``, ``COMMENT`` or ``ATTACHMENT``."""
    local_of: Callable[[str], str | None]
    born_here: Callable[[str], bool]
    strange: Callable[[str, str], bool]
    """``(kind, gid)``: this can be no new thing of the partner's: it was born here and is not known, or is of another
    kind.
    """
