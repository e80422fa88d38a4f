"""Wildcards and regular expressions that an admin writes, in linear time whatever they meet: RE2, never ``re``.

``(a+)+$`` keeps Python's own engine busy for hours on thirty letters; a peer could send them.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import re2

_HOLE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


class PatternError(ValueError):
    """An expression that cannot be, in a sentence."""


def compiled(expression: str) -> Any:
    """An RE2 expression. Raises ``PatternError``."""
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    try:
        return re2.compile(expression, options)
    except re2.error as error:
        words = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error.args[0])
        raise PatternError(f"{expression!r} is no regular expression of RE2: {words}") from error


def has_wildcard(text: str) -> bool:
    r"""Whether ``*`` stands in it; ``\*`` is a star itself."""
    return "*" in text.replace(r"\*", "")


def literal(text: str) -> str:
    r"""A text without wildcards: ``\*`` as a star."""
    return text.replace(r"\*", "*")


def wildcard(text: str) -> Callable[[str], bool]:
    """Whether a whole value is so."""
    if not has_wildcard(text):
        return literal(text).__eq__
    parts = re.split(r"(\\\*|\*)", text)
    known = {"*": ".*", r"\*": r"\*"}
    expression = compiled("".join(known.get(part) or re2.escape(part) for part in parts))
    return lambda value: expression.fullmatch(value) is not None


def holes_of(text: str) -> list[str]:
    """The names of a template's holes, in their order."""
    return _HOLE.findall(text)


class Template:
    """A text with holes: ``Release {major}.{minor}``. Two templates with the same holes are each other's way back."""

    def __init__(self, text: str, holes: Mapping[str, str]) -> None:
        """``holes``: what each may be, as a regular expression; without one, anything. Raises ``PatternError``."""
        pieces = _HOLE.split(text)
        self.holes = tuple(pieces[1::2])
        if len(set(self.holes)) != len(self.holes):
            raise PatternError(f"{text!r} has a hole of the same name twice")
        self._pieces = pieces
        parts = [
            f"(?P<{piece}>{holes.get(piece, '.*')})" if index % 2 else re2.escape(piece)
            for index, piece in enumerate(pieces)
        ]
        self._expression = compiled("".join(parts))

    def match(self, value: str) -> Mapping[str, str] | None:
        """What stands in the holes, or ``None``."""
        found = self._expression.fullmatch(value)
        return None if found is None else {hole: found.group(hole) for hole in self.holes}

    def fill(self, words: Mapping[str, str]) -> str:
        """The text with words in its holes."""
        return "".join(words[piece] if index % 2 else piece for index, piece in enumerate(self._pieces))
