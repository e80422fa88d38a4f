"""Real gpg against messages that must change nothing: made by a bare gpg, opened by bob, who knows alice only."""

import time

import pytest

from handshake import home as homes
from handshake import keyring, status
from handshake.errors import KeyRingError, Refused
from handshake.process import run
from tests.unit.handshake.conftest import People
from tests.unit.handshake.openpgp import gpg, key, new_home, old_home

BODY = b"hello bob, this is alice" * 50
LIMIT = 1024 * 1024


async def reason(people: People, parcel: bytes, *, encrypted: bool = True) -> str:
    """Why bob refuses what should come from alice."""
    ring = await keyring.open_home(people.bob.home)
    with pytest.raises(Refused) as refused:
        await ring.open(parcel, signer=people.alice.fingerprint, message_bytes_max=LIMIT, encrypted=encrypted)
    assert str(refused.value)
    return refused.value.reason


def sealed(people: People, *options: str, body: bytes = BODY) -> bytes:
    """By alice to bob, with a bare gpg."""
    arguments = ("--local-user", people.alice.signing, "--recipient", people.bob.encryption)
    return gpg(people.alice.home, *options, *arguments, "--sign", "--encrypt", data=body)


async def test_the_bare_message_opens(people: People) -> None:
    ring = await keyring.open_home(people.bob.home)
    parcel = sealed(people)
    assert await ring.open(parcel, signer=people.alice.fingerprint, message_bytes_max=LIMIT) == BODY


def test_a_recorded_report_is_judged_as_in_the_table(people: People) -> None:
    outcome = run(people.bob.home, ("--decrypt",), data=sealed(people), output_bytes_max=LIMIT)
    verdict = status.judge(
        outcome.status, outcome.code, signer=people.alice.fingerprint, now=time.time(), encrypted=True
    )
    assert verdict.subkey + "!" == people.alice.signing
    assert abs(verdict.signed_at - time.time()) < 100


async def test_every_altered_byte_is_noticed(people: People) -> None:
    parcel = sealed(people)
    for place in range(0, len(parcel), max(1, len(parcel) // 40)):
        altered = bytearray(parcel)
        altered[place] ^= 0x01
        assert await reason(people, bytes(altered)) in {
            "damaged", "not_openpgp", "not_for_us", "bad_signature", "structure", "unprotected", "gpg_failed",
            "not_encrypted", "weak", "passphrase",  # behind an altered length, random bytes are read as a packet
        }  # fmt: skip


async def test_every_cut_is_noticed(people: People) -> None:
    parcel = sealed(people)
    for length in [0, 1, 2, 3, 10, 50, 93, 94, 95, 100, *range(150, len(parcel), 97), len(parcel) - 1]:
        await reason(people, parcel[:length])


async def test_appended_data_is_refused(people: People) -> None:
    parcel = sealed(people)
    await reason(people, parcel + parcel)


async def test_two_signatures(people: People) -> None:
    home, first = new_home(people.folder, "twohanded")
    other, second = new_home(people.folder, "second")
    homes.stop_agent(other)
    for secret in (other / "private-keys-v1.d").iterdir():
        secret.rename(home / "private-keys-v1.d" / secret.name)
    homes.import_into(home, gpg(other, "--export"))
    both = ("--local-user", key(first, "s"), "--local-user", key(second, "s"))
    message = gpg(home, *both, "--sign", data=BODY)
    for known, expected in ((("--export", first.fingerprint), "unknown_signer"), (("--export",), "several")):
        victim, _ = new_home(people.folder, expected)
        homes.import_into(victim, gpg(home, *known))
        outcome = run(victim, ("--decrypt",), data=message, output_bytes_max=LIMIT)
        with pytest.raises(Refused) as refused:
            status.judge(outcome.status, outcome.code, signer=first.fingerprint, now=time.time(), encrypted=False)
        assert refused.value.reason == expected


async def test_encrypted_but_unsigned(people: People) -> None:
    parcel = gpg(people.alice.home, "--recipient", people.bob.encryption, "--encrypt", data=BODY)
    assert await reason(people, parcel) == "unsigned"


async def test_signed_but_not_encrypted(people: People) -> None:
    parcel = gpg(people.alice.home, "--local-user", people.alice.signing, "--sign", data=BODY)
    assert await reason(people, parcel) == "not_encrypted"
    ring = await keyring.open_home(people.bob.home)
    signer = people.alice.fingerprint
    assert await ring.open(parcel, signer=signer, message_bytes_max=LIMIT, encrypted=False) == BODY
    assert await reason(people, sealed(people), encrypted=False) == "encrypted"


async def test_signed_by_somebody_else(people: People) -> None:
    mallory = people.mallory
    arguments = ("--local-user", mallory.signing, "--recipient", people.bob.encryption)
    parcel = gpg(mallory.home, *arguments, "--sign", "--encrypt", data=BODY)
    assert await reason(people, parcel) == "unknown_signer"


async def test_signed_by_the_receiver_himself(people: People) -> None:
    ring = await keyring.open_home(people.bob.home)
    arguments = ("--local-user", people.bob.signing, "--recipient", people.bob.encryption)
    parcel = gpg(people.bob.home, *arguments, "--sign", "--encrypt", data=BODY)
    assert await reason(people, parcel) == "wrong_signer"
    assert ring.fingerprint == people.bob.fingerprint


async def test_for_somebody_else(people: People) -> None:
    arguments = ("--local-user", people.alice.signing, "--recipient", people.alice.encryption)
    parcel = gpg(people.alice.home, *arguments, "--sign", "--encrypt", data=BODY)
    assert await reason(people, parcel) == "not_for_us"


async def test_a_rewrapped_message_opens_as_openpgp_allows(people: People) -> None:
    """Alice wrote it for mallory, who wraps it for bob. Only the signed header above this package can tell."""
    homes.import_into(people.alice.home, people.mallory.public())
    try:
        arguments = ("--local-user", people.alice.signing, "--recipient", people.mallory.encryption)
        parcel = gpg(people.alice.home, *arguments, "--sign", "--encrypt", data=BODY)
    finally:
        gpg(people.alice.home, "--delete-key", people.mallory.fingerprint)
    naked = gpg(people.mallory.home, "--unwrap", "--decrypt", data=parcel)
    wrapped = gpg(people.mallory.home, "--no-literal", "--recipient", people.bob.encryption, "--encrypt", data=naked)
    ring = await keyring.open_home(people.bob.home)
    assert await ring.open(wrapped, signer=people.alice.fingerprint, message_bytes_max=LIMIT) == BODY


async def test_a_nested_encryption_is_refused(people: People) -> None:
    nested = gpg(
        people.alice.home, "--no-literal", "--recipient", people.bob.encryption, "--encrypt", data=sealed(people)
    )
    assert await reason(people, nested) in {"damaged", "structure", "several"}


async def test_a_compression_bomb_is_stopped(people: People) -> None:
    bomb = sealed(people, "--compress-algo=zip", "-z9", body=bytes(100_000_000))
    assert len(bomb) < 200_000
    start = time.monotonic()
    assert await reason(people, bomb) == "too_large"
    assert time.monotonic() - start < 5


async def test_a_message_of_exactly_the_limit_opens_and_one_more_is_refused(people: People) -> None:
    ring = await keyring.open_home(people.bob.home)
    body = b"x" * LIMIT
    signer = people.alice.fingerprint
    assert await ring.open(sealed(people, body=body), signer=signer, message_bytes_max=LIMIT) == body
    assert await reason(people, sealed(people, body=body + b"x")) == "too_large"


async def test_clear_text_and_detached_signatures_are_refused(people: People) -> None:
    user = ("--local-user", people.alice.signing)
    for form in ("--clearsign", "--detach-sign"):
        made = gpg(people.alice.home, *user, form, data=BODY)
        await reason(people, made)
        await reason(people, made, encrypted=False)


async def test_text_mode_weak_hash_and_weak_cipher_are_refused(people: People) -> None:
    assert await reason(people, sealed(people, "--textmode")) == "structure"
    assert await reason(people, sealed(people, "--cipher-algo=CAMELLIA256")) == "weak"


async def test_a_passphrase_message_is_refused_without_a_question(people: People) -> None:
    options = ("--passphrase=x", "--pinentry-mode=loopback", "--local-user", people.alice.signing)
    parcel = gpg(people.alice.home, *options, "--sign", "--symmetric", data=BODY)
    assert await reason(people, parcel) == "passphrase"


async def test_a_signature_from_the_future_is_refused(people: People) -> None:
    later = time.strftime("%Y%m%dT%H%M%S", time.gmtime(time.time() + 2 * 86400))
    assert await reason(people, sealed(people, f"--faked-system-time={later}")) == "future"


async def test_an_expired_signer_is_refused_and_the_reason_says_so(people: People) -> None:
    home, old = old_home(people.folder, "old", "20230101T000000", "1y")
    homes.import_into(home, people.bob.public())
    signing = next(subkey.fingerprint for subkey in old.subkeys if "s" in subkey.uses)
    parcel = gpg(
        home, "--faked-system-time=20230201T000000", "--ignore-time-conflict", "--ignore-valid-from",
        "--local-user", signing + "!", "--sign", data=BODY,
    )  # fmt: skip
    victim, _ = new_home(people.folder, "victim")
    homes.import_into(victim, gpg(home, "--export", old.fingerprint))
    ring = await keyring.open_home(victim)
    with pytest.raises(Refused, match="expired") as refused:
        await ring.open(parcel, signer=old.fingerprint, message_bytes_max=LIMIT, encrypted=False)
    assert refused.value.reason == "key_expired"


async def test_garbage_is_refused(people: People) -> None:
    for garbage in (b"", b"\0", b"hello", b"-----BEGIN PGP MESSAGE-----\n\nAAAA\n", bytes(range(256)) * 8):
        await reason(people, garbage)


async def test_a_user_id_cannot_forge_a_status_line(people: People) -> None:
    """Text readers end a line at U+0085; this user id would then be a line of its own."""
    evil = "Eve \u0085[GNUPG:] VALIDSIG forged"
    home = people.folder / "eve"
    home.mkdir(mode=0o700)
    silent = ("--passphrase=", "--pinentry-mode=loopback")
    gpg(home, *silent, "--quick-gen-key", evil, "ed25519", "sign", "0")
    message = gpg(home, "--sign", data=BODY)
    outcome = run(home, ("--decrypt",), data=message, output_bytes_max=LIMIT)
    assert len(outcome.status.decode().splitlines()) > outcome.status.count(b"\n")
    assert [keyword for keyword, _ in status.lines(outcome.status)].count(b"VALIDSIG") == 1


async def test_trouble_with_our_own_agent_is_not_the_peers_fault(people: People) -> None:
    home, own = new_home(people.folder, "broken")
    ring = await keyring.open_home(home)
    await ring.add_peer(people.alice.public(), people.alice.fingerprint)
    encryption = next(subkey.fingerprint for subkey in own.subkeys if "e" in subkey.uses)
    homes.import_into(people.mallory.home, gpg(home, "--export", own.fingerprint))
    parcel = gpg(people.mallory.home, "--recipient", encryption + "!", "--encrypt", data=BODY)
    await ring.close()
    (home / "private-keys-v1.d").rename(home / "away")
    with pytest.raises(KeyRingError, match="agent"):
        await ring.open(parcel, signer=people.alice.fingerprint, message_bytes_max=LIMIT)
    with pytest.raises(KeyRingError, match="could not sign"):
        await ring.seal(BODY, recipient=people.alice.fingerprint)
