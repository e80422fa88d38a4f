"""The memory tracker's own queries: ``status=open&labels=ui``."""

from backbone.model import Cell, Cells, Schema
from backbone.trackers.base import QueryRefused


def parse_query(query: str, schema: Schema) -> list[tuple[str, str]]:
    """Fields and what they shall be. Raises ``QueryRefused``."""
    wanted = []
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        if not equals or name not in schema.fields:
            raise QueryRefused(f"{part!r} is no query: write field=value, with a field that there is")
        wanted.append((name, value))
    return wanted


def wanted_in(cells: Cells, name: str, value: str) -> bool:
    """Whether an issue's field is so, or has that member."""
    return cells.get(Cell(name)) == value or (bool(value) and cells.get(Cell(name, value)) is True)
