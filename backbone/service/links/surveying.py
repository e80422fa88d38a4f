"""Which of a tracker's issues are in a link's scope as they stand: for `backbone link check`, before it runs."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from backbone.model import Cell, Issue, Schema
from backbone.replication.identity import born_at
from backbone.replication.mapping import Names, Translation
from backbone.replication.scope.expression import ExpressionError
from backbone.replication.scope.judging import Circumstances, Scope
from backbone.replication.scope.rules import Part
from backbone.service.flow.asking import matching, taken
from backbone.service.node import Node
from backbone.store import shadows, standing
from backbone.store.links import LinkRow
from backbone.store.standing import ADDED
from backbone.trackers.base import Tracker

PAGE = 200
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Survey:
    """``parts``: how many issues take which part; examples are the issue's name here and what it is called."""

    issues: int
    parts: Mapping[str, int]
    inside: tuple[str, ...]
    outside: tuple[str, ...]
    problems: tuple[str, ...] = ()
    """Issues on which an expression cannot be evaluated, a sentence each; they are outside."""


class Surveyor:
    """``names``: how issues are shown to the mapping."""

    def __init__(
        self, node: Node, row: LinkRow, tracker: Tracker, words: Translation, scope: Scope, schema: Schema, names: Names
    ) -> None:
        self._node, self._row, self._tracker = node, row, tracker
        self._words, self._scope, self._schema, self._names = words, scope, schema, names

    async def survey(self) -> Survey:
        """Looks at every issue. Raises ``ConfigError`` for a query that the tracker does not take."""
        gids = await self._node.store.read(lambda tx: {at: gid for gid, at in shadows.local_names(tx, self._row.id)})
        stands = await self._node.store.read(lambda tx: {one.gid: one for one in standing.every(tx, self._row.id)})
        if self._scope.rules.query is not None:  # also where there is no issue yet
            await matching(self._tracker, self._scope.rules.query, (), f"links/{self._row.name}.toml: scope.query")
        counts: Counter[str] = Counter()
        examples: dict[bool, list[str]] = {True: [], False: []}
        problems: list[str] = []
        after = None
        while page := await self._tracker.issues(after, PAGE):
            after = page[-1].local
            file = f"links/{self._row.name}.toml"
            fitting = await taken(
                self._tracker, self._scope.rules, [one.local for one in page], file, looking_back=True
            )
            for issue in page:
                gid = gids.get(issue.local, "")
                stand = stands.get(gid)
                part = self._part(issue, fits=issue.local in fitting, here=not gid or born_at(gid, self._node.node_id),
                                  problems=problems)  # fmt: skip
                if stand is not None:
                    part = "resting" if stand.rests else str(Part.FULL) if stand.ours == ADDED else part
                counts[part] += 1
                shown = examples[part not in (Part.SKIPPED, "resting")]
                if len(shown) < EXAMPLES:
                    shown.append(f"{issue.local} {self._called(issue)}".strip())
        return Survey(counts.total(), dict(sorted(counts.items())), tuple(examples[True]), tuple(examples[False]),
                      tuple(problems[:EXAMPLES]))  # fmt: skip

    def _part(self, issue: Issue, *, fits: bool, here: bool, problems: list[str]) -> str:
        out = self._words.to_agreed(issue.cells, self._schema, self._names, {}, fresh=True, number=issue.local)
        if out.quiet.outside and here:
            return Part.SKIPPED
        about = Circumstances(here=here, now=self._node.clock(), link=self._row.name, fits=fits)
        try:
            return self._scope.part(out.cells, about)
        except ExpressionError as error:
            problems.append(f"{issue.local}: {error}")
            return Part.SKIPPED

    def _called(self, issue: Issue) -> str:
        title = self._words.fields.get("title")
        return str(issue.cells.get(Cell(title.local.field)) or "") if title is not None else ""
