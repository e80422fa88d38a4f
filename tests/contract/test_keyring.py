"""What every key ring promises: one suite over memory and GnuPG."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from handshake import file, keyring, memory
from handshake.base import KeyRing, SignedFile
from handshake.documents import canonical
from handshake.errors import Altered, NotAHandshake, PassphraseNeeded, PassphraseWrong, Refused, UnusableKey, WrongKey

LIMIT = 100_000
MESSAGE = b"\0 hello \r\n" * 20


@dataclass(frozen=True)
class Rings:
    alice: KeyRing
    bob: KeyRing
    mallory: KeyRing
    verify_file: Callable[..., Awaitable[SignedFile]]


async def introduce(one: KeyRing, other: KeyRing) -> None:
    await one.add_peer(await other.public_key(), other.fingerprint)


@pytest.fixture(params=["memory", "gnupg"])
async def rings(request: pytest.FixtureRequest) -> AsyncIterator[Rings]:
    """Two nodes that are paired, and mallory, who has pinned bob without his knowledge."""
    names = ("alice", "bob", "mallory")
    folder = Path(tempfile.mkdtemp(prefix="hs", dir="/tmp"))
    made: list[KeyRing]
    if request.param == "memory":
        made = [memory.MemoryKeyRing(name) for name in names]
        verify: Callable[..., Awaitable[SignedFile]] = memory.verify_file
    else:
        made = [await keyring.create(folder / name, name) for name in names]
        verify = file.verify_file
    alice, bob, mallory = made
    await introduce(alice, bob)
    await introduce(bob, alice)
    await introduce(mallory, bob)
    yield Rings(alice, bob, mallory, verify)
    for ring in made:
        await ring.close()
    shutil.rmtree(folder)


async def refused(rings: Rings, parcel: bytes, *, encrypted: bool = True, limit: int = LIMIT) -> str:
    with pytest.raises(Refused) as error:
        await rings.bob.open(parcel, signer=rings.alice.fingerprint, message_bytes_max=limit, encrypted=encrypted)
    return error.value.reason


async def test_what_was_sealed_is_opened(rings: Rings) -> None:
    for message in (b"", b"x", MESSAGE, bytes(LIMIT)):
        parcel = await rings.alice.seal(message, recipient=rings.bob.fingerprint)
        assert MESSAGE not in parcel or isinstance(rings.alice, memory.MemoryKeyRing)
        assert await rings.bob.open(parcel, signer=rings.alice.fingerprint, message_bytes_max=LIMIT) == message


async def test_calls_may_run_side_by_side(rings: Rings) -> None:
    messages = [bytes([number]) * 100 for number in range(8)]
    to_bob = rings.bob.fingerprint
    parcels = await asyncio.gather(*(rings.alice.seal(message, recipient=to_bob) for message in messages))
    opened = await asyncio.gather(
        *(rings.bob.open(parcel, signer=rings.alice.fingerprint, message_bytes_max=LIMIT) for parcel in parcels)
    )
    assert opened == messages


async def test_a_signed_message_is_opened_only_where_it_is_expected(rings: Rings) -> None:
    plain = await rings.alice.seal(MESSAGE, recipient=rings.bob.fingerprint, encrypt=False)
    signer = rings.alice.fingerprint
    assert await rings.bob.open(plain, signer=signer, message_bytes_max=LIMIT, encrypted=False) == MESSAGE
    assert await refused(rings, plain) == "not_encrypted"
    sealed = await rings.alice.seal(MESSAGE, recipient=rings.bob.fingerprint)
    assert await refused(rings, sealed, encrypted=False) == "encrypted"


async def test_altered_and_cut_parcels_are_refused(rings: Rings) -> None:
    parcel = await rings.alice.seal(MESSAGE, recipient=rings.bob.fingerprint)
    for place in (0, 1, 4, 10, 50, 90, len(parcel) // 2, len(parcel) - 1):
        altered = bytearray(parcel)
        altered[place] ^= 0x01
        assert await refused(rings, bytes(altered))
        assert await refused(rings, parcel[:place])


async def test_parcels_of_others_and_for_others_are_refused(rings: Rings) -> None:
    from_mallory = await rings.mallory.seal(MESSAGE, recipient=rings.bob.fingerprint)
    assert await refused(rings, from_mallory) == "unknown_signer"
    for_alice = await rings.bob.seal(MESSAGE, recipient=rings.alice.fingerprint)
    assert await refused(rings, for_alice) == "not_for_us"


async def test_a_message_over_the_limit_is_refused(rings: Rings) -> None:
    parcel = await rings.alice.seal(MESSAGE, recipient=rings.bob.fingerprint)
    assert await refused(rings, parcel, limit=len(MESSAGE) - 1) == "too_large"


async def test_nothing_is_sealed_to_a_key_that_is_not_pinned(rings: Rings) -> None:
    with pytest.raises(UnusableKey):
        await rings.alice.seal(MESSAGE, recipient=rings.mallory.fingerprint)


async def test_a_strangers_parcel_is_read_then_its_key_pinned_then_opened(rings: Rings) -> None:
    parcel = await rings.mallory.seal(MESSAGE, recipient=rings.bob.fingerprint)
    assert await rings.bob.open_stranger(parcel, message_bytes_max=LIMIT) == MESSAGE
    with pytest.raises(Refused):
        await rings.bob.open_stranger(parcel[:-1], message_bytes_max=LIMIT)
    with pytest.raises(Refused):
        await rings.bob.open_stranger(parcel, message_bytes_max=10)
    known = await rings.alice.seal(MESSAGE, recipient=rings.bob.fingerprint)
    assert await rings.bob.open_stranger(known, message_bytes_max=LIMIT) == MESSAGE


async def test_a_second_peer_is_refused_and_the_first_stays(rings: Rings) -> None:
    await introduce(rings.bob, rings.alice)
    with pytest.raises(WrongKey):
        await introduce(rings.bob, rings.mallory)
    with pytest.raises(WrongKey):
        await introduce(rings.bob, rings.bob)
    with pytest.raises(WrongKey):
        await rings.bob.add_peer(await rings.mallory.public_key(), rings.alice.fingerprint)
    parcel = await rings.alice.seal(MESSAGE, recipient=rings.bob.fingerprint)
    assert await rings.bob.open(parcel, signer=rings.alice.fingerprint, message_bytes_max=LIMIT) == MESSAGE


async def test_a_file_is_verified_by_the_key_in_it(rings: Rings) -> None:
    certificate = (await rings.alice.public_key()).decode()
    payload = canonical({"fingerprint": rings.alice.fingerprint, "certificate": certificate})
    signed = await rings.alice.sign(payload)
    assert await rings.verify_file(signed, LIMIT) == (payload, rings.alice.fingerprint, certificate.encode())
    with pytest.raises(Altered):
        await rings.verify_file(signed.replace(b"\n\n", b"\n\nAAAA", 1), LIMIT)
    with pytest.raises(WrongKey):
        await rings.verify_file(await rings.bob.sign(payload), LIMIT)
    with pytest.raises(NotAHandshake):
        await rings.verify_file(b"hello", LIMIT)


async def test_a_passphrase_closes_the_file(rings: Rings) -> None:
    certificate = (await rings.alice.public_key()).decode()
    payload = canonical({"fingerprint": rings.alice.fingerprint, "certificate": certificate})
    locked = await rings.alice.sign(payload, passphrase="wide river")
    assert (await rings.verify_file(locked, LIMIT, passphrase="wide river")).payload == payload
    with pytest.raises(PassphraseNeeded):
        await rings.verify_file(locked, LIMIT)
    with pytest.raises(PassphraseWrong):
        await rings.verify_file(locked, LIMIT, passphrase="deep river")


async def test_a_parcel_without_its_encryption_is_still_signed_by_its_sender(rings: Rings) -> None:
    parcel = await rings.alice.seal(MESSAGE, recipient=rings.bob.fingerprint)
    signed = await rings.bob.unwrap(parcel, message_bytes_max=LIMIT)
    signer = rings.alice.fingerprint
    assert await rings.bob.open(signed, signer=signer, message_bytes_max=LIMIT, encrypted=False) == MESSAGE
    with pytest.raises(Refused):
        await rings.mallory.unwrap(parcel, message_bytes_max=LIMIT)
    with pytest.raises(Refused):
        await rings.bob.unwrap(parcel[:-20], message_bytes_max=LIMIT)
    with pytest.raises(Refused):
        await rings.bob.unwrap(signed, message_bytes_max=LIMIT)


async def test_the_partners_key_is_handed_out(rings: Rings) -> None:
    assert await rings.bob.peer_key() == await rings.alice.public_key()
