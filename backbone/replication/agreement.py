"""What two nodes signed that they share, and the check of everything that comes in against it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backbone.errors import ConfigError, PeerError
from backbone.model import ATTACHMENT, COMMENT, SETS, Cell, FieldType, Value
from backbone.replication import limits
from backbone.replication.merge import Policy
from backbone.replication.message import ChangeSet

FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
_COMMENT_KEYS = {"text", "author", "created"}
_ATTACHMENT_KEYS = {"name", "type", "size", "sha256", "author", "created"}
_HEX = set("0123456789abcdef")


class Strict(BaseModel):
    """Nothing beyond what is named."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SharedField(Strict):
    """One shared field, in neutral words."""

    type: FieldType
    policy: Policy = Policy.NEWEST


class Agreement(Strict):
    """Shared fields and kinds of content, conflict policies, limits."""

    fields: dict[FieldName, SharedField]
    comments: bool = True
    comment_policy: Policy = Policy.NEWEST
    attachments: bool = True
    attachment_bytes_max: Annotated[int, Field(ge=0, le=limits.attachment_bytes_max)] = 100 * 2**20
    authors: Annotated[str, Field(pattern="^(named|hidden)$")] = "named"
    """Whether the names of authors travel; hidden ones are shown as "a user of NODE"."""

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

    def check(self, change_set: ChangeSet) -> None:
        """Whether the peer may say this: raises ``PeerError`` naming the cell."""
        for operation in change_set.operations:
            if not self._allows(operation.cell, operation.value):
                name = f"{operation.cell.field}[{operation.cell.element}]"[:100]
                raise PeerError(f"the peer wrote {name}, which the agreement does not allow or not in this form")

    def _allows(self, cell: Cell, value: Value) -> bool:
        if cell.field == COMMENT:
            return self.comments and bool(cell.element) and _is_record(value, _COMMENT_KEYS)
        if cell.field == ATTACHMENT:
            return self.attachments and bool(cell.element) and self._is_attachment(value)
        field = self.fields.get(cell.field)
        if field is None:
            return False
        if field.type in SETS:
            return bool(cell.element) and value in (True, None)
        if field.type is FieldType.BOOLEAN:
            return not cell.element and (value is None or isinstance(value, bool))
        return not cell.element and (value is None or isinstance(value, str))

    def _is_attachment(self, value: Value) -> bool:
        if value is None:
            return True
        if not isinstance(value, dict) or value.keys() != _ATTACHMENT_KEYS:
            return False
        size, digest = value["size"], value["sha256"]
        return (
            isinstance(size, int)
            and size <= self.attachment_bytes_max
            and all(isinstance(part, str) for key, part in value.items() if key != "size")
            and len(str(digest)) == 64
            and set(str(digest)) <= _HEX
        )


def _is_record(value: Value, keys: set[str]) -> bool:
    return value is None or (
        isinstance(value, dict) and value.keys() == keys and all(isinstance(v, str) for v in value.values())
    )
