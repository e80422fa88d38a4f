"""The ``[pairing]`` table of a link's file, with the table of issues that it names."""

from collections.abc import Mapping

from backbone.errors import ConfigError
from backbone.model import ISSUE, Schema
from backbone.replication.agreement import Agreement
from backbone.replication.mapping import RuleError, Rules
from backbone.replication.mapping.nearest import nearest
from backbone.replication.merge import Side
from backbone.replication.twins import Pairing, TableError, key_problem, read_table
from backbone.service.node import Node
from backbone.store.links import LinkRow

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
    return Pairing(key, None if rules.pairing.table is None else _table(node, rules.pairing.table, schema, file))


def _table(node: Node, name: str, schema: Schema, file: str) -> Mapping[str, tuple[str, ...]]:
    path = node.folder.resolve(name)
    try:
        if path.stat().st_size > TABLE_BYTES_MAX:
            raise ConfigError(f"{path}: is larger than a table of issues can be ({TABLE_BYTES_MAX} bytes)")
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return read_table(lines, schema.references.get(ISSUE, ()))
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(file, ("pairing", "table"), f"{path} cannot be read as a table: {error}") from error
    except TableError as error:
        raise ConfigError(f"{path}: {error}") from error
