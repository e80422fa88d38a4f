"""Handshake files that are not as they should be: each its own sentence, exit 5, and nothing changed."""

import asyncio
import base64
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from handshake.file import verify_file
from handshake.limits import FILE_BYTES_MAX
from tests.acceptance.forging import gpg, offer_with
from tests.acceptance.nodes import NodeAtWork, invite, join, picture, two_nodes

LONG_AGO = "2024-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def world(shared_place: Path) -> Iterator[tuple[NodeAtWork, NodeAtWork, Path]]:
    with two_nodes(shared_place) as (alice, bob):
        yield alice, bob, invite(alice, shared_place / "offer.asc")


def altered(file: Path, _: Path) -> bytes:
    """One bit in the middle, where the key is; the armor's own checksum is left out."""
    return _flipped(file, 0.5)


def signature_altered(file: Path, _: Path) -> bytes:
    return _flipped(file, 0.99)


def _flipped(file: Path, place: float) -> bytes:
    lines = file.read_text().splitlines()
    begin, end = lines.index("") + 1, next(n for n, line in enumerate(lines) if line.startswith(("=", "-----END")))
    data = bytearray(base64.b64decode("".join(lines[begin:end])))
    data[int(len(data) * place)] ^= 1
    body = textwrap.wrap(base64.b64encode(data).decode(), 64)
    return "\n".join([*lines[:begin], *body, "-----END PGP MESSAGE-----", ""]).encode()


def expired(file: Path, home: Path) -> bytes:
    return asyncio.run(offer_with(file, home, created=LONG_AGO, expires="2024-01-15T00:00:00Z"))


def wrong_version(file: Path, home: Path) -> bytes:
    return asyncio.run(offer_with(file, home, protocols=(99,)))


def truncated(file: Path, _: Path) -> bytes:
    data = file.read_bytes()
    return data[: len(data) // 2]


def unsigned(file: Path, home: Path) -> bytes:
    home.mkdir(mode=0o700)
    payload = asyncio.run(verify_file(file.read_bytes(), FILE_BYTES_MAX)).payload
    return gpg(home, ["--armor", "--store"], payload)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (altered, "was changed after it was signed"),
        (signature_altered, "was changed after it was signed"),
        (expired, "expired"),
        (wrong_version, "version"),
        (truncated, "the end of the file is missing"),
        (unsigned, "is not signed"),
    ],
)
def test_a_bad_file_is_refused_with_its_own_sentence_and_nothing_changes(
    world: tuple[NodeAtWork, NodeAtWork, Path], place: Path, spoil: object, sentence: str
) -> None:
    _, bob, offer = world
    assert callable(spoil)
    bad = place / "bad.asc"
    bad.write_bytes(spoil(offer, place / "m"))
    before = picture(bob)
    done = join(bob, bad, expected=5)
    assert picture(bob) == before
    _says(done.stderr, sentence)


def test_an_own_file_cannot_be_joined_at_home(world: tuple[NodeAtWork, NodeAtWork, Path]) -> None:
    alice, _, offer = world
    before = picture(alice)
    done = alice.cli("link", "join", str(offer), "--name", "myself", "--yes", expected=5)
    assert picture(alice) == before
    _says(done.stderr, "was written here")


def test_a_file_works_once(place: Path) -> None:
    with two_nodes(place) as (alice, bob):
        offer = invite(alice, place / "offer.asc")
        answer = place / "answer.asc"
        bob.cli("link", "join", str(offer), "--name", bob.link, "--yes", "--out", str(answer))
        alice.cli("link", "accept", str(answer))
        before = picture(bob), picture(alice)
        again = bob.cli("link", "join", str(offer), "--name", "again", "--yes", expected=5)
        twice = alice.cli("link", "accept", str(answer), expected=5)
        assert (picture(bob), picture(alice)) == before
        _says(again.stderr, "joined already")
        _says(twice.stderr, "accepted already|waits for an acceptance")


def _says(text: str, sentence: str) -> None:
    """One sentence, no traceback, with these words in it."""
    assert "Traceback" not in text
    assert any(word in text for word in sentence.split("|")), text
