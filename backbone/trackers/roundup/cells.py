"""An issue's properties, messages and files as cells."""

import hashlib
import os
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from roundup import date

from backbone.model import ATTACHMENT, COMMENT, Cell, Cells, FieldType, Issue, Record, Value
from backbone.trackers.roundup.contents import settled_path
from backbone.trackers.roundup.shape import MESSAGE_CLASS, Property, Shape, Table
from backbone.trackers.roundup.values import time_text, to_text


def node_of(db: Any, shape: Shape, local: str) -> dict[str, Any] | None:
    """Every property as Roundup holds it; ``None`` if the issue is retired or was never there."""
    issues = db.getclass(shape.issue_class)
    if not is_id(local) or not issues.hasnode(local) or issues.is_retired(local):
        return None
    return {name: list(v) if isinstance(v, list) else v for name, v in db.getnode(shape.issue_class, local).items()}


def is_id(text: str) -> bool:
    """Whether SQLite can take it for an id at all."""
    return re.fullmatch(r"\d{1,18}", text, re.ASCII) is not None


def read_issue(db: Any, shape: Shape, local: str, position: int) -> Issue | None:
    node = node_of(db, shape, local)
    if node is None:
        return None
    cells = cells_of(db, shape, node)
    return Issue(local, (position,), cells, login_of(db, node["creator"]), time_text(node["creation"]))


def cells_of(db: Any, shape: Shape, node: dict[str, Any]) -> dict[Cell, Value]:
    """All that is not empty."""
    cells: dict[Cell, Value] = {}
    for known in shape.properties.values():
        cells.update(property_cells(db, known, node.get(known.name)))
    for name in shape.contents:
        cells.update(content_cells(db, shape, name, node.get(name) or ()))
    return {cell: value for cell, value in cells.items() if value is not None}


def property_cells(db: Any, known: Property, raw: Any) -> Cells:
    """The cells of one property: one, or one per element."""
    if known.linked is None:
        value = to_text(known, raw)
        return {} if value is None else {Cell(known.name): value}
    if known.type in {FieldType.CHOICE, FieldType.USER}:
        return {Cell(known.name): label_of(db, known, raw)} if raw else {}
    nodes = (raw or ()) if known.many else ([raw] if raw else ())
    return {Cell(known.name, label_of(db, known, node)): True for node in nodes}


def content_cells(db: Any, shape: Shape, name: str, nodes: Iterable[str]) -> dict[Cell, Value]:
    """Messages, files or rows by their id; one that was retired is absent."""
    table = shape.tables.get(name)
    if table is not None:
        return {Cell(name, f"{table.class_name}{node}"): row_record(db, table, node) for node in nodes}
    if name == shape.comments:
        return {Cell(COMMENT, f"{MESSAGE_CLASS}{node}"): comment_record(db, node) for node in nodes}
    kind = shape.attachments[name]
    return {Cell(ATTACHMENT, f"{kind}{node}"): attachment_record(db, kind, node) for node in nodes}


def label_of(db: Any, known: Property, node: str) -> str:
    if known.label is None:
        return str(node)
    return str(db.getclass(known.linked).get(node, known.label))


def login_of(db: Any, user: str | None) -> str:
    """The log-in behind a user's id, also of one who is retired; ``anonymous`` where Roundup has none."""
    if user is None or not db.user.hasnode(user):
        return "anonymous"
    return str(db.user.get(user, "username"))


def moment_of(serialised: str) -> str:
    """A journal's date in the model's form."""
    return time_text(date.Date(serialised))


def comment_record(db: Any, node: str) -> Record | None:
    if not db.msg.hasnode(node) or db.msg.is_retired(node):
        return None
    return {
        "text": text_of(db, node),
        "author": login_of(db, db.msg.get(node, "author") or db.msg.get(node, "creator")),
        "created": time_text(db.msg.get(node, "date") or db.msg.get(node, "creation")),
    }


def text_of(db: Any, node: str) -> str:
    """A message's text."""
    return settled_path(db, MESSAGE_CLASS, node).read_bytes().decode("utf-8", "replace")


def row_record(db: Any, table: Table, node: str) -> Record | None:
    rows = db.getclass(table.class_name)
    if not rows.hasnode(node) or rows.is_retired(node):
        return None
    record: Record = {}
    for name, known in table.columns.items():
        for value in property_cells(db, known, rows.get(node, name)).values():
            record[name] = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return record


def attachment_record(db: Any, kind: str, node: str) -> Record | None:
    files = db.getclass(kind)
    if not files.hasnode(node) or files.is_retired(node):
        return None
    path = settled_path(db, kind, node)
    state = path.stat()
    return {
        "name": str(files.get(node, "name") or f"{kind}{node}"),
        "type": str(files.get(node, "type") or "application/octet-stream"),
        "size": state.st_size,
        "sha256": _digest(str(path).removesuffix(".tmp"), str(path), state.st_size, state.st_mtime_ns),
        "author": login_of(db, files.get(node, "creator")),
        "created": time_text(files.get(node, "creation")),
    }


def content_id(element: str) -> tuple[str, str] | None:
    """``msg12`` as class and id."""
    match = re.fullmatch(r"([A-Za-z_]{1,100})(\d{1,18})", element, re.ASCII)
    return (match[1], match[2]) if match else None


@lru_cache(maxsize=4096)
def _digest(name: str, path: str, size: int, changed: int) -> str:
    """SHA-256 of a file, kept while its size and time stay."""
    del name, size, changed
    with open(os.fspath(path), "rb") as file:  # noqa: PTH123 - a plain path is the key of the cache
        return hashlib.file_digest(file, "sha256").hexdigest()
