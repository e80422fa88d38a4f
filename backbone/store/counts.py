"""Counting rows, for people who want to know how a link stands."""

from sqlalchemy import ColumnElement, Connection, func, select

from backbone.model import ISSUE
from backbone.replication.link import LinkState
from backbone.store.tables import identity, outbox, waiting
from backbone.store.tables import link as links


def issues(tx: Connection, link: int) -> int:
    """Shared issues."""
    query = select(func.count()).select_from(identity).where(identity.c.link == link, identity.c.kind == ISSUE)
    return int(tx.execute(query).scalar_one())


def cells_waiting(tx: Connection, link: int) -> int:
    """Relations and attachments whose other end is not here yet. A text that names an issue is here, whatever comes."""
    query = select(func.count()).select_from(waiting).where(waiting.c.link == link, waiting.c.wants.not_like("ref:%"))
    return int(tx.execute(query).scalar_one())


def made_at(tx: Connection, row: int) -> float:
    """When the link was made."""
    return float(tx.execute(select(links.c.created_at).where(links.c.id == row)).scalar_one())


def messages_sent(tx: Connection, link: int, state: LinkState) -> int:
    """Change-set messages that left at least once."""
    query = select(func.count()).select_from(outbox).where(*_lane(link, state), outbox.c.attempts == 0)
    return state.out["c"].last - int(tx.execute(query).scalar_one())


def change_sets(tx: Connection, link: int, state: LinkState, up_to: int) -> int:
    """Change sets in our messages up to that number, as far as they are kept."""
    query = select(func.coalesce(func.sum(outbox.c.change_sets), 0)).where(*_lane(link, state), outbox.c.seq <= up_to)
    return int(tx.execute(query).scalar_one())


def _lane(link: int, state: LinkState) -> tuple[ColumnElement[bool], ...]:
    return (outbox.c.link == link, outbox.c.lane == "c", outbox.c.life == state.life[0])
