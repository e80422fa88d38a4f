"""What one side tells the other of an issue that rests or goes on: a command in the control lane."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError

from backbone.errors import PeerError
from backbone.replication import limits
from backbone.replication.agreement import Strict

TYPE = "standing"


class Announcement(Strict):
    """From now on the issue is so at the side that says it; empty: it takes part."""

    type: Annotated[str, Field(pattern=f"^{TYPE}$")]
    gid: Annotated[str, Field(min_length=1, max_length=limits.name_bytes_max)]
    standing: Annotated[str, Field(pattern="^(frozen|cut)?$")]
    after: Annotated[int, Field(ge=0, lt=2**53)]
    """The number of the sender's last message of change sets: those still count, though this may come before them."""


def announcement(gid: str, standing: str, after: int) -> dict[str, str | int]:
    """The record to send."""
    return {"type": TYPE, "gid": gid, "standing": standing, "after": after}


def read_announcement(record: Mapping[str, Any]) -> Announcement:
    """The inverse. Raises ``PeerError``."""
    try:
        return Announcement.model_validate(record)
    except ValidationError as error:
        raise PeerError("what the partner says of an issue that rests is malformed") from error
