"""Our half of one link, ready to work: its rules, its store, its tracker, its channel and its keys."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from backbone.model import ATTACHMENT, COMMENT, ISSUE, Cells, FieldType, Schema
from backbone.replication import limits
from backbone.replication.agreement import Agreement
from backbone.replication.history import History
from backbone.replication.identity import born_at, gid, place
from backbone.replication.link import Identity, Timing
from backbone.replication.mapping import Names, Translation
from backbone.replication.merge import Side
from backbone.service.flow.contents import Contents
from backbone.store.engine import Store
from backbone.store.shadows import Book
from backbone.trackers.base import Tracker
from channels.base import Channel
from handshake.base import KeyRing

Together: TypeAlias = Callable[[Sequence[Coroutine[Any, Any, Any]]], Awaitable[list[Any]]]
"""Runs coroutines and gives each one's result, or the exception that ended it."""


async def side_by_side(work: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """All at once."""
    return await asyncio.gather(*work, return_exceptions=True)


@dataclass(slots=True, kw_only=True)
class Voice:
    """What it takes to send: a link that is stopped has no more. Holds no state of the link."""

    row: int
    link_id: str
    tag: str
    identity: Identity
    timing: Timing
    store: Store
    channel: Channel
    keyring: KeyRing
    contents: Contents
    clock: Callable[[], float]
    log: Any
    encrypt: bool = True
    audit_seconds: float = 0.0
    """Between two audits that nobody asked for; 0 for none."""
    together: Together = side_by_side
    random_bytes: Callable[[int], bytes] = secrets.token_bytes


@dataclass(slots=True, kw_only=True)
class Endpoint(Voice):
    """What the steps of ``outbound``, ``inbound`` and ``applying`` work with."""

    name: str
    side: Side
    agreement: Agreement
    translation: Translation
    schema: Schema
    tracker: Tracker
    tracker_name: str = ""
    """What this node calls the tracker: links that call it alike are *kin*."""
    history: History = History.EVERY
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a round is applied: kin apply in turns."""
    policies: dict[str, Any] = field(init=False)
    naming: dict[str, str] = field(init=False)
    """The local fields whose elements are names, and of what kind of thing."""

    def __post_init__(self) -> None:
        self.policies = self.agreement.policies()
        related = [name for name, known in self.schema.fields.items() if known.type is FieldType.RELATION]
        self.naming = {COMMENT: COMMENT, ATTACHMENT: ATTACHMENT, **dict.fromkeys(related, ISSUE)}

    @property
    def body_bytes(self) -> int:
        """Where a message to this channel is closed, inflated."""
        return min(limits.body_bytes, self.channel.limits.parcel_bytes_max - limits.seal_bytes)

    @property
    def part_bytes(self) -> int:
        """An attachment's part on this channel."""
        return min(limits.blob_part_bytes, self.channel.limits.parcel_bytes_max - limits.seal_bytes)

    def names(self, book: Book) -> Names:
        """Names of issues, comments and attachments, as one transaction knows them."""

        def gid_of(kind: str, local: str) -> str:
            known = book.by_local(kind, local)
            return known.gid if known else book.elsewhere(kind, local) or self.gid(kind, local)

        def local_of(name: str) -> str | None:
            known = book.by_gid(name)
            return known.local if known else None

        def strange(kind: str, name: str) -> bool:
            known = book.by_gid(name)
            return known.kind != kind if known else self.born_here(name)

        return Names(gid_of, local_of, self.born_here, strange, book.said_elsewhere)

    def gid(self, kind: str, local: str) -> str:
        """Of something born here."""
        return gid(self.identity.us, self.tracker_name, kind, local)

    @property
    def place(self) -> str:
        """Our tracker, in origins and paths."""
        return place(self.identity.us, self.tracker_name)

    def named_in(self, cells: Cells) -> set[tuple[str, str]]:
        """Kind and local name of the comments, attachments and issues that these local cells name: ``Book.load_locals``
        must know them before the cells are translated.
        """
        naming = self.naming
        return {(naming[cell.field], cell.element) for cell in cells if cell.field in naming}

    def born_here(self, name: str) -> bool:
        """Whether a gid was given by this node: such a thing is never created here."""
        return born_at(name, self.identity.us)
