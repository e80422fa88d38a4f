"""Which way things travel, and when."""

from enum import StrEnum


class Way(StrEnum):
    """Which way a field travels, seen from here."""

    BOTH = "both"
    TO_LOCAL = "to_local"
    TO_REMOTE = "to_remote"

    @property
    def sends(self) -> bool:
        """Whether what is edited here leaves."""
        return self is not Way.TO_LOCAL

    @property
    def takes(self) -> bool:
        """Whether what the partner edits is written here."""
        return self is not Way.TO_REMOTE


class Only(StrEnum):
    """When a field travels, if not always."""

    IF_EMPTY = "if_empty"
    """Where it goes, there is no value yet."""
    ON_CREATE = "on_create"
    ON_UPDATE = "on_update"
    WITH_OTHERS = "with_other_changes"
