"""Reading a handshake file: is it whole, and is it signed by the key that it carries?

That proves that nobody changed the file after its writer signed it. It does not prove who the writer is: whoever
makes another file with another key passes too. The safety words (``words.py``) close that gap.
"""

import asyncio
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

from handshake import home as homes
from handshake import status
from handshake.armor import dearmor
from handshake.base import SignedFile
from handshake.documents import VERSION, read_object
from handshake.errors import (
    Altered,
    HandshakeError,
    KeyRingError,
    Malformed,
    NotAHandshake,
    PassphraseNeeded,
    PassphraseWrong,
    Refused,
    Unsigned,
    UnusableKey,
    WrongKey,
    WrongVersion,
)
from handshake.keyring import scan, workers
from handshake.limits import OUTPUT_SLACK_BYTES
from handshake.process import Outcome, run

_ALTERED = "the file was changed after it was signed: ask for it again and copy it whole"

_ERRORS: Mapping[str, tuple[type[HandshakeError], str]] = {
    "bad_signature": (Altered, _ALTERED),
    "damaged": (Altered, _ALTERED),
    "unsigned": (Unsigned, "the file is not signed: ask the other admin for the file as Backbone wrote it"),
    "empty": (NotAHandshake, "the file is empty inside: it is not a handshake"),
    "not_openpgp": (NotAHandshake, "the file is not a handshake: it holds no OpenPGP message"),
    "wrong_signer": (WrongKey, "the file is signed by another key than the one it names: do not use it"),
    "unknown_signer": (WrongKey, "the file is signed by another key than the one it names: do not use it"),
    "key_expired": (UnusableKey, "the key that signed the file has expired: ask for a new handshake"),
    "key_revoked": (UnusableKey, "the key that signed the file was revoked: ask for a new handshake"),
}


async def verify_file(
    data: bytes, bytes_max: int, *, passphrase: str | None = None, pool: Executor | None = None
) -> SignedFile:
    """What an armored handshake file says, proved by the key in it. No key ring of ours is touched.

    ``bytes_max`` bounds the document inside. Raises a ``HandshakeError`` for each kind of damage, or ``KeyRingError``.
    """
    call = partial(_verify, data, bytes_max, passphrase)
    return await asyncio.get_running_loop().run_in_executor(pool or workers(), call)


def _verify(data: bytes, bytes_max: int, passphrase: str | None) -> SignedFile:
    message = dearmor(data)
    with tempfile.TemporaryDirectory(prefix="hs-") as folder:
        home = Path(folder)
        try:
            claimed = _unverified(_open(home, message, bytes_max, passphrase), passphrase)
            fingerprint, certificate = _named_key(claimed)
            _look_at(home, certificate, fingerprint)
            homes.import_into(home, certificate)
            outcome = _open(home, message, bytes_max, passphrase)
            encrypted = status.mentions(outcome.status, b"BEGIN_DECRYPTION")
            status.judge(
                outcome.status,
                outcome.code,
                signer=fingerprint,
                now=time.time(),
                encrypted=encrypted,
                by_passphrase=encrypted,
            )
        except Refused as refused:
            kind, sentence = _ERRORS.get(refused.reason, (Malformed, f"the file cannot be used: {refused}"))
            raise kind(sentence) from refused
        finally:
            homes.stop_agent(home)
    if outcome.output != claimed:
        raise Altered(_ALTERED)
    return SignedFile(claimed, fingerprint, certificate)


def _look_at(home: Path, certificate: bytes, fingerprint: str) -> None:
    try:
        scan(home, certificate, fingerprint)
    except WrongKey as error:
        raise WrongKey(f"{error}: if Backbone wrote the file, it was changed after it was signed") from error


def _open(home: Path, message: bytes, bytes_max: int, passphrase: str | None) -> Outcome:
    arguments = (f"--max-output={bytes_max + OUTPUT_SLACK_BYTES}", "--decrypt")
    outcome = run(home, arguments, data=message, output_bytes_max=bytes_max, passphrase=passphrase)
    if outcome.overflow:
        raise Malformed(f"the document in the file has more than the {bytes_max} bytes that are allowed")
    if outcome.late:
        raise KeyRingError("gpg did not finish reading the file in time: try again when the machine is less busy")
    return outcome


def _unverified(outcome: Outcome, passphrase: str | None) -> bytes:
    """The content of the message, which anybody may have written: enough to learn which key is claimed."""
    if status.recipients(outcome.status):
        raise NotAHandshake("the file is encrypted to one node's key: it is an acceptance, not an offer")
    if status.mentions(outcome.status, b"NEED_PASSPHRASE_SYM"):
        if passphrase is None:
            raise PassphraseNeeded("the file is encrypted: give the passphrase that came another way")
        if status.mentions(outcome.status, b"DECRYPTION_FAILED") and not status.mentions(outcome.status, b"BADMDC"):
            raise PassphraseWrong("the passphrase does not open the file: check it with the other admin")
    if status.mentions(outcome.status, b"BADMDC"):
        raise Altered(_ALTERED)
    if status.mentions(outcome.status, b"NODATA") or not status.mentions(outcome.status, b"PLAINTEXT"):
        raise NotAHandshake("the file is not a handshake: the message in it holds no document")
    if not status.mentions(outcome.status, b"NEWSIG"):
        raise Unsigned("the file is not signed: ask the other admin for the file as Backbone wrote it")
    return outcome.output


def _named_key(payload: bytes) -> tuple[str, bytes]:
    values = read_object(payload)
    if isinstance(values.get("format"), str) and values.get("version") not in {None, VERSION}:
        raise WrongVersion("the file was written by another version of Backbone: let both nodes run the same version")
    fingerprint, certificate = values.get("fingerprint"), values.get("certificate")
    if not isinstance(fingerprint, str) or not isinstance(certificate, str):
        raise NotAHandshake("the document in the file is not a handshake: it names no key")
    return fingerprint, certificate.encode("utf-8", "replace")
