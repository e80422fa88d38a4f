"""A new life of our store: it was restored, or an admin says that this copy shall live."""

from backbone.replication.link import Life, LinkState, reborn
from backbone.service.links.progress import roll_back
from backbone.store import links, resync, twins
from backbone.store.engine import Connection


def begin_life(tx: Connection, row: int, state: LinkState, now: float) -> None:
    """``state`` is the first of a new life on this link: what the old one had under way is dropped."""
    resync.new_life(tx, state.life)
    resync.drop_old_life(tx, row, now)
    twins.look_again(tx, row)
    links.save_state(tx, row, state)
    roll_back(tx, links.get(tx, row), state.reason)


def renew(tx: Connection, row: int, random: bytes, reason: str, now: float, above: int = 0) -> Life:
    """One link begins a new life, later than any that is known of it, of the node, or ``above``."""
    state = links.state(tx, row)
    later = max(above, state.life[0], state.later, links.get_node(tx).life[0])
    state = reborn(state, (later + 1, random), reason, now)
    begin_life(tx, row, state, now)
    return state.life


def renew_all(tx: Connection, random: bytes, reason: str, now: float, above: int = 0) -> Life:
    """The node begins a new life, and each of its links that has a partner."""
    node = links.get_node(tx)
    paired = [row for row in links.every(tx) if row.peer is not None]
    states = [links.state(tx, row.id) for row in paired]
    later = max([above, node.life[0], *(max(state.life[0], state.later) for state in states)])
    life = (later + 1, random)
    resync.new_life(tx, life)
    for row, state in zip(paired, states, strict=True):
        begin_life(tx, row.id, reborn(state, life, reason, now), now)
    return life
