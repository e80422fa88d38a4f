"""Which issues enter the link: the ``[[only_if]]`` tables."""

from collections.abc import Callable, Mapping

from backbone.model import Cell, Value
from backbone.replication.diff import Shadow
from backbone.replication.mapping.patterns import wildcard
from backbone.replication.mapping.rules import Condition
from backbone.replication.mapping.sources import Sources
from backbone.replication.merge import NEVER


class Entry:
    """Conditions on our own issues, in local words, and on the partner's, in agreed ones."""

    def __init__(self, conditions: tuple[Condition, ...]) -> None:
        self._ours = [(c.local, _fits(c)) for c in conditions if c.local is not None]
        self._theirs = [(c.agreed, _fits(c)) for c in conditions if c.agreed is not None]
        self.sources = frozenset(local for local, _ in self._ours)
        self.guards_ours = bool(self._ours)
        self.guards_theirs = bool(self._theirs)

    def ours(self, sources: Sources) -> bool:
        """Whether an issue of ours may enter."""
        return all(fits([sources.text(local)]) for local, fits in self._ours)

    def theirs(self, values: Mapping[Cell, Value]) -> bool:
        """Whether an issue of the partner's may: all its agreed values."""
        return all(fits(_words(field, values)) for field, fits in self._theirs)


def has_entered(shadow: Shadow) -> bool:
    """Whether anything of this issue ever travelled."""
    return any(register.write != NEVER for register in shadow.values())


def _words(field: str, values: Mapping[Cell, Value]) -> list[str]:
    """The value, or each member of a set; one empty text where there is nothing."""
    found = [(cell.element, value) for cell, value in values.items() if cell.field == field and value is not None]
    return [element or (str(value).lower() if isinstance(value, bool) else str(value)) for element, value in found] or [
        ""
    ]


def _fits(condition: Condition) -> Callable[[list[str]], bool]:
    wanted, unwanted = _any_of(condition.wanted), _any_of(condition.except_values)
    return lambda words: any(map(wanted, words)) and not any(map(unwanted, words))


def _any_of(values: tuple[str, ...]) -> Callable[[str], bool]:
    tests = [bool if text == "*" else wildcard(text) for text in values]
    return lambda word: any(test(word) for test in tests)
