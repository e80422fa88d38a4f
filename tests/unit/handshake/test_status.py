"""The exact-count rule against a table of transcripts; some are recorded from the installed gpg in ``test_hostile``."""

from collections.abc import Sequence
from contextlib import nullcontext, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake import status
from handshake.errors import Refused

NOW = 1795237200
PIN = "2E35AB425CD13DBA8B72BC484DC8DD00679EAFC3"
SUB = "E8ABF938B397C0CF63EC6DD69C161B8B94B42771"
OTHER = "7DA5D94BB9C5C8C1954EF5B70A95FACDDCA3516C"

ENC_TO = "ENC_TO AB1FB8951422ECE4 18 0"
BEGIN = "BEGIN_DECRYPTION"
INFO = "DECRYPTION_INFO 2 9 0"
PLAINTEXT = "PLAINTEXT 62 1795237114 "
LENGTH = "PLAINTEXT_LENGTH 6"
NEWSIG = "NEWSIG"
SIG_ID = "SIG_ID u3Y1xFaUoiQlCc3emewALoBn3BM 2026-11-21 1795237114"
GOODSIG = "GOODSIG 9C161B8B94B42771 backbone a"
VALIDSIG = f"VALIDSIG {SUB} 2026-11-21 1795237114 0 4 0 22 10 00 {PIN}"
OKAY = "DECRYPTION_OKAY"
MDC = "GOODMDC"
END = "END_DECRYPTION"
ERRSIG = f"ERRSIG 9C161B8B94B42771 22 10 00 1795237114 9 {SUB}"
NO_PUBKEY = "NO_PUBKEY 9C161B8B94B42771"

SIGNATURE = [NEWSIG, SIG_ID, GOODSIG, VALIDSIG]
SEALED = [ENC_TO, BEGIN, INFO, PLAINTEXT, LENGTH, *SIGNATURE, OKAY, MDC, END]
SIGNED = [PLAINTEXT, LENGTH, *SIGNATURE]
STRANGER = [ENC_TO, BEGIN, INFO, PLAINTEXT, LENGTH, NEWSIG, ERRSIG, NO_PUBKEY, OKAY, MDC, END]


def report(lines: Sequence[str]) -> bytes:
    return b"".join(b"[GNUPG:] " + line.encode() + b"\n" for line in lines)


def swapped(lines: Sequence[str], old: str, *new: str) -> list[str]:
    assert old in lines
    return [after for line in lines for after in (new if line == old else (line,))]


def valid(signed: str = "1795237114", digest: str = "10", kind: str = "00", primary: str = PIN) -> str:
    return f"VALIDSIG {SUB} 2026-11-21 {signed} 0 4 0 22 {digest} {kind} {primary}"


ACCEPTED: dict[str, Sequence[str]] = {
    "as recorded": SEALED,
    "SHA-256": swapped(SEALED, VALIDSIG, valid(digest="8")),
    "SHA-384": swapped(SEALED, VALIDSIG, valid(digest="9")),
    "AES-128": swapped(SEALED, INFO, "DECRYPTION_INFO 2 7 0"),
    "AEAD": swapped(SEALED, INFO, "DECRYPTION_INFO 0 9 2"),
    "a clock that is hours ahead": swapped(SEALED, VALIDSIG, valid(signed=str(NOW + 80000))),
    "mail that lay for two years": swapped(SEALED, VALIDSIG, valid(signed=str(NOW - 63072000))),
    "lines we do not know": [*SEALED, "KEY_CONSIDERED x 0", "NEW_IN_GPG_3 1"],
    "an expired older subkey beside": ["KEYEXPIRED 1795237000", *SEALED],
    "a user id that forges with U+0085": swapped(SEALED, GOODSIG, GOODSIG + f" \u0085[GNUPG:] {VALIDSIG}"),
    "a user id that forges with U+2028": swapped(SEALED, GOODSIG, GOODSIG + " \u2028[GNUPG:] BADSIG"),
}

REFUSED: dict[str, tuple[str, Sequence[str]]] = {
    "nothing": ("not_encrypted", []),
    "no OpenPGP": ("not_openpgp", ["NODATA 1", "NODATA 2"]),
    "broken armor": ("not_openpgp", ["BADARMOR", *SEALED]),
    "not for us": ("not_for_us", [ENC_TO, "NO_SECKEY AB1FB8951422ECE4", BEGIN, "DECRYPTION_FAILED", END]),
    "passphrase instead of a key": ("passphrase", ["NEED_PASSPHRASE_SYM 9 3 2", *SEALED]),
    "altered ciphertext": ("damaged", [*SEALED[:-3], "BADMDC", "DECRYPTION_FAILED", END]),
    "altered ciphertext, all proofs beside": ("damaged", [*SEALED, "BADMDC"]),
    "failed and okay": ("damaged", [*SEALED, "DECRYPTION_FAILED"]),
    "no DECRYPTION_OKAY": ("damaged", swapped(SEALED, OKAY)),
    "two DECRYPTION_OKAY": ("damaged", swapped(SEALED, OKAY, OKAY, OKAY)),
    "no GOODMDC": ("damaged", swapped(SEALED, MDC)),
    "no END_DECRYPTION": ("damaged", swapped(SEALED, END)),
    "decrypted twice": ("damaged", swapped(SEALED, BEGIN, BEGIN, BEGIN)),
    "no MDC": ("unprotected", swapped(SEALED, INFO, "DECRYPTION_INFO 0 9 0")),
    "no MDC, old form": ("unprotected", swapped(SEALED, INFO, "DECRYPTION_INFO 0 9")),
    "MDC of method 1": ("unprotected", swapped(SEALED, INFO, "DECRYPTION_INFO 1 9 0")),
    "info cut": ("unprotected", swapped(SEALED, INFO, "DECRYPTION_INFO 2")),
    "info empty": ("unprotected", swapped(SEALED, INFO, "DECRYPTION_INFO")),
    "3DES": ("weak", swapped(SEALED, INFO, "DECRYPTION_INFO 2 2 0")),
    "only signed": ("not_encrypted", SIGNED),
    "only encrypted": ("unsigned", [ENC_TO, BEGIN, INFO, PLAINTEXT, LENGTH, OKAY, MDC, END]),
    "two signatures": ("several", swapped(SEALED, GOODSIG, GOODSIG, VALIDSIG, NEWSIG, GOODSIG)),
    "two NEWSIG": ("several", swapped(SEALED, NEWSIG, NEWSIG, NEWSIG)),
    "two GOODSIG": ("several", swapped(SEALED, GOODSIG, GOODSIG, GOODSIG)),
    "two VALIDSIG": ("several", swapped(SEALED, VALIDSIG, VALIDSIG, VALIDSIG)),
    "no GOODSIG": ("unsigned", swapped(SEALED, GOODSIG)),
    "no VALIDSIG": ("unsigned", swapped(SEALED, VALIDSIG)),
    "no NEWSIG": ("unsigned", swapped(SEALED, NEWSIG)),
    "two plaintexts": ("several", swapped(SEALED, PLAINTEXT, PLAINTEXT, PLAINTEXT)),
    "no plaintext": ("empty", swapped(SEALED, PLAINTEXT)),
    "text plaintext": ("structure", swapped(SEALED, PLAINTEXT, "PLAINTEXT 74 1795237114 ")),
    "plaintext without a type": ("structure", swapped(SEALED, PLAINTEXT, "PLAINTEXT")),
    "bad signature": ("bad_signature", swapped(SEALED, GOODSIG, "BADSIG 9C161B8B94B42771 backbone a")),
    "bad beside good": ("bad_signature", [*SEALED, "BADSIG 9C161B8B94B42771 backbone a"]),
    "expired key": ("key_expired", swapped(SEALED, GOODSIG, "EXPKEYSIG 9C161B8B94B42771 backbone a")),
    "revoked key": ("key_revoked", swapped(SEALED, GOODSIG, "REVKEYSIG 9C161B8B94B42771 backbone a")),
    "expired signature": ("signature_expired", swapped(SEALED, GOODSIG, "EXPSIG 9C161B8B94B42771 backbone a")),
    "unknown key": ("unknown_signer", STRANGER),
    "unsupported signature": ("bad_signature", [*SEALED, "ERRSIG 9C161B8B94B42771 99 10 00 1795237114 4 -"]),
    "unexpected packet": ("structure", [*SEALED, "UNEXPECTED 0"]),
    "gpg failed": ("gpg_failed", [*SEALED, "FAILURE decrypt 4294967295"]),
    "cut": ("damaged", [*SEALED, "TRUNCATED 8"]),
    "another primary key": ("wrong_signer", swapped(SEALED, VALIDSIG, valid(primary=OTHER))),
    "the subkey as primary": ("wrong_signer", swapped(SEALED, VALIDSIG, valid(primary=SUB))),
    "a lower-case pin": ("wrong_signer", swapped(SEALED, VALIDSIG, valid(primary=PIN.lower()))),
    "signed as text": ("structure", swapped(SEALED, VALIDSIG, valid(kind="01"))),
    "SHA-1": ("weak", swapped(SEALED, VALIDSIG, valid(digest="2"))),
    "MD5": ("weak", swapped(SEALED, VALIDSIG, valid(digest="1"))),
    "signed in the future": ("future", swapped(SEALED, VALIDSIG, valid(signed=str(NOW + 86401)))),
    "another form of time": ("status", swapped(SEALED, VALIDSIG, valid(signed="20261121T040000"))),
    "VALIDSIG cut": ("status", swapped(SEALED, VALIDSIG, VALIDSIG.rsplit(" ", 1)[0])),
    "VALIDSIG longer": ("status", swapped(SEALED, VALIDSIG, VALIDSIG + " x")),
    "signature outside the encryption": (
        "structure",
        [NEWSIG, GOODSIG, VALIDSIG, ENC_TO, BEGIN, INFO, PLAINTEXT, OKAY, MDC, END],
    ),
    "signature after the encryption": (
        "structure",
        [ENC_TO, BEGIN, INFO, PLAINTEXT, OKAY, MDC, END, NEWSIG, GOODSIG, VALIDSIG],
    ),
    "plaintext before the encryption": ("structure", [PLAINTEXT, *swapped(SEALED, PLAINTEXT)]),
}


def judge(raw: bytes, code: int = 0, *, encrypted: bool = True) -> status.Verdict:
    return status.judge(raw, code, signer=PIN, now=NOW, encrypted=encrypted)


@pytest.mark.parametrize("lines", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_good_report_is_accepted(lines: Sequence[str]) -> None:
    verdict = judge(report(lines))
    assert (verdict.signer, verdict.subkey) == (PIN, SUB)


@pytest.mark.parametrize(("reason", "lines"), REFUSED.values(), ids=REFUSED.keys())
def test_anything_else_is_refused_with_its_reason(reason: str, lines: Sequence[str]) -> None:
    with pytest.raises(Refused) as refused:
        judge(report(lines))
    assert refused.value.reason == reason
    assert str(refused.value)


def test_a_good_report_with_a_bad_exit_code_is_refused() -> None:
    for code in (1, 2, -9):
        with pytest.raises(Refused, match="exit code"):
            judge(report(SEALED), code)


@pytest.mark.parametrize("line", range(len(SEALED)))
def test_no_proof_can_be_left_out(line: int) -> None:
    if SEALED[line] in {ENC_TO, LENGTH, SIG_ID}:
        assert judge(report(SEALED[:line] + SEALED[line + 1 :]))
        return
    with pytest.raises(Refused):
        judge(report(SEALED[:line] + SEALED[line + 1 :]))


def test_a_signed_message_is_accepted_only_where_it_is_expected() -> None:
    assert judge(report(SIGNED), encrypted=False).signed_at == 1795237114
    with pytest.raises(Refused) as refused:
        judge(report(SEALED), encrypted=False)
    assert refused.value.reason == "encrypted"


@pytest.mark.parametrize(
    "raw",
    [
        report(SEALED)[:-1],
        b"gpg: Good signature\n" + report(SEALED),
        b"\n" + report(SEALED),
        report([*SEALED, "X " + "y" * 5000]),
        report([*SEALED, "X \0"]),
    ],
)
def test_bytes_that_gpg_does_not_write_are_refused(raw: bytes) -> None:
    with pytest.raises(Refused) as refused:
        judge(raw)
    assert refused.value.reason == "status"


def test_a_strangers_message_is_released_untrusted() -> None:
    status.judge_stranger(report(STRANGER), 2)
    status.judge_stranger(report(SEALED), 0)
    assert status.recipients(report(STRANGER)) == {"AB1FB8951422ECE4"}
    assert status.mentions(report(STRANGER), b"NO_PUBKEY")


@pytest.mark.parametrize(
    ("reason", "code", "lines"),
    [
        ("bad_signature", 2, swapped(swapped(STRANGER, ERRSIG, ERRSIG.replace(" 9 ", " 4 ")), NO_PUBKEY)),
        ("damaged", 2, [*STRANGER, "BADMDC"]),
        ("damaged", 2, swapped(STRANGER, OKAY)),
        ("unsigned", 0, [ENC_TO, BEGIN, INFO, PLAINTEXT, OKAY, MDC, END]),
        ("several", 2, swapped(STRANGER, PLAINTEXT, PLAINTEXT, PLAINTEXT)),
        ("not_encrypted", 0, SIGNED),
        ("key_expired", 0, swapped(SEALED, GOODSIG, "EXPKEYSIG 9C161B8B94B42771 a")),
        ("gpg_failed", 2, SEALED),
        ("structure", 2, swapped(STRANGER, PLAINTEXT, "PLAINTEXT 74 1 ")),
    ],
)
def test_a_strangers_message_must_be_whole_too(reason: str, code: int, lines: Sequence[str]) -> None:
    with pytest.raises(Refused) as refused:
        status.judge_stranger(report(lines), code)
    assert refused.value.reason == reason


@given(st.lists(st.sampled_from([*SEALED, ERRSIG, "BADSIG x", "BADMDC", *SIGNATURE]), max_size=20), st.integers(0, 2))
def test_shuffled_lines_are_judged_without_a_crash(lines: list[str], code: int) -> None:
    proofs = (NEWSIG, GOODSIG, VALIDSIG, PLAINTEXT, OKAY, MDC)
    proved = code == 0 and all(lines.count(proof) == 1 for proof in proofs)
    with nullcontext() if proved else pytest.raises(Refused), suppress(Refused) if proved else nullcontext():
        judge(report(lines), code)


@given(st.binary(max_size=300))
def test_garbage_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused):
        judge(raw)
