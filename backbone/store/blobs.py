"""The ``blob`` table: which attachments' contents are here for a link, and how much of them.

A content's file stays as long as its row does. A row goes when nothing names the content any more (``unneeded``).
"""

from collections.abc import Container

from sqlalchemy import Connection, select

from backbone.model import ATTACHMENT
from backbone.store.codec import unpack_change_set
from backbone.store.prepared import prepared
from backbone.store.tables import blob, held, outbox, waiting

_WANTS = "sha256:"
_ONE = prepared(lambda link, sha256: select(blob).where(blob.c.link == link, blob.c.sha256 == sha256))
_EVERY = prepared(lambda link: select(blob.c.sha256).where(blob.c.link == link))
_REMOVE = prepared(lambda link, sha256: blob.delete().where(blob.c.link == link, blob.c.sha256 == sha256))
_SENT = prepared(
    lambda link: select(outbox.c.sha256).where(outbox.c.link == link, outbox.c.sha256.is_not(None)).distinct()
)
_AWAITED = prepared(
    lambda link: select(waiting.c.wants).where(waiting.c.link == link, waiting.c.wants.startswith(_WANTS)).distinct()
)
_HELD = prepared(lambda link: select(held.c.change_set).where(held.c.link == link))


def add_sent(tx: Connection, link: int, sha256: str, total: int) -> None:
    """It is whole here, and parts of it are in the outbox. What is still coming from the peer goes on coming."""
    if _ONE(tx, link, sha256).one_or_none() is None:
        tx.execute(blob.insert().values(link=link, sha256=sha256, total=total, have=total, complete=1))


def received(tx: Connection, link: int, sha256: str, total: int) -> int:
    """How many bytes of it are here, in order; begins a new one at 0."""
    row = _ONE(tx, link, sha256).one_or_none()
    if row is not None:
        return int(row.have)
    tx.execute(blob.insert().values(link=link, sha256=sha256, total=total, have=0, complete=0))
    return 0


def advance(tx: Connection, link: int, sha256: str, have: int, *, complete: bool) -> None:
    """So many bytes of it are durable here."""
    tx.execute(
        blob.update().where(blob.c.link == link, blob.c.sha256 == sha256).values(have=have, complete=int(complete))
    )


def is_complete(tx: Connection, link: int, sha256: str) -> bool:
    """Whether this content is whole here."""
    row = _ONE(tx, link, sha256).one_or_none()
    return row is not None and bool(row.complete)


def every(tx: Connection, link: int) -> set[str]:
    """The contents that are here, whole or in part."""
    return set(_EVERY(tx, link).scalars())


def unneeded(tx: Connection, link: int) -> set[str]:
    """What is here and is named neither by a kept message of ours nor by a change that waits to be applied."""
    here = every(tx, link)
    return here and here - _sent(tx, link) - _awaited(tx, link) - _held(tx, link)


def remove(tx: Connection, link: int, contents: Container[str]) -> None:
    """Forget these."""
    for sha256 in every(tx, link):
        if sha256 in contents:
            _REMOVE(tx, link, sha256)


def _sent(tx: Connection, link: int) -> set[str]:
    return set(_SENT(tx, link).scalars())


def _awaited(tx: Connection, link: int) -> set[str]:
    return {wants.removeprefix(_WANTS) for wants in _AWAITED(tx, link).scalars()}


def _held(tx: Connection, link: int) -> set[str]:
    return {
        str(operation.value["sha256"])
        for row in _HELD(tx, link).scalars()
        for operation in unpack_change_set(row).operations
        if operation.cell.field == ATTACHMENT and isinstance(operation.value, dict)
    }
