"""What two nodes signed that they share, and the check of everything that comes in against it."""

import hashlib
import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from backbone.errors import ConfigError, PeerError
from backbone.model import ATTACHMENT, CHOSEN, COMMENT, Cell, FieldType, Value
from backbone.replication import forms, limits
from backbone.replication.merge import Policy, Side
from backbone.replication.message import ChangeSet

FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
_COMMENT_KEYS = {"text", "author", "created"}
_ATTACHMENT_KEYS = {"name", "type", "size", "sha256", "author", "created"}
INTERNAL = "internal"
"""The visibility of a comment on the wire, where not everybody may see it."""
_HEX = set("0123456789abcdef")


class Strict(BaseModel):
    """Nothing beyond what is named."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Direction(StrEnum):
    """Who may write."""

    BOTH = "both"
    TO_MASTER = "to_master"
    TO_SLAVE = "to_slave"

    def allows(self, writer: Side) -> bool:
        """Whether what this side writes may travel."""
        return self is not (Direction.TO_MASTER if writer is Side.MASTER else Direction.TO_SLAVE)


class SharedField(Strict):
    """One shared field, in neutral words."""

    type: FieldType
    policy: Policy = Policy.NEWEST
    direction: Direction = Direction.BOTH
    values: tuple[Annotated[str, Field(min_length=1, max_length=limits.name_bytes_max)], ...] = ()
    """All there may be, for types whose values are words from a list; none named: any."""
    characters_max: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _words_from_a_list(self) -> Self:
        if self.values and self.type not in CHOSEN:
            raise ValueError(f"a field of type {self.type} has no list of values; leave them out")
        return self


class Agreement(Strict):
    """Shared fields and kinds of content, conflict policies, limits."""

    fields: dict[FieldName, SharedField]
    comments: bool = True
    comment_policy: Policy = Policy.NEWEST
    comment_direction: Direction = Direction.BOTH
    comment_characters_max: Annotated[int, Field(ge=1)] | None = None
    internal_comments: bool = False
    """Whether comments that not everybody may see can travel, marked as such; each side names those that do."""
    attachments: bool = True
    attachment_direction: Direction = Direction.BOTH
    attachments_deleted_by: Annotated[str, Field(pattern="^(owner|anyone)$")] = "owner"
    """Who takes an attachment away on both sides: the side where it began, or each of the two."""
    attachment_types: tuple[Annotated[str, Field(min_length=3, max_length=200, pattern="^[^/]+/[^/]+$")], ...] = ()
    """MIME types, with ``*`` as a wildcard; none named: any."""
    attachment_bytes_max: Annotated[int, Field(ge=0, le=limits.attachment_bytes_max)] = 100 * 2**20
    direction: Direction = Direction.BOTH
    """Of the whole link: a one-way link's fields, comments and attachments all have it."""
    authors: Annotated[str, Field(pattern="^(named|hidden)$")] = "named"
    """Whether the names of authors travel; hidden ones are shown as "a user of NODE"."""

    @model_validator(mode="after")
    def _is_one_way_throughout(self) -> Self:
        if self.direction is not Direction.BOTH:
            parts = {name: field.direction for name, field in self.fields.items()}
            parts |= {COMMENT: self.comment_direction, ATTACHMENT: self.attachment_direction}
            wrong = [name for name, direction in parts.items() if direction is not self.direction]
            if wrong:
                raise ValueError(f"the link goes {self.direction} only, but {wrong[0]} goes {parts[wrong[0]]}")
        return self

    def one_way(self, direction: Direction) -> "Agreement":
        """The same for a link that goes one way only. Raises ``ConfigError`` where a field goes the other way."""
        data = self.model_dump(mode="json")
        for part in (*data["fields"].values(), data):
            for key in part.keys() & {"direction", "comment_direction", "attachment_direction"}:
                if part[key] == Direction.BOTH:
                    part[key] = direction
        return Agreement.parse(data, "the agreement")

    @classmethod
    def parse(cls, data: Mapping[str, Any], where: str) -> "Agreement":
        """From TOML or JSON data; ``ConfigError`` names the place."""
        try:
            agreement = cls.model_validate(data)
        except ValidationError as error:
            one = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in one["loc"])
            raise ConfigError(f"{where}: {place}: {one['msg']}") from error
        reserved = {COMMENT, ATTACHMENT} & agreement.fields.keys()
        if reserved:
            raise ConfigError(f"{where}: fields.{min(reserved)}: this word is taken, choose another name")
        return agreement

    def policies(self) -> dict[str, Policy]:
        """The policy for each field and kind of content that a cell can have."""
        table = {name: field.policy for name, field in self.fields.items()}
        if self.comments:
            table[COMMENT] = self.comment_policy
        if self.attachments:
            table[ATTACHMENT] = Policy.NEWEST
        return table

    def policy_hash(self) -> bytes:
        """In every message: two ends with different orders would never converge."""
        return hashlib.sha256(json.dumps(self.policies(), sort_keys=True).encode()).digest()

    def direction_of(self, name: str) -> Direction:
        """Of a field or a kind of content."""
        if name == COMMENT:
            return self.comment_direction
        return self.attachment_direction if name == ATTACHMENT else self.fields[name].direction

    def check(self, change_set: ChangeSet, writer: Side | None = None) -> None:
        """Whether the peer, being ``writer``, may say this: raises ``PeerError`` naming the cell."""
        form_of, writable = self._forms.get, None if writer is None else self._writable[writer]
        for (field, element), value, _, _ in change_set.operations:
            form = form_of(field)
            if form is None or not form(element, value):
                name = f"{field}[{element}]"[:100]
                raise PeerError(f"the peer wrote {name}, which the agreement does not allow or not in this form")
            if writable is not None and field not in writable:
                raise PeerError(f"the peer wrote {field}, which by the agreement only we may write")

    def allows(self, cell: Cell, value: Value) -> bool:
        """Whether a cell may be so, whoever says it."""
        form = self._forms.get(cell.field)
        return form is not None and form(cell.element, value)

    def takes_file(self, media_type: str, size: int) -> bool:
        """Whether an attachment of this type and size may travel."""
        types = self.attachment_types
        return size <= self.attachment_bytes_max and (not types or any(fnmatchcase(media_type, t) for t in types))

    @cached_property
    def _forms(self) -> Mapping[str, Callable[[str, Value], bool]]:
        """Whether a cell of this name may have this element and value."""
        known = self.fields.items()
        shared = {name: forms.form_of(f.type, frozenset(f.values), f.characters_max) for name, f in known}
        table = {name: forms.cell_form(field.type, shared[name]) for name, field in known}
        if self.comments:
            table[COMMENT] = self._is_comment
        if self.attachments:
            table[ATTACHMENT] = self._is_attachment
        return table

    @cached_property
    def _writable(self) -> Mapping[Side, frozenset[str]]:
        """What each side may write."""
        names = (*self.fields, COMMENT, ATTACHMENT)
        return {side: frozenset(name for name in names if self.direction_of(name).allows(side)) for side in Side}

    def _is_comment(self, element: str, value: Value) -> bool:
        if not element:
            return False
        if not isinstance(value, dict):
            return value is None
        longest = self.comment_characters_max
        keys = _COMMENT_KEYS
        if self.internal_comments and value.get("visibility") == INTERNAL:
            keys = _COMMENT_KEYS | {"visibility"}
        return _is_record(value, keys) and (longest is None or len(str(value["text"])) <= longest)

    def _is_attachment(self, element: str, value: Value) -> bool:
        if value is None:
            return bool(element)
        if not element or not isinstance(value, dict) or value.keys() != _ATTACHMENT_KEYS:
            return False
        size, digest = value["size"], value["sha256"]
        return (
            isinstance(size, int)
            and all(isinstance(part, str) for key, part in value.items() if key != "size")
            and len(str(digest)) == 64
            and set(str(digest)) <= _HEX
            and self.takes_file(str(value["type"]), size)
        )


def _is_record(value: Value, keys: set[str]) -> bool:
    return isinstance(value, dict) and value.keys() == keys and all(isinstance(v, str) for v in value.values())
