"""From the cells of a write to the properties that are set: messages, files and list values are made on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backbone.model import ATTACHMENT, COMMENT, Cell, FieldType, Record, Value, Write
from backbone.trackers.roundup.cells import content_id, text_of
from backbone.trackers.roundup.links import acting, linked_node, lookup, user_node
from backbone.trackers.roundup.shape import MESSAGE_CLASS, Property, Shape, Table
from backbone.trackers.roundup.values import to_date, to_raw

NEW = "+"


@dataclass(slots=True)
class Draft:
    """The properties to set, as they grow cell by cell."""

    before: Mapping[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    created: dict[str, str] = field(default_factory=dict)
    """Local id by ``+MARKER``."""

    def members(self, name: str) -> list[str]:
        """A Multilink as it shall be."""
        return list(self.values.setdefault(name, list(self.before.get(name) or ())))

    def add(self, name: str, node: str) -> None:
        members = self.members(name)
        self.values[name] = members if node in members else [*members, node]

    def discard(self, name: str, node: str) -> None:
        self.values[name] = [member for member in self.members(name) if member != node]


def draft_cell(db: Any, shape: Shape, draft: Draft, wanted: Write, cell: Cell, value: Value) -> None:
    if cell.field == COMMENT:
        _draft_comment(db, shape, draft, cell, value)
    elif cell.field == ATTACHMENT:
        _draft_attachment(db, shape, draft, wanted, cell, value)
    elif cell.field in shape.tables:
        draft_row(db, shape, draft, wanted, cell, value)
    else:
        known = shape.properties.get(cell.field)
        if known is None:
            raise ValueError(f"a {shape.issue_class} has no property {cell.field!r}")
        _draft_property(db, draft, known, cell, value)


def _draft_property(db: Any, draft: Draft, known: Property, cell: Cell, value: Value) -> None:
    if known.linked is None:
        draft.values[known.name] = to_raw(known, value)
    elif known.type in {FieldType.CHOICE, FieldType.USER}:
        draft.values[known.name] = None if value is None else linked_node(db, known, str(value))
    elif known.many:
        if value is None:
            node = lookup(db, known, cell.element)
            if node is not None:
                draft.discard(known.name, node)
        else:
            draft.add(known.name, linked_node(db, known, cell.element))
    elif value is not None:
        draft.values[known.name] = linked_node(db, known, cell.element)
    elif draft.values.get(known.name, draft.before.get(known.name)) == cell.element:
        draft.values[known.name] = None


def _draft_comment(db: Any, shape: Shape, draft: Draft, cell: Cell, value: Value) -> None:
    if shape.comments is None:
        raise ValueError(f"a {shape.issue_class} has no messages")
    if isinstance(value, dict) and value.get("visibility"):
        raise ValueError("a message is for everybody who sees the issue, and this comment is not")
    if cell.element.startswith(NEW):
        assert isinstance(value, dict), "a comment is a record"
        author = user_node(db, str(value.get("author") or ""))
        with acting(db, str(value["author"]) if author else db.journaltag):
            node = db.msg.create(
                author=author or db.getuid(),
                date=to_date(str(value["created"])) if value.get("created") else to_date(datetime.now(UTC).isoformat()),
                content=str(value["text"]),
            )
        draft.created[cell.element] = f"{MESSAGE_CLASS}{node}"
        draft.add(shape.comments, node)
        return
    _, node = _own(shape, draft, cell, value)
    if node is not None and value is None:
        draft.discard(shape.comments, node)
    elif node is not None and isinstance(value, dict):
        text = str(value["text"])
        if text_of(db, node) != text:
            db.msg.set(node, content=text)


def _draft_attachment(db: Any, shape: Shape, draft: Draft, wanted: Write, cell: Cell, value: Value) -> None:
    if not shape.attachments:
        raise ValueError(f"a {shape.issue_class} has no files")
    if cell.element.startswith(NEW):
        assert isinstance(value, dict), "an attachment is a record"
        name, kind = next(iter(shape.attachments.items()))
        path = wanted.files.get(str(value["sha256"]))
        if path is None:
            raise ValueError(f"the content of {value.get('name')!r} is not here")
        author = str(value.get("author") or "")
        with acting(db, author if user_node(db, author) else db.journaltag):
            media_type = str(value.get("type") or "application/octet-stream")
            node = db.getclass(kind).create(name=str(value["name"]), type=media_type, content=Path(path).read_bytes())
        draft.created[cell.element] = f"{kind}{node}"
        draft.add(name, node)
        return
    held_by, node = _own(shape, draft, cell, value)
    if node is None:
        return
    if value is None:
        draft.discard(held_by, node)
    elif isinstance(value, dict):
        db.getclass(shape.attachments[held_by]).set(node, name=str(value["name"]))


def draft_row(db: Any, shape: Shape, draft: Draft, wanted: Write, cell: Cell, value: Value) -> None:
    """A row is retired when it is taken out, unless another issue shows it."""
    table = shape.tables[cell.field]
    rows = db.getclass(table.class_name)
    if cell.element.startswith(NEW):
        assert isinstance(value, dict), "a row is a record"
        node = rows.create(**_columns(db, table, value))
        draft.created[cell.element] = f"{table.class_name}{node}"
        draft.add(cell.field, node)
        return
    _, held = _own(shape, draft, cell, value)
    if held is None:
        return
    if isinstance(value, dict):
        columns = _columns(db, table, value)
        changed = {name: raw for name, raw in columns.items() if rows.get(held, name) != raw}
        if changed:
            rows.set(held, **changed)
        return
    draft.discard(cell.field, held)
    links = f"{shape.issue_class}_{cell.field}"
    db.sql(f"select 1 from {links} where linkid=? and nodeid<>?", (int(held), int(wanted.local or 0)))  # noqa: S608
    if db.cursor.fetchone() is None:
        rows.retire(held)


def _columns(db: Any, table: Table, row: Record) -> dict[str, Any]:
    """What Roundup stores in the columns that a row names; the empty text empties one."""
    raw: dict[str, Any] = {}
    for name, text in row.items():
        known = table.columns.get(name)
        if known is None:
            raise ValueError(f"a {table.class_name} has no property {name!r}")
        if text == "":
            raw[name] = None
        elif known.linked is not None:
            raw[name] = linked_node(db, known, str(text))
        else:
            raw[name] = to_raw(known, text == "true" if known.type is FieldType.BOOLEAN else str(text))
    return raw


def _own(shape: Shape, draft: Draft, cell: Cell, value: Value) -> tuple[str, str | None]:
    """The Multilink of this issue that holds an existing comment or file, and its id there. One that is gone may be
    taken out again, but not written.
    """
    holder = holder_of(shape, draft.before, cell.element)
    if holder is None and value is not None:
        raise ValueError(f"the issue has no {cell.field} {cell.element}")
    return holder or ("", None)


def holder_of(shape: Shape, node: Mapping[str, Any], element: str) -> tuple[str, str] | None:
    """Which Multilink of the issue holds ``msg12`` or ``file3``, and the id there."""
    kind_and_id = content_id(element)
    for name, kind in shape.contents.items():
        if kind_and_id and kind_and_id[0] == kind and kind_and_id[1] in (node.get(name) or ()):
            return name, kind_and_id[1]
    return None
