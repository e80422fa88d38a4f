"""How an issue's cells are kept apart in rows."""

from backbone.model import ATTACHMENT, COMMENT, Cell

FIELDS = ""


def part_of(cell: Cell) -> str:
    """Which row holds this cell: comments and attachments have one each, an issue's fields stand together."""
    return f"{cell.field}:{cell.element}" if cell.field in (COMMENT, ATTACHMENT) else FIELDS
