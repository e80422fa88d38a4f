"""What a translation takes and gives."""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import NamedTuple

from backbone.model import Cell, Cells, Record, Value
from backbone.replication.diff import NOT_QUIET, Quiet


class Outward(NamedTuple):
    """Cells in agreed words. ``problems`` are sentences about those that could not be put into them: ``unsaid``."""

    cells: Cells
    problems: tuple[str, ...] = ()
    unsaid: tuple[Cell, ...] = ()
    quiet: Quiet = NOT_QUIET
    """What of it does not travel."""


class Occasion(NamedTuple):
    """Of what the cells that come in are a part."""

    key: str = ""
    """The write's: comments that the rules make are named after it, so that none is made twice."""
    at: str = ""
    fresh: bool = False
    """The issue is made with them."""
    author: str = ""
    """Who wrote them, as the partner says; empty where that is not known."""


class Inward(NamedTuple):
    """Cells in local words. ``waiting`` are agreed cells whose other end is not here yet."""

    cells: Cells
    at: Mapping[Cell, Cell] = MappingProxyType({})
    """Where each agreed cell is shown here; several may be shown in one local cell."""
    waiting: Mapping[Cell, str] = MappingProxyType({})
    """What each waits for: an issue's gid, or ``sha256:…`` for an attachment's content."""
    problems: tuple[str, ...] = ()
    verbatim: bool = False
    """All of it is said here in the partner's own words: where the tracker shows just these cells, it shows just what
    was agreed upon, and reading back needs no translation.
    """

    def without(self, missed: Collection[Cell], waiting: Mapping[Cell, str]) -> "Inward":
        """The same, but for these agreed cells."""
        lost = {self.at[agreed] for agreed in missed}
        cells = {cell: value for cell, value in self.cells.items() if cell not in lost}
        at = {agreed: cell for agreed, cell in self.at.items() if agreed not in missed}
        return Inward(cells, at, waiting, self.problems)


def _nothing(kind: str, local: str) -> None:
    del kind, local


def _no_file(_: str) -> None:
    pass


def _unsaid(_: Cell) -> Value:
    return None


def _never(_: str) -> bool:
    return False


class Names(NamedTuple):
    """How issues, comments and attachments are called on both sides."""

    gid_of: Callable[[str, str], str]
    """``(kind, local)``: kind is ``ISSUE``, ``COMMENT`` or ``ATTACHMENT``."""
    local_of: Callable[[str], str | None]
    born_here: Callable[[str], bool]
    strange: Callable[[str, str], bool]
    """``(kind, gid)``: this can be no new thing of the partner's: it was born here and is not known, or is of another
    kind.
    """
    shared: Callable[[str, str], str | None] = _nothing
    """``(kind, local)``: the gid of what this link knows, or is about to; ``None`` for everything else."""
    born_elsewhere: Callable[[str], bool] = _never
    """Whether a gid was given neither here nor by the partner; where one link has the tracker nobody asks."""
    file_named: Callable[[str], str | None] = _no_file
    """Of the issue that is translated: the gid of the only shared attachment that is called so here."""
    file_name: Callable[[str], str | None] = _no_file
    """What its attachment of this gid is called here, or will be when it is."""
    said_elsewhere: Callable[[Cell], Value] = _unsaid
    """What another link on this tracker says of a comment or attachment, by its agreed cell."""


def written_elsewhere(target: Cell, value: Record, names: Names, user: str) -> Record | None:
    """What another partner said of a comment or attachment, where ``user``, who synchronizes, wrote it here; ``target``
    is its agreed cell.
    """
    said = names.said_elsewhere(target) if value["author"] == user and not names.born_here(target.element) else None
    return said if isinstance(said, dict) else None
