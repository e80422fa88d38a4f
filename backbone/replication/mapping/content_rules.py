"""What an admin writes about comments, attachments and texts: tables of a link's file beside those of the fields."""

import re
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from backbone.replication.agreement import Strict
from backbone.replication.mapping.patterns import holes_of
from backbone.replication.mapping.table_rows import Text
from backbone.replication.mapping.ways import Way
from backbone.replication.markup import Markup

HEADLINE = "{author} wrote:"
"""What a comment by somebody whom nobody knows here begins with, unless the admin says otherwise."""
_HOLES = {"author", "created"}
_ODD = re.compile(r"[\[\]()\\\s]")
"""What has a meaning in Markdown's links."""
_WITH_BRACKETS = ("![]({name})", "[]({name})", "[^{name}]")
"""An attachment's forms that are links in Markdown, or in Jira's markup."""


class Leaving(Strict):
    """The ``[comments.send]`` table: which comments of ours leave. All that is said must be so."""

    words: tuple[Text, ...] = ()
    """One of these stands in it, as a whole word; capitals and small letters are the same."""
    strip_prefix: str = ""
    """It begins so; the partner does not see the prefix."""
    authors: tuple[Text, ...] = ()
    """Its author's log-in is one of these, with ``*`` as a wildcard."""
    author_groups: tuple[Text, ...] = ()
    """Its author is in one of these groups (or roles) of the tracker."""
    internal: tuple[Text, ...] = ()
    """Comments that not everybody may see leave only where the tracker's word for who may stands here."""


class Comments(Strict):
    """The ``[comments]`` table."""

    direction: Way = Way.BOTH
    send: Leaving = Leaving()
    headline: str = HEADLINE
    """Above a comment whose author nobody knows here; ``{author}`` and ``{created}`` are what the partner said."""
    internal_as: str = ""
    """Who may see the partner's internal comments here; without it they are not written."""
    if_none: Text | None = None
    """What stands in an issue of the partner's that comes without a comment."""

    @field_validator("headline")
    @classmethod
    def _has_known_holes(cls, said: str) -> str:
        unknown = sorted(set(holes_of(said)) - _HOLES)
        if unknown:
            raise ValueError(f"{{{unknown[0]}}} stands for nothing; there are {{author}} and {{created}}")
        return said


class Files(Strict):
    """Some attachments: all that is said must be so."""

    names: tuple[Text, ...] = ()
    """One of these, with ``*`` as a wildcard; capitals and small letters are the same."""
    except_names: tuple[Text, ...] = ()
    """None of these."""
    types: tuple[Annotated[str, Field(pattern="^[^/]+/[^/]+$")], ...] = ()
    """MIME types, with ``*`` as a wildcard."""
    bytes_max: Annotated[int, Field(ge=0)] | None = None


class Attachments(Strict):
    """The ``[attachments]`` table."""

    direction: Way = Way.BOTH
    send: Files = Files()
    """Which of ours leave."""
    take: Files = Files()
    """Which of the partner's are written here."""
    strip_prefix: str = ""
    """Names here begin so and agreed ones do not; what does not begin so stays here."""
    add_prefix: str = ""
    """Agreed names begin so and those here do not; the partner's others are not written here."""


class Texts(Strict):
    """The ``[text]`` table."""

    markup: Markup = Markup.MARKDOWN
    """In which the tracker keeps comments and rich text."""
    issues: tuple[Text, ...] | None = None
    """How texts name issues, the usual form first: ``issue{id}``, ``#{id}``, ``{key}``; else as the tracker says."""
    people: tuple[Text, ...] | None = None
    """How they mention somebody: ``@{login}``."""
    comments: tuple[Text, ...] | None = None
    """``msg{id}``, in trackers where a comment is called so."""
    attachments: tuple[Text, ...] | None = None
    """``file{id}``; or by the name that it has in its issue: ``![]({name})``, ``[]({name})``, ``attachment:{name}``."""

    @model_validator(mode="after")
    def _has_one_hole_each(self) -> Self:
        kinds = {"issues": {"id", "key"}, "people": {"login"}, "comments": {"id"}, "attachments": {"id", "name"}}
        for name, holes in kinds.items():
            for form in getattr(self, name) or ():
                odd = _ODD.search(form) and form not in _WITH_BRACKETS
                if len(holes_of(form)) != 1 or not set(holes_of(form)) <= holes or odd:
                    wanted = " or ".join(f"{{{hole}}}" for hole in sorted(holes))
                    raise ValueError(f"{name}: {form!r} must have {wanted} in it once, and no brackets")
        return self
