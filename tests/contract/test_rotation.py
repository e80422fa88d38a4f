"""What every key ring promises when a key is replaced: one suite over memory and GnuPG."""

import shutil
from pathlib import Path

import pytest

from handshake import keyring
from handshake.errors import KeyRingError, Refused, WrongKey
from handshake.keyring import GnupgKeyRing
from tests.contract.test_keyring import LIMIT, MESSAGE, Rings, rings

__all__ = ["rings"]


async def opened_by_bob(rings: Rings, parcel: bytes) -> str:
    """The subkey of alice's that signed."""
    signed = await rings.bob.open_signed(parcel, signer=rings.alice.fingerprint, message_bytes_max=LIMIT)
    assert signed.message == MESSAGE
    return signed.subkey


async def test_a_new_pair_comes_beside_the_old_one_which_goes_on(rings: Rings) -> None:
    alice, bob = rings.alice, rings.bob
    old = alice.signing
    alice.use(signing=old)
    under_way = await bob.seal(MESSAGE, recipient=alice.fingerprint)
    signing, sealing = await alice.rotate()
    assert (signing, alice.signing) != (old, signing)
    assert await alice.rotate() == (signing, sealing), "once more: the same pair"
    assert await opened_by_bob(rings, await alice.seal(MESSAGE, recipient=bob.fingerprint)) == old

    await bob.renew_peer(await alice.public_key(), signing=signing, sealing=sealing)
    bob.use(sealing=sealing)
    sealed_anew = await bob.seal(MESSAGE, recipient=alice.fingerprint)
    alice.use(signing=signing)
    assert await opened_by_bob(rings, await alice.seal(MESSAGE, recipient=bob.fingerprint)) == signing
    for parcel in (under_way, sealed_anew):
        assert await alice.open(parcel, signer=bob.fingerprint, message_bytes_max=LIMIT) == MESSAGE
    assert await bob.peer_key() == await alice.public_key(), "the certificate holds all that ever signed"


async def test_what_the_old_key_signs_is_refused_where_it_is_not_trusted_any_more(rings: Rings) -> None:
    alice, bob = rings.alice, rings.bob
    old = alice.signing
    alice.use(signing=old)
    signing, sealing = await alice.rotate()
    await bob.renew_peer(await alice.public_key(), signing=signing, sealing=sealing)
    bob.use(sealing=sealing, trusted=frozenset({signing}))
    parcel = await alice.seal(MESSAGE, recipient=bob.fingerprint)
    with pytest.raises(Refused) as error:
        await bob.open(parcel, signer=alice.fingerprint, message_bytes_max=LIMIT)
    assert error.value.reason == "replaced_key"
    assert await opened_by_bob(rings, parcel) == old
    alice.use(signing=signing)
    parcel = await alice.seal(MESSAGE, recipient=bob.fingerprint)
    assert await bob.open(parcel, signer=alice.fingerprint, message_bytes_max=LIMIT) == MESSAGE


async def test_a_certificate_of_somebody_else_or_without_the_subkey_changes_nothing(rings: Rings) -> None:
    alice, bob, mallory = rings.alice, rings.bob, rings.mallory
    alice.use(signing=alice.signing)
    before = await bob.peer_key()
    signing, sealing = await alice.rotate()
    with pytest.raises(WrongKey):
        await bob.renew_peer(await mallory.public_key(), signing=signing, sealing=sealing)
    with pytest.raises(WrongKey):
        await bob.renew_peer(before, signing=signing, sealing=sealing)
    with pytest.raises(WrongKey):
        await bob.renew_peer(await alice.public_key(), signing="AB" * 20, sealing=sealing)
    assert await bob.peer_key() == before
    alice.use(signing=signing)
    by_the_new_one = await alice.seal(MESSAGE, recipient=bob.fingerprint)
    with pytest.raises(Refused):
        await opened_by_bob(rings, by_the_new_one)


async def test_both_rotate_at_the_same_time(rings: Rings) -> None:
    alice, bob = rings.alice, rings.bob
    made = {}
    for ring in (alice, bob):
        ring.use(signing=ring.signing)
        made[ring.fingerprint] = await ring.rotate()
    for ring, other in ((alice, bob), (bob, alice)):
        signing, sealing = made[other.fingerprint]
        await ring.renew_peer(await other.public_key(), signing=signing, sealing=sealing)
        ring.use(signing=made[ring.fingerprint][0], sealing=sealing, trusted=frozenset({signing}))
    for ring, other in ((alice, bob), (bob, alice)):
        parcel = await ring.seal(MESSAGE, recipient=other.fingerprint)
        assert await other.open(parcel, signer=ring.fingerprint, message_bytes_max=LIMIT) == MESSAGE


async def test_what_an_attempt_that_was_killed_left_aside_is_in_nobodys_way(tmp_path: Path) -> None:
    home = Path(f"/tmp/hr-{tmp_path.name[-12:]}")
    ring = await keyring.create(home, "alice")
    try:
        stage = home.with_name(home.name + "+")
        stage.mkdir()
        (stage / "pubring.kbx").write_bytes(b"half")
        ring.use(signing=ring.signing)
        signing, _ = await ring.rotate()
        assert not stage.exists()
        again = await keyring.open_home(home)
        assert [s.fingerprint for s in again.own.subkeys if "s" in s.uses] == [ring.signing, signing]
        assert isinstance(again, GnupgKeyRing)
    finally:
        await ring.close()
        shutil.rmtree(home, ignore_errors=True)


async def test_where_gpg_makes_no_keys_nothing_is_changed(tmp_path: Path) -> None:
    home = Path(f"/tmp/hq-{tmp_path.name[-12:]}")
    ring = await keyring.create(home, "alice")
    try:
        before = await ring.public_key()
        for key in (home / "private-keys-v1.d").glob("*.key"):
            key.unlink()
        await ring.close()
        with pytest.raises(KeyRingError):
            await ring.rotate()
        assert not home.with_name(home.name + "+").exists()
        assert await ring.public_key() == before
    finally:
        await ring.close()
        shutil.rmtree(home, ignore_errors=True)


async def test_a_key_is_revoked_by_itself_and_by_no_other(rings: Rings) -> None:
    alice, bob, mallory = rings.alice, rings.bob, rings.mallory
    before = await bob.peer_key(), await alice.public_key()
    certificate = await alice.revocation("stolen: a laptop, Grüße")
    assert await bob.is_revoked_by(certificate)
    for wrong in (await mallory.revocation("x"), await bob.revocation("x"), await alice.public_key(), b"noise"):
        assert not await bob.is_revoked_by(wrong)
    assert (await bob.peer_key(), await alice.public_key()) == before, "old signatures can still be checked"
    await opened_by_bob(rings, await alice.seal(MESSAGE, recipient=bob.fingerprint))


async def test_a_protected_key_does_all_of_it_with_its_passphrase_and_nothing_without(tmp_path: Path) -> None:
    home, other = (Path(f"/tmp/{name}-{tmp_path.name[-12:]}") for name in ("hp", "ho"))
    ring = await keyring.create(home, "alice", passphrase="wide river")
    bob = await keyring.create(other, "bob")
    try:
        await ring.add_peer(await bob.public_key(), bob.fingerprint)
        await bob.add_peer(await ring.public_key(), ring.fingerprint)
        ring.use(signing=ring.signing)
        signing, _ = await ring.rotate()
        ring.use(signing=signing)
        kept = [key.read_bytes() for key in (home / "private-keys-v1.d").glob("*.key")]
        assert len(kept) == 5
        assert all(b"protected-private-key" in key for key in kept), "every secret key, those of the rotation too"
        assert await ring.sign(b"{}", passphrase="of the file")
        assert await ring.revocation("stolen")
        parcel = await bob.seal(MESSAGE, recipient=ring.fingerprint)
        assert await ring.open(parcel, signer=bob.fingerprint, message_bytes_max=LIMIT) == MESSAGE
        await ring.close()
        for wrong in ("deep river", None):
            locked = await keyring.open_home(home, passphrase=wrong)
            with pytest.raises(KeyRingError, match=r"backbone\.toml"):
                await locked.seal(MESSAGE, recipient=bob.fingerprint)
            with pytest.raises(KeyRingError, match=r"backbone\.toml"):
                await locked.open(parcel, signer=bob.fingerprint, message_bytes_max=LIMIT)
            await locked.close()
    finally:
        await ring.close()
        await bob.close()
        for folder in (home, other):
            shutil.rmtree(folder, ignore_errors=True)
