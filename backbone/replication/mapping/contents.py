"""Comments and attachments, out and in, and the comments that rules make here."""

from collections.abc import Callable

from backbone.model import ATTACHMENT, COMMENT, Cell, Record, Schema, Value
from backbone.replication.agreement import Agreement
from backbone.replication.diff import NOTE, Shadow
from backbone.replication.mapping.draft import Draft
from backbone.replication.mapping.marked import UNMARKED, Marked
from backbone.replication.mapping.people import People
from backbone.replication.mapping.tables import NoRow
from backbone.replication.mapping.words import Names, Occasion


class Contents:
    """What becomes of an issue's comments and attachments on their way."""

    def __init__(self, agreement: Agreement, people: People, user: str, marked: Marked = UNMARKED) -> None:
        """``user`` writes what nobody here wrote."""
        self._marked = marked
        self._agreement = agreement
        self._shared = {COMMENT: agreement.comments, ATTACHMENT: agreement.attachments}
        self._people = people
        self._user = user

    def out(
        self, cell: Cell, value: Value, schema: Schema, names: Names, shadow: Shadow, agreed: dict[Cell, Value]
    ) -> str | None:
        """Put one into ``agreed``, if it may leave; a sentence if it may and cannot."""
        target = Cell(cell.field, names.gid_of(cell.field, cell.element))
        if not self._shared[cell.field] or target.element.startswith(NOTE):
            return None
        if not isinstance(value, dict):
            agreed[target] = None
            return None
        if cell.field == ATTACHMENT and not self._agreement.takes_file(str(value["type"]), int(value["size"])):
            return None
        known = shadow[target].value if target in shadow else None
        first = names.said_elsewhere(target) if value["author"] == self._user else None
        if isinstance(known, dict):
            record: Record = {**value, "author": known["author"], "created": known["created"]}
        elif isinstance(first, dict):
            author = self._people.stranger(str(first["author"]))
            record = {**value, "author": author, "created": first["created"]}
        else:
            record = {**value, "author": self._people.author(str(value["author"]), schema)}
        if cell.field == COMMENT:
            written_from = first if isinstance(first, dict) else known
            try:
                record["text"] = self._text_out(
                    str(value["text"]), written_from if isinstance(written_from, dict) else None
                )
            except NoRow as error:
                return f"comment {cell.element}: the {error.words(COMMENT)}"
            longest = self._agreement.comment_characters_max
            if longest is not None and len(str(record["text"])) > longest:
                return f"comment {cell.element}: it is longer than the agreement allows"
        agreed[target] = record
        return None

    def _text_out(self, text: str, known: Record | None) -> str:
        if known is None:
            return self._marked.out(text)
        return self._marked.out(text.removeprefix(_headline(str(known["author"]))), str(known["text"]))

    def comment_in(self, cell: Cell, value: Value, names: Names, draft: Draft) -> None:
        local = names.local_of(cell.element) if draft.shows(cell) else None
        if isinstance(value, dict):
            login = self._people.login_of.get(str(value["author"]))
            ours = login is not None or names.born_here(cell.element)
            try:
                text = self._marked.back(str(value["text"]))
            except NoRow as error:
                draft.problems.append(f"{COMMENT}: the partner's {error.words(COMMENT)}")
                return
            first = names.said_elsewhere(cell)
            author = str(first["author"] if isinstance(first, dict) else value["author"])
            text = text if ours else _headline(author) + text
            draft.content(cell, local, {"text": text, "author": login or self._user, "created": value["created"]})
        elif local is not None:
            draft.content(cell, local, None)

    def attachment_in(
        self, cell: Cell, value: Value, names: Names, is_here: Callable[[str], bool], draft: Draft
    ) -> None:
        """``is_here`` tells whether the bytes with a SHA-256 are here."""
        local = names.local_of(cell.element) if draft.shows(cell) else None
        if not isinstance(value, dict):
            if local is not None:
                draft.content(cell, local, None)
        elif local is None and not is_here(str(value["sha256"])):
            draft.waiting[cell] = f"sha256:{value['sha256']}"
        else:
            login = self._people.login_of.get(str(value["author"]))
            draft.content(cell, local, {**value, "author": login or self._user})

    def remark(self, name: str, text: str, occasion: Occasion, draft: Draft) -> None:
        """A comment of our own making: it stays here, and the partner never hears of it."""
        cell = Cell(COMMENT, f"+{NOTE}{occasion.key}-{name}")
        draft.cells[cell] = {"text": text, "author": self._user, "created": occasion.at}


def _headline(author: str) -> str:
    return f"{author} wrote:\n\n"
