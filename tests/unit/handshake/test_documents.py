"""The documents' form, what binds them, and the words made from it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake import transcript as binding
from handshake.documents import (
    Acceptance,
    ChannelAddress,
    Confirmation,
    Offer,
    Revocation,
    canonical,
    decode,
    encode,
    read_object,
)
from handshake.errors import (
    Expired,
    HandshakeError,
    Malformed,
    NotAHandshake,
    OwnFile,
    WrongLink,
    WrongProof,
    WrongTranscript,
    WrongVersion,
)
from handshake.words import WORDS, safety_words

LINK, MASTER_NODE, SLAVE_NODE = "1" * 32, "a" * 32, "b" * 32
NOW = "2026-11-22T00:00:00Z"

OFFER = Offer(
    protocols=(1,),
    suites=(1,),
    link_id=LINK,
    name="acme-globex",
    description="Defects found in Grüße\nand more",
    created="2026-11-21T04:19:00Z",
    expires="2026-12-05T04:19:00Z",
    node=MASTER_NODE,
    node_name="Acme GmbH & Co.",
    incarnation="00000001abcdef01",
    certificate="-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n",
    fingerprint="A" * 40,
    channel=ChannelAddress(kind="directory", address={"tag": "0011223344556677"}),
    agreement={"fields": [{"name": "title", "type": "text"}]},
    token="c" * 64,
    nonce="d" * 64,
    backup_horizon_days=35,
)
OFFER_BYTES = encode(OFFER)
ACCEPTANCE = binding.prove(
    OFFER_BYTES,
    Acceptance(
        link_id=LINK,
        offer_digest=binding.digest(OFFER_BYTES),
        node=SLAVE_NODE,
        node_name="Globex",
        incarnation="00000001abcdef02",
        certificate="-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nBBBB\n",
        fingerprint="B" * 40,
        channel=ChannelAddress(kind="directory", address={}),
        protocol=1,
        suite=1,
        nonce="e" * 64,
        proof="0" * 64,
    ),
)


def changed(**values: Any) -> bytes:
    """The offer's bytes with other values, in canonical form."""
    return canonical({**json.loads(OFFER_BYTES), **values})


def test_documents_survive_the_round_trip() -> None:
    confirmation = Confirmation(link_id=LINK, transcript="f" * 64)
    assert decode(Offer, OFFER_BYTES) == OFFER
    assert decode(Acceptance, encode(ACCEPTANCE)) == ACCEPTANCE
    assert decode(Confirmation, encode(confirmation)) == confirmation


def test_the_token_is_not_shown() -> None:
    assert OFFER.token not in repr(OFFER)
    with pytest.raises(Malformed) as refused:
        decode(Offer, changed(token=OFFER.token + "!"))
    assert OFFER.token not in str(refused.value)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", Malformed),
        (b"[]", Malformed),
        (b"\xff", Malformed),
        (b"{", Malformed),
        (b"[" * 100_000, Malformed),
        (b'{"a":' * 50 + b"1" + b"}" * 50, Malformed),
        (b'{"a":1,"a":2}', Malformed),
        (b'{"a":1.5}', Malformed),
        (b'{"a":NaN}', Malformed),
        (b" " * (1024 * 1024 + 1), Malformed),
        (b"{}", NotAHandshake),
        (encode(ACCEPTANCE), NotAHandshake),
        (changed(version=2), WrongVersion),
        (changed(version="2"), WrongVersion),
        (changed(version=True), WrongVersion),
        (changed(extra=1), Malformed),
        (changed(protocols=[]), Malformed),
        (changed(protocols=["1"]), Malformed),
        (changed(link_id="1" * 31), Malformed),
        (changed(link_id="1" * 32 + "\n"), Malformed),
        (changed(name="../etc"), Malformed),
        (changed(node_name="a\u001b[31mred"), Malformed),
        (changed(node_name="x" * 201), Malformed),
        (changed(fingerprint="a" * 40), Malformed),
        (changed(expires="2026-13-05T04:19:00Z"), Malformed),
        (changed(expires="soon"), Malformed),
        (changed(agreement={"x": "y" * 300_000}), Malformed),
        (changed(backup_horizon_days=0), Malformed),
        (changed(backup_horizon_days="35"), Malformed),
        (OFFER_BYTES + b"\n", Malformed),
        (json.dumps(json.loads(OFFER_BYTES)).encode(), Malformed),
    ],
)
def test_what_is_not_the_document_is_refused(data: bytes, error: type[HandshakeError]) -> None:
    with pytest.raises(HandshakeError) as refused:
        decode(Offer, data)
    assert type(refused.value) is error


@given(st.binary(max_size=200))
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(HandshakeError):
        decode(Offer, data)


def test_brackets_inside_text_do_not_count_as_depth() -> None:
    assert read_object(canonical({"a": "[" * 100 + '\\"'})) == {"a": "[" * 100 + '\\"'}


def test_the_slave_takes_a_good_offer_and_no_other() -> None:
    assert binding.check_offer(OFFER, now=NOW, node=SLAVE_NODE) == (1, 1)
    with pytest.raises(OwnFile):
        binding.check_offer(OFFER, now=NOW, node=MASTER_NODE)
    with pytest.raises(Expired):
        binding.check_offer(OFFER, now="2026-12-05T04:19:01Z", node=SLAVE_NODE)
    with pytest.raises(WrongVersion):
        binding.check_offer(OFFER.model_copy(update={"protocols": (2, 3)}), now=NOW, node=SLAVE_NODE)
    with pytest.raises(WrongVersion):
        binding.check_offer(OFFER.model_copy(update={"suites": (9,)}), now=NOW, node=SLAVE_NODE)


def test_the_master_takes_a_good_acceptance() -> None:
    assert binding.check_acceptance(OFFER_BYTES, ACCEPTANCE) == binding.transcript(OFFER_BYTES, ACCEPTANCE)


@pytest.mark.parametrize(
    ("update", "error"),
    [
        ({"link_id": "2" * 32}, WrongLink),
        ({"offer_digest": "0" * 64}, WrongLink),
        ({"node": MASTER_NODE}, OwnFile),
        ({"fingerprint": "A" * 40}, OwnFile),
        ({"protocol": 2}, WrongVersion),
        ({"suite": 2}, WrongVersion),
        ({"proof": "0" * 64}, WrongProof),
        ({"fingerprint": "C" * 40}, WrongProof),
        ({"nonce": "0" * 64}, WrongProof),
        ({"node_name": "Mallory"}, WrongProof),
        ({"channel": ChannelAddress(kind="mail", address={})}, WrongProof),
    ],
)
def test_another_acceptance_is_refused(update: dict[str, Any], error: type[HandshakeError]) -> None:
    with pytest.raises(HandshakeError) as refused:
        binding.check_acceptance(OFFER_BYTES, ACCEPTANCE.model_copy(update=update))
    assert type(refused.value) is error


def test_a_confirmation_names_link_and_transcript() -> None:
    seen = binding.transcript(OFFER_BYTES, ACCEPTANCE)
    good = Confirmation(link_id=LINK, transcript=seen.hex())
    binding.check_confirmation(good, link_id=LINK, transcript=seen)
    with pytest.raises(WrongLink):
        binding.check_confirmation(good, link_id="2" * 32, transcript=seen)
    with pytest.raises(WrongTranscript):
        binding.check_confirmation(good, link_id=LINK, transcript=bytes(32))


def test_a_revocation_names_link_and_transcript() -> None:
    seen = binding.transcript(OFFER_BYTES, ACCEPTANCE)
    good = Revocation(link_id=LINK, transcript=seen.hex(), reason="contract ended")
    assert decode(Revocation, encode(good)) == good
    binding.check_revocation(good, link_id=LINK, transcript=seen)
    with pytest.raises(WrongLink):
        binding.check_revocation(good, link_id="2" * 32, transcript=seen)
    with pytest.raises(WrongTranscript):
        binding.check_revocation(good, link_id=LINK, transcript=bytes(32))


def test_the_transcript_has_not_changed() -> None:
    """Golden: another value here means that two versions of Backbone cannot be paired."""
    seen = binding.transcript(OFFER_BYTES, ACCEPTANCE)
    assert seen.hex() == "533c90502e04977c125faa62b3d00e85a870a253a64ee395127a74b7af49e6cd"
    assert " ".join(safety_words(seen)) == "eclipse coconut lemon donkey castle amber lyric igloo ballet fiddle"


def test_the_words_are_256_and_cannot_be_mixed_up() -> None:
    assert len(WORDS) == len({word[:4] for word in WORDS}) == 256
    assert all(5 <= len(word) <= 8 and word.isascii() and word.islower() for word in WORDS)
    assert len(safety_words(bytes(32))) == 10
    with pytest.raises(ValueError):
        safety_words(b"short")
