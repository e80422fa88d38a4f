"""The ``blob`` table: which attachments' contents travelled on a link, and how far."""

from sqlalchemy import Connection, select

from backbone.store.tables import blob


def sent_or_got(tx: Connection, link: int, sha256: str) -> bool:
    """Whether this content needs no sending: the peer sent it, or we did."""
    return (
        tx.execute(select(blob.c.sha256).where(blob.c.link == link, blob.c.sha256 == sha256)).one_or_none() is not None
    )


def add_sent(tx: Connection, link: int, sha256: str, total: int) -> None:
    """We sent it: it is whole here."""
    tx.execute(blob.insert().values(link=link, sha256=sha256, total=total, have=total, complete=1))


def received(tx: Connection, link: int, sha256: str, total: int) -> int:
    """How many bytes of it are here, in order; begins a new one at 0."""
    row = tx.execute(select(blob).where(blob.c.link == link, blob.c.sha256 == sha256)).one_or_none()
    if row is not None:
        return int(row.have)
    tx.execute(blob.insert().values(link=link, sha256=sha256, total=total, have=0, complete=0))
    return 0


def advance(tx: Connection, link: int, sha256: str, have: int, *, complete: bool) -> None:
    """So many bytes of it are durable here."""
    tx.execute(
        blob.update().where(blob.c.link == link, blob.c.sha256 == sha256).values(have=have, complete=int(complete))
    )


def complete(tx: Connection, link: int) -> set[str]:
    """The contents that are whole here."""
    return set(tx.execute(select(blob.c.sha256).where(blob.c.link == link, blob.c.complete == 1)).scalars())


def is_complete(tx: Connection, link: int, sha256: str) -> bool:
    """Whether this content is whole here."""
    query = select(blob.c.sha256).where(blob.c.link == link, blob.c.sha256 == sha256, blob.c.complete == 1)
    return tx.execute(query).one_or_none() is not None
