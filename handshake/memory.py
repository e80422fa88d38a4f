"""A key ring without cryptography, for tests and the simulation: the same refusals at no cost.

A parcel names its signer and receiver in clear and carries a SHA-256 over everything, so what is altered, cut, foreign
or signed by another key is refused as by GnuPG. Whoever wants to forge one can: never use it on a real link.
"""

import hashlib

from handshake.armor import armor, dearmor
from handshake.base import SignedFile
from handshake.documents import read_object
from handshake.errors import (
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
        self._fingerprint = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest().upper()
        self._peer: str | None = None

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    async def seal(self, message: bytes, *, recipient: str, encrypt: bool = True) -> bytes:
        if encrypt and recipient != self._peer:
            raise UnusableKey(f"key {recipient} is not the one that is pinned for this link")
        return _parcel(_SEALED if encrypt else _PLAIN, self._fingerprint, recipient if encrypt else _NOBODY, message)

    async def open(self, parcel: bytes, *, signer: str, message_bytes_max: int, encrypted: bool = True) -> bytes:
        kind, found, content = self._read(parcel, message_bytes_max)
        if encrypted and kind != _SEALED:
            raise Refused("not_encrypted", "the message is not encrypted")
        if not encrypted and kind != _PLAIN:
            raise Refused("encrypted", "the message is encrypted where only a signed one is expected")
        if found not in {self._peer, self._fingerprint}:
            raise Refused("unknown_signer", "the message is signed by a key that is not the peer's")
        if found != signer:
            raise Refused("wrong_signer", "the message is signed by a key that is not the peer's")
        return content

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
            return armor(_parcel(_PLAIN, self._fingerprint, _NOBODY, text))
        return armor(_parcel(_LOCKED, self._fingerprint, _NOBODY, _lock(passphrase) + text))

    async def public_key(self) -> bytes:
        return _CERTIFICATE + self._fingerprint.encode() + b"\n"

    async def peer_key(self) -> bytes:
        if self._peer is None:
            raise KeyRingError("there is no partner's key")
        return _CERTIFICATE + self._peer.encode() + b"\n"

    async def add_peer(self, certificate: bytes, fingerprint: str) -> None:
        if certificate != _CERTIFICATE + fingerprint.encode() + b"\n":
            raise WrongKey(f"the certificate is not that of key {fingerprint}")
        if fingerprint == self._fingerprint:
            raise WrongKey("the peer's certificate is our own")
        if self._peer not in {None, fingerprint}:
            raise WrongKey(f"another key is pinned for this link, so {fingerprint} is refused: make a new handshake")
        self._peer = fingerprint

    async def close(self) -> None:
        """Nothing runs."""

    def _read(self, parcel: bytes, message_bytes_max: int) -> tuple[bytes, str, bytes]:
        kind, signer, receiver, content = _parts(parcel)
        if kind == _SEALED and receiver != self._fingerprint:
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
    return SignedFile(content, signer, _CERTIFICATE + signer.encode() + b"\n")


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
