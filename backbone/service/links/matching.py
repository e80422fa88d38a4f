"""The ``[pairing]`` table of a link's file, with the table of issues that it names."""

from collections.abc import Mapping, Sequence

from backbone.model import ATTACHMENT, COMMENT, ISSUE, Schema
from backbone.replication.agreement import Agreement
from backbone.replication.mapping import Names, RuleError, Rules, Translation
from backbone.replication.mapping.nearest import nearest
from backbone.replication.merge import Side
from backbone.replication.twins import Pairing, TableError, key_problem, read_table
from backbone.service.node import Node
from backbone.store.links import LinkRow
from backbone.trackers.base import Tracker

PAGE = 200
TABLE_BYTES_MAX = 64 * 2**20


def pairing_of(node: Node, row: LinkRow, rules: Rules, agreement: Agreement, schema: Schema) -> Pairing | None:
    """How issues that both sides had are found; ``None`` where nothing is said. Raises ``ConfigError``."""
    key, file = rules.pairing.key, str(node.folder.link_file(row.name))
    if key is None:
        return None
    if row.side == Side.MASTER:
        raise RuleError(
            file, ("pairing",), "belongs into the file of the side that joined the link: it pairs its issues"
        )
    if key not in agreement.fields:
        raise RuleError(file, ("pairing", "key"), f"{key!r} is not in the agreement{nearest(key, agreement.fields)}")
    problem = key_problem(agreement, key)
    if problem:
        raise RuleError(file, ("pairing", "key"), f"{key!r} {problem}")
    table = None if rules.pairing.table is None else _table(node, rules.pairing.table, schema, file)
    return Pairing(key, table, wait=rules.pairing.wait)


def _table(node: Node, name: str, schema: Schema, file: str) -> Mapping[str, tuple[str, ...]]:
    path = node.folder.resolve(name)
    try:
        if path.stat().st_size > TABLE_BYTES_MAX:
            raise TableError(f"is larger than a table of issues can be ({TABLE_BYTES_MAX} bytes)")
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return read_table(lines, schema.references.get(ISSUE, ()))
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(file, ("pairing", "table"), f"{path} cannot be read as a table: {error}") from error
    except TableError as error:
        raise RuleError(file, ("pairing", "table"), f"{path}: {error}") from error


async def keys_here(tracker: Tracker, words: Translation, pairing: Pairing, names: Names) -> dict[str, list[str]]:
    """Our issues by their key; by the table's, where there is one."""
    schema, found = await tracker.describe(), dict[str, list[str]]()
    after: str | None = None
    by_table = {local: word for word, issues in (pairing.table or {}).items() for local in issues}
    while page := await tracker.issues(after, PAGE):
        for issue in page:
            fields = {c: v for c, v in issue.cells.items() if c.field not in (COMMENT, ATTACHMENT)}
            cells = words.to_agreed(fields, schema, names, {}, fresh=True, number=issue.local).cells
            word = pairing.word_of(cells) if pairing.table is None else by_table.get(issue.local, "")
            if word:
                found.setdefault(word, []).append(issue.local)
        after = page[-1].local
    return found


def shared_keys(found: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Those that several of our issues have."""
    return {word: issues for word, issues in sorted(found.items()) if len(issues) > 1}
