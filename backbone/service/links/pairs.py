"""``backbone link pair`` and the part of ``link check`` that is about twins: what is paired, what would be, what nobody
can say. Reads the tracker and the store, and writes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backbone.config import load_link
from backbone.errors import ConfigError, PeerError
from backbone.model import Cell
from backbone.replication.agreement import Agreement
from backbone.replication.identity import born_at
from backbone.replication.mapping import Rules, Translation
from backbone.replication.merge import Side
from backbone.replication.message import ChangeSet, Kind, decode_change_sets, inflate
from backbone.replication.twins import Doubt, Found, Pairing, choose
from backbone.richtext import CONVERT
from backbone.service.links.checking import SHOWN
from backbone.service.links.matching import keys_here, pairing_of, shared_keys
from backbone.service.node import Node
from backbone.service.parties import open_tracker
from backbone.store import links, messages, shadows, twins
from backbone.store.engine import Connection
from backbone.store.links import LinkRow
from backbone.store.messages import Incoming

MESSAGES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Coming:
    """An issue of the partner's that has come and is not applied yet."""

    key: str
    here: str = ""
    """Our issue that it would be paired with; empty where it would be made."""
    doubt: str = ""
    """Why a person would be asked."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """``keys``: how many of our issues have one; ``shared``: those that several have, which nobody can tell apart."""

    keys: int
    shared: Mapping[str, Sequence[str]]
    paired: int = 0
    waiting: tuple[str, ...] = ()
    """Our issues of which nothing is said until a person has decided."""
    coming: tuple[Coming, ...] = ()


async def pairs_of(node: Node, row: LinkRow) -> Pairs:
    """Raises ``ConfigError`` where the link's file says nothing of pairing, or what cannot be."""
    file, config = str(node.folder.link_file(row.name)), load_link(node.folder, row.name, node.config)
    rules, agreement = (
        Rules.parse(config.rules, file), Agreement.parse(row.agreement, f"the agreement of link {row.name}")
    )  # fmt: skip
    tracker = open_tracker(node, config.link.tracker)
    try:
        schema = await tracker.describe()
        pairing = pairing_of(node, row, rules, agreement, schema)
        if pairing is None:
            raise ConfigError(f"{file}: says nothing of pairing; docs/pairing.md shows the [pairing] table")
        words = Translation(
            agreement, rules.within(agreement.fields), node.name, tracker.user, Side(row.side), file, CONVERT
        )
        found = await keys_here(tracker, words, pairing, SHOWN)
    finally:
        await tracker.close()
    return await node.store.read(lambda tx: _pairs(tx, node, row, pairing, found))


def _pairs(tx: Connection, node: Node, row: LinkRow, pairing: Pairing, found: Mapping[str, Sequence[str]]) -> Pairs:
    taken = {local for _, local in shadows.local_names(tx, row.id)}
    counts = twins.counts(tx, row.id)
    paired = sum(counts.get(state, 0) for state in (twins.PAIRING, twins.PAIRED, twins.TOLD))
    coming: list[Coming] = []
    for change_set in _coming(tx, node, row):
        word = pairing.word_of({o.cell: o.value for o in change_set.operations if o.cell == Cell(pairing.key)})
        ours = [Found(local, taken=local in taken) for local in found.get(word, ())] if word else []
        try:
            coming.append(Coming(word, choose(pairing, word, ours) or ""))
        except Doubt as doubt:
            coming.append(Coming(word, doubt=str(doubt)))
        taken.update(one.here for one in coming[-1:] if one.here)
    waiting = tuple(sorted(twins.kept_back(tx, row.id)))
    return Pairs(sum(map(len, found.values())), shared_keys(found), paired, waiting, tuple(coming))


def _coming(tx: Connection, node: Node, row: LinkRow) -> Iterator[ChangeSet]:
    """The first that was said of each issue of the partner's that is not here."""
    known = {gid for gid, _ in shadows.local_names(tx, row.id)} if row.peer is not None else set()
    waiting = messages.next_in(tx, row.id, links.state(tx, row.id), "c", MESSAGES_MAX) if row.peer is not None else ()
    for incoming in waiting:
        for change_set in _said(incoming):
            if change_set.gid not in known and not born_at(change_set.gid, node.node_id):
                known.add(change_set.gid)
                yield change_set


def _said(incoming: Incoming) -> Sequence[ChangeSet]:
    if incoming.kind != Kind.DATA:
        return ()
    try:
        return decode_change_sets(inflate(incoming.message.header, incoming.message.body))
    except PeerError:
        return ()  # it is set aside when its turn comes
