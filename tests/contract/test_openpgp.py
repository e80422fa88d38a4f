"""A second OpenPGP program, Sequoia, reads what we make, and we read what it makes with our keys; and nothing else.

Keys are made by us: those that Sequoia makes announce an encryption that GnuPG 2.2 cannot read.
"""

import random
from dataclasses import dataclass

import pysequoia
import pytest
from pysequoia import Cert, SignatureMode, Tsk

from backbone.replication.message import decode, encode
from handshake import keyring
from handshake.armor import armor
from handshake.documents import Offer, canonical
from handshake.documents import decode as decode_document
from handshake.errors import Refused
from handshake.file import verify_file
from handshake.keyring import GnupgKeyRing
from handshake.limits import FILE_BYTES_MAX
from tests.unit.handshake.conftest import People, Person
from tests.unit.handshake.openpgp import gpg
from tests.unit.handshake.test_documents import OFFER
from tests.unit.replication.samples import samples

LIMIT = 1 << 20
SIZES = (0, 1, 1024, 70_000, 1_000_000)


@dataclass(frozen=True)
class Sequoia:
    """A person's secret key in the other program's hands."""

    secret: Tsk
    public: Cert

    def opened(self, parcel: bytes, sender: Cert) -> tuple[bytes, list[str]]:
        """The content, and the certificates whose signatures over it are good."""
        found = pysequoia.decrypt(parcel, decryptor=self.secret.decryptor(), store=lambda _: [sender])
        assert found.bytes is not None
        return bytes(found.bytes), [one.certificate.upper() for one in found.valid_sigs]

    def sealed(self, content: bytes, *receivers: Cert) -> bytes:
        return bytes(pysequoia.encrypt(content, recipients=list(receivers), signer=self.secret.signer(), armor=False))


@pytest.fixture(scope="module")
def alice(people: People) -> Sequoia:
    return of(people.alice)


@pytest.fixture(scope="module")
def bob(people: People) -> Sequoia:
    return of(people.bob)


@pytest.fixture(scope="module")
def mallory(people: People) -> Sequoia:
    return of(people.mallory)


def of(person: Person) -> Sequoia:
    secret = Tsk.from_bytes(gpg(person.home, "--export-secret-keys", person.fingerprint))
    return Sequoia(secret, Cert.from_bytes(person.public()))


async def ring(person: Person) -> GnupgKeyRing:
    return await keyring.open_home(person.home)


async def refused(person: Person, signer: Person, parcel: bytes, *, encrypted: bool = True) -> str:
    opening = (await ring(person)).open(parcel, signer=signer.fingerprint, message_bytes_max=LIMIT, encrypted=encrypted)
    with pytest.raises(Refused) as refusal:
        await opening
    return refusal.value.reason


@pytest.mark.parametrize("size", SIZES)
async def test_sequoia_opens_what_we_sealed(people: People, alice: Sequoia, bob: Sequoia, size: int) -> None:
    content = random.Random(size).randbytes(size)
    parcel = await (await ring(people.alice)).seal(content, recipient=people.bob.fingerprint)
    assert bob.opened(parcel, alice.public) == (content, [people.alice.fingerprint])


@pytest.mark.parametrize("size", SIZES)
async def test_we_open_what_sequoia_sealed(people: People, alice: Sequoia, bob: Sequoia, size: int) -> None:
    content = random.Random(size).randbytes(size)
    parcel = alice.sealed(content, bob.public)
    opened = await (await ring(people.bob)).open(parcel, signer=people.alice.fingerprint, message_bytes_max=LIMIT)
    assert opened == content


@pytest.mark.parametrize("kind", samples())
async def test_a_message_of_each_kind_travels_both_ways(
    people: People, alice: Sequoia, bob: Sequoia, kind: str
) -> None:
    message = samples()[kind]
    parcel = await (await ring(people.alice)).seal(encode(message), recipient=people.bob.fingerprint)
    content, _ = bob.opened(parcel, alice.public)
    assert decode(content) == message
    back = await (await ring(people.alice)).open(
        bob.sealed(content, alice.public), signer=people.bob.fingerprint, message_bytes_max=LIMIT
    )
    assert decode(back) == message


async def test_a_signed_message_without_encryption_travels_both_ways(people: People, alice: Sequoia) -> None:
    ours = await (await ring(people.alice)).seal(b"hello", recipient="", encrypt=False)
    found = pysequoia.verify(ours, store=lambda _: [alice.public])
    assert found.bytes is not None
    assert bytes(found.bytes) == b"hello"
    theirs = bytes(pysequoia.sign(alice.secret.signer(), b"hello", mode=SignatureMode.INLINE, armor=False))
    opened = await (await ring(people.bob)).open(
        theirs, signer=people.alice.fingerprint, message_bytes_max=LIMIT, encrypted=False
    )
    assert opened == b"hello"


async def test_sequoia_checks_a_handshake_file_and_we_take_one_that_it_signed(people: People, alice: Sequoia) -> None:
    document = {**OFFER.model_dump(mode="json"), "certificate": people.alice.public().decode(),
                "fingerprint": people.alice.fingerprint}  # fmt: skip
    ours = await (await ring(people.alice)).sign(canonical(document))
    found = pysequoia.verify(ours, store=lambda _: [alice.public])
    assert found.bytes is not None
    assert bytes(found.bytes) == canonical(document)
    theirs = armor(bytes(pysequoia.sign(alice.secret.signer(), canonical(document), armor=False)))
    signed = await verify_file(theirs, FILE_BYTES_MAX)
    assert signed.fingerprint == people.alice.fingerprint
    assert decode_document(Offer, signed.payload).link_id == OFFER.link_id


async def test_what_sequoia_makes_for_others_or_as_others_is_refused(
    people: People,
    alice: Sequoia,
    bob: Sequoia,
    mallory: Sequoia,
) -> None:
    assert await refused(people.bob, people.alice, mallory.sealed(b"x", bob.public)) == "unknown_signer"
    assert await refused(people.bob, people.alice, alice.sealed(b"x", mallory.public)) == "not_for_us"
    assert await refused(people.bob, people.alice, alice.sealed(bytes(LIMIT + 1), bob.public)) == "too_large"
    unsigned = bytes(pysequoia.encrypt(b"x", recipients=[bob.public], armor=False))
    assert await refused(people.bob, people.alice, unsigned) == "unsigned"
    clear = bytes(pysequoia.sign(alice.secret.signer(), b"x", mode=SignatureMode.CLEAR, armor=True))
    assert await refused(people.bob, people.alice, clear, encrypted=False)
    altered = bytearray(alice.sealed(b"x" * 500, bob.public))
    altered[-100] ^= 1
    assert await refused(people.bob, people.alice, bytes(altered)) in {"damaged", "not_openpgp", "gpg_failed"}


async def test_sequoia_refuses_our_parcel_when_it_was_altered(people: People, alice: Sequoia, bob: Sequoia) -> None:
    parcel = bytearray(await (await ring(people.alice)).seal(b"x" * 500, recipient=people.bob.fingerprint))
    parcel[-100] ^= 1
    with pytest.raises(RuntimeError):
        bob.opened(bytes(parcel), alice.public)
