"""What an admin writes about a mapping: the tables of a link's file."""

from collections.abc import Mapping
from typing import Any

import pydantic

from backbone.errors import ConfigError
from backbone.replication.agreement import FieldName, Strict


class FieldRule(Strict):
    """How one agreed field is called here."""

    local: str
    values: dict[str, str | list[str]] = pydantic.Field(default_factory=dict)
    """Agreed value = local value, or several of which the first is used on the way back."""


class Rules(Strict):
    """The ``[fields]``, ``[users]`` and ``[on_create]`` tables of a link's file."""

    fields: dict[FieldName, FieldRule]
    users: dict[str, str] = pydantic.Field(default_factory=dict)
    """Local log-in = the word for this person that both sides use (an e-mail address, say)."""
    on_create: dict[str, str] = pydantic.Field(default_factory=dict)
    """Local fields and the value they get in an issue that comes from the partner."""

    @classmethod
    def parse(cls, data: Mapping[str, Any], where: str) -> "Rules":
        """From TOML data; ``ConfigError`` names the place."""
        try:
            return cls.model_validate(data)
        except pydantic.ValidationError as error:
            one = error.errors(include_url=False, include_input=False)[0]
            raise ConfigError(f"{where}: {'.'.join(str(p) for p in one['loc'])}: {one['msg']}") from error
