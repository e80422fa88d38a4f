"""A key ring without cryptography, for tests and the simulation: the same refusals at no cost.

A parcel names its signer and receiver in clear and carries a SHA-256 over everything, so what is altered, cut, foreign
or signed by another key is refused as by GnuPG. Whoever wants to forge one can: never use it on a real link.
"""

import hashlib

from handshake.armor import armor, dearmor
from handshake.base import Signed, SignedFile
from handshake.documents import read_object
from handshake.errors import (
    REPLACED,
    Altered,
    KeyRingError,
    NotAHandshake,
    PassphraseNeeded,
    PassphraseWrong,
    Refused,
    UnusableKey,
    WrongKey,
)

_MAGIC = b"MEM1"
_CERTIFICATE = b"memory certificate "
_PLAIN, _SEALED, _LOCKED = b"p", b"s", b"l"
_NOBODY = "0" * 40
_SIGNER, _RECEIVER, _DIGEST, _CONTENT = 5, 45, 85, 117


class MemoryKeyRing:
    """``KeyRing`` in memory; see ``base.py`` for what each method promises."""

    def __init__(self, name: str) -> None:
        self._fingerprint = _name(name)
        self._peer: str | None = None
        self._own = [self._fingerprint]
        """Our subkeys, the first named as the primary key; each signs and is sealed to."""
        self._theirs: list[str] = []
        self._signing = self._sealing = ""
        self._trusted: frozenset[str] | None = None

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    async def seal(self, message: bytes, *, recipient: str, encrypt: bool = True, signing: str = "") -> bytes:
        if encrypt and recipient != self._peer:
            raise UnusableKey(f"key {recipient} is not the one that is pinned for this link")
        receiver = self._sealing or self._theirs[-1] if encrypt else _NOBODY
        return _parcel(_SEALED if encrypt else _PLAIN, signing or self.signing, receiver, message)

    async def open(self, parcel: bytes, *, signer: str, message_bytes_max: int, encrypted: bool = True) -> bytes:
        opened = await self.open_signed(parcel, signer=signer, message_bytes_max=message_bytes_max, encrypted=encrypted)
        if self._trusted is not None and opened.subkey not in self._trusted:
            raise Refused("replaced_key", REPLACED)
        return opened.message

    async def open_signed(
        self, parcel: bytes, *, signer: str, message_bytes_max: int, encrypted: bool = True
    ) -> Signed:
        kind, found, content = self._read(parcel, message_bytes_max)
        if encrypted and kind != _SEALED:
            raise Refused("not_encrypted", "the message is not encrypted")
        if not encrypted and kind != _PLAIN:
            raise Refused("encrypted", "the message is encrypted where only a signed one is expected")
        primary = self._peer if found in self._theirs else self._fingerprint if found in self._own else None
        if primary is None:
            raise Refused("unknown_signer", "the message is signed by a key that is not the peer's")
        if primary != signer:
            raise Refused("wrong_signer", "the message is signed by a key that is not the peer's")
        return Signed(content, found)

    async def open_stranger(self, parcel: bytes, *, message_bytes_max: int) -> bytes:
        kind, _, content = self._read(parcel, message_bytes_max)
        if kind != _SEALED:
            raise Refused("not_encrypted", "the message is not encrypted")
        return content

    async def unwrap(self, parcel: bytes, *, message_bytes_max: int) -> bytes:
        kind, signer, content = self._read(parcel, message_bytes_max)
        if kind != _SEALED:
            raise Refused("not_encrypted", "the message is not encrypted")
        return _parcel(_PLAIN, signer, _NOBODY, content)

    async def sign(self, text: bytes, *, passphrase: str | None = None) -> bytes:
        if passphrase is None:
            return armor(_parcel(_PLAIN, self.signing, _NOBODY, text))
        return armor(_parcel(_LOCKED, self.signing, _NOBODY, _lock(passphrase) + text))

    async def public_key(self) -> bytes:
        return _certificate(self._own)

    async def peer_key(self) -> bytes:
        if self._peer is None:
            raise KeyRingError("there is no partner's key")
        return _certificate(self._theirs)

    async def add_peer(self, certificate: bytes, fingerprint: str) -> None:
        named = _named(certificate)
        if named[0] != fingerprint:
            raise WrongKey(f"the certificate is not that of key {fingerprint}")
        if fingerprint == self._fingerprint:
            raise WrongKey("the peer's certificate is our own")
        if self._peer not in {None, fingerprint}:
            raise WrongKey(f"another key is pinned for this link, so {fingerprint} is refused: make a new handshake")
        self._peer, self._theirs = fingerprint, list(dict.fromkeys((*self._theirs, *named)))

    @property
    def signing(self) -> str:
        return self._signing or self._own[-1]

    @property
    def former(self) -> tuple[str, ...]:
        return tuple(reversed(self._own[: self._own.index(self.signing)]))

    def use(self, *, signing: str = "", sealing: str = "", trusted: frozenset[str] | None = None) -> None:
        self._signing, self._sealing, self._trusted = signing, sealing, trusted

    async def rotate(self) -> tuple[str, str]:
        if self.signing == self._own[-1]:
            self._own.append(_name(f"{self._fingerprint}/{len(self._own)}"))
        return self._own[-1], self._own[-1]

    async def renew_peer(self, certificate: bytes, *, signing: str, sealing: str) -> None:
        named = _named(certificate)
        if self._peer is None or named[0] != self._peer:
            raise WrongKey("the certificate holds other keys than the one that is pinned: make a new handshake")
        if not {signing, sealing} <= set(named):
            raise WrongKey(f"key {self._peer} has no usable subkey {signing}")
        await self.add_peer(certificate, self._peer)

    async def revocation(self, reason: str) -> bytes:
        return b"revoked: " + _certificate(self._own)

    async def is_revoked_by(self, certificate: bytes) -> bool:
        named = _named(certificate.removeprefix(b"revoked: "))
        return certificate.startswith(b"revoked: ") and named[0] == self._peer

    async def close(self) -> None:
        """Nothing runs."""

    def _read(self, parcel: bytes, message_bytes_max: int) -> tuple[bytes, str, bytes]:
        kind, signer, receiver, content = _parts(parcel)
        if kind == _SEALED and receiver not in self._own:
            raise Refused("not_for_us", "the message is not encrypted to our key")
        if len(content) > message_bytes_max:
            raise Refused("too_large", f"the message holds more than the {message_bytes_max} bytes that are allowed")
        return kind, signer, content


async def verify_file(data: bytes, bytes_max: int, *, passphrase: str | None = None) -> SignedFile:
    """``handshake.file.verify_file`` for files that a ``MemoryKeyRing`` signed."""
    try:
        kind, signer, _, content = _parts(dearmor(data))
    except Refused as refused:
        raise Altered(f"the file was changed after it was signed: {refused}") from refused
    if kind == _SEALED:
        raise NotAHandshake("the file is encrypted to one node's key: it is an acceptance, not an offer")
    if kind == _LOCKED:
        if passphrase is None:
            raise PassphraseNeeded("the file is encrypted: give the passphrase that came another way")
        if not content.startswith(_lock(passphrase)):
            raise PassphraseWrong("the passphrase does not open the file: check it with the other admin")
        content = content[len(_lock(passphrase)) :]
    if len(content) > bytes_max or read_object(content).get("fingerprint") != signer:
        raise WrongKey("the file is signed by another key than the one it names: do not use it")
    return SignedFile(content, signer, _certificate([signer]))


def _name(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().upper()


def _certificate(subkeys: list[str]) -> bytes:
    return _CERTIFICATE + " ".join(subkeys).encode() + b"\n"


def _named(certificate: bytes) -> list[str]:
    return certificate.removeprefix(_CERTIFICATE).decode("ascii", "replace").split() or [""]


def _parcel(kind: bytes, signer: str, receiver: str, content: bytes) -> bytes:
    head = _MAGIC + kind + signer.encode() + receiver.encode()
    return head + hashlib.sha256(head + content).digest() + content


def _parts(parcel: bytes) -> tuple[bytes, str, str, bytes]:
    if not parcel.startswith(_MAGIC):
        raise Refused("not_openpgp", "this is not a sealed message")
    head, content = parcel[:_DIGEST], parcel[_CONTENT:]
    if hashlib.sha256(head + content).digest() != parcel[_DIGEST:_CONTENT]:
        raise Refused("damaged", "the message was changed on its way")
    return parcel[4:_SIGNER], head[_SIGNER:_RECEIVER].decode(), head[_RECEIVER:].decode(), content


def _lock(passphrase: str) -> bytes:
    return hashlib.sha256(passphrase.encode()).digest()
