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
from backbone.replication.mapping.marked import Marked
from backbone.replication.mapping.patterns import wildcard
from backbone.replication.mapping.people import People
from backbone.replication.mapping.tables import NoRow
from backbone.replication.mapping.words import Names

VISIBILITY = "visibility"


class Comments:
    """One link's comments."""

    def __init__(self, agreement: Agreement, rules: CommentRules, people: People, user: str, marked: Marked) -> None:
        """``user`` writes what nobody here wrote."""
        self._rules = rules
        self._people = people
        self._user = user
        self._marked = marked
        self._characters_max = agreement.comment_characters_max
        self._marks = agreement.internal_comments
        self._named = frozenset(rules.send.internal) if agreement.internal_comments else frozenset()
        self._prefix = rules.send.strip_prefix
        self._is_chosen = _chosen(rules.send)
        self._headlines = dict.fromkeys((rules.headline, HEADLINE))

    def out(self, target: Cell, value: Record, schema: Schema, names: Names, shadow: Shadow) -> Record | None:
        """As the partner may know it; ``None`` is absent. Raises ``NoRow`` for one that may leave and cannot."""
        register = shadow.get(target)
        known = register.value if register is not None and isinstance(register.value, dict) else None
        # What the partner does not know is ours to tell, wherever it was born: a former life, another link brought it.
        ours = known is None or names.born_here(target.element)
        word = str(value.get(VISIBILITY, ""))
        if ours and word and word not in self._named:
            return None
        if not ours and word and not self._may_be_seen(known):
            # Made internal here, the partner's comment stays as the partner knows it.
            return register.image if register is not None and isinstance(register.image, dict) else None
        text = self._text_out(str(value["text"]), known, ours=ours)
        if ours and not self._leaves(value, schema, is_new=known is None or text != known["text"]):
            return None
        self._check_length(target, text)
        return self._record(value, text, known, word if ours else None, schema)

    def into(self, cell: Cell, value: Record, names: Names, draft: Draft) -> None:
        """The partner's word about a comment, put into ``draft``. Raises ``NoRow``."""
        local = names.local_of(cell.element) if draft.shows(cell) else None
        ours = names.born_here(cell.element)
        internal = value.get(VISIBILITY) == INTERNAL
        if internal and not ours and not self._rules.internal_as:
            if local is not None:
                draft.content(cell, local, None)
            return
        login = self._people.login(str(value["author"]), draft.schema)
        text = self._marked.back(str(value["text"]))
        if ours:
            text = self._prefix + text
        elif login is None:
            text = _above(self._rules.headline, value) + text
        record: Record = {"text": text, "author": login or self._user, "created": value["created"]}
        if self._marks and not ours:
            record[VISIBILITY] = self._rules.internal_as if internal else ""
        draft.content(cell, local, record)

    def is_wanted(self, value: Record) -> bool:
        """Whether a comment of the partner's is written here."""
        return value.get(VISIBILITY) != INTERNAL or bool(self._rules.internal_as)

    def _leaves(self, value: Record, schema: Schema, *, is_new: bool) -> bool:
        """What the partner has as it is now was chosen once, or the partner wrote it."""
        return str(value["text"]).startswith(self._prefix) and (not is_new or self._is_chosen(value, schema))

    @staticmethod
    def _may_be_seen(known: Record | None) -> bool:
        return known is not None and known.get(VISIBILITY) == INTERNAL

    def _text_out(self, text: str, known: Record | None, *, ours: bool) -> str:
        if known is None:
            return self._marked.out(text.removeprefix(self._prefix))
        if ours:
            text = text.removeprefix(self._prefix)
        for headline in self._headlines:
            text = text.removeprefix(_above(headline, known))
        return self._marked.out(text, str(known["text"]))

    def _check_length(self, target: Cell, text: str) -> None:
        if self._characters_max is not None and len(text) > self._characters_max:
            raise NoRow(text, "is longer than the agreement allows")

    def _record(self, value: Record, text: str, known: Record | None, word: str | None, schema: Schema) -> Record:
        """``word``: who may see our own comment; ``None`` for the partner's, which says so itself."""
        about = known if known is not None else {**value, "author": self._people.author(str(value["author"]), schema)}
        record: Record = {"text": text, "author": about["author"], "created": about["created"]}
        if word or (word is None and self._may_be_seen(known)):
            record[VISIBILITY] = INTERNAL
        return record


def _above(headline: str, value: Record) -> str:
    if not headline:
        return ""
    said = headline.replace("{created}", str(value["created"])).replace("{author}", str(value["author"]))
    return f"{said}\n\n"


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
