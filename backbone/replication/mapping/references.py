"""References inside rich text and comments: to issues, comments and attachments, and mentions of people.

They travel as Markdown links that both sides understand, ``[#12](backbone:issue/GID)``: what stood there, and what is
meant. Where what is meant is known here it is written as this tracker writes it, otherwise as it stood there. An
attachment that is shown where it stands is ``![plan.png](backbone:attachment/GID)``.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from backbone.model import ATTACHMENT, COMMENT, ISSUE, Cells, Schema, Value
from backbone.replication.mapping.content_rules import Texts as TextRules
from backbone.replication.mapping.people import People
from backbone.replication.mapping.reference_forms import (
    LABEL_CHARACTERS_MAX,
    Form,
    canonical,
    in_markdown,
    known_form,
    sign,
)
from backbone.replication.mapping.words import Names

USER = "user"
WANTED = "ref:"
"""Before the gid of what a text waits for, though it is written already."""
_LABEL = rf"\[([^\[\]\n]{{1,{LABEL_CHARACTERS_MAX}}})\]"
_IN_PLACE = rf"((?<!\\)!(?={_LABEL.replace('(', '(?:', 1)}\(backbone:{ATTACHMENT}/))?"
_CANONICAL = re.compile(rf"{_IN_PLACE}{_LABEL}\(backbone:({ISSUE}|{COMMENT}|{ATTACHMENT}|{USER})/([^()\s]{{1,900}})\)")
_FILE = f"](backbone:{ATTACHMENT}/"


def names_something(text: str) -> bool:
    """Whether there is a reference in an agreed text."""
    return _CANONICAL.search(text) is not None


def names_a_file(value: Value) -> bool:
    """Whether an agreed value, or a comment's text, names an attachment."""
    return _FILE in _text(value)


def _text(value: Value) -> str:
    text = value.get("text") if isinstance(value, dict) else value
    return text if isinstance(text, str) else ""


class Shown(NamedTuple):
    """A text as it is written here, and the gid of the first issue or attachment that it names and that is not here
    yet.
    """

    text: str
    missing: str | None


@lru_cache(maxsize=64)
def _compiled(forms: tuple[tuple[str, str], ...]) -> tuple[tuple[Form, ...], "re.Pattern[str]"]:
    known = tuple(known_form(kind, text) for kind, text in forms)
    every = "|".join([_CANONICAL.pattern, *(f"({form.expression})" for form in known)])
    return known, re.compile(every)


@lru_cache(maxsize=64)
def _signs_of_files(forms: tuple[tuple[str, str], ...]) -> tuple[str, ...] | None:
    """One of these is in every text that names an attachment; ``None`` where one is named as it is called, and any text
    may.
    """
    named = [text for kind, text in forms if kind == ATTACHMENT]
    return None if any(known_form(ATTACHMENT, text).by_name for text in named) else tuple(map(sign, named))


class References:
    """One link's references."""

    def __init__(self, rules: TextRules, people: People) -> None:
        files = None if rules.attachments is None else in_markdown(rules.attachments, rules.markup)
        self._said = {ISSUE: rules.issues, COMMENT: rules.comments, ATTACHMENT: files, USER: rules.people}
        self._people = people
        self._last: tuple[Schema | None, tuple[tuple[str, str], ...]] = (None, ())

    def need_files(self, cells: Cells, schema: Schema) -> bool:
        """Whether a local text may name an attachment, or the tracker's texts name attachments by their names."""
        signs = _signs_of_files(self._forms(schema))
        if not signs:
            return signs is None
        return any(one in text for text in map(_text, cells.values()) for one in signs)

    def out(self, text: str, agreed: str | None, schema: Schema, names: Names) -> str:
        """A Markdown text of ours as it travels. ``agreed`` is what travelled last: what it named stays what it was."""
        pairs = tuple([pair for pair in self._forms(schema) if sign(pair[1]) in text])
        if not pairs:
            return text
        forms, expression = _compiled(pairs)
        known = {self._written(m, schema, names)[0]: m[0] for m in _CANONICAL.finditer(agreed or "")}

        def said(match: "re.Match[str]") -> str:
            if match[3]:
                return match[0]
            form = forms[next(i for i, part in enumerate(match.groups()[4:]) if part is not None)]
            target = known.get(match[0]) or known.get(match[0].replace("\\", ""))
            return target or self._canonical(form, match[0], schema, names) or match[0]

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
        return _CANONICAL.sub(lambda match: match[2], text)

    def _forms(self, schema: Schema) -> tuple[tuple[str, str], ...]:
        """Those of the link's file, or the tracker's own. Asked for each text of one schema: kept for the last."""
        of, forms = self._last
        if of is not schema:
            usual, named = schema.references, self._said.items()
            of_kinds = [(kind, usual.get(kind, ()) if said is None else said) for kind, said in named]
            forms = tuple([(kind, text) for kind, texts in of_kinds for text in texts])
            self._last = (schema, forms)
        return forms

    def _canonical(self, form: Form, word: str, schema: Schema, names: Names) -> str | None:
        said = form.read(word)
        if form.by_name:
            target = names.file_named(said.local) or names.file_named(unquote(said.local))
        else:
            target = self._people.word(said.local, schema) if form.kind == USER else names.shared(form.kind, said.local)
        if target is not None and form.kind == ATTACHMENT:
            said = said.named(names.file_name(target))
        if target is None or len(said.label) > LABEL_CHARACTERS_MAX:
            return None
        return canonical(form.kind, target, said)

    def _written(self, match: "re.Match[str]", schema: Schema, names: Names) -> tuple[str, list[str]]:
        """A reference as it is written here, and what it lacks for that."""
        in_place, label, kind, target = match[1] is not None, match[2], match[3], unquote(match[4])
        forms = [known_form(kind, text) for known, text in self._forms(schema) if known == kind]
        if kind == ATTACHMENT:
            forms.sort(key=lambda form: form.in_place != in_place)
        for form in forms:
            local = self._local(form, target, schema, names)
            if local is not None and form.can_say(local):
                return form.write(local, label), []
        return label, [target] if forms and _is_coming(kind, target, forms, names) else []

    def _local(self, form: Form, target: str, schema: Schema, names: Names) -> str | None:
        if form.kind == USER:
            return self._people.login(target, schema)
        return names.file_name(target) if form.by_name else names.local_of(target)


def _is_coming(kind: str, target: str, forms: Sequence[Form], names: Names) -> bool:
    """Whether what nobody can name here yet will have a name: an issue perhaps, a file of this issue."""
    if kind != ATTACHMENT:
        return kind == ISSUE
    numbered = any(not form.by_name for form in forms)
    return numbered and names.local_of(target) is None and names.file_name(target) is not None
