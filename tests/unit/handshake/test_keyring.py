"""The GnuPG key ring's own rules: homes, pinning, expiry, bounds."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from handshake import certificate as certificates
from handshake import home as homes
from handshake import keyring
from handshake.errors import KeyRingError, UnusableKey, WrongKey
from handshake.limits import SIGNATURE_SECONDS_WARN
from handshake.process import run
from tests.unit.handshake.conftest import People
from tests.unit.handshake.openpgp import export, gpg, new_home, old_home


async def test_a_new_home_is_private_and_has_the_right_keys(people: People) -> None:
    home = people.folder / "fresh"
    ring = await keyring.create(home, "fresh")
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert [subkey.uses for subkey in ring.own.subkeys] == ["s", "e"]
    for subkey in ring.own.subkeys:
        assert subkey.expires is not None
        assert 729 <= (subkey.expires - subkey.created) / 86400 <= 731
    listing = gpg(home, "--list-keys", "--with-colons").decode()
    assert "ed25519" in listing
    assert "cv25519" in listing
    assert "s2k-count" in (home / "gpg-agent.conf").read_text()
    assert (await keyring.open_home(home)).fingerprint == ring.fingerprint
    assert ring.peer is None
    assert await ring.signature_seconds() < 50 * SIGNATURE_SECONDS_WARN


async def test_a_home_is_not_made_where_it_cannot_work(people: People) -> None:
    with pytest.raises(KeyRingError, match="exists already"):
        await keyring.create(people.alice.home, "again")
    with pytest.raises(KeyRingError, match="80"):
        await keyring.create(people.folder / ("x" * 80), "long")
    with pytest.raises(KeyRingError, match="named"):
        await keyring.create(people.folder / "n", "a\n%no-protection")
    assert not (people.folder / "n").exists()
    with pytest.raises(KeyRingError, match="cannot be made"):
        await keyring.create(people.alice.home / "pubring.kbx" / "x", "below a file")


async def test_a_home_that_is_not_ours_is_not_opened(people: People) -> None:
    empty = people.folder / "empty"
    empty.mkdir(mode=0o700)
    with pytest.raises(KeyRingError, match="missing or empty"):
        await keyring.open_home(empty)
    with pytest.raises(KeyRingError, match="one key pair"):
        await keyring.open_home(people.mallory.home)
    (empty / "pubring.kbx").write_bytes(b"\0" * 3)
    with pytest.raises(KeyRingError):
        await keyring.open_home(empty)


async def test_a_peer_is_pinned_once_and_again_without_effect(people: People) -> None:
    ring = await keyring.open_home(people.bob.home)
    before = keyring.listed(people.bob.home)
    await ring.add_peer(people.alice.public(), people.alice.fingerprint)
    assert keyring.listed(people.bob.home) == before
    with pytest.raises(WrongKey, match="another key is pinned"):
        await ring.add_peer(people.mallory.public(), people.mallory.fingerprint)
    assert keyring.listed(people.bob.home) == before
    assert not list(people.bob.home.glob("new-*"))


async def test_a_certificate_is_looked_at_before_it_is_taken(people: People) -> None:
    home, _ = new_home(people.folder, "careful")
    ring = await keyring.open_home(home)
    alice = people.alice
    secret = gpg(
        alice.home, "--pinentry-mode=loopback", "--passphrase=", "--armor", "--export-secret-keys", alice.fingerprint
    )
    cases = [
        (people.bob.public(), "is that of key"),
        (alice.public() + people.bob.public(), "2 keys"),
        (secret, "secret key"),
        (b"garbage", "0 keys"),
        (b"", "0 keys"),
        (b"x" * 40_000, "bytes"),
        (await ring.public_key(), "is that of key"),
    ]
    for data, words in cases:
        with pytest.raises(WrongKey, match=words):
            await ring.add_peer(data, alice.fingerprint)
    with pytest.raises(WrongKey, match="our own"):
        await ring.add_peer(await ring.public_key(), ring.fingerprint)
    assert (await keyring.open_home(home)).peer is None


async def test_a_certificate_without_usable_subkeys_is_refused(people: People) -> None:
    home, _ = new_home(people.folder, "strict")
    ring = await keyring.open_home(home)
    aged, old = old_home(people.folder, "aged", "20230101T000000", "1y")
    with pytest.raises(WrongKey, match="no usable subkey to sign"):
        await ring.add_peer(export(aged, old.fingerprint), old.fingerprint)
    bare = people.folder / "bare"
    bare.mkdir(mode=0o700)
    gpg(bare, "--passphrase=", "--pinentry-mode=loopback", "--quick-gen-key", "bare", "ed25519", "sign", "0")
    (only,) = keyring.listed(bare)
    with pytest.raises(WrongKey, match="no usable subkey"):
        await ring.add_peer(export(bare, only.fingerprint), only.fingerprint)


async def test_an_expired_key_of_our_own_is_called_that(people: People) -> None:
    home, old = old_home(people.folder, "worn", "20230101T000000", "1y")
    ring = await keyring.open_home(home)
    assert ring.fingerprint == old.fingerprint
    with pytest.raises(UnusableKey, match="rotate"):
        await ring.seal(b"x", recipient="", encrypt=False)
    with pytest.raises(UnusableKey, match="not the one that is pinned"):
        await (await keyring.open_home(people.bob.home)).seal(b"x", recipient=people.mallory.fingerprint)


async def test_a_key_that_expires_while_we_run_is_called_that(people: People) -> None:
    home, _ = new_home(people.folder, "runner")
    away, old = old_home(people.folder, "lapsed", "20230101T000000", "1y")
    homes.import_into(home, export(away, old.fingerprint))
    good_then = tuple(replace(subkey, usable=True) for subkey in old.subkeys)
    known_then = await keyring.open_home(home)
    ring = keyring.GnupgKeyRing(home, known_then.own, replace(old, subkeys=good_then), keyring.workers())
    with pytest.raises(UnusableKey, match="expired"):
        await ring.seal(b"x", recipient=old.fingerprint)
    ring = keyring.GnupgKeyRing(away, replace(old, subkeys=good_then), None, keyring.workers())
    with pytest.raises(UnusableKey, match="expired"):
        await ring.seal(b"x", recipient="", encrypt=False)


def test_a_run_is_bounded_in_output_and_time(people: People) -> None:
    message = gpg(people.alice.home, "--store", data=b"x" * 3_000_000)
    over = run(people.alice.home, ("--decrypt",), data=message, output_bytes_max=1000)
    assert over.overflow
    assert len(over.output) < 100_000
    late = run(people.alice.home, ("--decrypt",), data=message, output_bytes_max=10_000_000, seconds_max=0.0)
    assert late.late


def test_a_missing_gpg_is_the_environments_fault(
    people: People, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for call in (
        homes.gpg_version,
        lambda: run(people.alice.home, ("--version",), output_bytes_max=1000),
        lambda: homes.make(people.folder / "never", "never"),
    ):
        with pytest.raises(KeyRingError, match="install GnuPG"):
            call()
    assert not (people.folder / "never").exists()


@pytest.mark.parametrize(
    ("answer", "words"),
    [("gpg (GnuPG) 2.2.27", "too old"), ("gpg (GnuPG) 1.4.23", "too old"), ("rnp 0.17", "not GnuPG")],
)
def test_an_old_gpg_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: str, words: str) -> None:
    (tmp_path / "gpg").write_text(f"#!/bin/sh\necho '{answer}'\n")
    (tmp_path / "gpg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(KeyRingError, match=words):
        homes.gpg_version()


def test_versions_are_warned_about() -> None:
    assert homes.version_warning((2, 2, 40))
    assert homes.version_warning((2, 4, 1)) is None


@pytest.mark.parametrize(
    "listing",
    [
        b"pub:-:255\nfpr:::::::::A:\n",
        b"sub:-:255:22:X:1:2:::::s:\nfpr:::::::::" + b"A" * 40 + b":\n",
        b"pub:-:255:22:X:1:2:::::s:\nfpr:::::::::" + b"A" * 64 + b":\n",
        b"pub:-:255:22:X:1:2:::::s:\nfpr\n",
        b"pub:e:255:22:X:1:2:::::c:\nfpr:::::::::" + b"A" * 40 + b":\n",
    ],
)
def test_a_listing_of_an_unknown_form_is_refused(listing: bytes) -> None:
    with pytest.raises(WrongKey):
        certificates.only(listing, "A" * 40)


def test_weak_keys_are_not_usable() -> None:
    listing = (
        b"pub:-:255:22:X:1:2:::::c:\nfpr:::::::::"
        + b"A" * 40
        + b":\nsub:-:%b:%b:X:1:2:::::s:\nfpr:::::::::"
        + b"B" * 40
        + b":\n"
    )
    for bits, algorithm, usable in ((b"1024", b"1", False), (b"3072", b"1", True), (b"3072", b"17", False)):
        (found,) = certificates.parse(listing % (bits, algorithm))
        assert found.subkeys[0].usable is usable
