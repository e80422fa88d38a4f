"""Real directories behind real symbolic links, and clocks that stand until they are moved."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from channels.base import Channel, Parcel
from channels.directory import Settings, connect, prepare
from channels.directory.names import name_of
from tests.contract.channels import TAG


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Share:
    """Alice writes ``there``, bob reads it; both know it by a symbolic link of their own."""

    there: Path
    back: Path
    alice_send: Path
    bob_receive: Path
    alice: Channel
    bob: Channel
    bob_settings: Settings
    steady: Clock

    def plant(self, one: Parcel, data: bytes | None = None) -> Path:
        """A file with the name of this parcel, whole or with other content."""
        path = self.there / file_name(one)
        path.write_bytes(one.data if data is None else data)
        return path

    def parcels(self) -> list[str]:
        return sorted(path.name for path in self.there.iterdir() if path.suffix == ".bbm")


def file_name(one: Parcel) -> str:
    name = name_of(one)
    assert name is not None
    return str(name)


@pytest.fixture
async def share(tmp_path: Path) -> AsyncIterator[Share]:
    there, back = tmp_path / "server" / "there", tmp_path / "server" / "back"
    alice_send, bob_receive = tmp_path / "SEND", tmp_path / "RECEIVE"
    there.mkdir(parents=True)
    back.mkdir()
    alice_send.symlink_to(there)
    bob_receive.symlink_to(there)
    prepare(alice_send, back, TAG)
    steady = Clock()
    bob_settings = Settings(back, bob_receive, TAG)
    alice = connect(Settings(alice_send, back, TAG), steady)
    bob = connect(bob_settings, steady)
    yield Share(there, back, alice_send, bob_receive, alice, bob, bob_settings, steady)
    await alice.close()
    await bob.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of one megabyte."""
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    point = tmp_path / "small"
    point.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "backbone-test", point], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    yield point
    subprocess.run(["umount", "--lazy", point], check=True)
