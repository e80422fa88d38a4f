"""References inside rich text and comments: to issues, comments and attachments, and mentions of people.

They travel as Markdown links that both sides understand, ``[#12](backbone:issue/GID)``: what stood there, and what is
meant. Where what is meant is known here it is written as this tracker writes it, otherwise as it stood there.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote

from backbone.model import ATTACHMENT, COMMENT, ISSUE, Schema
from backbone.replication.mapping.content_rules import Texts as TextRules
from backbone.replication.mapping.people import People
from backbone.replication.mapping.words import Names

USER = "user"
WANTED = "ref:"
"""Before the gid of what a text waits for, though it is written already."""
_LABEL_CHARACTERS_MAX = 120
_CANONICAL = re.compile(
    rf"\[([^\[\]\n]{{1,{_LABEL_CHARACTERS_MAX}}})\]\(backbone:({ISSUE}|{COMMENT}|{ATTACHMENT}|{USER})/([^()\s]{{1,900}})\)"
)
_HOLES = {"id": "[0-9]{1,18}", "key": "[A-Z][A-Z0-9_]{0,30}-[0-9]{1,12}", "login": r"[\w.+-]{1,100}(?<![.+-])"}
"""What may stand in a form's hole: a number, a key with its project, a log-in."""
_WHOLE = (COMMENT, ATTACHMENT)
"""Kinds whose local names are the whole text of a reference."""


def names_something(text: str) -> bool:
    """Whether there is a reference in an agreed text."""
    return _CANONICAL.search(text) is not None


class Shown(NamedTuple):
    """A text as it is written here, and the gid of the first issue that it names and that is not here yet."""

    text: str
    missing: str | None


class Form(NamedTuple):
    """How a tracker writes references of one kind."""

    kind: str
    expression: str
    before: str
    after: str

    @classmethod
    def of(cls, kind: str, text: str) -> "Form":
        """From what an admin writes, ``issue{id}``: it has one hole."""
        before, hole, after = re.split(r"\{(\w+)\}", text)
        inner = _HOLES[hole]
        body = f"{_literal(before)}(?:{inner}){_literal(after)}"
        start = r"(?<![\w/#&.@-])" if not before or re.match(r"[\w#@]", before) else ""
        return cls(kind, f"{start}{body}(?![\\w-])", before, after)

    def local(self, said: str) -> str:
        """The local name in a reference."""
        return said if self.kind in _WHOLE else said[len(self.before) : len(said) - len(self.after)]

    def write(self, local: str) -> str:
        """The inverse."""
        return local if self.kind in _WHOLE else f"{self.before}{local}{self.after}"


def _literal(text: str) -> str:
    """Markdown may have a backslash before each sign."""
    return "".join(re.escape(c) if c.isalnum() else rf"\\?{re.escape(c)}" for c in text)


@lru_cache(maxsize=64)
def _sign(form: str) -> str:
    """What a text with such a reference has in it, backslashes or none: most texts have no reference, and are not
    searched.
    """
    before, _, after = re.split(r"\{(\w+)\}", form)
    runs = [*re.findall(r"[^\W_]+", before), *re.findall(r"[^\W_]+", after)]
    signs = [c for c in before + after if not c.isalnum()]
    return max([*runs, *signs], key=lambda one: len(one) + 1.5 * (not one.isalnum()), default="")


@lru_cache(maxsize=64)
def _compiled(forms: tuple[tuple[str, str], ...]) -> tuple[tuple[Form, ...], "re.Pattern[str]"]:
    known = tuple(Form.of(kind, text) for kind, text in forms)
    every = "|".join([_CANONICAL.pattern, *(f"({form.expression})" for form in known)])
    return known, re.compile(every)


class References:
    """One link's references."""

    def __init__(self, rules: TextRules, people: People) -> None:
        self._said = {ISSUE: rules.issues, COMMENT: rules.comments, ATTACHMENT: rules.attachments, USER: rules.people}
        self._people = people

    def out(self, text: str, agreed: str | None, schema: Schema, names: Names) -> str:
        """A Markdown text of ours as it travels. ``agreed`` is what travelled last: what it named stays what it was."""
        pairs = tuple([pair for pair in self._forms(schema) if _sign(pair[1]) in text])
        if not pairs:
            return text
        forms, expression = _compiled(pairs)
        known = {self._written(m, schema, names)[0]: m[0] for m in _CANONICAL.finditer(agreed or "")}

        def said(match: "re.Match[str]") -> str:
            if match[2]:
                return match[0]
            form = forms[next(i for i, part in enumerate(match.groups()[3:]) if part is not None)]
            word = match[0].replace("\\", "")
            target = known.get(word)
            return target or self._canonical(form, word, schema, names) or match[0]

        return expression.sub(said, text)

    def back(self, text: str, schema: Schema, names: Names) -> Shown:
        """The partner's Markdown text with references as they are written here."""
        if "](backbone:" not in text:
            return Shown(text, None)
        missing: list[str] = []

        def written(match: "re.Match[str]") -> str:
            word, lacking = self._written(match, schema, names)
            missing.extend(lacking)
            return word

        return Shown(_CANONICAL.sub(written, text), missing[0] if missing else None)

    @staticmethod
    def labels(text: str) -> str:
        """The partner's text with each reference as it stood there."""
        return _CANONICAL.sub(lambda match: match[1], text)

    def _forms(self, schema: Schema) -> tuple[tuple[str, str], ...]:
        """Those of the link's file, or the tracker's own."""
        usual, named = schema.references, self._said.items()
        return tuple([(kind, text) for kind, said in named for text in (usual.get(kind, ()) if said is None else said)])

    def _canonical(self, form: Form, said: str, schema: Schema, names: Names) -> str | None:
        local = form.local(said)
        target = self._people.word(local, schema) if form.kind == USER else names.shared(form.kind, local)
        if target is None or len(said) > _LABEL_CHARACTERS_MAX:
            return None
        return f"[{said}](backbone:{form.kind}/{quote(target, safe='@+~')})"

    def _written(self, match: "re.Match[str]", schema: Schema, names: Names) -> tuple[str, list[str]]:
        """A reference as it is written here, and what it lacks for that."""
        label, kind, target = match[1], match[2], unquote(match[3])
        form = next((Form.of(kind, text) for known, text in self._forms(schema) if known == kind), None)
        find: Callable[[str], str | None] = names.local_of
        local = self._people.login(target, schema) if kind == USER else find(target)
        if form is None or local is None:
            return label, [target] if kind == ISSUE and form is not None else []
        return form.write(local), []
