"""A test over an issue, written in CEL (Common Expression Language, https://cel.dev), compiled once.

CEL has no loops and no recursion. Its macros (``all``, ``exists``, ``exists_one``, ``map``, ``filter``) go through a
list, and may not stand within one another here, so the time of an evaluation grows with the size of the issue and no
faster. Regular expressions (``matches``) take linear time.
"""

import re
from collections.abc import Collection, Mapping
from itertools import accumulate
from types import MappingProxyType
from typing import Any

import cel

from backbone.replication.mapping.nearest import nearest

SOURCE_CHARACTERS_MAX = 2_000
"""An expression that a person can read; its parts are looked at with patterns that take time."""
_TEXT_OR_COMMENT = re.compile(
    r"""[rR](?:\"\"\".*?\"\"\"|'''.*?'''|"[^"\n]*"|'[^'\n]*')"""
    r"""|\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|//[^\n]*""",
    re.DOTALL,
)
"""Where either may look like the other."""
_MACRO = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*(\w+)\s*,")
_MEMBER = re.compile(r"(?<![\w.])(issue|link|node)\s*\.\s*(\w+)")
_AT = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?([^\n]*)")
_WORDS_MAX = 200


class ExpressionError(ValueError):
    """A text that is no test of an issue, in a sentence; or a test that this issue cannot be put to."""


class Expression:
    """``variables``: what may be named, with an example of each; those that are maps name what they hold."""

    def __init__(self, source: str, variables: Mapping[str, Any]) -> None:
        """Raises ``ExpressionError``."""
        if len(source) > SOURCE_CHARACTERS_MAX:
            raise ExpressionError(f"it has more than {SOURCE_CHARACTERS_MAX} characters")
        try:
            self._program = cel.compile(source)
        except ValueError as error:
            raise ExpressionError(_syntax(str(error))) from None
        bare = _TEXT_OR_COMMENT.sub(lambda found: "" if found[0].startswith("//") else '""', source)
        bound = set(_MACRO.findall(bare))
        _check_nesting(bare)
        _check_names(self._program.variables(), {*variables, *bound}, variables)
        for variable, member in _MEMBER.findall(bare):
            known = variables.get(variable)
            if isinstance(known, Mapping) and member not in known:
                raise ExpressionError(
                    f"{variable} has no {member!r}{nearest(member, known)}; it has {', '.join(known)}"
                )
        self.test(variables)

    def test(self, variables: Mapping[str, Any]) -> bool:
        """Whether it is true for these values. Raises ``ExpressionError`` where it cannot be said."""
        try:
            answer = self._program.execute(dict(variables))
        except (ValueError, TypeError, LookupError, ArithmeticError, RuntimeError) as error:
            raise ExpressionError(_failure(error)) from None
        if not isinstance(answer, bool):
            raise ExpressionError("it is neither true nor false; compare with something (==, !=, in, contains)")
        return answer


def _check_nesting(bare: str) -> None:
    ends: list[int] = []
    for found in _MACRO.finditer(bare):
        if any(found.start() < end for end in ends):
            raise ExpressionError("all, exists, exists_one, map and filter may not stand within one another")
        ends.append(_closing(bare, found.end()))


def _closing(bare: str, begin: int) -> int:
    depths = accumulate(({"(": 1, ")": -1}.get(character, 0) for character in bare[begin:]), initial=1)
    return next((begin + place for place, depth in enumerate(depths) if not depth), len(bare))


def _check_names(named: Collection[str], allowed: Collection[str], variables: Mapping[str, Any]) -> None:
    for name in named:
        if name not in allowed:
            fields = variables.get("issue", MappingProxyType({}))
            hint = f" (did you mean 'issue.{name}'?)" if name in fields else nearest(name, variables)
            raise ExpressionError(f"there is no {name!r}{hint}; there are {', '.join(variables)}")


def _syntax(message: str) -> str:
    found = _AT.search(message)
    return f"at character {found[2]}: {found[3][:_WORDS_MAX]}" if found else "this is no CEL expression"


def _failure(error: Exception) -> str:
    if isinstance(error, TypeError):
        return "it compares or calls what does not fit together; a field without a number or a date is null"
    if "'duration'" in str(error):
        return "a duration is said in hours, minutes and seconds, as in duration('168h')"
    first = str(error).strip("'").split(". Check", 1)[0].split("\n", 1)[0]
    return f"it cannot be evaluated: {first[:_WORDS_MAX]}"


__all__ = ["Expression", "ExpressionError"]
