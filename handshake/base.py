"""The port to a key ring, and its contract.

One key ring serves one link: it holds our key pair and the peer's certificate, nothing else. Fingerprints
are those of primary keys: 40 hex digits, upper case.
"""

from typing import NamedTuple, Protocol


class SignedFile(NamedTuple):
    """What a handshake file says, proved by the key inside it: integrity, not identity."""

    payload: bytes
    fingerprint: str
    certificate: bytes


class Signed(NamedTuple):
    """A message that the peer's primary key stands for, and which of its subkeys signed it."""

    message: bytes
    subkey: str


class KeyRing(Protocol):
    """Signs, seals and opens for one link. Calls may run side by side."""

    @property
    def fingerprint(self) -> str:
        """Our primary key."""
        ...

    async def seal(self, message: bytes, *, recipient: str, encrypt: bool = True, signing: str = "") -> bytes:
        """Sign, and encrypt to the peer's pinned key, in one pass; ``encrypt=False`` only signs. ``signing``: by this
        subkey of ours instead of the one at work.

        Raises ``UnusableKey`` when our key or the peer's has expired, ``KeyRingError`` when gpg cannot work.
        """
        ...

    async def open(self, parcel: bytes, *, signer: str, message_bytes_max: int, encrypted: bool = True) -> bytes:
        """The message inside, if and only if exactly one valid signature of ``signer`` covers all of it.

        OpenPGP does not bind a message to a link or a receiver: ``signer`` may have written it for somebody else.
        The caller compares the signed header. Nothing is released before the verdict. A message that is only signed is
        taken with ``encrypted=False`` only, and then an encrypted one is not. What a subkey signed that ``use`` does
        not trust is refused as ``replaced_key``. Raises ``Refused``, or ``KeyRingError``.
        """
        ...

    async def open_signed(
        self, parcel: bytes, *, signer: str, message_bytes_max: int, encrypted: bool = True
    ) -> Signed:
        """As ``open``, by any subkey that the peer ever had: the caller decides whether that one still counts."""
        ...

    async def open_stranger(self, parcel: bytes, *, message_bytes_max: int) -> bytes:
        """The content of a parcel whose signer is not known yet: an acceptance.

        *Untrusted*: read the certificate in it, ``add_peer``, then ``open`` the same parcel. Raises ``Refused``,
        or ``KeyRingError``.
        """
        ...

    async def unwrap(self, parcel: bytes, *, message_bytes_max: int) -> bytes:
        """The signed message inside a parcel that was encrypted to us: still signed, for others to check.

        Nothing is proved about it here. Raises ``Refused``, or ``KeyRingError``.
        """
        ...

    async def sign(self, text: bytes, *, passphrase: str | None = None) -> bytes:
        """A handshake file: ``text`` in an armored OpenPGP message, signed, and encrypted if there is a passphrase."""
        ...

    async def public_key(self) -> bytes:
        """Our certificate, minimal and armored."""
        ...

    async def peer_key(self) -> bytes:
        """The pinned certificate, minimal and armored. Raises ``KeyRingError`` where none is pinned."""
        ...

    async def add_peer(self, certificate: bytes, fingerprint: str) -> None:
        """Pin the peer: exactly the named key, and from then on no other. Again with the same key: nothing happens.

        Raises ``WrongKey`` (then nothing was changed), or ``KeyRingError``.
        """
        ...

    @property
    def signing(self) -> str:
        """Our subkey that signs."""
        ...

    @property
    def former(self) -> tuple[str, ...]:
        """Our subkeys that signed before, the latest first."""
        ...

    def use(self, *, signing: str = "", sealing: str = "", trusted: frozenset[str] | None = None) -> None:
        """From here on: our subkey that signs, the peer's that is sealed to (empty: the newest), and those of the
        peer's whose signatures ``open`` takes (``None``: all). An unknown name is noticed when it is needed.
        """
        ...

    async def rotate(self) -> tuple[str, str]:
        """A new pair of subkeys of ours, beside the one at work, which goes on; the names of the signing and of the
        encryption subkey. Where there is a newer pair already, that one. Raises ``KeyRingError``; nothing was changed.
        """
        ...

    async def renew_peer(self, certificate: bytes, *, signing: str, sealing: str) -> None:
        """Take in what the pinned certificate has gained: it must hold these subkeys, and no other primary key.

        Raises ``WrongKey`` (then nothing was changed), or ``KeyRingError``.
        """
        ...

    async def revocation(self, reason: str) -> bytes:
        """An armored certificate by which our primary key revokes itself as stolen (RFC 4880, 5.2.3.23).

        ``reason`` is one line. Changes nothing. Raises ``KeyRingError``.
        """
        ...

    async def is_revoked_by(self, certificate: bytes) -> bool:
        """Whether this is a revocation of the peer's pinned key, made by that key itself. Changes nothing."""
        ...

    async def close(self) -> None:
        """Let go of the processes behind this key ring; the keys stay."""
        ...
