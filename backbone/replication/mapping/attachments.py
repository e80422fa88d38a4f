"""Attachments, out and in: which ones leave and are taken, and how they are called.

An attachment is what it was made as: its gid, and the SHA-256 of what is in it. Its name is a label that may differ on
both sides, and two of one name are two.
"""

from collections.abc import Callable
from fnmatch import fnmatchcase

from backbone.model import Cell, Record, Schema
from backbone.replication.agreement import Agreement
from backbone.replication.diff import Shadow
from backbone.replication.mapping.content_rules import Attachments as AttachmentRules
from backbone.replication.mapping.content_rules import Files
from backbone.replication.mapping.draft import Draft
from backbone.replication.mapping.filenames import safe
from backbone.replication.mapping.patterns import wildcard
from backbone.replication.mapping.people import People
from backbone.replication.mapping.words import Names, written_elsewhere


class Attachments:
    """One link's attachments."""

    def __init__(self, agreement: Agreement, rules: AttachmentRules, people: People, user: str) -> None:
        """``user`` adds what nobody here added."""
        self._agreement = agreement
        self._people = people
        self._user = user
        self._strip, self._add = rules.strip_prefix, rules.add_prefix
        self._leaves, self._enters = _chosen(rules.send), _chosen(rules.take)
        self._owner_deletes = agreement.attachments_deleted_by == "owner"

    def may_leave(self, value: Record) -> bool:
        """Whether one that the partner does not know leaves."""
        name = str(value["name"])
        return (
            self._agreement.takes_file(str(value["type"]), int(value["size"]))
            and name.startswith(self._strip)
            and self._leaves(value)
        )

    def out(
        self, target: Cell, value: Record, schema: Schema, names: Names, shadow: Shadow, *, ours: bool
    ) -> Record | None:
        """As the partner may know it; ``None`` is absent."""
        register = shadow.get(target)
        known = register.value if register is not None and isinstance(register.value, dict) else None
        if known is None:
            fits = self._agreement.takes_file(str(value["type"]), int(value["size"]))
            if not (self.may_leave(value) if ours else fits):
                return None
            about = self._people.about(value, written_elsewhere(target, value, names, self._user), schema)
            return {**value, "name": self._name_out(str(value["name"])), **about}
        name = str(value["name"])
        record: Record = {**value, "author": known["author"], "created": known["created"]}
        same = name == self._name_in(str(known["name"]))
        if same:
            record["name"] = known["name"]
        if same and value["sha256"] == known["sha256"]:
            return record
        if ours and not self.may_leave(value):
            return None
        if not same:
            record["name"] = self._name_out(name)
        return record if self._agreement.takes_file(str(value["type"]), int(value["size"])) else None

    def into(
        self,
        cell: Cell,
        value: Record | None,
        names: Names,
        is_here: Callable[[str], bool],
        draft: Draft,
        *,
        ours: bool,
    ) -> None:
        """The partner's word about an attachment. ``is_here`` tells whether the bytes with a SHA-256 are here."""
        local = draft.local_of(cell, names)
        if value is None:
            if not (self._owner_deletes and ours):
                draft.remove(cell, names)
        elif local is None and not ours and not self.is_wanted(value):
            return
        elif local is None and not is_here(str(value["sha256"])):
            draft.waiting[cell] = f"sha256:{value['sha256']}"
        else:
            login = self._people.login(str(value["author"]), draft.schema)
            name = self._name_in(str(value["name"]))
            draft.content(cell, local, {**value, "name": name, "author": login or self._user})

    def is_wanted(self, value: Record) -> bool:
        """Whether an attachment of the partner's is written here."""
        return str(value["name"]).startswith(self._add) and self._enters(value)

    def called(self, value: Record, *, ours: bool) -> str:
        """The name here of one that is known by its agreed record."""
        name = self._strip + str(value["name"]).removeprefix(self._add)
        return name if ours else safe(name)

    def _name_out(self, name: str) -> str:
        return self._add + name.removeprefix(self._strip)

    def _name_in(self, name: str) -> str:
        return safe(self._strip + name.removeprefix(self._add))


def _chosen(rules: Files) -> Callable[[Record], bool]:
    """Raises ``PatternError``."""
    names = [wildcard(name.casefold()) for name in rules.names]
    others = [wildcard(name.casefold()) for name in rules.except_names]

    def chosen(value: Record) -> bool:
        name = str(value["name"]).casefold()
        return (
            (not names or any(fits(name) for fits in names))
            and not any(fits(name) for fits in others)
            and (not rules.types or any(fnmatchcase(str(value["type"]), one) for one in rules.types))
            and (rules.bytes_max is None or int(value["size"]) <= rules.bytes_max)
        )

    return chosen
