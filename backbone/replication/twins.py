"""Issues that both sides had before the link did: which of ours is the same as one of the partner's, its *twin*.

The ``[pairing]`` table of the side that joins names an agreed field, the *key*. An issue of the partner's and one of
ours are twins where both show the same in it, or where a table of the admin's says so. What is not certain is never
guessed: ``choose`` gives a doubt, in words for a person.
"""

import csv
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, Self

from pydantic import Field, ValidationError, model_validator

from backbone.errors import PeerError
from backbone.model import ATTACHMENT, COMMENT, SETS, Cell, Cells, Value
from backbone.replication.agreement import Agreement, FieldName, Strict
from backbone.replication.diff import Conflict, Plan, Shadow
from backbone.replication.merge import NEVER, Policy, Register, Side, write

SHOWN_MAX = 5
"""So many issues are named in a doubt."""


class PairingRules(Strict):
    """The ``[pairing]`` table of a link's file."""

    key: FieldName | None = None
    """The agreed field by which issues that both sides have are known to be the same."""
    table: Annotated[str, Field(min_length=1)] | None = None
    """A CSV file: the partner's value of ``key``, and what our tracker calls the issue that is the same."""
    wait: bool = False
    """Nothing that comes is applied while this stands: so that somebody looks first (``backbone link pair``)."""

    @model_validator(mode="after")
    def _names_the_key(self) -> Self:
        if self.key is None and (self.table is not None or self.wait):
            raise ValueError("needs key: the agreed field by which the partner's issues are known")
        return self


class Populated(Strict):
    """The partner has said every issue of its own that was there before the link: a command in the control lane."""

    type: Annotated[str, Field(pattern="^populated$")]
    after: Annotated[int, Field(ge=0, lt=2**53)]
    """The number of the sender's last message of change sets: it is said when that was applied."""


TYPE = "populated"


def populated(after: int) -> dict[str, str | int]:
    """The record to send."""
    return {"type": TYPE, "after": after}


def read_populated(record: Mapping[str, Any]) -> Populated:
    """The inverse. Raises ``PeerError``."""
    try:
        return Populated.model_validate(record)
    except ValidationError as error:
        raise PeerError("what the partner says of its first population is malformed") from error


class TableError(ValueError):
    """A row of the admin's table that cannot be: its line and what is wrong, for a person."""


class Pairing(NamedTuple):
    """How twins are found on this link."""

    key: str
    table: Mapping[str, tuple[str, ...]] | None = None
    """Where the admin gives one: the partner's word, and what we call each issue that it stands for."""
    wait: bool = False
    """Somebody looks first: nothing is applied."""

    def word_of(self, values: Mapping[Cell, Value]) -> str:
        """The key of an issue with these agreed values, as it is compared; empty where it has none."""
        return normal(values.get(Cell(self.key)))

    def twice(self) -> dict[str, list[str]]:
        """Which of our issues the table names in several rows, and with which words."""
        words: dict[str, list[str]] = {}
        for word, issues in (self.table or {}).items():
            for local in issues:
                words.setdefault(local, []).append(word)
        return {local: found for local, found in words.items() if len(found) > 1}


class Found(NamedTuple):
    """One of our issues that may be the twin."""

    local: str
    outside: bool = False
    """Nothing of it may leave: it is out of the link's scope."""
    taken: bool = False
    """It is shared already, as another issue."""


def normal(value: Value) -> str:
    """What is compared: without regard to capitals, spaces, and how a character is put together."""
    text = "" if value is None or isinstance(value, dict | bool) else str(value)
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def read_table(lines: Iterable[str], names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The admin's table; ``names`` are the forms by which texts name issues here (``issue{id}``): they may stand in the
    second column. Empty lines and those that begin with ``#`` say nothing. Raises ``TableError``.
    """
    rows: dict[str, list[str]] = {}
    forms = [form.split("{", 1)[0] for form in names]
    for number, row in enumerate(csv.reader(lines), 1):
        if not "".join(row).strip() or row[0].lstrip().startswith("#"):
            continue
        if len(row) != 2 or not normal(row[0]) or not row[1].strip():
            raise TableError(f"line {number}: needs two columns, the partner's key and our issue")
        local = row[1].strip()
        local = next((local.removeprefix(form) for form in forms if form and local.startswith(form)), local)
        issues = rows.setdefault(normal(row[0]), [])
        if local not in issues:
            issues.append(local)
    return {word: tuple(issues) for word, issues in rows.items()}


def choose(pairing: Pairing, word: str, found: Sequence[Found]) -> str | None:
    """The twin's name here, or ``None`` where there is none. Raises ``Doubt`` where nobody but a person can say."""
    if not found:
        return None
    if len(found) > 1:
        shown = ", ".join(one.local for one in found[:SHOWN_MAX]) + (" and more" if len(found) > SHOWN_MAX else "")
        raise Doubt(f"{len(found)} issues here may be the partner's with the {pairing.key} {word!r}: {shown}")
    (one,) = found
    if one.local in pairing.twice():
        words = ", ".join(repr(w) for w in pairing.twice()[one.local])
        raise Doubt(f"the table of [pairing] gives several issues of the partner's to {one.local}: {words}")
    if one.taken:
        raise Doubt(f"{one.local} has the partner's {pairing.key} {word!r}, and is shared already as another issue")
    if one.outside:
        raise Doubt(f"{one.local} has the partner's {pairing.key} {word!r}, and is out of this link's scope")
    return one.local


class Doubt(Exception):
    """Which of our issues is the same, if any, only a person can say; a sentence without the end."""


def same_contents(ours: Cells, theirs: Cells) -> dict[Cell, Cell]:
    """Which of our twin's comments, attachments and rows are those of the partner's, by their cells: each at most once.

    A row is the same where each column is. A comment is the same where the text is, and the author or the time; an
    attachment where its content is, rather one with the same name.
    """
    left = {cell: value for cell, value in ours.items() if isinstance(value, dict)}
    met: dict[Cell, Cell] = {}
    for exact in (True, False):
        for cell, value in theirs.items():
            if cell in met or not isinstance(value, dict):
                continue
            alike = _is_same if cell.field in (COMMENT, ATTACHMENT) else _is_same_row
            twin = next((c for c, v in left.items() if c.field == cell.field and alike(v, value, exact=exact)), None)
            if twin is not None:
                met[cell] = twin
                del left[twin]
    return met


def _is_same(ours: Mapping[str, object], theirs: Mapping[str, object], *, exact: bool) -> bool:
    if ours.get("visibility") != theirs.get("visibility"):
        return False
    if "sha256" in ours:
        return ours["sha256"] == theirs.get("sha256") and (not exact or ours["name"] == theirs["name"])
    if _plain(ours["text"]) != _plain(theirs["text"]):
        return False
    author, created = ours["author"] == theirs["author"], ours["created"] == theirs["created"]
    return author and created if exact else author or created


def _is_same_row(ours: Mapping[str, object], theirs: Mapping[str, object], *, exact: bool) -> bool:
    return exact and ours == theirs


def _plain(text: object) -> str:
    return "\n".join(line.rstrip() for line in str(text).strip().splitlines())


class Speaker(NamedTuple):
    """Who says what a twin shows: our side, and a fresh number of ours."""

    side: Side
    inc: int
    n: int


def greet(
    policies: Mapping[str, Policy], shadow: Shadow, operations: Iterable[tuple[Cell, Value]], speaker: Speaker,
    may_say: Collection[str],
) -> dict[Cell, Register]:  # fmt: skip
    """Our side of what the partner says of a twin, where ours shows something else and it was never said: a write of
    ours that knows nothing of the partner's, so that the policies decide and both sides keep what lost.

    Not of a field where the newest stands (nobody edited: the partner's stands), nor of one that we may not say.
    """
    said: dict[Cell, Register] = {}
    for cell, value in operations:
        ours = shadow.get(cell)
        if ours is None or not is_unsaid(ours) or ours.image == value or cell.field in (COMMENT, ATTACHMENT):
            continue
        if cell.field in may_say and policies[cell.field] is not Policy.NEWEST:
            said[cell] = write(ours, ours.image, speaker.side, speaker.inc, speaker.n)
    return said


def met(shadow: Shadow, plan: Plan) -> Plan:
    """The plan of what the partner says of a twin: comments and attachments that both have stay as they are here, and
    what is replaced without having been said is on the list.
    """
    targets = dict(plan.targets)
    conflicts = list(plan.conflicts)
    for cell, value in plan.targets.items():
        ours = shadow.get(cell)
        if ours is None or not is_unsaid(ours):
            continue
        if cell.field in (COMMENT, ATTACHMENT) and value is not None:
            del targets[cell]
        else:
            conflicts.append(Conflict(cell, value, ours.image, lost_here=True, open=False))
    return Plan(plan.registers, targets, tuple(conflicts))


def unsaid(shadow: Shadow) -> Iterator[tuple[Cell, Register]]:
    """What a twin shows and nobody has said, without its image: so that it is new to whoever looks."""
    for cell, register in shadow.items():
        if is_unsaid(register):
            yield cell, register._replace(image=None)


def is_unsaid(register: Register) -> bool:
    """Whether the tracker shows something there that never travelled."""
    return register.known == NEVER and register.image is not None


def key_problem(agreement: Agreement, key: str) -> str:
    """Why a field cannot be the key, or nothing."""
    field = agreement.fields[key]
    if field.type in SETS:
        return "is a list: the key must have one value in each issue"
    if not field.direction.allows(Side.MASTER):
        return "is never said by the master, whose issues come first"
    return ""


__all__ = [
    "Doubt", "Found", "Pairing", "PairingRules", "Speaker", "TableError", "choose", "greet", "is_unsaid", "key_problem",
    "met", "normal", "read_table", "same_contents", "unsaid",
]  # fmt: skip
