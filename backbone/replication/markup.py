"""The markups in which trackers keep rich text; what travels is Markdown."""

from enum import StrEnum
from typing import Protocol


class Markup(StrEnum):
    """``MARKDOWN`` is CommonMark 0.31 with pipe tables and strikeout, as it travels."""

    MARKDOWN = "markdown"
    PLAIN = "plain"
    HTML = "html"
    JIRA = "jira"
    TEXTILE = "textile"
    RST = "rst"


class ConversionFailed(Exception):
    """The text cannot be said in another markup; one sentence says why."""


class Convert(Protocol):
    """Says a text in another markup: what one has and the other lacks becomes its plain words, never nothing.

    The same text gives the same result. Raises ``ConversionFailed``.
    """

    def __call__(self, text: str, source: Markup, target: Markup) -> str: ...
