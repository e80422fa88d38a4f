"""Three nodes with real keys: alice and bob are paired, mallory is paired with nobody but knows both certificates."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from handshake import home as homes
from handshake import keyring
from handshake.certificate import Certificate
from tests.unit.handshake.openpgp import export, key, new_home, short_folder


@dataclass(frozen=True)
class Person:
    home: Path
    certificate: Certificate

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint

    @property
    def signing(self) -> str:
        return key(self.certificate, "s")

    @property
    def encryption(self) -> str:
        return key(self.certificate, "e")

    def public(self) -> bytes:
        return export(self.home, self.fingerprint)


@dataclass(frozen=True)
class People:
    folder: Path
    alice: Person
    bob: Person
    mallory: Person


@pytest.fixture(scope="session")
def people() -> Iterator[People]:
    with short_folder() as folder:
        alice, bob, mallory = (Person(*new_home(folder, name)) for name in ("alice", "bob", "mallory"))
        homes.import_into(mallory.home, alice.public(), bob.public())

        async def pair() -> None:
            for own, peer in ((alice, bob), (bob, alice)):
                await (await keyring.open_home(own.home)).add_peer(peer.public(), peer.fingerprint)

        asyncio.run(pair())
        yield People(folder, alice, bob, mallory)
