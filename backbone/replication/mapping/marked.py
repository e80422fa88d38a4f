"""Texts that the tracker keeps in a markup of its own."""

from backbone.replication.mapping.tables import NoRow
from backbone.replication.markup import ConversionFailed, Convert, Markup


class Marked:
    """Between the tracker's markup and Markdown."""

    def __init__(self, markup: Markup, convert: Convert | None = None) -> None:
        """``convert`` is needed for any markup but Markdown."""
        self._markup = markup
        self._convert = convert
        self.changes = markup is not Markup.MARKDOWN

    def out(self, text: str) -> str:
        """As it travels. Raises ``NoRow``."""
        return self._said(text, self._markup, Markup.MARKDOWN) if self.changes else text

    def back(self, text: str) -> str:
        """As it is written here. Raises ``NoRow``."""
        return self._said(text, Markup.MARKDOWN, self._markup) if self.changes else text

    def _said(self, text: str, source: Markup, target: Markup) -> str:
        assert self._convert is not None, "another markup needs somebody who converts it"
        try:
            return self._convert(text, source, target)
        except ConversionFailed as error:
            raise NoRow(text, f"is left out: {error}") from error


UNMARKED = Marked(Markup.MARKDOWN)
