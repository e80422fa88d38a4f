"""Value tables: local word -> agreed word and back."""

from collections.abc import Callable, Sequence

from backbone.replication.mapping.patterns import PatternError, Template, has_wildcard, literal, wildcard
from backbone.replication.mapping.rules import FieldRule
from backbone.replication.mapping.table_rows import Pattern


class NoRow(LookupError):
    """A word that cannot be said on the other side; ``why`` where it is not for want of a row."""

    def __init__(self, word: str, why: str = "") -> None:
        super().__init__(word)
        self.word = word
        self._why = why

    def words(self, name: str) -> str:
        """What is wrong with it, for the rule of the agreed field ``name``."""
        return f"value {self.word[:80]!r} {self._why or f'has no row under fields.{name}.values'}"


class Table:
    """A rule's rows, in the order in which they are looked at; a way without any row changes nothing."""

    def __init__(self, rule: FieldRule) -> None:
        """Raises ``PatternError``."""
        rows = [(agreed, [v] if isinstance(v, str) else v) for agreed, v in rule.values.items()]
        self.agreed_of = {literal(v): agreed for agreed, local in rows for v in local if not has_wildcard(v)}
        self.local_of = {agreed: literal(local[0]) for agreed, local in rows if local and not has_wildcard(local[0])}
        self._out: list[Callable[[str], str | None]] = [
            _fixed(wildcard(v), agreed) for agreed, local in rows for v in local if has_wildcard(v)
        ]
        self._back: list[Callable[[str], str | None]] = []
        for pattern in rule.patterns:
            self._add(pattern)
        self._out += [_fixed(wildcard(local), agreed) for local, agreed in rule.values_to_remote.items()]
        self._back += [_fixed(wildcard(agreed), local) for agreed, local in rule.values_to_local.items()]
        self._speaks = bool(self.agreed_of or self._out)
        self._hears = bool(self.local_of or self._back)

    def _add(self, pattern: Pattern) -> None:
        local, agreed = Template(pattern.local, pattern.holes), Template(pattern.agreed, pattern.holes)
        if not set(agreed.holes) <= set(local.holes):
            raise PatternError(f"{pattern.agreed!r} has a hole that {pattern.local!r} does not have")
        self._out.append(_filled(local, agreed))
        if pattern.back is not None:
            self._back.append(_filled(agreed, Template(pattern.back, pattern.holes)))
        elif set(local.holes) <= set(agreed.holes):
            self._back.append(_filled(agreed, local))

    def out(self, word: str) -> str:
        """Raises ``NoRow``."""
        found = self.agreed_of.get(word)
        if found is not None:
            return found
        return _first(self._out, word) if self._speaks else word

    def back(self, word: str) -> str:
        """Raises ``NoRow``."""
        found = self.local_of.get(word)
        if found is not None:
            return found
        return _first(self._back, word) if self._hears else word


def _fixed(fits: Callable[[str], bool], answer: str) -> Callable[[str], str | None]:
    return lambda word: answer if fits(word) else None


def _filled(asked: Template, answer: Template) -> Callable[[str], str | None]:
    if not set(answer.holes) <= set(asked.holes):
        raise PatternError("what is written back has a hole that the agreed text does not have")

    def look(word: str) -> str | None:
        words = asked.match(word)
        return None if words is None else answer.fill(words)

    return look


def _first(rows: Sequence[Callable[[str], str | None]], word: str) -> str:
    for row in rows:
        found = row(word)
        if found is not None:
            return found
    raise NoRow(word)
