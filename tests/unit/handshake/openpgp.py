"""A bare gpg, to make messages and keys that our own code never would."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handshake import home as homes
from handshake import keyring
from handshake.certificate import Certificate

_OPTIONS = ["--batch", "--no-tty", "--no-options", "--yes", "--trust-model=always", "--compress-algo=none"]


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder with a path short enough for gpg's agent; the agents of the homes in it end with it."""
    folder = Path(tempfile.mkdtemp(prefix="hs", dir="/tmp"))
    try:
        yield folder
    finally:
        for home in folder.iterdir():
            if home.is_dir():
                homes.stop_agent(home)
        shutil.rmtree(folder)


def gpg(home: Path, *arguments: str, data: bytes = b"", code: int = 0) -> bytes:
    """What gpg writes to standard output."""
    done = subprocess.run(
        ["gpg", "--homedir", str(home), *_OPTIONS, *arguments],
        input=data,
        capture_output=True,
        check=False,
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
        timeout=60,
    )
    assert done.returncode == code, done.stderr.decode()
    return done.stdout


def new_home(folder: Path, name: str) -> tuple[Path, Certificate]:
    """A home with keys as Backbone makes them."""
    home = folder / name
    homes.make(home, name)
    (certificate,) = keyring.listed(home)
    return home, certificate


def old_home(folder: Path, name: str, born: str, expires: str) -> tuple[Path, Certificate]:
    """The same, made at another time (``20230101T000000``) with subkeys that expire.

    The clock stands still (``!``): a slow first call would make a key that the second finds in its future.
    """
    home = folder / name
    home.mkdir(mode=0o700)
    clock = f"--faked-system-time={born}!"
    silent = ["--passphrase=", "--pinentry-mode=loopback", clock]
    gpg(home, *silent, "--quick-gen-key", name, "ed25519", "cert", "0")
    (primary,) = keyring.listed(home)
    for algorithm, use in (("ed25519", "sign"), ("cv25519", "encr")):
        gpg(home, *silent, "--quick-add-key", primary.fingerprint, algorithm, use, expires)
    (certificate,) = keyring.listed(home)
    return home, certificate


def key(certificate: Certificate, use: str) -> str:
    """How gpg is told to take this subkey and no other."""
    (subkey,) = (subkey for subkey in certificate.subkeys if use in subkey.uses)
    return subkey.fingerprint + "!"


def export(home: Path, fingerprint: str) -> bytes:
    return gpg(home, "--armor", "--export-options=export-minimal", "--export", fingerprint)
