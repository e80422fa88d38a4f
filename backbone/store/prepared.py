"""Statements that are built once.

Building a statement costs SQLAlchemy five times what executing it does; the service asks the same few many times in
each of its steps.
"""

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, CursorResult, Executable, Table, Update, bindparam, func, select

__all__ = ["Prepared", "among", "change", "listed", "prepared"]

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


def change(
    tx: Connection, table: Table, where: Mapping[str, object], values: Mapping[str, object]
) -> CursorResult[*tuple[Any, ...]]:
    """Set columns of the rows whose columns have the values ``where``, whichever columns these are."""
    named = {f"where_{name}": value for name, value in where.items()}
    new = {f"new_{name}": value for name, value in values.items()}
    return tx.execute(_update(table, tuple(where), tuple(values)), {**named, **new})


@lru_cache(maxsize=256)
def _update(table: Table, where: tuple[str, ...], columns: tuple[str, ...]) -> Update:
    named = [table.c[name] == bindparam(f"where_{name}") for name in where]
    return table.update().where(*named).values({name: bindparam(f"new_{name}") for name in columns})


def among(column: ColumnElement[Any], values: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a column holds one of these: ``values`` is one parameter, which ``listed`` makes of however many."""
    each = func.json_each(values).table_valued("value")
    return column.in_(select(each.c.value))


def listed(values: Iterable[object]) -> str:
    """Many values as one, for ``among``."""
    return json.dumps(list(values))
