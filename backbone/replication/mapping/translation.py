"""One link's mapping, compiled once: cells out and cells in."""

import re
from collections.abc import Callable, Iterable, Mapping

from backbone.model import ATTACHMENT, COMMENT, ISSUE, ROW, Cell, Cells, FieldType, Person, Record, Schema, Value
from backbone.replication.agreement import Agreement
from backbone.replication.diff import BROUGHT, NOTE, Quiet, Shadow
from backbone.replication.mapping import fitting
from backbone.replication.mapping.compiled import Compiled
from backbone.replication.mapping.composed import Composed
from backbone.replication.mapping.contents import Contents
from backbone.replication.mapping.draft import WITHHELD, Draft
from backbone.replication.mapping.entry import Entry, has_entered
from backbone.replication.mapping.faults import Fault
from backbone.replication.mapping.incoming import composed_in, field_in, is_taken, refuse
from backbone.replication.mapping.joined import joined_in
from backbone.replication.mapping.marked import UNMARKED, Marked
from backbone.replication.mapping.named_files import NamedFiles
from backbone.replication.mapping.outgoing import Outgoing
from backbone.replication.mapping.patterns import PatternError
from backbone.replication.mapping.people import People
from backbone.replication.mapping.references import References
from backbone.replication.mapping.rules import NUMBER, RuleError, Rules
from backbone.replication.mapping.sources import Sources, note
from backbone.replication.mapping.tables import NoRow
from backbone.replication.mapping.texts import Texts
from backbone.replication.mapping.ways import Only, Way
from backbone.replication.mapping.words import Inward, Names, Occasion, Outward
from backbone.replication.markup import Convert, Markup
from backbone.replication.merge import Side

_BY_ITSELF = Occasion()


class Translation:
    """Between the words of one tracker and those of one agreement."""

    def __init__(
        self, agreement: Agreement, rules: Rules, node_name: str, user: str = "", side: Side | None = None,
        where: str = "the mapping", convert: Convert | None = None,
    ) -> None:  # fmt: skip
        """``user`` is the synchronization user's log-in: the author of what nobody here wrote. ``side`` is ours: what
        only one side may write depends on it. ``convert`` is needed where the tracker's markup is not Markdown.
        Raises ``ConfigError`` for an expression that cannot be.
        """
        self.agreement = agreement
        self.rules = rules
        self._where = where
        self._people = self._all_people(node_name)
        self._convert = convert
        self._references = References(rules.text, self._people)
        marked = self._marked(rules.text.markup)
        texts = Texts(self._references, marked.out, marked.back)
        self._contents = Contents(agreement, rules, self._people, user, texts)
        self.fields: dict[str, Compiled] = {}
        self.composed: dict[str, Composed] = {}
        for name in rules.fields.keys() & agreement.fields.keys():
            self._compile(name, side)
        self._by_local: dict[str, tuple[Compiled, ...]] = {}
        for rule in self.fields.values():
            known = self._by_local.get(rule.local.field, ())
            self._by_local[rule.local.field] = (*known, rule)
        self._numbered = self._by_local.pop(NUMBER, ())
        is_split = any(len(rules) > 1 for rules in self._by_local.values())
        self._headlines = {n: r.as_comment for n, r in rules.fields.items() if r.as_comment and n in agreement.fields}
        related = [name for name, shared in agreement.fields.items() if shared.type is FieldType.RELATION]
        self._names = {COMMENT: COMMENT, ATTACHMENT: ATTACHMENT, **dict.fromkeys(related, ISSUE)}
        self._names |= dict.fromkeys(agreement.tables, ROW)
        self._empties = tuple(rule for rule in self.fields.values() if rule.send_if_empty is not None)
        self.on_create = _cells(rules.on_create)
        self._on_update = _cells(rules.on_update)
        self._first_comment = rules.comments.if_none
        self._names_authors = bool(rules.people.issue_author_as_comment or rules.people.file_author_as_comment)
        self.entry = Entry(rules.only_if)
        self._noted = frozenset().union(self.entry.sources, *(rule.sources for rule in self.composed.values()))
        self._says_more = bool(is_split or self._empties or self._numbered or self._noted or self.composed)
        """What goes out may be more than a word for each local cell."""
        self.every: tuple[Compiled | Composed, ...] = (*self.fields.values(), *self.composed.values())
        self._quiet = self._always_quiet(side)
        self._sometimes = tuple(rule for rule in self.every if rule.sends and rule.only - {Only.WITH_OTHERS})

    def _compile(self, name: str, side: Side | None) -> None:
        rule, shared = self.rules.fields[name], self.agreement.fields[name]
        try:
            if rule.local is not None:
                marked = self._marked(self.rules.markup_of(rule, shared.type))
                self.fields[name] = Compiled.of(name, rule, shared, side, marked, self._references)
            elif not rule.as_comment:
                self.composed[name] = Composed.of(name, rule, self.agreement, side)
        except PatternError as error:
            raise RuleError(self._where, ("fields", name), str(error)) from error

    def _all_people(self, node_name: str) -> People:
        hidden = self.agreement.authors == "hidden"
        try:
            return People(self.rules.users, self.rules.people, hidden=hidden, node_name=node_name)
        except PatternError as error:
            raise RuleError(self._where, ("people", "patterns"), str(error)) from error

    def _marked(self, markup: Markup) -> Marked:
        return UNMARKED if markup is Markup.MARKDOWN or self._convert is None else Marked(markup, self._convert)

    def _always_quiet(self, side: Side | None) -> Quiet:
        kept = {rule.name for rule in self.every if not rule.sends}
        kept |= {NOTE + name for name in self._noted}
        for kind in (COMMENT, ATTACHMENT):
            if side is not None and not self.agreement.direction_of(kind).allows(side):
                kept.add(kind)
        kept |= {kind for kind, way in self._content_ways().items() if not way.sends}
        kept |= {WITHHELD, BROUGHT}
        along = {rule.name for rule in self.every if Only.WITH_OTHERS in rule.only}
        return Quiet(frozenset(kept), frozenset(along))

    def _content_ways(self) -> Mapping[str, Way]:
        return {COMMENT: self.rules.comments.direction, ATTACHMENT: self.rules.attachments.direction}

    def may_leave(self, attachment: Record) -> bool:
        """Whether an attachment that the partner does not know can leave: its content is needed then."""
        return self._contents.may_leave(attachment)

    def needs_files(self, cells: Cells, schema: Schema) -> bool:
        """Whether all attachments of an issue must be in its shadow, as these local cells perhaps name one."""
        return self._references.need_files(cells, schema)

    def is_expected(self, cell: Cell, value: Value, names: Names, shadow: Shadow) -> bool:
        """Whether the tracker shows this comment, attachment or row, once it is agreed upon and all is well."""
        if cell.field in self.agreement.tables:
            rule = self.fields.get(cell.field)
            return value is not None and (names.born_here(cell.element) or (rule is not None and rule.takes))
        return isinstance(value, dict) and self._contents.is_expected(cell, value, names, shadow)

    def problems(self, schema: Schema) -> list[str]:
        """What in this mapping does not fit the agreement or the tracker, a sentence each."""
        return [str(fault) for fault in self.faults(schema)]

    def faults(self, schema: Schema) -> list[Fault]:
        """The same, each with the keys that lead to its place."""
        takes = {rule.name for rule in self.every if rule.takes}
        return fitting.faults(self.agreement, self.rules, self.fields, takes, schema)

    def sends(self, name: str) -> bool:
        """Whether whatever stands in this field here may be said."""
        return any(rule.name == name and rule.sends and not rule.only for rule in self.every)

    def holds_one(self, name: str, schema: Schema) -> bool:
        """Whether this field is a relation that has room for one target here."""
        rule = self.fields.get(name)
        known = schema.fields.get(rule.local.field) if rule is not None and rule.kind is FieldType.RELATION else None
        return known is not None and known.single

    def person(self, login: str, schema: Schema) -> str:
        """The word by which the peer may know the author of something."""
        return self._people.author(login, schema)

    def login(self, word: str, schema: Schema) -> str | None:
        """The log-in to write as, where the mapping names one."""
        return self._people.login(word, schema)

    @property
    def lends_names(self) -> bool:
        """Whether anything is written as one of the people here, and not as the synchronization user."""
        return self._people.lends_names

    def people_to_make(self, operations: Iterable[tuple[Cell, Value]], author: str, schema: Schema) -> list[Person]:
        """The users that the mapping allows to be made for what the partner says."""
        if not self.rules.people.create:
            return []
        words = [author]
        for cell, value in operations:
            rule = self.fields.get(cell.field)
            kind = rule.kind if rule is not None else None
            if rule is not None and rule.rows is not None:
                words += rule.rows.people_in(value) if isinstance(value, dict) else ()
            elif isinstance(value, dict):
                words.append(str(value["author"]))
            elif kind is FieldType.USER and isinstance(value, str):
                words.append(value)
            elif kind is FieldType.USERS and value:
                words.append(cell.element)
        return self._people.to_make(words, schema)

    def stranger(self, word: str) -> str:
        """The word by which the peer may know somebody of another partner."""
        return self._people.stranger(word)

    def locals_of(self, agreed: str) -> tuple[str, ...]:
        """The local fields that an agreed field is made of."""
        rule = self.rules.fields.get(agreed)
        return rule.sources if rule is not None else ()

    def agreed_of(self, local: str) -> tuple[str, ...]:
        """What the cells of a local field, comments or attachments are called in the agreement."""
        if local in (COMMENT, ATTACHMENT):
            return (local,)
        return tuple(rule.name for rule in self._by_local.get(local, ()))

    def may_send(self, agreed: str) -> bool:
        """Whether a change of this field ever travels by itself."""
        return agreed not in self._quiet.kept and agreed not in self._quiet.along

    def to_agreed(
        self, cells: Cells, schema: Schema, names: Names, shadow: Shadow, *, fresh: bool = False, number: str = ""
    ) -> Outward:
        """What the tracker shows, in agreed words. What is not in the agreement is left out without a word.

        ``fresh``: the link does not know the issue yet, and these are all its cells. ``number``: what the tracker
        calls the issue.
        """
        known = names
        names = NamedFiles(lambda: self._contents.files_out(cells, schema, known, shadow)).known_to(names)
        out = Outgoing(cells, schema, names, shadow)
        agreed = out.agreed
        for cell, value in cells.items():
            rules = self._by_local.get(cell.field)
            if rules is None:
                out.content(cell, value, self._contents)
                continue
            for rule in rules:
                if rule.plain:
                    agreed[rule.agreed] = value
                else:
                    out.field(rule, cell, value, self._people)
        if self._empties:
            out.empty(self._empties, number, fresh=fresh)
        if self._numbered and number:
            out.numbered(self._numbered, number)
        if self._noted or self.composed:
            self._compose(cells, shadow, out, fresh=fresh)
        quiet = (
            self._quiet_now(cells, shadow, fresh=fresh) if self._sometimes or self.entry.guards_ours else self._quiet
        )
        if out.kept:
            quiet = quiet._replace(cells=frozenset(out.kept))
        return Outward(agreed, tuple(out.problems.values()), tuple(out.problems), quiet)

    def _compose(self, cells: Cells, shadow: Shadow, out: Outgoing, *, fresh: bool) -> None:
        note(cells, self._noted, out.agreed)
        sources = Sources(cells, shadow, self._noted)
        named = {cell.field for cell in cells}
        for rule in self.composed.values():
            register = shadow.get(rule.agreed)
            if fresh or not named.isdisjoint(rule.sources) or (register is not None and register.image is not None):
                out.composed(rule, sources)

    def _quiet_now(self, cells: Cells, shadow: Shadow, *, fresh: bool) -> Quiet:
        kept = {rule.name for rule in self._sometimes if not _goes_now(rule, shadow, fresh=fresh)} | {*self._quiet.kept}
        if not self.entry.guards_ours or has_entered(shadow):
            return Quiet(kept, self._quiet.along)
        enters = self.entry.ours(Sources(cells, shadow, self._noted))
        return Quiet(kept, self._quiet.along, outside=not enters, entering=enters)

    def to_local(
        self, cells: Cells, schema: Schema, names: Names, shadow: Shadow, contents: Callable[[str], bool],
        occasion: Occasion = _BY_ITSELF,
    ) -> Inward:  # fmt: skip
        """What the agreement's words mean here. ``contents`` tells whether an attachment's bytes are here.

        A comment or attachment that the tracker does not show (any more) is to be made, whatever it was called.
        """
        known = names
        names = NamedFiles(lambda: self._contents.files_in(cells, known, shadow)).known_to(names)
        draft = Draft(shadow, schema)
        joined: set[str] = set()
        for cell, value in cells.items():
            rule = self.fields.get(cell.field)
            if rule is not None and rule.plain:
                draft.cells[rule.local], draft.at[cell] = value, rule.local
                draft.verbatim += 1
                continue
            named = self._names.get(cell.field)
            if named is not None and names.strange(named, cell.element):
                words = "the partner names something of ours that this link does not know"
                draft.problems.append(f"{cell.field}: {words}")
            elif cell.field in (COMMENT, ATTACHMENT):
                self._content_in(cell, value, names, contents, draft)
            elif rule is None:
                self._other_in(cell, value, names, occasion, draft)
            elif rule.always or is_taken(rule, draft, fresh=occasion.fresh):
                if rule.separator and not rule.single:
                    joined.add(rule.name)
                else:
                    field_in(rule, cell, value, schema, names, self._people, draft)
        for name in joined:
            self._joined_in(self.fields[name], cells, draft)
        self._always(cells, draft, occasion)
        verbatim = draft.verbatim == len(cells) == len(draft.cells) and not self._says_more
        return draft.done(verbatim=verbatim)

    def _content_in(self, cell: Cell, value: Value, names: Names, is_here: Callable[[str], bool], draft: Draft) -> None:
        try:
            self._contents.into(cell, value, names, is_here, draft)
        except NoRow as error:
            refuse(cell.field, error, draft)

    def _other_in(self, cell: Cell, value: Value, names: Names, occasion: Occasion, draft: Draft) -> None:
        rule = self.composed.get(cell.field)
        if rule is not None:
            if is_taken(rule, draft, fresh=occasion.fresh):
                composed_in(rule, cell, value, draft)
        elif cell.field in self._headlines and value is not None:
            shown = self._references.back(cell.element or str(value), draft.schema, names)
            text = f"{self._headlines[cell.field]}\n\n{shown.text}"
            self._contents.remark("-".join(filter(None, cell)), text, occasion, draft)

    @staticmethod
    def _joined_in(rule: Compiled, cells: Cells, draft: Draft) -> None:
        try:
            joined_in(rule, cells, draft)
        except NoRow as error:
            refuse(rule.name, error, draft)

    def _always(self, said: Cells, draft: Draft, occasion: Occasion) -> None:
        """What the rules write besides, whatever the partner said."""
        first = self._first_comment
        if first and occasion.fresh and not any(cell.field == COMMENT for cell in draft.cells):
            self._contents.remark("first", first, occasion, draft)
        if self._names_authors:
            self._name_authors(said, draft, occasion)
        if self._on_update and draft.cells and not occasion.fresh:
            draft.cells = {**self._on_update, **draft.cells}

    def _name_authors(self, said: Cells, draft: Draft, occasion: Occasion) -> None:
        """Of an issue and of its files that are made here by those whom nobody knows here."""
        people, is_known = self.rules.people, self._people.login
        made_here = occasion.fresh and occasion.author and people.issue_author_as_comment
        if made_here and is_known(occasion.author, draft.schema) is None:
            text = _filled(people.issue_author_as_comment, author=occasion.author, created=occasion.at)
            self._contents.remark("author", text, occasion, draft)
        for cell, value in said.items() if people.file_author_as_comment else ():
            made = cell.field == ATTACHMENT and cell in draft.at and draft.at[cell].element.startswith("+")
            if made and isinstance(value, dict) and is_known(str(value["author"]), draft.schema) is None:
                about = {hole: str(value[hole]) for hole in ("author", "created", "name")}
                text = _filled(people.file_author_as_comment, **about)
                self._contents.remark(f"author-{cell.element}", text, occasion, draft)


def _filled(template: str, **holes: str) -> str:
    """In one go: what stands in a hole is no template."""
    return re.sub(r"\{(\w+)\}", lambda match: holes[match[1]], template)


def _goes_now(rule: Compiled | Composed, shadow: Shadow, *, fresh: bool) -> bool:
    """Whether a change of this field travels, by what its rule says about when."""
    if Only.ON_CREATE in rule.only and not fresh:
        return False
    if Only.ON_UPDATE in rule.only and fresh:
        return False
    return Only.IF_EMPTY not in rule.only or not any(c.field == rule.name and r.value for c, r in shadow.items())


def _cells(said: Mapping[str, str | list[str]]) -> Cells:
    """Fixed local values; a list is a set."""
    cells: dict[Cell, Value] = {}
    for name, value in said.items():
        if isinstance(value, str):
            cells[Cell(name)] = value
        else:
            cells.update({Cell(name, element): True for element in value})
    return cells
