"""What an issue of this tracker looks like, found by asking Roundup for its properties."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from roundup import hyperdb
from roundup.roundupdb import IssueClass

from backbone.errors import TrackerUnavailable
from backbone.model import ATTACHMENT, COLUMNS, COMMENT, ISSUE, Field, FieldType, Person, Schema

_SIMPLE = (
    (hyperdb.String, FieldType.TEXT),
    (hyperdb.Date, FieldType.DATETIME),
    (hyperdb.Interval, FieldType.DURATION),
    (hyperdb.Boolean, FieldType.BOOLEAN),
    (hyperdb.Number, FieldType.NUMBER),
    (hyperdb.Integer, FieldType.NUMBER),
)
MESSAGE_CLASS = "msg"
USER_CLASS = "user"


@dataclass(frozen=True, slots=True)
class Property:
    name: str
    type: FieldType
    many: bool = False
    """A Multilink."""
    linked: str | None = None
    label: str | None = None
    """The property of the linked class that names its items to people."""
    whole: bool = False
    """An Integer."""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Items that belong to one issue, as Roundup's own manual adds work logs: a class without a key, name or title."""

    class_name: str
    columns: Mapping[str, Property]


class Watched(NamedTuple):
    """A Multilink to items that are edited by themselves, without a word in the issue's journal."""

    name: str
    class_name: str
    links: str
    """Roundup's own table for it."""


@dataclass(frozen=True, slots=True)
class Shape:
    issue_class: str
    properties: Mapping[str, Property]
    comments: str | None
    """The Multilink that holds messages."""
    attachments: Mapping[str, str]
    """Multilinks to classes of files, and the class; the first one takes what is made."""
    tables: Mapping[str, Table]
    """By the Multilink."""

    @property
    def contents(self) -> Mapping[str, str]:
        """The Multilinks to messages, files and rows, and their classes."""
        messages = {self.comments: MESSAGE_CLASS} if self.comments else {}
        return {**messages, **self.attachments, **self.row_classes}

    @property
    def row_classes(self) -> Mapping[str, str]:
        """The Multilinks to rows, and their classes."""
        return {name: table.class_name for name, table in self.tables.items()}

    @property
    def watched(self) -> tuple[Watched, ...]:
        """Messages and rows; a file is never edited."""
        messages = {self.comments: MESSAGE_CLASS} if self.comments else {}
        edited = {**messages, **self.row_classes}
        return tuple(Watched(name, kind, f"{self.issue_class}_{name}") for name, kind in edited.items())


def shape_of(db: Any, issue_class: str) -> Shape:
    """Raises ``TrackerUnavailable`` if the tracker has no such class."""
    if issue_class not in db.getclasses():
        raise TrackerUnavailable(
            f"the Roundup tracker in {db.config.TRACKER_HOME} has no class {issue_class!r}; "
            f"set 'class' to one of {', '.join(issue_classes(db))}"
        )
    properties: dict[str, Property] = {}
    files: dict[str, str] = {}
    tables: dict[str, Table] = {}
    comments = None
    for name, prop in db.getclass(issue_class).getprops(protected=0).items():
        linked = getattr(prop, "classname", None)
        if prop.computed:
            continue
        if linked == MESSAGE_CLASS and isinstance(prop, hyperdb.Multilink):
            comments = name
        elif linked and isinstance(db.getclass(linked), hyperdb.FileClass):
            if isinstance(prop, hyperdb.Multilink):
                files[name] = linked
        elif isinstance(prop, hyperdb.Multilink) and _has_rows(db, issue_class, prop.classname):
            tables[name] = Table(prop.classname, _columns(db, prop.classname))
        elif (known := _property(db, issue_class, name, prop)) is not None:
            properties[name] = known
    first_files = dict(sorted(files.items(), key=lambda item: (item[0] != "files", item[0])))
    return Shape(issue_class, dict(sorted(properties.items())), comments, first_files, dict(sorted(tables.items())))


def _has_rows(db: Any, issue_class: str, linked: str) -> bool:
    """Whether the items of a class are nothing by themselves: no issues, people or files, and nothing names them."""
    if linked in (issue_class, MESSAGE_CLASS, USER_CLASS) or isinstance(db.getclass(linked), IssueClass):
        return False
    return db.getclass(linked).labelprop(default_to_id=1) == "id" and bool(_columns(db, linked))


def _columns(db: Any, row_class: str) -> dict[str, Property]:
    found = {
        name: known
        for name, prop in sorted(db.getclass(row_class).getprops(protected=0).items())
        if not prop.computed and (known := _property(db, row_class, name, prop)) is not None
    }
    return {name: known for name, known in found.items() if known.type in COLUMNS}


def issue_classes(db: Any) -> list[str]:
    return sorted(name for name in db.getclasses() if isinstance(db.getclass(name), IssueClass))


def describe(db: Any, shape: Shape) -> Schema:
    """The port's view, with the values that can be chosen now and the people."""
    fields = {known.name: _field(db, known) for known in shape.properties.values()}
    for name, table in shape.tables.items():
        columns = {known.name: _field(db, known) for known in table.columns.values()}
        fields[name] = Field(name, FieldType.TABLE, columns=columns)
    people = {}
    for node in db.user.list():
        login = db.user.get(node, "username")
        name, address = db.user.get(node, "realname") or login, db.user.get(node, "address") or ""
        people[login] = Person(login, name, address, _roles(db, node))
    usual: dict[str, tuple[str, ...]] = {ISSUE: (f"{shape.issue_class}{{id}}",)}
    usual |= {COMMENT: (f"{MESSAGE_CLASS}{{id}}",)} if shape.comments else {}
    usual |= {ATTACHMENT: tuple(f"{kind}{{id}}" for kind in dict.fromkeys(shape.attachments.values()))}
    return Schema(fields, people, references=usual)


def _roles(db: Any, user: str) -> tuple[str, ...]:
    """Roundup keeps them as words with commas; a tracker may have taken the property out."""
    said = db.user.get(user, "roles") if "roles" in db.user.getprops() else None
    return tuple(role.strip() for role in (said or "").split(",") if role.strip())


def _property(db: Any, issue_class: str, name: str, prop: Any) -> Property | None:
    """``None`` for what we do not carry: passwords, links to other kinds of issues, links to items without a name."""
    for kind, simple in _SIMPLE:
        if isinstance(prop, kind):
            return Property(name, simple, whole=isinstance(prop, hyperdb.Integer), required=bool(prop.required))
    if not isinstance(prop, (hyperdb.Link, hyperdb.Multilink)):
        return None
    many = isinstance(prop, hyperdb.Multilink)
    linked_class = db.getclass(prop.classname)
    if prop.classname == issue_class:
        return Property(name, FieldType.RELATION, many, issue_class, required=bool(prop.required))
    label = linked_class.labelprop(default_to_id=1)
    if isinstance(linked_class, IssueClass) or label == "id":
        return None
    if prop.classname == USER_CLASS:
        field_type = FieldType.USERS if many else FieldType.USER
    else:
        field_type = FieldType.CHOICES if many else FieldType.CHOICE
    return Property(name, field_type, many, prop.classname, label, required=bool(prop.required))


def _field(db: Any, known: Property) -> Field:
    values = None
    is_open = False
    if known.type in {FieldType.CHOICE, FieldType.CHOICES}:
        linked = db.getclass(known.linked)
        values = tuple(dict.fromkeys(str(linked.get(node, known.label)) for node in linked.list()))
        is_open = known.many and can_be_made(linked, known.label)
    single = known.type is FieldType.RELATION and not known.many
    return Field(known.name, known.type, values, required=known.required, single=single, open=is_open)


def can_be_made(linked: Any, label: str | None) -> bool:
    """Whether a missing item comes to be by its name alone."""
    return bool(label) and linked.getkey() == label
