"""Who is who on both sides.

A person is known by a *word* that both sides use. The table ``[users]`` gives it, and ``[people]`` says how else it is
found. What nobody says is not guessed: the same log-in on both sides may be two people.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Self

from pydantic import model_validator

from backbone.model import Person, Record, Schema
from backbone.replication import limits
from backbone.replication.agreement import Strict
from backbone.replication.mapping.patterns import PatternError, Template, holes_of
from backbone.replication.mapping.table_rows import Pattern

_LOGIN = re.compile(r"[a-z][a-z0-9._-]*\{name\}")
_WORD_CHARACTERS_MAX = 200
_NAME_CHARACTERS_MAX = 40
"""Of a name in a log-in that is made."""


class By(StrEnum):
    """By what a person is known, besides the table."""

    EMAIL = "email"
    LOGIN = "login"


class PeopleRules(Strict):
    """The ``[people]`` table."""

    match: tuple[By, ...] = ()
    """Looked at in this order, after ``[users]`` and ``patterns``."""
    patterns: tuple[Pattern, ...] = ()
    """Local log-in = the word, with the same holes in both."""
    stand_in: str = ""
    """A log-in that stands, in fields for one person, for those of the partner's whom nobody knows here."""
    create: str = ""
    """Users are made for people of the partner's whom nobody knows: a log-in with ``{name}``, as ``beta-{name}``."""
    issue_author_as_comment: str = ""
    """A comment of ours about an issue that somebody made whom nobody knows here, with ``{author}``, ``{created}``."""
    file_author_as_comment: str = ""
    """The same of an attachment: ``{author}``, ``{created}`` and ``{name}``."""

    @model_validator(mode="after")
    def _makes_logins_of_their_own(self) -> Self:
        if self.create and not _LOGIN.fullmatch(self.create):
            raise ValueError(
                f"create: {self.create!r} must begin with small letters, so that no log-in of ours is met, and end in "
                "{name}, as 'beta-{name}'"
            )
        return self

    @model_validator(mode="after")
    def _has_known_holes(self) -> Self:
        known = {"author", "created"}
        for said, holes in ((self.issue_author_as_comment, known), (self.file_author_as_comment, known | {"name"})):
            unknown = sorted(set(holes_of(said)) - holes)
            if unknown:
                there = ", ".join(f"{{{hole}}}" for hole in sorted(holes))
                raise ValueError(f"{{{unknown[0]}}} stands for nothing; there are {there}")
        return self


class People:
    """The words by which both sides know a person, and what the partner may know of everybody else."""

    def __init__(self, users: Mapping[str, str], rules: PeopleRules, *, hidden: bool, node_name: str) -> None:
        """Raises ``PatternError``."""
        self._word_of = users
        self._login_of = {word: login for login, word in users.items()}
        self._ways: list[tuple[_Said, _Meant]] = [_by_pattern(pattern) for pattern in rules.patterns]
        self._ways += [_by_email() if by is By.EMAIL else _by_login() for by in rules.match]
        self._prefix = rules.create.removesuffix("{name}")
        if self._prefix:
            self._ways.append(_by_creation(self._prefix))
        self.stand_in = rules.stand_in
        self._hidden = hidden
        self._stranger = f"a user of {node_name}"

    def stranger(self, word: str) -> str:
        """What the peer may know of somebody whom another partner calls so."""
        return self._stranger if self._hidden else word

    def about(self, value: Record, first: Record | None, schema: Schema) -> Record:
        """Who made a comment or attachment of the tracker's, and when; ``first`` is what another partner said of it."""
        if first is not None:
            return {"author": self.stranger(str(first["author"])), "created": first["created"]}
        return {"author": self.author(str(value["author"]), schema), "created": value["created"]}

    def word(self, login: str, schema: Schema) -> str | None:
        """The word for somebody here; ``None`` for those whom the partner has no business to know."""
        found = self._word_of.get(login)
        for said, _ in self._ways:
            found = found or said(login, schema)
        return found

    @property
    def lends_names(self) -> bool:
        """Whether any word is somebody here."""
        return bool(self._login_of or self._ways)

    def login(self, word: str, schema: Schema) -> str | None:
        """Who that is here; nobody is made up."""
        found = self._login_of.get(word)
        for _, meant in self._ways:
            found = found or meant(word, schema)
        return found

    def to_make(self, words: Iterable[str], schema: Schema) -> list[Person]:
        """The users to be made for those of these people whom nobody knows here."""
        if not self._prefix or self._hidden:
            return []
        room = limits.people_made_max - sum(login.startswith(self._prefix) for login in schema.people)
        unknown = [word for word in dict.fromkeys(words) if _is_name(word) and self.login(word, schema) is None]
        made = {_made(self._prefix, word): word for word in unknown}
        return [Person(login, word) for login, word in made.items() if login not in schema.people][: max(room, 0)]

    def author(self, login: str, schema: Schema) -> str:
        """The word by which the peer may know the author of something."""
        if login in self._word_of:
            return self._word_of[login]
        if self._hidden:
            return self._stranger
        known = schema.people.get(login)
        return self.word(login, schema) or (known.name if known else "") or login or self._stranger


_Said = Callable[[str, Schema], str | None]
_Meant = Callable[[str, Schema], str | None]


def _by_pattern(pattern: Pattern) -> tuple[_Said, _Meant]:
    local, agreed = Template(pattern.local, pattern.holes), Template(pattern.agreed, pattern.holes)
    if set(local.holes) != set(agreed.holes):
        raise PatternError(f"{pattern.local!r} and {pattern.agreed!r} have other holes, so the way back is not defined")

    def said(login: str, schema: Schema) -> str | None:
        words = local.match(login) if login in schema.people else None
        return None if words is None else agreed.fill(words)

    def meant(word: str, schema: Schema) -> str | None:
        words = agreed.match(word)
        login = None if words is None else local.fill(words)
        return login if login in schema.people else None

    return said, meant


def _is_name(word: str) -> bool:
    """Whether a tracker can call a user so."""
    return 0 < len(word.strip()) <= _WORD_CHARACTERS_MAX and word.isprintable()


def _made(prefix: str, word: str) -> str:
    """The log-in that is made for somebody: other words have other ones, whatever signs are in them."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", unicodedata.normalize("NFKD", word).casefold())[:_NAME_CHARACTERS_MAX]
    return prefix + (plain if plain == word else f"{plain}-{hashlib.sha256(word.encode()).hexdigest()[:8]}")


def _by_creation(prefix: str) -> tuple["_Said", "_Meant"]:
    """Users that were made for people of the partner's have their words as names."""

    def said(login: str, schema: Schema) -> str | None:
        person = schema.people.get(login)
        return person.name if person is not None and _made(prefix, person.name) == login else None

    def meant(word: str, schema: Schema) -> str | None:
        login = _made(prefix, word)
        return login if login in schema.people and schema.people[login].name == word else None

    return said, meant


def _by_login() -> tuple[_Said, _Meant]:
    def same(word: str, schema: Schema) -> str | None:
        return word if word in schema.people else None

    return same, same


def _by_email() -> tuple[_Said, _Meant]:
    """An address that two people here have is nobody's."""
    known: list[tuple[Schema, dict[str, str | None]]] = []

    def logins(schema: Schema) -> dict[str, str | None]:
        if not known or known[0][0] is not schema:
            found: dict[str, str | None] = {}
            for person in schema.people.values():
                address = person.email.casefold()
                found[address] = None if address in found or not address else person.login
            known[:] = [(schema, found)]
        return known[0][1]

    def said(login: str, schema: Schema) -> str | None:
        person = schema.people.get(login)
        address = person.email.casefold() if person is not None else ""
        return address if logins(schema).get(address) == login else None

    def meant(word: str, schema: Schema) -> str | None:
        return logins(schema).get(word.casefold())

    return said, meant
