"""ASCII armor (RFC 4880, section 6), and what is wrong with a file before gpg is asked.

Armor is undone here so that each kind of damage gets its own sentence, and so that gpg and we cannot
disagree about where the message in a file begins: gpg is given the binary form only.
"""

import base64
import binascii
import re

from handshake.errors import Altered, HandshakeError, Malformed, NotAHandshake, Truncated, Unsigned
from handshake.limits import ARMORED_BYTES_MAX

_BEGIN = b"-----BEGIN PGP MESSAGE-----"
_END = b"-----END PGP MESSAGE-----"
_OTHER = re.compile(rb"^-----BEGIN PGP ([A-Z ]{1,40})-----", re.MULTILINE)
_WORDS = {
    b"PUBLIC KEY BLOCK": "is a public key, not a handshake",
    b"PRIVATE KEY BLOCK": "is a secret key: keep it to yourself and delete this copy",
    b"SIGNATURE": "is a detached signature without the handshake",
    b"SIGNED MESSAGE": "is signed as clear text, and a handshake never is",
}
_CRC_START, _CRC_POLYNOMIAL = 0xB704CE, 0x1864CFB


def inspect(data: bytes) -> HandshakeError | None:
    """What is wrong with a file that should be a handshake, as far as can be seen without gpg."""
    try:
        dearmor(data)
    except HandshakeError as error:
        return error
    return None


def armor(parcel: bytes) -> bytes:
    """A binary OpenPGP message as a text file that mail and people can carry."""
    body = base64.b64encode(parcel)
    lines = [body[place : place + 64] for place in range(0, len(body), 64)]
    check = b"=" + base64.b64encode(_crc24(parcel).to_bytes(3, "big"))
    return b"\n".join([_BEGIN, b"", *lines, check, _END, b""])


def dearmor(data: bytes) -> bytes:
    """The binary message in an armored file; text before and after it is ignored.

    Raises ``NotAHandshake``, ``Unsigned`` (a bare document), ``Truncated``, ``Altered`` or ``Malformed``.
    """
    if len(data) > ARMORED_BYTES_MAX:
        raise Malformed(f"the file has {len(data)} bytes, and a handshake has {ARMORED_BYTES_MAX} at most")
    text = data.replace(b"\r\n", b"\n")
    if text.count(_BEGIN) > 1:
        raise Malformed("the file holds more than one OpenPGP message: give one handshake only")
    start = text.find(_BEGIN)
    if start < 0:
        raise _something_else(text)
    end = text.find(_END, start)
    if end < 0:
        raise Truncated("the end of the file is missing: copy the whole file again")
    return _body(text[start + len(_BEGIN) : end])


def _something_else(text: bytes) -> HandshakeError:
    other = _OTHER.search(text)
    if other is not None:
        return NotAHandshake(f"the file {_WORDS.get(other[1], 'is something else than a handshake')}")
    if text.lstrip().startswith(b"{"):
        return Unsigned("the file is not signed: ask the other admin for the handshake file as Backbone wrote it")
    if not text.strip():
        return Truncated("the file is empty: copy it again")
    if _BEGIN.startswith(text.strip()):
        return Truncated("the file breaks off in its first line: copy it again")
    return NotAHandshake("the file is not a handshake: it holds no OpenPGP message")


def _body(text: bytes) -> bytes:
    headers, separator, rest = text.partition(b"\n\n")
    if not separator or any(b": " not in line for line in headers.split(b"\n") if line.strip()):
        raise Altered("the file was changed: the lines before its content are broken; copy the file again")
    lines = [line.strip() for line in rest.split(b"\n") if line.strip()]
    check = lines.pop() if lines and lines[-1].startswith(b"=") and len(lines[-1]) == 5 else None
    try:
        body = base64.b64decode(b"".join(lines), validate=True)
        expected = None if check is None else int.from_bytes(base64.b64decode(check[1:], validate=True), "big")
    except binascii.Error as error:
        raise Altered("the file was changed: its content is not base64 any more; copy the file again") from error
    if not body:
        raise Truncated("the file has no content: copy it again")
    if expected is not None and expected != _crc24(body):
        raise Altered("the file was changed or lost a part: its checksum is wrong; copy the file again")
    return body


def _crc24(data: bytes) -> int:
    """RFC 4880, section 6.1, a byte at a time."""
    crc = _CRC_START
    for byte in data:
        crc = ((crc << 8) & 0xFFFFFF) ^ _CRC_TABLE[(crc >> 16) ^ byte]
    return crc


def _crc_entry(byte: int) -> int:
    crc = byte << 16
    for _ in range(8):
        crc <<= 1
        if crc & 0x1000000:
            crc ^= _CRC_POLYNOMIAL
    return crc


_CRC_TABLE = tuple(_crc_entry(byte) for byte in range(256))
