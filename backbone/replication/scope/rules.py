"""The ``[scope]`` table of a link's file. ``docs/scope.md`` shows each key."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from backbone.replication.agreement import FieldName, Strict
from backbone.replication.moment import is_moment

Text = Annotated[str, Field(min_length=1)]


class Part(StrEnum):
    """What part an issue takes in the link."""

    FULL = "full"
    READ_ONLY = "read_only"
    """What people here change in it is put back and reported."""
    UPDATE_ONLY = "update_only"
    """An issue that began here is full; one that began at the partner's is not made here."""
    SKIPPED = "skipped"


class Leaving(StrEnum):
    """What becomes of an issue that has entered, and is in scope no longer."""

    FREEZE = "freeze"
    """Nothing travels until it is in scope again; then what both sides did meanwhile is joined."""
    CLOSE = "close"
    """A last change says ``close_with`` to the partner; then as ``freeze``."""
    UNLINK = "unlink"
    """Nothing travels until somebody adds it by hand."""


def day_or_moment(text: str) -> str:
    """A moment in UTC (RFC 3339); a day is its beginning. Raises ``ValueError``."""
    moment = f"{text}T00:00:00Z" if len(text) == len("2026-11-21") else text
    if not is_moment(moment):
        raise ValueError("must be a day (2026-11-21) or a moment in UTC (2026-11-21T09:30:00Z)")
    return moment


Since = Annotated[str, AfterValidator(day_or_moment)]


class TypeRule(Strict):
    """A row of the ordered table of types: the first one whose ``when`` is true gives the part."""

    when: Text
    type: Part


class ScopeRules(Strict):
    """The ``[scope]`` table."""

    issues: Text | None = None
    """A CEL expression: which of the issues that began here take part."""
    query: Text | None = None
    """The same in the tracker's own words."""
    since: Since | None = None
    """Issues that were neither made nor edited since stay outside until somebody edits them."""
    leaving: Leaving = Leaving.FREEZE
    close_with: dict[FieldName, Text] = Field(default_factory=dict)
    """Agreed field = the value that the partner gets when an issue leaves with ``close``."""
    types: tuple[TypeRule, ...] = ()

    @model_validator(mode="after")
    def _says_what_closed_is(self) -> Self:
        if (self.leaving is Leaving.CLOSE) != bool(self.close_with):
            raise ValueError(
                "leaving = 'close' and [scope.close_with] belong together: say which field gets which value"
            )
        return self
