"""Texts with a markup and references in them: a comment's, and those of rich text fields."""

from collections.abc import Callable

from backbone.model import Schema
from backbone.replication.mapping.references import References, Shown
from backbone.replication.mapping.words import Names


class Texts:
    """Between a text as the tracker keeps it and as it travels.

    ``say`` and ``write`` turn the markup (of a field: its whole wording) into Markdown and back; both may raise
    ``NoRow``.
    """

    def __init__(self, references: References, say: Callable[[str], str], write: Callable[[str], str]) -> None:
        self._references = references
        self._say = say
        self._write = write

    def out(self, text: str, agreed: str | None, schema: Schema, names: Names) -> tuple[str, bool]:
        """As it travels, and whether somebody edited it since it was ``agreed``.

        A text that names what was not here when it was written is said as it was written then: it is not what was
        agreed upon, so that it is written again when that has come.
        """
        if agreed is None:
            return self._references.out(self._say(text), None, schema, names), True
        shown = self._references.back(agreed, schema, names)
        if self._write(shown.text) == text:
            return (agreed if shown.missing is None else shown.text), False
        plain = self._say(text)
        if self._references.out(plain, None, schema, names) == agreed:
            return agreed, False  # it looks like a reference of ours in itself, and was said so
        said = self._references.out(plain, agreed, schema, names)
        labels = self._references.labels(agreed)
        if agreed not in (said, labels) and self._write(labels) == text:
            return labels, False
        return said, said != agreed

    def back(self, text: str, schema: Schema, names: Names) -> Shown:
        """As it is written here."""
        shown = self._references.back(text, schema, names)
        return Shown(self._write(shown.text), shown.missing)
