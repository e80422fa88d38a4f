"""Comments, out and in: which ones leave, whose they are shown to be, and who may see them.

A comment of ours that may not leave is *absent* for the partner. So one that was shared and may not be any more, as it
was made internal or as an edit took the keyword away, is taken back there: never do more people see it than here.
"""

import re
from collections.abc import Callable

from backbone.model import Cell, Record, Schema
from backbone.replication.agreement import INTERNAL, Agreement
from backbone.replication.diff import Shadow
from backbone.replication.mapping.content_rules import HEADLINE, Leaving
from backbone.replication.mapping.content_rules import Comments as CommentRules
from backbone.replication.mapping.draft import Draft
from backbone.replication.mapping.patterns import wildcard
from backbone.replication.mapping.people import People
from backbone.replication.mapping.references import WANTED, names_something
from backbone.replication.mapping.tables import NoRow
from backbone.replication.mapping.texts import Texts
from backbone.replication.mapping.words import Names, written_elsewhere

VISIBILITY = "visibility"


class Comments:
    """One link's comments."""

    def __init__(self, agreement: Agreement, rules: CommentRules, people: People, user: str, texts: Texts) -> None:
        """``user`` writes what nobody here wrote."""
        self._rules = rules
        self._people = people
        self._user = user
        self._texts = texts
        self._characters_max = agreement.comment_characters_max
        self._marks = agreement.internal_comments
        self._named = frozenset(rules.send.internal) if agreement.internal_comments else frozenset()
        self._prefix = rules.send.strip_prefix
        self._is_chosen = _chosen(rules.send)
        self._headlines = dict.fromkeys((rules.headline, HEADLINE))
        self._reading = _reading(rules.headline) if "{author}" in rules.headline else None

    def out(
        self, target: Cell, value: Record, schema: Schema, names: Names, shadow: Shadow, *, ours: bool
    ) -> Record | None:
        """As the partner may know it; ``None`` is absent. Raises ``NoRow`` for one that may leave and cannot."""
        register = shadow.get(target)
        known = register.value if register is not None and isinstance(register.value, dict) else None
        word = str(value.get(VISIBILITY, ""))
        if ours and word and word not in self._named:
            return None
        if not ours and word and not self._may_be_seen(known):
            # Made internal here, the partner's comment stays as the partner knows it.
            return register.image if register is not None and isinstance(register.image, dict) else None
        first = written_elsewhere(target, value, names, self._user)
        here = self._without_headline(str(value["text"]), first)
        is_forgotten = not ours and known is None and first is None and value["author"] == self._user
        said = self._recalled(value) if is_forgotten else known
        text, is_new = self._texts.out(
            self._without_additions(here, said, ours=ours), _to_compare(known, first), schema, names
        )
        if ours and not (here.startswith(self._prefix) and self._leaves(value, schema, is_new or known is None)):
            return None
        self._check_length(target, text)
        about = said if said is not None else self._people.about(value, first, schema)
        return self._record(text, about, known, word if ours else None)

    def into(self, cell: Cell, value: Record, names: Names, draft: Draft, *, ours: bool) -> None:
        """The partner's word about a comment, put into ``draft``. Raises ``NoRow``."""
        local = draft.local_of(cell, names)
        internal = value.get(VISIBILITY) == INTERNAL
        if internal and not ours and not self._rules.internal_as:
            if local is not None:
                draft.content(cell, local, None)
            return
        login = self._people.login(str(value["author"]), draft.schema)
        text, missing = self._texts.back(str(value["text"]), draft.schema, names)
        if missing is not None:
            draft.waiting[cell] = f"{WANTED}{missing}"
        first = names.said_elsewhere(cell) if names.born_elsewhere(cell.element) else None
        if ours:
            text = self._prefix + text
        if login is None and not names.born_here(cell.element):
            text = _above(self._rules.headline, first if isinstance(first, dict) else value) + text
        record: Record = {"text": text, "author": login or self._user, "created": value["created"]}
        if self._marks and not ours:
            record[VISIBILITY] = self._rules.internal_as if internal else ""
        draft.content(cell, local, record)

    def is_wanted(self, value: Record) -> bool:
        """Whether a comment of the partner's is written here."""
        return value.get(VISIBILITY) != INTERNAL or bool(self._rules.internal_as)

    def _leaves(self, value: Record, schema: Schema, is_new: bool) -> bool:
        """What the partner has as it is now was chosen once, or the partner wrote it."""
        return not is_new or self._is_chosen(value, schema)

    @staticmethod
    def _may_be_seen(known: Record | None) -> bool:
        return known is not None and known.get(VISIBILITY) == INTERNAL

    def _without_additions(self, text: str, known: Record | None, *, ours: bool) -> str:
        if ours:
            text = text.removeprefix(self._prefix)
        return self._without_headline(text, known)

    def _without_headline(self, text: str, said: Record | None) -> str:
        if said is not None:
            for headline in self._headlines:
                text = text.removeprefix(_above(headline, said))
        return text

    def _recalled(self, value: Record) -> Record | None:
        """Whose comment of the partner's this is, where our store was put back and forgot it: as the headline says."""
        found = self._reading.match(str(value["text"])) if self._reading is not None else None
        if found is None:
            return None
        return {"author": found["author"], "created": found.groupdict().get("created", value["created"])}

    def _check_length(self, target: Cell, text: str) -> None:
        if self._characters_max is not None and len(text) > self._characters_max:
            raise NoRow(text, "is longer than the agreement allows")

    def _record(self, text: str, about: Record, known: Record | None, word: str | None) -> Record:
        """``word``: who may see our own comment; ``None`` for the partner's, which says so itself."""
        record: Record = {"text": text, "author": about["author"], "created": about["created"]}
        if word or (word is None and self._may_be_seen(known)):
            record[VISIBILITY] = INTERNAL
        return record


def _to_compare(known: Record | None, first: Record | None) -> str | None:
    """What was agreed upon, so that what nobody edited stays as it was: with another partner only what names nothing,
    as this one has perhaps no business to know it.
    """
    if known is not None:
        return str(known["text"])
    return None if first is None or names_something(str(first["text"])) else str(first["text"])


def _above(headline: str, value: Record) -> str:
    if not headline:
        return ""
    said = headline.replace("{created}", str(value["created"])).replace("{author}", str(value["author"]))
    return f"{said}\n\n"


def _reading(headline: str) -> "re.Pattern[str]":
    """What reads who wrote it, and when, from the line that ``_above`` makes."""
    words = re.escape(headline).replace(r"\{author\}", r"(?P<author>[^\n]{1,200}?)", 1)
    return re.compile(words.replace(r"\{created\}", r"(?P<created>\S{1,40})", 1) + "\n\n")


def _chosen(rules: Leaving) -> Callable[[Record, Schema], bool]:
    """Whether an admin wants a comment to leave, but for its prefix and its visibility."""
    words = [re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE) for word in rules.words]
    authors = [wildcard(login) for login in rules.authors]
    groups = frozenset(rules.author_groups)

    def chosen(value: Record, schema: Schema) -> bool:
        login = str(value["author"])
        person = schema.people.get(login)
        return (
            (not words or any(word.search(str(value["text"])) for word in words))
            and (not authors or any(fits(login) for fits in authors))
            and (not groups or (person is not None and not groups.isdisjoint(person.groups)))
        )

    return chosen
