"""How one tracker's texts name things: the forms that an admin writes, ``issue{id}``, ``@{login}``, ``![]({name})``.

They are looked for in Markdown. What another markup has for pictures and for links to files is Markdown's by then, so
Jira's ``!{name}!`` is ``![]({name})``.
"""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from backbone.model import ATTACHMENT, COMMENT
from backbone.replication.markup import Markup

PICTURE, LINK = "![]({name})", "[]({name})"
LABEL_CHARACTERS_MAX = 400
"""A file's name, with a backslash before each sign."""
_NAME_CHARACTERS_MAX = 200
_IN_MARKDOWN = {"!{name}!": PICTURE, "[^{name}]": LINK}
_WITH_PICTURES = (Markup.JIRA, Markup.TEXTILE)
_HOLES = {"id": "[0-9]{1,18}", "key": "[A-Z][A-Z0-9_]{0,30}-[0-9]{1,12}", "login": r"[\w.+-]{1,100}(?<![.+-])"}
"""What may stand in a form's hole: a number, a key with its project, a log-in."""
_LABEL = rf"\[[^\[\]\n]{{0,{LABEL_CHARACTERS_MAX}}}\]"
_PLACE = r'\((?:<[^<>\n]{1,300}>|[^()<>"\n]{1,300}?)(?: "[^"\n]{0,300}")?\)'
_PARTS = re.compile(r'!?\[([^\[\]]*)\]\(<?(.*?)>?(?: "[^"]*")?\)', re.DOTALL)
_SIGNS = re.compile(r"([\\`*_~|<>#&!])")
"""What has a meaning in Markdown, in a label."""
_WHOLE = (COMMENT, ATTACHMENT)
"""Kinds whose local names are the whole text of a reference."""


class Said(NamedTuple):
    """A reference in a text of ours. ``local`` is what it names; ``in_place``: a picture is shown where it stands."""

    local: str
    label: str
    in_place: bool = False

    def named(self, name: str | None) -> "Said":
        """A number says nothing to the partner: there it is the file's name that stands for it."""
        return self._replace(label=_as_label(name)) if name is not None and self.label == self.local else self


class Form(NamedTuple):
    """How a tracker writes references of one kind."""

    kind: str
    expression: str
    before: str
    after: str
    hole: str
    """What may stand in it, as a regular expression."""
    by_name: bool
    """It names an attachment by its name, within one issue."""
    in_place: bool

    @classmethod
    def of(cls, kind: str, text: str) -> "Form":
        """From what an admin writes, ``issue{id}``: it has one hole."""
        before, hole, after = re.split(r"\{(\w+)\}", text)
        by_name, in_place = hole == "name", text.startswith("!")
        if text in (PICTURE, LINK):
            expression = rf"(?<![\\!]){'!' if in_place else ''}{_LABEL}{_PLACE}"
            return cls(kind, expression, before, after, r"[^<>\n]+", by_name, in_place)
        inner = _name_before(after) if by_name else _HOLES[hole]
        body = f"{_literal(before)}(?:{inner}){_literal(after)}"
        ahead = r"\w/#&.@!-" if kind == ATTACHMENT else r"\w/#&.@-"
        start = rf"(?<![{ahead}])" if not before or re.match(r"[\w#@]", before) else ""
        return cls(kind, f"{start}{body}(?![\\w-])", before, after, inner, by_name, in_place)

    @property
    def _is_markdown(self) -> bool:
        return self.before in ("![](", "[](")

    def read(self, word: str) -> Said:
        """What was found, as it stands in the text."""
        if self._is_markdown:
            found = _PARTS.fullmatch(word)
            assert found is not None, "a link in Markdown has a label and a place"
            name = _plain(found[2])
            return Said(name, found[1] or _as_label(name), self.in_place)
        plain = _plain(word)
        if self.by_name:
            name = plain[len(self.before) : len(plain) - len(self.after)]
            return Said(name, _as_label(name), self.in_place)
        return Said(plain if self.kind in _WHOLE else plain[len(self.before) : len(plain) - len(self.after)], plain)

    def can_say(self, local: str) -> bool:
        """Whether this form can hold a file's name."""
        return not self.by_name or re.fullmatch(self.hole, local) is not None

    def write(self, local: str, label: str) -> str:
        """The inverse of ``read``; ``label`` is what stood there."""
        if not self._is_markdown:
            return local if self.kind in _WHOLE and not self.by_name else f"{self.before}{local}{self.after}"
        if _is_alike(_plain(label), _plain(_as_label(local))):
            label = "" if self.in_place else _as_label(local)
        place = local if re.fullmatch(r"[^\s()]+", local) else f"<{local}>"
        return f"{'!' if self.in_place else ''}[{label}]({place})"


def in_markdown(forms: tuple[str, ...], markup: Markup) -> tuple[str, ...]:
    """An attachment's forms, as they are looked for."""
    return tuple(_IN_MARKDOWN.get(form, form) for form in forms) if markup in _WITH_PICTURES else forms


def canonical(kind: str, target: str, said: Said) -> str:
    """The link that travels."""
    return f"{'!' if said.in_place else ''}[{said.label}](backbone:{kind}/{quote(target, safe='@+~')})"


@lru_cache(maxsize=64)
def known_form(kind: str, text: str) -> Form:
    """``Form.of``, once."""
    return Form.of(kind, text)


@lru_cache(maxsize=64)
def sign(form: str) -> str:
    """What a text with such a reference has in it, backslashes or none: most texts have no reference, and are not
    searched.
    """
    before, _, after = re.split(r"\{(\w+)\}", form)
    runs = [*re.findall(r"[^\W_]+", before), *re.findall(r"[^\W_]+", after)]
    signs = [c for c in before + after if not c.isalnum()]
    return max([*runs, *signs], key=lambda one: len(one) + 1.5 * (not one.isalnum()), default="")


def _literal(text: str) -> str:
    """Markdown may have a backslash before each sign."""
    return "".join(re.escape(c) if c.isalnum() else rf"\\?{re.escape(c)}" for c in text)


def _name_before(after: str) -> str:
    """A file's name: up to the form's end, or, where it has none, up to a space."""
    if after:
        return rf"(?=[^\s])[^\n\[\]()<>{re.escape(after[0])}]{{1,{_NAME_CHARACTERS_MAX}}}(?<![\s\\])"
    return rf"[^\s\[\]()<>\"'|!*]{{1,{_NAME_CHARACTERS_MAX}}}(?<![.,;:?\\])"


def _plain(text: str) -> str:
    return text.replace("\\", "")


def _as_label(name: str) -> str:
    """No name of a file can end the label that it stands in."""
    return _SIGNS.sub(r"\\\1", re.sub(r"[\[\]\s]+", " ", name[:_NAME_CHARACTERS_MAX])).strip() or "file"


def _is_alike(label: str, name: str) -> bool:
    """But for a prefix."""
    return bool(label) and (name.endswith(label) or label.endswith(name))
