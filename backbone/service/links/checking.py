"""``backbone link check``: a link's file against its agreement and its tracker, before it runs. Writes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backbone.config import find_line, load_link
from backbone.errors import ConfigError
from backbone.model import ATTACHMENT, COMMENT, Cell, Cells, FieldType, Issue, Schema, Value
from backbone.replication.agreement import Agreement
from backbone.replication.mapping import Fault, Names, Occasion, RuleError, Rules, Translation, proving
from backbone.replication.merge import Side
from backbone.replication.scope.judging import Scope
from backbone.richtext import CONVERT
from backbone.service.flow.enlisting import NO_USERS
from backbone.service.links.matching import keys_here, pairing_of, shared_keys
from backbone.service.links.surveying import Survey, Surveyor
from backbone.service.node import Node
from backbone.service.parties import open_tracker
from backbone.store.links import LinkRow
from backbone.trackers.base import Enlisting, Tracker

PAGE = 200
USED_MAX = 10_000
"""So many different values of one field are looked at: a text that differs in each issue proves no more."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One issue: what would be sent of it, and where what came back would differ from what is here."""

    local: str
    sent: Mapping[str, Value]
    written: Mapping[str, tuple[Value, Value]]
    """Local field: as it is, and as the way back would write it."""
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """``problems`` are ``FILE:LINE: sentence``."""

    problems: tuple[str, ...]
    fields: int
    issues: int
    samples: tuple[Sample, ...]
    scope: Survey | None = None
    """Where the file says which issues take part."""
    shared: Mapping[str, Sequence[str]] | None = None
    """Where the file pairs issues: keys that several of ours have, by which nobody can tell them apart."""


async def check_link(node: Node, row: LinkRow, *, samples: int = 0, invert: bool = False) -> Checked:
    """Raises ``ConfigError`` for a file that cannot be read as a mapping, ``Unreachable`` where the tracker is."""
    file = node.folder.link_file(row.name)
    config = load_link(node.folder, row.name, node.config)
    text = file.read_text(encoding="utf-8")

    def placed(fault: Fault) -> str:
        line = find_line(text, fault.place)
        return f"{file}:{line}: {fault}" if line else f"{file}: {fault}"

    tracker = open_tracker(node, config.link.tracker)
    try:
        try:
            rules = Rules.parse(config.rules, str(file))
            agreement = Agreement.parse(row.agreement, f"the agreement of link {row.name}")
            words = Translation(agreement, rules, node.name, tracker.user, Side(row.side), str(file), CONVERT)
            scope = Scope(rules.scope, agreement, node.name, row.side, str(file))
        except RuleError as error:
            return Checked((placed(Fault(error.place, f": {error.sentence}")),), 0, 0, ())
        schema = await tracker.describe()
        issues, used = await _used(tracker, words) if invert else (0, {})
        faults = words.faults(schema)
        if rules.people.create and not isinstance(tracker, Enlisting):
            faults.append(Fault(("people", "create"), NO_USERS))
        if not faults:
            faults = [*proving.lacking(words, schema), *proving.uncovered(words, schema, used)]
            faults += proving.impossible(words, schema)
            faults += proving.counter_examples(words, schema, used) if invert else ()
        guarded = not faults and (scope.guards or bool(rules.only_if))
        try:
            pairing = pairing_of(node, row, rules, agreement, schema)
            shared = None if pairing is None else shared_keys(await keys_here(tracker, words, pairing, SHOWN))
            found = await Surveyor(node, row, tracker, words, scope, schema, SHOWN).survey() if guarded else None
        except RuleError as error:
            return Checked((placed(Fault(error.place, f": {error.sentence}")),), 0, 0, ())
        except ConfigError as error:
            return Checked((placed(Fault(("scope", "query"), f": {str(error).partition(': ')[2]}")),), 0, 0, ())
        looked = [_sample(words, schema, issue) for issue in await tracker.issues(None, samples)] if samples else []
    finally:
        await tracker.close()
    return Checked(tuple(dict.fromkeys(map(placed, faults))), len(rules.fields), issues, tuple(looked), found, shared)


async def _used(tracker: Tracker, words: Translation) -> tuple[int, dict[str, set[str]]]:
    """Every value that stands in a mapped field of an issue."""
    used: dict[str, set[str]] = {local: set() for local in proving.looked_at(words)}
    count, after = 0, None
    while page := await tracker.issues(after, PAGE):
        for issue in page:
            for local, value in _values(issue):
                found = used.get(local)
                if found is not None and len(found) < USED_MAX:
                    found.add(value)
        count, after = count + len(page), page[-1].local
    return count, used


def _values(issue: Issue) -> Iterator[tuple[str, str]]:
    """As ``proving.Used`` has them."""
    for cell, value in issue.cells.items():
        if isinstance(value, dict):
            yield from ((f"{cell.field}.{column}", str(shown)) for column, shown in value.items())
        elif value is not None:
            yield cell.field, cell.element or str(value)


def _sample(words: Translation, schema: Schema, issue: Issue) -> Sample:
    names = SHOWN
    out = words.to_agreed(issue.cells, schema, names, {}, fresh=True, number=issue.local)
    enters = not out.quiet.outside
    sent = {cell: value for cell, value in out.cells.items() if enters and not out.quiet.keeps(cell)}
    back = words.to_local(sent, schema, names, {}, lambda _: True, Occasion("sample"))
    written = {
        _words(cell): (issue.cells.get(cell), value)
        for cell, value in back.cells.items()
        if cell.field not in (COMMENT, ATTACHMENT) and not _is_made(cell, schema) and issue.cells.get(cell) != value
    }
    aside = () if enters else ("it does not enter the link: only_if",)
    return Sample(issue.local, _shown(sent), written, (*out.problems, *back.problems, *aside))


def _is_made(cell: Cell, schema: Schema) -> bool:
    """A row is told apart by its name, which the way back does not have here."""
    return cell.field in schema.fields and schema.fields[cell.field].type is FieldType.TABLE


def _name(kind: str, local: str) -> str:
    return f"{kind} {local}"


SHOWN = Names(_name, lambda gid: gid.split(" ", 1)[-1], lambda _: True, lambda *_: False)
"""Everything is called by its kind and its name here."""


def _shown(cells: Cells) -> dict[str, Value]:
    return {_words(cell): value for cell, value in cells.items()}


def _words(cell: Cell) -> str:
    return f"{cell.field} {cell.element}".strip()
