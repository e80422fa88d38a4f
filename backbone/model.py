"""The values that travel between trackers, rules and store.

An issue is a bag of *cells*. A cell is the smallest thing that is edited, merged and compared by
itself, named by a field and an element:

=====================  ==========================  ==============================================
what                   cell                        value
=====================  ==========================  ==============================================
a single value         ``("title", "")``           text; numbers and dates in their text form
a flag                 ``("private", "")``         ``True`` (a flag that is off is ``False``)
a member of a set      ``("labels", "urgent")``    ``True``
a relation             ``("depends", ISSUE)``      ``True``
a row of a table       ``("times", ROW)``          ``{COLUMN: text, ...}``
a comment              ``("comment", COMMENT)``    ``{"text", "author", "created"}``
an attachment          ``("attachment", FILE)``    ``{"name", "type", "size", "sha256", "author",
                                                   "created"}``
=====================  ==========================  ==============================================

A comment that not everybody may see has ``"visibility"`` beside: the tracker's own word for who may. In a write, empty
is everybody, and without it nothing changes.

A row holds text in each column that is not empty, in the form of the column's type (a flag: ``true`` or ``false``). In
a write, the empty text empties a column, and one that is not named stays as it is.

``None`` always means *absent*: an empty field, an element taken out, a comment deleted. A cell that is not in
a bag is the same as a cell with ``None``. Times are UTC, ``2026-11-21T04:19:00Z``, with three decimals
at most; a date alone is ``2026-11-21``. Numbers are decimal text (``"3"``, ``"2.5"``) because floats have no
canonical form.

Inside a tracker adapter fields, values and elements are *local* words (property names, user log-ins,
issue and comment ids of that tracker). ``backbone.replication.mapping`` turns them into the
agreement's words and back; nothing else knows both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

ISSUE = "issue"
COMMENT = "comment"
ATTACHMENT = "attachment"
ROW = "row"

Record: TypeAlias = dict[str, str | int]
Value: TypeAlias = bool | str | Record | None


class Cell(NamedTuple):
    """The name of one cell of an issue; ``element`` is empty for single values."""

    field: str
    element: str = ""


Cells: TypeAlias = Mapping[Cell, Value]

Position: TypeAlias = tuple[int, ...]
"""How far a tracker's own journals have been read: one number per journal it keeps, each growing in commit order.

An edit carries its number in the place of its own journal and 0 in the others.
"""


def in_words(value: Value) -> str:
    """What a person is shown of a value: of a comment the text, of an attachment the name, of a row all."""
    if not isinstance(value, dict):
        return str(value)
    if "created" in value and ("text" in value or "name" in value):
        return str(value.get("text", value.get("name")))
    return ", ".join(f"{name} {part}" for name, part in value.items())


def covers(seen: Position, position: Position) -> bool:
    """Whether what happened at ``position`` is contained in what was read up to ``seen``."""
    return all(number <= limit for number, limit in zip(position, seen, strict=True))


class FieldType(StrEnum):
    """The types an agreement knows. Those in ``SETS`` have one cell per element."""

    TEXT = "text"
    RICHTEXT = "richtext"
    NUMBER = "number"
    DATE = "date"
    DATETIME = "datetime"
    DURATION = "duration"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    VERSION = "version"
    COMPONENT = "component"
    USER = "user"
    CHOICES = "choices"
    LABELS = "labels"
    USERS = "users"
    RELATION = "relation"
    TABLE = "table"


SETS = frozenset({FieldType.CHOICES, FieldType.LABELS, FieldType.USERS, FieldType.RELATION, FieldType.TABLE})
"""A relation is a set of issues even where the tracker allows only one target; a table is a set of rows."""
COLUMNS = frozenset({
    FieldType.TEXT, FieldType.NUMBER, FieldType.DATE, FieldType.DATETIME, FieldType.DURATION, FieldType.BOOLEAN,
    FieldType.CHOICE, FieldType.USER,
})  # fmt: skip
"""What a column of a table can hold."""
CHOSEN = frozenset({FieldType.CHOICE, FieldType.VERSION, FieldType.COMPONENT, FieldType.CHOICES, FieldType.LABELS})
"""Types whose values are words from a list."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field as the tracker itself describes it."""

    name: str
    type: FieldType
    values: tuple[str, ...] | None = None
    """The values that exist in the tracker now, for choices; ``None`` where any text will do."""
    required: bool = False
    single: bool = False
    """A relation that can hold one target only."""
    open: bool = False
    """Choices whose missing values can be created (labels)."""
    transitions: frozenset[tuple[str, str]] | None = None
    """Of a choice with a workflow: the values between which it can be changed, ``(from, to)``; ``None`` for all."""
    columns: "Mapping[str, Field]" = field(default_factory=dict, hash=False)
    """Of a table."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user of a tracker."""

    login: str
    name: str
    email: str = ""
    groups: tuple[str, ...] = ()
    """What the tracker calls groups, or roles."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What a tracker's issues look like, found by introspection."""

    fields: Mapping[str, Field]
    people: Mapping[str, Person] = field(default_factory=dict)
    """By log-in."""
    visibilities: tuple[str, ...] = ()
    """The words for who may see a comment, other than everybody; none where all comments are for all."""
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """How texts name things, by kind (``ISSUE``, ``COMMENT``, ``ATTACHMENT``, ``user``), the usual form first:
    ``issue{id}``, ``{key}`` (``PROJ-12``), ``@{login}``.
    """


NOTHING: Mapping[str, str] = MappingProxyType({})
"""No names."""


class Issue(NamedTuple):
    """An issue as it stands in the tracker: all its cells, in local words."""

    local: str
    position: Position
    """Where the tracker's journals stood when this was read."""
    cells: Cells
    author: str
    created: str


class Edit(NamedTuple):
    """One step in an issue's history, by one person at one time: the cells that changed, and to what."""

    local: str
    position: Position
    author: str
    at: str
    """RFC 3339 in UTC with ``Z``, or empty; a time of another form does not travel."""
    cells: Cells
    created: bool = False
    """This edit made the issue; ``cells`` then holds every cell that was not empty."""


@dataclass(frozen=True, slots=True)
class Touched:
    """A piece of a tracker's feed: edits in commit order, and where to go on."""

    edits: Sequence[Edit]
    position: Position
    more: bool = False


class Write(NamedTuple):
    """One change of one issue to be made in the tracker, once, however often it is asked for."""

    key: str
    """The marker: the same write has the same key for ever. ``[a-z0-9]{1,64}``."""
    local: str | None
    """The issue, or ``None`` to create one."""
    expected: Position | None
    """Refused as stale when the issue's own journals moved beyond this. ``None`` for a new issue."""
    cells: Cells
    """What each cell shall be. A comment or attachment to be made has the element ``+MARKER``."""
    author: str | None = None
    """The log-in to write as, or ``None`` for the synchronization user."""
    at: str | None = None
    files: Mapping[str, str] = NOTHING
    """Path of the content by SHA-256, for attachments to be made."""


class Applied(NamedTuple):
    """The write is in the tracker. ``cells`` is what the tracker answered when it was read back.

    It holds every cell of the write, and every other cell of the issue that changed along with it
    (a workflow's side effect). ``created`` gives the local id for each ``+MARKER``; in ``cells`` those elements
    stand under their new local id.
    """

    key: str
    local: str
    position: Position
    cells: Cells
    created: Mapping[str, str] = NOTHING


@dataclass(frozen=True, slots=True)
class Stale:
    """Somebody edited the issue after ``expected``: nothing was written; read, then plan again."""

    key: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The tracker will not take it, and would not next time: its own words, for a person."""

    key: str
    words: str


Outcome: TypeAlias = Applied | Stale | Refused
