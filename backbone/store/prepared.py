"""Statements that are built once.

Building a statement costs SQLAlchemy five times what executing it does; the service asks the same few many times in
each of its steps.
"""

import inspect
import json
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, CursorResult, Executable, bindparam, func, select

__all__ = ["Prepared", "among", "listed", "prepared"]

Prepared: TypeAlias = Callable[..., CursorResult[*tuple[Any, ...]]]
"""Called with the transaction and a value for each parameter, in order."""


def prepared(build: Callable[..., Executable]) -> Prepared:
    """``build`` is called once, with a parameter for each of its arguments; what it returns is executed ever after."""
    # Not the plain names: SQLAlchemy keeps those of a table's columns for itself where a statement sets columns.
    names = [f"given_{name}" for name in inspect.signature(build).parameters]
    statement = build(*map(bindparam, names))

    def execute(tx: Connection, *values: object) -> CursorResult[*tuple[Any, ...]]:
        return tx.execute(statement, dict(zip(names, values, strict=True)))

    return execute


def among(column: ColumnElement[Any], values: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a column holds one of these: ``values`` is one parameter, which ``listed`` makes of however many."""
    each = func.json_each(values).table_valued("value")
    return column.in_(select(each.c.value))


def listed(values: Iterable[object]) -> str:
    """Many values as one, for ``among``."""
    return json.dumps(list(values))
