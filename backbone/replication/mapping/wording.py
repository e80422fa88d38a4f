"""How one word of a field becomes the other side's: markup, prefix, table, characters, length."""

from collections.abc import Callable

from backbone.model import SETS, FieldType
from backbone.replication.mapping.marked import UNMARKED, Marked
from backbone.replication.mapping.patterns import PatternError, compiled
from backbone.replication.mapping.rules import FieldRule
from backbone.replication.mapping.tables import Table


class Wording:
    """``out`` and ``back`` of one rule, for a single value or a member of a set.

    ``lossy``: several agreed words may be one here, so what was agreed must be looked up before a word goes out.
    """

    def __init__(self, rule: FieldRule, kind: FieldType, marked: Marked = UNMARKED) -> None:
        """Raises ``PatternError``."""
        self._marked = marked
        self._table = Table(rule) if rule.values or rule.patterns or _one_way(rule) else None
        self._strip, self._add = rule.strip_prefix, rule.add_prefix
        self._set = kind in SETS
        self._characters_max = rule.characters_max
        self._unfit = None
        if rule.allowed_characters:
            self._unfit = compiled(f"[^{rule.allowed_characters}]")
            if self._unfit.search(rule.replace_with):
                raise PatternError(f"replace_with is {rule.replace_with!r}, which allowed_characters do not hold")
        self._replace_with = rule.replace_with
        shortens = self._unfit or rule.characters_max or rule.values_to_local or (self._add and not self._set)
        self.lossy = bool(marked.changes or shortens)
        whole = not (self._strip or self._add or marked.changes)
        self.out: Callable[[str], str | None] = self._table.out if self._table is not None and whole else self._out
        """``None``: a member of a set that stays at home. Raises ``NoRow``."""
        self.changes = bool(self._table or self._strip or self._add or self.lossy)

    def agreed_words(self) -> set[str]:
        """Those that its table names."""
        return {self._add + word for word in self._table.local_of} if self._table is not None else set()

    def _out(self, word: str) -> str | None:
        found: str | None = _without(word, self._strip, alone=self._set)
        if found is not None and self._table is not None:
            found = self._table.out(found)
        return found and self._add + self._marked.out(found)

    def back(self, word: str) -> str | None:
        """``None``: a member of a set that is the partner's own. Raises ``NoRow``."""
        found = _without(word, self._add, alone=self._set)
        if found is None:
            return None
        if self._table is not None:
            found = self._table.back(found)
        found = self._strip + self._marked.back(found)
        if self._unfit is not None:
            found = self._unfit.sub(self._replace_with.replace("\\", "\\\\"), found)
        return found[: self._characters_max]


def _one_way(rule: FieldRule) -> bool:
    return bool(rule.values_to_local or rule.values_to_remote)


def _without(word: str, prefix: str, *, alone: bool) -> str | None:
    """Without the prefix; what does not begin with it is left as it is, or, where ``alone``, is not meant."""
    if not prefix:
        return word
    if word.startswith(prefix) and word != prefix:
        return word[len(prefix) :]
    return None if alone else word
