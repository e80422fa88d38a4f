"""The handshake file: every kind of damage has its own error, with real gpg."""

import asyncio
import base64
import json
import tempfile
from pathlib import Path

import pytest

from handshake import keyring
from handshake.armor import armor, dearmor, inspect
from handshake.documents import canonical
from handshake.errors import (
    Altered,
    HandshakeError,
    Malformed,
    NotAHandshake,
    PassphraseNeeded,
    PassphraseWrong,
    Truncated,
    Unsigned,
    UnusableKey,
    WrongKey,
    WrongVersion,
)
from handshake.file import verify_file
from handshake.process import environment
from tests.unit.handshake.conftest import People, Person
from tests.unit.handshake.openpgp import export, gpg, old_home

LIMIT = 64 * 1024


def document(person: Person, **more: object) -> bytes:
    values = {"format": "backbone-handshake", "version": 1, "fingerprint": person.fingerprint}
    return canonical({**values, "certificate": person.public().decode(), **more})


async def signed(people: People, payload: bytes, passphrase: str | None = None) -> bytes:
    return await (await keyring.open_home(people.alice.home)).sign(payload, passphrase=passphrase)


def contents(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def refusal(data: bytes, passphrase: str | None = None) -> type[HandshakeError]:
    with pytest.raises(HandshakeError) as refused:
        await verify_file(data, LIMIT, passphrase=passphrase)
    assert str(refused.value)
    return type(refused.value)


async def test_a_good_file_says_what_was_signed_and_by_which_key(people: People) -> None:
    payload = document(people.alice)
    file = await signed(people, payload)
    assert inspect(file) is None
    assert await verify_file(file, LIMIT) == (payload, people.alice.fingerprint, people.alice.public())
    around = b"Hello,\r\nhere it is:\r\n\r\n" + file.replace(b"\n", b"\r\n") + b"-- \r\nAcme, confidential\r\n"
    assert (await verify_file(around, LIMIT)).payload == payload


async def test_plain_gpg_reads_it_as_the_readme_says(people: People, tmp_path: Path) -> None:
    file = tmp_path / "acme.handshake"
    file.write_bytes(await signed(people, document(people.alice)))
    home = people.folder / "third"
    home.mkdir(mode=0o700)
    offer = gpg(home, "--decrypt", str(file), code=2)
    gpg(home, "--import", data=json.loads(offer)["certificate"].encode())
    process = await asyncio.create_subprocess_exec(
        "gpg", "--homedir", str(home), "--verify", str(file), stderr=asyncio.subprocess.PIPE, env=environment()
    )
    _, words = await process.communicate()
    assert process.returncode == 0
    assert b"Good signature" in words


async def test_every_cut_is_called_truncated(people: People) -> None:
    file = await signed(people, document(people.alice))
    for length in [0, 5, 20, *range(27, len(file) - 30, 101), len(file) - 2]:
        assert await refusal(file[:length]) is Truncated


async def test_every_changed_character_is_called_altered(people: People) -> None:
    file = await signed(people, document(people.alice))
    start, end = file.index(b"\n\n") + 2, file.index(b"\n=")
    for place in range(start, end, 37):
        if file[place : place + 1] == b"\n":
            continue
        other = b"A" if file[place : place + 1] != b"A" else b"B"
        assert await refusal(file[:place] + other + file[place + 1 :]) is Altered
    assert await refusal(file[:start] + file[start + 65 :]) is Altered


async def test_content_that_was_changed_and_armored_anew_is_called_altered(people: People) -> None:
    binary = dearmor(await signed(people, document(people.alice, name="acme")))
    assert await refusal(armor(binary.replace(b"acme", b"evil"))) is Altered


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", Truncated),
        (b" \n", Truncated),
        (b"-----BEGIN PGP", Truncated),
        (b'{"format":"backbone-handshake"}', Unsigned),
        (b"GIF89a...", NotAHandshake),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", NotAHandshake),
        (b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n", NotAHandshake),
        (b"-----BEGIN PGP SIGNATURE-----\n", NotAHandshake),
        (b"-----BEGIN PGP SIGNED MESSAGE-----\n", NotAHandshake),
        (b"-----BEGIN PGP ARMORED FILE-----\n", NotAHandshake),
        (armor(b"x") * 2, Malformed),
        (b"x" * (2 * 1024 * 1024 + 1), Malformed),
        (b"-----BEGIN PGP MESSAGE-----\nQUJD\n-----END PGP MESSAGE-----", Altered),
        (b"-----BEGIN PGP MESSAGE-----\nQUJD\n\nQUJD\n-----END PGP MESSAGE-----", Altered),
        (b"-----BEGIN PGP MESSAGE-----\n\n!!!!\n-----END PGP MESSAGE-----", Altered),
        (b"-----BEGIN PGP MESSAGE-----\n\nQUJD\n=!!!!\n-----END PGP MESSAGE-----", Altered),
        (b"-----BEGIN PGP MESSAGE-----\n\n-----END PGP MESSAGE-----", Truncated),
        (armor(b"no OpenPGP in here"), NotAHandshake),
        (b"-----BEGIN PGP MESSAGE-----\nVersion: 1\n\nQUJD\n-----END PGP MESSAGE-----", NotAHandshake),
    ],
)
async def test_something_else_is_called_what_it_is(data: bytes, error: type[HandshakeError]) -> None:
    assert await refusal(data) is error


async def test_unsigned_and_encrypted_messages(people: People) -> None:
    payload = document(people.alice)
    assert await refusal(armor(gpg(people.alice.home, "--store", data=payload))) is Unsigned
    encrypted = gpg(people.alice.home, "--recipient", people.alice.encryption, "--encrypt", data=payload)
    assert await refusal(armor(encrypted)) is NotAHandshake


async def test_a_file_that_names_another_key_is_refused(people: People) -> None:
    assert await refusal(await signed(people, document(people.mallory))) is WrongKey
    stranger = canonical({"fingerprint": people.alice.fingerprint, "certificate": people.bob.public().decode()})
    assert await refusal(await signed(people, stranger)) is WrongKey


async def test_a_file_with_more_than_one_key_is_refused(people: People) -> None:
    two = (people.alice.public() + people.bob.public()).decode()
    payload = canonical({"fingerprint": people.alice.fingerprint, "certificate": two})
    assert await refusal(await signed(people, payload)) is WrongKey


async def test_other_documents_and_versions_are_refused(people: People) -> None:
    assert await refusal(await signed(people, b"hello")) is Malformed
    assert await refusal(await signed(people, b"{}")) is NotAHandshake
    assert await refusal(await signed(people, document(people.alice, version=2))) is WrongVersion
    assert await refusal(await signed(people, document(people.alice, more="x" * LIMIT))) is Malformed


async def test_a_passphrase_protects_the_file(people: People) -> None:
    payload = document(people.alice)
    file = await signed(people, payload, "correct horse")
    assert (await verify_file(file, LIMIT, passphrase="correct horse")).payload == payload
    assert await refusal(file) is PassphraseNeeded
    assert await refusal(file, "wrong horse") is PassphraseWrong
    cut = bytearray(dearmor(file))
    cut[-3] ^= 1
    assert await refusal(armor(bytes(cut)), "correct horse") is Altered
    assert (await verify_file(await signed(people, payload), LIMIT, passphrase="not needed")).payload == payload


async def test_an_expired_key_is_named_as_the_reason(people: People) -> None:
    home, old = old_home(people.folder, "older", "20230101T000000", "1y")
    certificate = export(home, old.fingerprint).decode()
    payload = canonical({"fingerprint": old.fingerprint, "certificate": certificate})
    signing = next(subkey.fingerprint for subkey in old.subkeys if "s" in subkey.uses)
    file = gpg(home, "--faked-system-time=20230201T000000", "--local-user", signing + "!", "--sign", data=payload)
    assert await refusal(armor(file)) in {UnusableKey, WrongKey}


def test_armor_is_what_gpg_reads(people: People) -> None:
    message = gpg(people.alice.home, "--store", data=b"hello")
    assert gpg(people.alice.home, "--decrypt", data=armor(message)) == b"hello"
    assert dearmor(gpg(people.alice.home, "--enarmor", data=message).replace(b"ARMORED FILE", b"MESSAGE")) == message
    assert base64.b64encode(message) in armor(message).replace(b"\n", b"")


async def test_verification_leaves_nothing_behind(
    people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    file = await signed(people, document(people.alice), "locked")
    assert (await verify_file(file, LIMIT, passphrase="locked")).fingerprint == people.alice.fingerprint
    assert await refusal(file, "wrong") is PassphraseWrong
    assert not contents(tmp_path)
