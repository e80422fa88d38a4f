"""Rows of tables that an admin writes."""

from typing import Annotated

from pydantic import Field

from backbone.replication.agreement import Strict

Text = Annotated[str, Field(min_length=1)]


class Pattern(Strict):
    """A row of a value table for any number of values. ``{name}`` in both texts stands for the same words."""

    local: Text
    agreed: Text
    holes: dict[str, Text] = Field(default_factory=dict)
    """What a ``{name}`` may be, as a regular expression (RE2); without one, anything."""
    back: Text | None = None
    """What is written here for all of them, where ``agreed`` does not hold all of ``local``."""
