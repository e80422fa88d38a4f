r"""What a key listing says (GnuPG's doc/DETAILS, "Format of the colon listings"): pure.

User ids are the peer's to choose, so records are cut at ``\n`` as bytes; gpg escapes colons and
control characters inside a field.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from handshake.errors import WrongKey

_UNUSABLE = frozenset({b"e", b"r", b"i", b"d", b"n"})
_ALGORITHMS = {b"1": 2048, b"18": 255, b"19": 256, b"22": 255}  # RSA, ECDH, ECDSA, EdDSA and the bits we ask of each


@dataclass(frozen=True, slots=True)
class Subkey:
    fingerprint: str
    uses: str
    """``s`` signs, ``e`` encrypts."""
    created: int
    expires: int | None
    usable: bool
    """Neither expired nor revoked when it was listed, and of a kind and strength that we take."""


@dataclass(frozen=True, slots=True)
class Certificate:
    fingerprint: str
    secret: bool
    usable: bool
    subkeys: tuple[Subkey, ...]

    def subkey(self, use: str) -> Subkey | None:
        """The newest usable subkey for ``s`` or ``e``; of two made in one second the one that was added later."""
        fit = [subkey for subkey in self.subkeys if subkey.usable and use in subkey.uses]
        return max(reversed(fit), key=lambda subkey: subkey.created, default=None)


def parse(listing: bytes) -> tuple[Certificate, ...]:
    """The certificates in a listing made with ``--with-colons --with-subkey-fingerprint``. Raises ``WrongKey``."""
    found: list[Certificate] = []
    record: Sequence[bytes] = ()
    for line in listing.split(b"\n"):
        fields = line.split(b":")
        if fields[0] in {b"pub", b"sec", b"sub", b"ssb"}:
            if len(fields) < 12:
                raise WrongKey("the certificate's listing has an unknown form")
            record = fields
        elif fields[0] == b"fpr" and record:
            _add(found, record, _fingerprint(fields))
            record = ()
    return tuple(found)


def only(listing: bytes, fingerprint: str) -> Certificate:
    """The one certificate in the listing: public, usable, with the named primary key. Raises ``WrongKey``."""
    found = parse(listing)
    if len(found) != 1:
        raise WrongKey(f"the certificate holds {len(found)} keys instead of one")
    (certificate,) = found
    if certificate.secret:
        raise WrongKey("the certificate holds a secret key; never hand that out, make a new handshake")
    if certificate.fingerprint != fingerprint:
        raise WrongKey(
            f"the certificate is that of key {certificate.fingerprint}, not of {fingerprint} as the document says"
        )
    if not certificate.usable:
        raise WrongKey(f"key {fingerprint} has expired or was revoked")
    for use, word in (("s", "sign"), ("e", "encrypt")):
        if certificate.subkey(use) is None:
            raise WrongKey(f"key {fingerprint} has no usable subkey to {word} with")
    return certificate


def _add(found: list[Certificate], record: Sequence[bytes], fingerprint: str) -> None:
    usable = record[1] not in _UNUSABLE
    if record[0] in {b"pub", b"sec"}:
        found.append(Certificate(fingerprint, record[0] == b"sec", usable, ()))
        return
    if not found:
        raise WrongKey("the certificate's listing begins with a subkey")
    subkey = Subkey(
        fingerprint=fingerprint,
        uses=record[11].decode("ascii", "replace"),
        created=_number(record[5]) or 0,
        expires=_number(record[6]),
        usable=usable and _strong(record),
    )
    last = found[-1]
    found[-1] = Certificate(last.fingerprint, last.secret, last.usable, (*last.subkeys, subkey))


def _strong(record: Sequence[bytes]) -> bool:
    least = _ALGORITHMS.get(record[3])
    return least is not None and (_number(record[2]) or 0) >= least


def _fingerprint(fields: Sequence[bytes]) -> str:
    text = fields[9].decode("ascii", "replace") if len(fields) > 9 else ""
    if len(text) != 40 or set(text) - set("0123456789ABCDEF"):
        raise WrongKey("the certificate has a fingerprint of an unknown form; only version 4 keys are taken")
    return text


def _number(text: bytes) -> int | None:
    return int(text) if text.isdigit() and len(text) < 13 else None
