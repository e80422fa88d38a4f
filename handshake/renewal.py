"""New subkeys beside the old ones, ours and the partner's: made or imported aside, looked at, swapped in.

The primary key, which both sides pinned, stays. Nothing is ever taken away: an old secret key still opens what was
sealed to it. Killed at any line, the folder is as before or has all of the new; what was left aside is swept by the
next attempt.
"""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from handshake import home as homes
from handshake.certificate import Certificate, Subkey
from handshake.errors import KeyRingError, WrongKey
from handshake.limits import CERTIFICATE_BYTES_MAX, FILE_BYTES_MAX
from handshake.process import run

Listed = Callable[[Path], Sequence[Certificate]]
_SUBKEY_BYTES = 2048
"""A pair of them in a minimal armored certificate takes less."""


def extend(home: Path, own: Certificate, listed: Listed, passphrase: str | None) -> None:
    """A new signing and a new encryption subkey for our own key. Blocking. Raises ``KeyRingError``."""
    if len(homes.export(home, own.fingerprint)) + _SUBKEY_BYTES > CERTIFICATE_BYTES_MAX:
        raise KeyRingError("the key has had as many subkeys as a certificate can carry: make a new handshake")
    stage = home.with_name(home.name + "+")  # a sibling: the path of a folder inside might be too long for the agent
    shutil.rmtree(stage, ignore_errors=True)
    try:
        shutil.copytree(home, stage, ignore=_not_keys)
        homes.add_subkeys(stage, own.fingerprint, passphrase)
        found = {known.fingerprint: known for known in listed(stage)}[own.fingerprint]
        if len(found.subkeys) != len(own.subkeys) + 2 or found.subkeys[: len(own.subkeys)] != own.subkeys:
            raise KeyRingError(f"gpg could not make new subkeys in {stage}: is the key's passphrase right?")
        homes.add_secret_keys(home, stage)
        homes.replace_public_keys(home, stage)
    finally:
        homes.stop_agent(stage)
        shutil.rmtree(stage, ignore_errors=True)


def _not_keys(_folder: str, names: list[str]) -> set[str]:
    """Sockets, locks and left-overs stay where they are."""
    wanted = ("gpg-agent.conf", "pubring.kbx", "private-keys-v1.d")
    return {name for name in names if name not in wanted and not name.endswith(".key")}


def merge(home: Path, peer: Certificate, certificate: bytes, names: tuple[str, str], listed: Listed) -> Certificate:
    """The pinned certificate with the subkeys that ``certificate`` adds; ``names`` are those that shall sign and be
    sealed to. Blocking. Raises ``WrongKey``; then nothing was changed.
    """
    with tempfile.TemporaryDirectory(prefix="new-", dir=home) as folder:
        stage = Path(folder)
        homes.import_into(stage, homes.export(home), certificate)
        found = {known.fingerprint: known for known in listed(stage)}
        if len(found) != len(listed(home)) or peer.fingerprint not in found:
            raise WrongKey("the certificate holds other keys than the one that is pinned: make a new handshake")
        merged = found[peer.fingerprint]
        for name, use in zip(names, "se", strict=True):
            named(merged, name, use)
        if len(homes.export(stage, peer.fingerprint)) > CERTIFICATE_BYTES_MAX:
            raise WrongKey("the partner's key has more subkeys than a certificate can carry: make a new handshake")
        arguments = ("--encrypt", "--recipient", names[1] + "!")
        if run(stage, arguments, data=b"test", output_bytes_max=FILE_BYTES_MAX).code != 0:
            raise WrongKey(f"gpg cannot encrypt to subkey {names[1]}")
        homes.replace_public_keys(home, stage)
    return merged


def revocation(home: Path, own: Certificate, reason: str, passphrase: str | None) -> bytes:
    """Our primary key's revocation of itself, code 1: stolen. Blocking. Raises ``KeyRingError``."""
    said = reason.encode("ascii", "replace").replace(b"\n", b" ")
    answers = b"y\n1\n" + said + b"\n\ny\n"  # what gpg asks: whether, why by code, why in words, an empty line, sure
    arguments = ("--no-batch", "--command-fd", "0", "--armor", "--gen-revoke", own.fingerprint)
    made = run(home, arguments, data=answers, output_bytes_max=FILE_BYTES_MAX, passphrase=passphrase)
    if made.code != 0 or b"BEGIN PGP PUBLIC KEY BLOCK" not in made.output:
        raise KeyRingError(f"gpg could not make a revocation in {home}: is the folder readable and whole?")
    return made.output


def revokes(home: Path, peer: Certificate, certificate: bytes, listed: Listed) -> bool:
    """Whether gpg, given this certificate, takes the pinned key for revoked. Blocking; ``home`` stays as it is."""
    with tempfile.TemporaryDirectory(prefix="new-", dir=home) as folder:
        stage = Path(folder)
        homes.import_into(stage, homes.export(home, peer.fingerprint), certificate)
        found = listed(stage)
    return [known.fingerprint for known in found] == [peer.fingerprint] and not found[0].usable


def named(certificate: Certificate, fingerprint: str, use: str) -> Subkey:
    """The usable subkey of that name and use. Raises ``WrongKey``."""
    for subkey in certificate.subkeys:
        if subkey.fingerprint == fingerprint and subkey.usable and use in subkey.uses:
            return subkey
    word = "sign" if use == "s" else "encrypt"
    raise WrongKey(f"key {certificate.fingerprint} has no usable subkey {fingerprint} to {word} with")


def newest(certificate: Certificate, behind: str) -> tuple[str, str] | None:
    """The signing and encryption subkeys that were added behind the subkey ``behind`` and its partner, if any."""
    known = [subkey.fingerprint for subkey in certificate.subkeys]
    later = certificate.subkeys[known.index(behind) + 2 :] if behind in known else ()
    signing = [subkey.fingerprint for subkey in later if subkey.usable and "s" in subkey.uses]
    sealing = [subkey.fingerprint for subkey in later if subkey.usable and "e" in subkey.uses]
    return (signing[-1], sealing[-1]) if signing and sealing else None
