"""The ``link`` and ``node`` tables."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from backbone.model import Position
from backbone.replication.link import Life, LinkState
from backbone.replication.rekeying import Keys
from backbone.store.codec import pack_keys, pack_state, unpack_keys, unpack_state
from backbone.store.prepared import change as change_rows
from backbone.store.prepared import prepared
from backbone.store.tables import link, node


@dataclass(frozen=True, slots=True)
class NodeRow:
    """Who we are, and which life and start of this store it is."""

    node_id: str
    life: Life
    boot: int
    commits: int


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One link as it stands. ``peer`` is what the handshake told: node, name, fingerprint, caps (hex)."""

    id: int
    name: str
    link_id: str
    side: str
    pairing: bytes
    state: str
    reason: str
    home: str
    our_fingerprint: str
    keys: Keys
    peer: dict[str, Any] | None
    agreement: dict[str, Any]
    clock: int
    cursor: Position | None
    populate_after: str | None
    populated: bool
    joined_at: Position | None
    """Where the tracker's journals stood when this store, put back, was last joined with it again."""
    tracker: str
    """What the node calls the tracker; empty for a link of an earlier version that was not run since."""


_NODE = prepared(lambda: select(node))
_NEXT_BOOT = prepared(lambda: node.update().values(boot=node.c.boot + 1))
_LINK = prepared(lambda row: select(link).where(link.c.id == row))
_PROTOCOL = prepared(lambda row: select(link.c.protocol).where(link.c.id == row))
_KEEP_PROTOCOL = prepared(lambda row, kept: link.update().where(link.c.id == row).values(protocol=kept))
_CLOCK = prepared(lambda row: select(link.c.clock).where(link.c.id == row))
_SET_CLOCK = prepared(lambda row, at: link.update().where(link.c.id == row).values(clock=at))
_ADVANCE_CLOCK = prepared(lambda row, at: link.update().where(link.c.id == row, link.c.clock < at).values(clock=at))


def create_node(tx: Connection, node_id: str, life_random: bytes) -> None:
    """Once, when the store is made."""
    tx.execute(node.insert().values(id=1, node_id=node_id, life=1, life_random=life_random))


def get_node(tx: Connection) -> NodeRow:
    """The only row."""
    row = _NODE(tx).one()
    return NodeRow(row.node_id, (row.life, row.life_random), row.boot, row.commits)


def next_boot(tx: Connection) -> int:
    """The number of this start of the process."""
    _NEXT_BOOT(tx)
    return get_node(tx).boot


def add(tx: Connection, **values: Any) -> int:
    """A new link's row; returns its id."""
    for name in ("agreement", "peer"):
        if values.get(name) is not None:
            values[name] = json.dumps(values[name])
    result = tx.execute(link.insert().values(**values))
    assert result.inserted_primary_key is not None
    return int(result.inserted_primary_key[0])


def change(tx: Connection, link_row: int, **values: Any) -> None:
    """Set columns of one link."""
    for name in ("agreement", "peer", "cursor", "joined_at"):
        if values.get(name) is not None:
            values[name] = json.dumps(values[name])
    change_rows(tx, link, {"id": link_row}, values)


def remove(tx: Connection, link_row: int) -> None:
    """Only for a link that never left the draft."""
    tx.execute(link.delete().where(link.c.id == link_row))


def get(tx: Connection, link_row: int) -> LinkRow:
    """One link by row id."""
    return _row(_LINK(tx, link_row).one())


def by_name(tx: Connection, name: str) -> LinkRow | None:
    """One link by its local name."""
    row = tx.execute(select(link).where(link.c.name == name)).one_or_none()
    return None if row is None else _row(row)


def by_link_id(tx: Connection, link_id: str) -> LinkRow | None:
    """One link by the id that both sides know."""
    row = tx.execute(select(link).where(link.c.link_id == link_id)).one_or_none()
    return None if row is None else _row(row)


def every(tx: Connection) -> list[LinkRow]:
    """All links, by name."""
    return [_row(row) for row in tx.execute(select(link).order_by(link.c.name))]


def state(tx: Connection, link_row: int) -> LinkState:
    """The protocol state; only links that were paired have one."""
    data = _PROTOCOL(tx, link_row).scalar_one()
    assert data is not None, "this link has no partner yet"
    return unpack_state(data)


def stopped_because(tx: Connection, link_row: int) -> str:
    """Why the rules stopped the link; empty where they did not, or where it has no partner yet."""
    data = _PROTOCOL(tx, link_row).scalar_one()
    return "" if data is None else unpack_state(data).reason


def save_state(tx: Connection, link_row: int, value: LinkState) -> None:
    """Keep the protocol state."""
    _KEEP_PROTOCOL(tx, link_row, pack_state(value))


def save_keys(tx: Connection, link_row: int, keys: Keys) -> None:
    """Which keys are at work."""
    tx.execute(link.update().where(link.c.id == link_row).values(keys=pack_keys(keys)))


def take_numbers(tx: Connection, link_row: int, count: int) -> int:
    """The first of ``count`` fresh numbers for write stamps: never used before, greater than all seen."""
    first = int(_CLOCK(tx, link_row).scalar_one()) + 1
    _SET_CLOCK(tx, link_row, first + count - 1)
    return first


def saw_number(tx: Connection, link_row: int, number: int) -> None:
    """The peer used this number: ours will be greater."""
    _ADVANCE_CLOCK(tx, link_row, number)


def _row(row: Any) -> LinkRow:
    return LinkRow(
        id=row.id,
        name=row.name,
        link_id=row.link_id,
        side=row.side,
        pairing=row.pairing,
        state=row.state,
        reason=row.reason,
        home=row.home,
        our_fingerprint=row.our_fingerprint,
        keys=unpack_keys(row.keys) if row.keys else Keys(),
        peer=json.loads(row.peer) if row.peer else None,
        agreement=json.loads(row.agreement),
        clock=row.clock,
        cursor=tuple(json.loads(row.cursor)) if row.cursor else None,
        populate_after=row.populate_after,
        populated=bool(row.populated),
        joined_at=tuple(json.loads(row.joined_at)) if row.joined_at else None,
        tracker=row.tracker,
    )
