"""A link's GnuPG home: making it, and what python-gnupg does in it (create, export, import keys).

Nothing that python-gnupg reports is believed: after each step the home is listed (``keyring.py``) and the
listing decides.
"""

import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import gnupg

from handshake.errors import KeyRingError
from handshake.limits import HOME_PATH_CHARACTERS_MAX, SUBKEY_YEARS
from handshake.process import OPTIONS, environment, run

VERSION_MIN = (2, 2, 40)
VERSION_ADVISED = (2, 4, 1)

_PREFERENCES = "AES256 AES SHA512 SHA256 Uncompressed"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,63}")
_PIPED_BYTES = 64 * 1024
_AGENT = "s2k-count 65536\n"  # the default makes a passphrase cost half a second at each use


def gpg_version() -> tuple[int, int, int]:
    """The installed gpg's version. Raises ``KeyRingError`` when there is none or it is too old."""
    try:
        answer = _call("gpg", "--version")
    except (OSError, subprocess.SubprocessError) as error:
        raise KeyRingError("gpg cannot be started: install GnuPG 2.2.40 or newer") from error
    match = re.match(rb"gpg \(GnuPG[^)]*\) (\d+)\.(\d+)\.(\d+)", answer)
    if match is None:
        raise KeyRingError("the program gpg is not GnuPG: put GnuPG 2.2.40 or newer first on the PATH")
    version = (int(match[1]), int(match[2]), int(match[3]))
    if version < VERSION_MIN:
        raise KeyRingError(f"GnuPG {_dotted(version)} is too old: install {_dotted(VERSION_MIN)} or newer")
    return version


def version_warning(version: tuple[int, int, int]) -> str | None:
    """A sentence when a newer gpg would be better."""
    if version < VERSION_ADVISED:
        return f"GnuPG {_dotted(version)} works; {_dotted(VERSION_ADVISED)} or newer is advised"
    return None


def check_path(home: Path) -> None:
    """Raises ``KeyRingError`` when gpg's agent could not put its socket into ``home``."""
    length = len(os.fsencode(home.absolute()))
    if length > HOME_PATH_CHARACTERS_MAX:
        raise KeyRingError(
            f"the key folder {home} has a path of {length} characters, and gpg's agent works up to "
            f"{HOME_PATH_CHARACTERS_MAX}: put the node into a folder with a shorter path"
        )


def make(home: Path, name: str, passphrase: str | None = None) -> None:
    """Fill the new folder ``home`` with a key pair for ``name``; all of it or nothing. Blocking.

    The secret keys are encrypted where there is a ``passphrase``: one line, not empty.
    """
    if not _NAME.fullmatch(name):
        raise KeyRingError(f"the key cannot be named {name!r}: use up to 64 letters, digits, dots and dashes")
    check_path(home)
    try:
        home.mkdir(mode=0o700, parents=True)
        home.chmod(0o700)
    except FileExistsError as error:
        raise KeyRingError(f"the key folder {home} exists already: name a new one") from error
    except OSError as error:
        raise KeyRingError(f"the key folder {home} cannot be made: {error.strerror}") from error
    try:
        (home / "gpg-agent.conf").write_text(_AGENT)
        _make_keys(home, name, passphrase)
        _sync(home)
    except BaseException:
        stop_agent(home)
        shutil.rmtree(home, ignore_errors=True)
        raise


def import_into(home: Path, *certificates: bytes) -> None:
    """Import public certificates; the caller lists the home afterwards. Blocking."""
    wrapper = _wrapper(home)
    for certificate in certificates:
        wrapper.import_keys(certificate, extra_args=["--import-options=import-minimal"])


def export(home: Path, *fingerprints: str) -> bytes:
    """Minimal armored certificates. Blocking. Raises ``KeyRingError`` when there are none."""
    text = str(_wrapper(home).export_keys(list(fingerprints), minimal=True))
    if "BEGIN PGP PUBLIC KEY BLOCK" not in text:
        raise KeyRingError(f"the key folder {home} holds no certificate: restore it from the backup")
    return text.encode("ascii")


def stop_agent(home: Path) -> None:
    """End the processes that gpg left behind for this home; the next use starts them again."""
    with suppress(OSError, subprocess.SubprocessError):
        _call("gpgconf", "--homedir", str(home), "--kill", "all")


def replace_public_keys(home: Path, stage: Path) -> None:
    """Put the key file made in ``stage`` in place of the one in ``home``: one rename, durable when it returns."""
    prepared = stage / "pubring.kbx"
    _fsync(prepared)
    prepared.replace(home / "pubring.kbx")
    _fsync(home)


def add_secret_keys(home: Path, stage: Path) -> None:
    """Put the secret keys that were made in ``stage`` beside those in ``home``: durable when it returns."""
    there = home / "private-keys-v1.d"
    for made in sorted((stage / "private-keys-v1.d").glob("*.key")):
        if not (there / made.name).exists():
            _fsync(made)
            made.replace(there / made.name)
    _fsync(there)


def _call(*command: str) -> bytes:
    return subprocess.run(  # noqa: S603 (no shell; the arguments are ours)
        command, capture_output=True, check=True, timeout=10, env=environment()
    ).stdout


def _make_keys(home: Path, name: str, passphrase: str | None) -> None:
    # The batch language knows one subkey only; both are added to a primary key that does nothing but certify.
    protection = "%no-protection\n" if passphrase is None else ""
    described = (
        f"{protection}Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: cert\n"
        f"Name-Real: {name}\nExpire-Date: 0\nPreferences: {_PREFERENCES}\n%commit\n"
    )
    run(home, ("--gen-key",), data=described.encode(), output_bytes_max=_PIPED_BYTES, passphrase=passphrase or "")
    listed = _wrapper(home).list_keys()
    if len(listed) != 1:
        raise KeyRingError(f"gpg could not make a key in {home}: run 'gpgconf --check-programs' to see why")
    add_subkeys(home, str(listed[0]["fingerprint"]), passphrase)


def add_subkeys(home: Path, fingerprint: str, passphrase: str | None) -> None:
    """One that signs, one that is sealed to; the caller lists the home afterwards. Blocking."""
    for algorithm, use in (("ed25519", "sign"), ("cv25519", "encr")):
        arguments = ("--quick-add-key", fingerprint, algorithm, use, f"{SUBKEY_YEARS}y")
        run(home, arguments, output_bytes_max=_PIPED_BYTES, passphrase=passphrase or "")


def _wrapper(home: Path) -> gnupg.GPG:
    # The empty passphrase is no secret: it keeps gpg from asking for one when it stores a new subkey.
    options = [*OPTIONS, "--pinentry-mode=loopback", "--passphrase=", "--allow-freeform-uid"]
    try:
        return gnupg.GPG(gnupghome=str(home), options=options, env=dict(environment()))
    except (OSError, ValueError) as error:
        raise KeyRingError("gpg cannot be started: install GnuPG 2.2.40 or newer") from error


def _sync(home: Path) -> None:
    for path in home.rglob("*"):
        if path.is_file() or path.is_dir():
            _fsync(path)
    _fsync(home)
    _fsync(home.parent)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _dotted(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))
