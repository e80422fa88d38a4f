"""Comments and attachments on their way, and the comments that rules make here."""

from collections.abc import Callable

from backbone.model import ATTACHMENT, COMMENT, Cell, Cells, Record, Schema, Value
from backbone.replication.agreement import Agreement
from backbone.replication.diff import NOTE, Shadow
from backbone.replication.mapping import bringing
from backbone.replication.mapping.attachments import Attachments
from backbone.replication.mapping.bringing import is_brought_now, is_ours
from backbone.replication.mapping.comments import Comments
from backbone.replication.mapping.draft import Draft, withheld
from backbone.replication.mapping.people import People
from backbone.replication.mapping.rules import Rules
from backbone.replication.mapping.texts import Texts
from backbone.replication.mapping.words import Names, Occasion


class Contents:
    """What becomes of an issue's comments and attachments."""

    def __init__(self, agreement: Agreement, rules: Rules, people: People, user: str, texts: Texts) -> None:
        """``user`` writes what nobody here wrote."""
        self._shared = {COMMENT: agreement.comments, ATTACHMENT: agreement.attachments}
        self._comments = Comments(agreement, rules.comments, people, user, texts)
        self._attachments = Attachments(agreement, rules.attachments, people, user)
        self._takes = {COMMENT: rules.comments.direction.takes, ATTACHMENT: rules.attachments.direction.takes}
        self._owner_deletes = agreement.attachments_deleted_by == "owner"
        self._user = user

    def may_leave(self, value: Record) -> bool:
        """Whether an attachment that the partner does not know can leave."""
        return self._shared[ATTACHMENT] and self._attachments.may_leave(value)

    def out(self, cell: Cell, value: Value, schema: Schema, names: Names, shadow: Shadow) -> dict[Cell, Value]:
        """One comment or attachment in agreed words, with a note of our own where it is withheld; nothing where it is
        none of the partner's business. Raises ``NoRow`` where it may leave and cannot.
        """
        target = Cell(cell.field, names.gid_of(cell.field, cell.element))
        if not self._shared[cell.field] or target.element.startswith(NOTE):
            return {}
        said: Record | None = None
        brings = is_brought_now(target, names, shadow)
        ours = brings or is_ours(target, names, shadow)
        if isinstance(value, dict):
            one = self._comments if cell.field == COMMENT else self._attachments
            said = one.out(target, value, schema, names, shadow, ours=ours)
        if said is None and target not in shadow and (value is not None or brings):
            return {}
        notes = _noted(target, value, said, shadow) if ours else {}
        if brings:
            notes[bringing.note(target.element)] = True
        return {target: said, **notes}

    def stays(self, cell: Cell, names: Names, shadow: Shadow) -> bool:
        """Whether something stays at the partner's although somebody took it away here."""
        return cell.field == ATTACHMENT and self._owner_deletes and not is_ours(cell, names, shadow)

    def into(self, cell: Cell, value: Value, names: Names, is_here: Callable[[str], bool], draft: Draft) -> None:
        """The partner's word about one. ``is_here`` tells whether the bytes with a SHA-256 are here."""
        record = value if isinstance(value, dict) else None
        if not self._takes[cell.field]:
            return
        ours = is_ours(cell, names, draft.shadow)
        if record is not None and draft.is_withheld(cell):
            draft.problems.append(f"{cell.field}: the partner edited one of ours that is not shared any more; what it "
                                  "wrote is not put into what stays here")  # fmt: skip
        elif cell.field == ATTACHMENT:
            self._attachments.into(cell, record, names, is_here, draft, ours=ours)
        elif record is None:
            draft.remove(cell, names)
        else:
            self._comments.into(cell, record, names, draft, ours=ours)

    def is_expected(self, cell: Cell, value: Record, names: Names, shadow: Shadow) -> bool:
        """Whether the tracker shows this, once it is agreed upon and all is well."""
        if is_ours(cell, names, shadow):
            return True
        if cell.field == COMMENT:
            return self._takes[COMMENT] and self._comments.is_wanted(value)
        taken_away = self.stays(cell, names, shadow) and names.local_of(cell.element) is not None
        return self._takes[ATTACHMENT] and self._attachments.is_wanted(value) and not taken_away

    def files_out(self, cells: Cells, schema: Schema, names: Names, shadow: Shadow) -> dict[str, str]:
        """What the issue's attachments that the partner may know are called here, by gid; ``cells`` are an edit's."""
        found = self._files(names, shadow)
        for cell, value in cells.items():
            if cell.field == ATTACHMENT:
                for target, said in self.out(cell, value, schema, names, shadow).items():
                    found.pop(target.element, None)
                    if target.field == ATTACHMENT and isinstance(said, dict) and isinstance(value, dict):
                        found[target.element] = str(value["name"])
        return found

    def files_in(self, cells: Cells, names: Names, shadow: Shadow) -> dict[str, str]:
        """The same where the partner says ``cells``: with those that come."""
        found = self._files(names, shadow)
        for cell, value in cells.items():
            if cell.field == ATTACHMENT:
                found.pop(cell.element, None)
                found.update(self._file(cell, value, names))
        return found

    def _files(self, names: Names, shadow: Shadow) -> dict[str, str]:
        found: dict[str, str] = {}
        for cell, register in shadow.items():
            if cell.field == ATTACHMENT:
                found.update(self._file(cell, register.value if register.image is None else register.image, names))
        return found

    def _file(self, cell: Cell, value: Value, names: Names) -> dict[str, str]:
        """``value`` is what is shown here, or is to be."""
        ours = names.born_here(cell.element)
        if not isinstance(value, dict) or not (
            ours or (self._takes[ATTACHMENT] and self._attachments.is_wanted(value))
        ):
            return {}
        return {cell.element: self._attachments.called(value, ours=ours)}

    def remark(self, name: str, text: str, occasion: Occasion, draft: Draft) -> None:
        """A comment of our own making: it stays here, and the partner never hears of it."""
        cell = Cell(COMMENT, f"+{NOTE}{occasion.key}-{name}")
        draft.cells[cell] = {"text": text, "author": self._user, "created": occasion.at}


def _noted(target: Cell, value: Value, said: Record | None, shadow: Shadow) -> dict[Cell, Value]:
    """That something of ours was shared once and is withheld: an edit there must not meet what stays here."""
    register, note = shadow.get(target), withheld(target)
    was = note in shadow and shadow[note].image is not None
    shared = register is not None and (register.image is not None or register.value is not None)
    is_now = isinstance(value, dict) and said is None and (was or shared)
    return {note: True if is_now else None} if is_now or was else {}
