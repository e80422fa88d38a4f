r"""What gpg's status lines prove (PROTOCOL.md 1.1; GnuPG's doc/DETAILS, "Format of the --status-fd output").

gpg's exit code alone proves little: it is 0 for an encrypted message without any signature, GOODSIG and all
plaintext are out before damage is noticed, and VALIDSIG is written for expired keys too. So a message is
accepted by an exact count: each proof once, at its place, and no line that speaks against it.

The input is bytes from a pipe of its own and is cut at ``\n`` only. Reading it as text would let a
user id with U+0085 or U+2028 begin a line of its own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from handshake.errors import Refused
from handshake.limits import SIGNATURE_AHEAD_SECONDS_MAX, STATUS_LINE_BYTES_MAX

_PREFIX = b"[GNUPG:] "
_HASHES = frozenset({b"8", b"9", b"10"})  # SHA-256, SHA-384, SHA-512 (RFC 4880, 9.4)
_CIPHERS = frozenset({b"7", b"8", b"9"})  # AES with 128, 192, 256 bits (RFC 4880, 9.2)
_BINARY = b"00"  # signature class: binary document (RFC 4880, 5.2.1)
_LITERAL = b"62"  # literal data of type "b" (RFC 4880, 5.9)
_UNKNOWN_KEY = b"9"  # ERRSIG's code for a missing public key

_Line = tuple[bytes, Sequence[bytes]]

# In this order: the first that is found gives the reason.
_AGAINST: Sequence[tuple[bytes, str, str]] = (
    (b"NODATA", "not_openpgp", "this is not an OpenPGP message"),
    (b"BADARMOR", "not_openpgp", "this is not an OpenPGP message"),
    (b"NEED_PASSPHRASE_SYM", "passphrase", "the message wants a passphrase instead of our key"),
    (b"NO_SECKEY", "not_for_us", "the message is not encrypted to our key"),
    (b"BADMDC", "damaged", "the message was changed on its way"),
    (b"DECRYPTION_FAILED", "damaged", "the message cannot be decrypted: it was changed on its way"),
    (b"BADSIG", "bad_signature", "the signature does not fit the message: it was changed after it was signed"),
    (b"REVKEYSIG", "key_revoked", "the signing key was revoked"),
    (b"EXPKEYSIG", "key_expired", "the signing key has expired"),
    (b"EXPSIG", "signature_expired", "the signature has expired"),
    (b"NO_PUBKEY", "unknown_signer", "the message is signed by a key that is not the peer's"),
    (b"ERRSIG", "bad_signature", "the signature cannot be checked"),
    (b"UNEXPECTED", "structure", "the message has parts where none are allowed"),
    (b"FAILURE", "gpg_failed", "gpg could not process the message"),
    (b"TRUNCATED", "damaged", "the message is cut off"),
)

_SIGNED_ONCE = (b"PLAINTEXT", b"NEWSIG", b"GOODSIG", b"VALIDSIG")
_DECRYPTED_ONCE = (b"BEGIN_DECRYPTION", b"DECRYPTION_INFO", b"DECRYPTION_OKAY", b"GOODMDC", b"END_DECRYPTION")
_ORDER_PLAIN = (b"PLAINTEXT", b"NEWSIG", b"GOODSIG", b"VALIDSIG")
_ORDER_ENCRYPTED = (b"BEGIN_DECRYPTION", b"DECRYPTION_INFO", *_ORDER_PLAIN, b"DECRYPTION_OKAY", b"END_DECRYPTION")
_ENCRYPTION = frozenset({*_DECRYPTED_ONCE, b"ENC_TO", b"DECRYPTION_KEY", b"DECRYPTION_FAILED", b"BADMDC"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Proved: ``signer`` signed all of the message with ``subkey`` at ``signed_at`` (seconds since 1970, its clock)."""

    signer: str
    subkey: str
    signed_at: int


def lines(raw: bytes) -> tuple[_Line, ...]:
    """Keyword and arguments of each line. Raises ``Refused`` for bytes that gpg would not write."""
    if raw and not raw.endswith(b"\n"):
        raise Refused("status", "gpg's report is cut off")
    return tuple(_line(text) for text in raw.split(b"\n")[:-1])


def judge(raw: bytes, code: int, *, signer: str, now: float, encrypted: bool, by_passphrase: bool = False) -> Verdict:
    """Whether gpg's report proves one good signature of the primary key ``signer`` over all of one message.

    ``code`` is gpg's exit code, ``now`` seconds since 1970. ``by_passphrase`` allows encryption with a passphrase, for
    handshake files. Raises ``Refused`` with the reason.
    """
    report = lines(raw)
    keywords = [keyword for keyword, _ in report]
    if not encrypted and _ENCRYPTION.intersection(keywords):
        raise Refused("encrypted", "the message is encrypted where only a signed one is expected")
    excused = {b"NEED_PASSPHRASE_SYM"} if by_passphrase else set()
    _nothing_against(keywords, [row for row in _AGAINST if row[0] not in excused])
    if encrypted and b"BEGIN_DECRYPTION" not in keywords:
        raise Refused("not_encrypted", "the message is not encrypted")
    if encrypted:
        _protected(report)
    _once(keywords, _SIGNED_ONCE)
    _in_order(keywords, _ORDER_ENCRYPTED if encrypted else _ORDER_PLAIN)
    _binary(report)
    if code != 0:
        raise Refused("gpg_failed", f"gpg refused the message (exit code {code})")
    return _verdict(_only(report, b"VALIDSIG"), signer, now)


def judge_stranger(raw: bytes, code: int) -> None:
    """Whether one whole message was decrypted that carries one signature, by a key that may be unknown.

    Proves nothing about its author. Raises ``Refused``.
    """
    report = lines(raw)
    keywords = [keyword for keyword, _ in report]
    unknown = any(keyword == b"ERRSIG" and arguments[5:6] == (_UNKNOWN_KEY,) for keyword, arguments in report)
    excused = {b"NO_PUBKEY", b"ERRSIG"} if unknown else set()
    _nothing_against(keywords, [row for row in _AGAINST if row[0] not in excused])
    if b"BEGIN_DECRYPTION" not in keywords:
        raise Refused("not_encrypted", "the message is not encrypted")
    _protected(report)
    _once(keywords, (b"PLAINTEXT", b"NEWSIG"))
    _binary(report)
    if code != 0 and not unknown:
        raise Refused("gpg_failed", f"gpg refused the message (exit code {code})")


def recipients(raw: bytes) -> frozenset[str]:
    """The key ids that a message says it is encrypted to, 16 hex digits each. Claims, not proofs."""
    return frozenset(
        arguments[0].decode("ascii", "replace")
        for keyword, arguments in lines(raw)
        if keyword == b"ENC_TO" and arguments
    )


def mentions(raw: bytes, *keywords: bytes) -> bool:
    """Whether any of these keywords stands in the report."""
    return any(keyword in keywords for keyword, _ in lines(raw))


def failed(raw: bytes, codes: frozenset[int]) -> bool:
    """Whether an operation failed for one of these reasons, whichever part of GnuPG says so: 16 bits name it."""
    return any(
        keyword == b"FAILURE" and len(said) > 1 and said[1].isdigit() and int(said[1][:12]) & 0xFFFF in codes
        for keyword, said in lines(raw)
    )


def _line(text: bytes) -> _Line:
    if not text.startswith(_PREFIX) or len(text) > STATUS_LINE_BYTES_MAX or b"\0" in text:
        raise Refused("status", "gpg's report has a line that gpg does not write")
    keyword, *arguments = text[len(_PREFIX) :].split(b" ")
    return keyword, tuple(arguments)


def _nothing_against(keywords: Sequence[bytes], against: Iterable[tuple[bytes, str, str]]) -> None:
    found = frozenset(keywords)
    for keyword, reason, sentence in against:
        if keyword in found:
            raise Refused(reason, sentence)


def _once(keywords: Sequence[bytes], wanted: Iterable[bytes]) -> None:
    for keyword in wanted:
        count = keywords.count(keyword)
        if count == 1:
            continue
        if count > 1:
            raise Refused("several", "the message has more than one part or signature")
        if keyword == b"PLAINTEXT":
            raise Refused("empty", "the message has no content")
        raise Refused("unsigned", "the message is not signed")


def _in_order(keywords: Sequence[bytes], wanted: Sequence[bytes]) -> None:
    places = [keywords.index(keyword) for keyword in wanted]
    if places != sorted(places):
        raise Refused("structure", "the message's signature does not lie inside its encryption")


def _protected(report: Sequence[_Line]) -> None:
    keywords = [keyword for keyword, _ in report]
    if any(keywords.count(keyword) != 1 for keyword in _DECRYPTED_ONCE):
        raise Refused("damaged", "the message was not decrypted as one whole")
    info = _only(report, b"DECRYPTION_INFO")
    if len(info) < 2 or not info[1] or (info[0] != b"2" and info[2:3] not in {(b"1",), (b"2",)}):
        raise Refused("unprotected", "the message's encryption does not protect it from being changed")
    if info[1] not in _CIPHERS:
        raise Refused("weak", "the message is encrypted with a cipher other than AES")


def _binary(report: Sequence[_Line]) -> None:
    if _only(report, b"PLAINTEXT")[:1] != (_LITERAL,):
        raise Refused("structure", "the message's content is not marked as binary")


def _verdict(validsig: Sequence[bytes], signer: str, now: float) -> Verdict:
    if len(validsig) != 10:
        raise Refused("status", "gpg's report on the signature has an unknown form")
    subkey, _day, signed, _expires, _version, _reserved, _algorithm, digest, kind, primary = validsig
    if primary != signer.encode("ascii"):
        raise Refused("wrong_signer", "the message is signed by a key that is not the peer's")
    if kind != _BINARY:
        raise Refused("structure", "the signature is not one over a binary document")
    if digest not in _HASHES:
        raise Refused("weak", "the signature uses a hash that is not SHA-2")
    if not signed.isdigit() or len(signed) > 12:
        raise Refused("status", "gpg's report on the signature has an unknown form")
    if int(signed) > now + SIGNATURE_AHEAD_SECONDS_MAX:
        raise Refused(
            "future", "the message was signed more than a day in the future: compare the clocks of both nodes"
        )
    return Verdict(signer=signer, subkey=subkey.decode("ascii", "replace"), signed_at=int(signed))


def _only(report: Sequence[_Line], wanted: bytes) -> Sequence[bytes]:
    return next(arguments for keyword, arguments in report if keyword == wanted)
