"""Our half of one link, ready to work: its rules, its store, its tracker, its channel and its keys."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Container, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from backbone.model import ATTACHMENT, COMMENT, ISSUE, ROW, Cell, Cells, FieldType, Schema
from backbone.replication import limits
from backbone.replication.agreement import Agreement
from backbone.replication.diff import Shadow
from backbone.replication.history import History
from backbone.replication.identity import born_at, gid, place
from backbone.replication.link import Identity, Life, Timing
from backbone.replication.mapping import Names, Translation
from backbone.replication.mapping.bringing import brought
from backbone.replication.merge import Side
from backbone.replication.rekeying import Keys
from backbone.replication.scope.judging import EVERYTHING, Scope
from backbone.replication.tree import Tree
from backbone.replication.twins import Pairing
from backbone.service.flow.ahead import Ahead
from backbone.service.flow.contents import Contents
from backbone.service.flow.echoes import Echoes
from backbone.store.engine import Store
from backbone.store.shadows import Book, Known
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
    evidence_seconds: float = limits.evidence_seconds
    """So long what was signed is kept to be shown to others."""
    together: Together = side_by_side
    keys: Keys = field(default_factory=Keys)
    """Which of each side's keys are at work."""
    standing: Mapping[str, Any] | None = None
    """By which agreement we write, where that is not the handshake's: for a partner that was put back."""
    random_bytes: Callable[[int], bytes] = secrets.token_bytes


def use_keys(keyring: KeyRing, keys: Keys) -> None:
    """Make a key ring work with these."""
    theirs = keys.theirs
    named = frozenset() if theirs.revoked else frozenset({theirs.signing, theirs.coming} - {""})
    trusted = named if theirs.signing or theirs.revoked else None
    keyring.use(signing=keys.ours.signing, sealing=theirs.sealing, trusted=trusted)


class Terms(Protocol):
    """An agreement, and what follows from it here."""

    @property
    def agreement(self) -> Agreement: ...
    @property
    def translation(self) -> Translation: ...
    @property
    def policies(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Earlier:
    """The terms by which the partner writes until its number comes."""

    agreement: Agreement
    translation: Translation
    policies: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Endpoint(Voice):
    """What the steps of ``outbound``, ``inbound`` and ``applying`` work with. ``agreement``, ``translation`` and
    ``policies`` are those by which we write.
    """

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
    scope: Scope = EVERYTHING
    pairing: Pairing | None = None
    """Where issues that both sides had before the link are paired, and we are the side that does."""
    trees: dict[tuple[str, int], Tree] = field(default_factory=dict)
    """Of an audit under way, while this process lives."""
    policies: dict[str, Any] = field(init=False)
    naming: dict[str, str] = field(init=False)
    """The local fields whose elements are names, and of what kind of thing."""
    _own: dict[str, str] = field(init=False)
    echoes: Echoes = field(default_factory=Echoes)
    ahead: Ahead = field(default_factory=Ahead)
    translate: Callable[[Agreement], Translation] | None = None
    """The link's file, as it is now, for another agreement. Raises ``ConfigError``."""
    judge: Callable[[Agreement], Scope] | None = None
    """The same for its ``[scope]``; without it every issue takes part by any agreement. Raises ``ConfigError``."""
    earlier: Earlier | None = None
    """Where the partner still writes by the agreement before ours."""
    known: tuple[Agreement, ...] = ()
    """Those that were in effect before, or are accepted: what is under way may be written by them."""
    version: int = 1
    """Of the agreement by which we write."""
    unsettled: bool = True
    """Whether the agreement may be about to change: looked at before anything is applied."""
    looked_in: Life | None = None
    """The life of our store in which all our own issues were looked at for twins: nothing is applied before."""
    rekeyed: bool = False
    """Whether the store says something else of them, from the last transaction on."""
    unsaid: bool = False
    """Whether something joined the agreement that we have not said yet: it is, before anything is applied."""

    def __post_init__(self) -> None:
        self.policies = self.agreement.policies()
        related = [name for name, known in self.schema.fields.items() if known.type is FieldType.RELATION]
        tables = [name for name, known in self.schema.fields.items() if known.type is FieldType.TABLE]
        self._own = {COMMENT: COMMENT, ATTACHMENT: ATTACHMENT, **dict.fromkeys(tables, ROW)}
        self.naming = {**self._own, **dict.fromkeys(related, ISSUE)}

    @property
    def theirs(self) -> Terms:
        """By which the partner writes what is applied next."""
        return self.earlier or self

    @property
    def attachment_bytes_max(self) -> int:
        """Of a content that may come: its parts have a lane of their own, and overtake a change of the limit."""
        return max(one.attachment_bytes_max for one in (self.agreement, *self.known))

    @property
    def body_bytes(self) -> int:
        """Where a message to this channel is closed, inflated."""
        return min(limits.body_bytes, self.channel.limits.parcel_bytes_max - limits.seal_bytes)

    @property
    def part_bytes(self) -> int:
        """An attachment's part on this channel."""
        return min(limits.blob_part_bytes, self.channel.limits.parcel_bytes_max - limits.seal_bytes)

    def names(self, book: Book, coming: Container[str] = frozenset()) -> Names:
        """Names of issues, comments and attachments, as one transaction knows them. ``coming`` are local issues that it
        is about to name.
        """

        def gid_of(kind: str, local: str) -> str:
            known = book.by_local(kind, local)
            return known.gid if known else book.elsewhere(kind, local) or self.gid(kind, local)

        def local_of(name: str) -> str | None:
            known = book.by_gid(name)
            return known.local if known else None

        def strange(kind: str, name: str) -> bool:
            known = book.by_gid(name)
            return known.kind != kind if known else self.born_here(name)

        def shared(kind: str, local: str) -> str | None:
            book.load_locals([(kind, local)])
            known = book.by_local(kind, local)
            if known is None and kind == ISSUE and local in coming:
                return gid_of(kind, local)
            return known.gid if known else None

        names = Names(gid_of, local_of, self.born_here, strange, shared)
        if not book.kin:
            return names
        return names._replace(born_elsewhere=self.born_elsewhere, said_elsewhere=book.said_elsewhere)

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

    def own_kind(self, local: str) -> str | None:
        """Of what an issue has of its own, and what has a name: what the cells of this local field are."""
        return self._own.get(local)

    def owned(self, cells: Cells, names: Names) -> dict[Cell, Cell]:
        """The comments, attachments and rows among these local cells, by their cells in agreed words."""
        return {
            Cell(agreed, names.gid_of(kind, cell.element)): cell
            for cell in cells
            if (kind := self._own.get(cell.field)) is not None
            for agreed in self.translation.agreed_of(cell.field)
        }

    def is_owned(self, agreed: Cell) -> bool:
        """Whether an agreed cell is a comment, an attachment or a row."""
        return agreed.field in (COMMENT, ATTACHMENT) or any(agreed.field in one.tables for one in self._agreements)

    @property
    def _agreements(self) -> tuple[Agreement, ...]:
        return (self.agreement,) if self.earlier is None else (self.agreement, self.earlier.agreement)

    def name_owned(self, book: Book, cell: Cell, local: Cell) -> None:
        """The comment, attachment or row of this agreed cell has its name here, unless it has one."""
        kind = self._own[local.field]
        if book.by_local(kind, local.element) is None:
            book.name(Known(cell.element, kind, local.element))

    def born_here(self, name: str) -> bool:
        """Whether a gid was given by this node: such a thing is never created here."""
        return born_at(name, self.identity.us)

    def born_there(self, name: str) -> bool:
        """Whether it was given by the partner's node."""
        return born_at(name, self.identity.peer)

    def born_elsewhere(self, name: str) -> bool:
        """Whether it was given neither by this node nor by the partner's."""
        return not self.born_here(name) and not self.born_there(name)

    def is_ours(self, name: str, shadow: Shadow) -> bool:
        """Whether we share this issue with the partner: it began here, or we told of it first."""
        return self.born_here(name) or brought(shadow)
