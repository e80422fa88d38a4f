"""Agreed fields that no single local field is: constants, several fields in one text, an ordered table."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backbone.model import Cell
from backbone.replication import forms
from backbone.replication.agreement import Agreement
from backbone.replication.mapping.compiled import ways
from backbone.replication.mapping.patterns import has_wildcard, literal, wildcard
from backbone.replication.mapping.rules import FieldRule, Part
from backbone.replication.mapping.sources import Sources
from backbone.replication.mapping.ways import Only
from backbone.replication.merge import Side


@dataclass(frozen=True, slots=True)
class _Row:
    when: tuple[tuple[str, Callable[[str], bool]], ...]
    value: str
    writes: tuple[tuple[str, str], ...]
    """The local fields that have no wildcard, and what each is: the way back."""


@dataclass(frozen=True, slots=True)
class Composed:
    """One agreed field that is made of others."""

    name: str
    agreed: Cell
    sources: frozenset[str]
    sends: bool
    takes: bool
    only: frozenset[Only]
    constant: str | None
    parts: tuple[Part, ...]
    rows: tuple[_Row, ...]
    fits: Callable[[str], bool]

    @classmethod
    def of(cls, name: str, rule: FieldRule, agreement: Agreement, side: Side | None) -> "Composed":
        """``side`` is ours. Raises ``PatternError``."""
        shared = agreement.fields[name]
        sends, takes = ways(rule, shared, side)
        rows = tuple(
            _Row(
                tuple((local, wildcard(text)) for local, text in row.when.items()),
                row.value,
                tuple((local, literal(text)) for local, text in row.when.items() if not has_wildcard(text)),
            )
            for row in rule.first_match
        )
        return cls(
            name=name,
            agreed=Cell(name),
            sources=frozenset(rule.sources),
            sends=sends,
            takes=takes,
            only=frozenset(rule.only),
            constant=rule.constant,
            parts=rule.concatenate,
            rows=rows,
            fits=forms.form_of(shared.type, frozenset(shared.values), shared.characters_max),
        )

    def value(self, sources: Sources) -> str | None:
        """What is agreed, from what is here; ``None`` where no row is so, or nothing is there."""
        if self.constant is not None:
            return self.constant
        if self.parts:
            said = [(part.heading, _read(part, sources.text(part.local))) for part in self.parts]
            return "\n\n".join(_under(heading, text) for heading, text in said if text) or None
        for row in self.rows:
            if all(fits(sources.text(local)) for local, fits in row.when):
                return row.value
        return None

    def writes(self, value: str) -> Iterator[tuple[str, str | None]]:
        """Local fields and what they become; nothing where no row has the value."""
        for row in self.rows:
            if row.value == value:
                yield from ((local, text or None) for local, text in row.writes)
                return


def _read(part: Part, text: str) -> str:
    return part.values.get(text, text)


def _under(heading: str, text: str) -> str:
    return f"{heading}\n\n{text}" if heading else text
