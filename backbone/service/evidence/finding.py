"""What the store holds about one issue that can be proved: read, opened and put together, nothing written yet."""

from collections.abc import Sequence
from typing import NamedTuple

from backbone.errors import BackboneError, PeerError
from backbone.model import ISSUE
from backbone.replication import limits
from backbone.replication.message import ChangeSet, Message, decode, inflate
from backbone.replication.receipt import Became, Receipt, digest_of, read, text_of
from backbone.replication.resync import spoken
from backbone.store import evidence
from backbone.store.engine import Connection, Store
from backbone.store.evidence import Said
from backbone.store.links import LinkRow
from backbone.store.shadows import Book
from handshake.base import KeyRing
from handshake.errors import KeyRingError, Refused

_BYTES_MAX = limits.message_raw_bytes_max + limits.header_bytes_max


class Change(NamedTuple):
    """One change set of the issue: its text, and the digest of that."""

    text: str
    digest: str
    at: str
    author: str
    message: int
    """The place, in the list of messages, of the one that carried it."""


class Signed(NamedTuple):
    """A message of the partner's, signed and no longer encrypted. ``content`` is what the signature covers."""

    name: str
    data: bytes
    content: bytes
    message: Message


class Told(NamedTuple):
    """A receipt of the partner's."""

    signed: Signed
    receipt: Receipt
    text: str


class Found(NamedTuple):
    """All that is known: what we sent, and the partner's receipts; what the partner sent, and what became of it."""

    gid: str
    local: str
    sent: tuple[Change, ...]
    receipts: tuple[Told, ...]
    received: tuple[Change, ...]
    messages: tuple[Signed, ...]
    became: dict[str, tuple[Became, str]]
    """Of the partner's change sets, by digest: what our last receipt about it said."""
    lost: int
    """Parcels that can no longer be opened."""


def gid_of(tx: Connection, link: int, issue: str) -> tuple[str, str] | None:
    """The gid and the local name of an issue, from either."""
    book = Book(tx, link)
    book.load_locals([(ISSUE, issue)])
    known = book.by_local(ISSUE, issue) or book.by_gid(issue)
    return None if known is None else (known.gid, known.local)


async def find(
    store: Store, row: LinkRow, keyring: KeyRing, gid: str, local: str, former: Sequence[tuple[KeyRing, str]] = ()
) -> Found:
    """Open what the store holds about an issue; ``former``: key rings of earlier handshakes, with the partner's
    fingerprint. Raises ``BackboneError``.
    """
    said = await store.read(lambda tx: evidence.about(tx, row.id, gid, ("c",)))
    ours = [one for one in said if one.ours and one.content is not None]
    sent = [change for place, one in enumerate(ours) for change in _changes(_of_ours(one), gid, place)]
    assert row.peer is not None, "only a partner's messages are kept"
    rings = ((keyring, str(row.peer["fingerprint"])), *former)
    open_ = _Opening(rings, encrypted=bool(row.peer.get("encrypt", True)))
    messages = [s for one in said if not one.ours and (s := await open_.open(one, "message")) is not None]
    received = [
        change
        for place, signed in enumerate(messages)
        for change in _changes(spoken(inflate(signed.message.header, signed.message.body)), gid, place)
    ]
    receipts, became = await _receipts(store, row, open_, sent, received)
    return Found(gid, local, tuple(sent), receipts, tuple(received), tuple(messages), became, open_.lost)


async def _receipts(
    store: Store, row: LinkRow, open_: "_Opening", sent: list[Change], received: list[Change]
) -> tuple[tuple[Told, ...], dict[str, tuple[Became, str]]]:
    wanted: dict[tuple[int, int], Said] = {}
    became: dict[str, tuple[Became, str]] = {}
    for change in (*sent, *received):
        for one in await store.read(lambda tx, d=change.digest: evidence.about(tx, row.id, d, ("k",))):  # type: ignore[misc]
            if not one.ours:
                wanted[one.life, one.seq] = one
                continue
            for outcome in read(one.names).outcomes:
                if outcome.digest == change.digest:
                    became[change.digest] = (outcome.became, outcome.reason)
    told: list[Told] = []
    for _, one in sorted(wanted.items()):
        signed = await open_.open(one, "receipt")
        if signed is not None:
            told.append(Told(signed, read(one.names), one.names))
    return tuple(told), became


class _Opening:
    """Takes the encryption off the partner's parcels, and leaves the signature."""

    def __init__(self, rings: Sequence[tuple[KeyRing, str]], *, encrypted: bool) -> None:
        self._rings = rings
        self._encrypted = encrypted
        self.lost = 0

    async def open(self, said: Said, kind: str) -> Signed | None:
        if said.content is None:
            return None
        for keyring, signer in self._rings:
            found = await self._open_with(keyring, signer, said, said.content, kind)
            if found is not None:
                return found
        self.lost += 1
        return None

    async def _open_with(self, keyring: KeyRing, signer: str, said: Said, parcel: bytes, kind: str) -> Signed | None:
        try:
            content, _ = await keyring.open_signed(  # also by a key that was replaced since
                parcel, signer=signer, message_bytes_max=_BYTES_MAX, encrypted=self._encrypted
            )
            data = await keyring.unwrap(parcel, message_bytes_max=_BYTES_MAX) if self._encrypted else parcel
            return Signed(f"{kind}-{said.life}-{said.seq:06}.gpg", data, content, decode(content))
        except KeyRingError as error:
            raise BackboneError(str(error)) from error
        except (Refused, PeerError):
            return None


def _of_ours(said: Said) -> list[ChangeSet]:
    assert said.content is not None
    return spoken(inflate(said, said.content))


def _changes(change_sets: list[ChangeSet], gid: str, place: int) -> list[Change]:
    return [Change(text_of(one), digest_of(one), one.at, one.author, place) for one in change_sets if one.gid == gid]
