"""The key ring that runs: GnuPG.

Keys are named by the full fingerprint of a subkey with ``!``, so that gpg never chooses. Whether a message
is accepted is decided in ``status.py``; here it is made certain that gpg was asked the right question.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar

from handshake import certificate as certificates
from handshake import home as homes
from handshake import renewal, status
from handshake.base import Signed
from handshake.certificate import Certificate
from handshake.errors import REPLACED, KeyRingError, Refused, UnusableKey, WrongKey
from handshake.limits import (
    CERTIFICATE_BYTES_MAX,
    FILE_BYTES_MAX,
    LISTING_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    OUTPUT_SLACK_BYTES,
)
from handshake.process import Outcome, run

T = TypeVar("T")

_LIST = ("--with-colons", "--fixed-list-mode", "--with-subkey-fingerprint")
_SEALED_BYTES_MAX = 2 * MESSAGE_BYTES_MAX
_ALGORITHMS = ("--digest-algo=SHA512", "--cipher-algo=AES256")
_NO_PASSPHRASE = frozenset({11, 85})  # GPG_ERR_BAD_PASSPHRASE, GPG_ERR_NO_PIN_ENTRY (libgpg-error)
_LOCKED = "the link's secret key does not open: correct the passphrase that [keys] in backbone.toml names"
_PASSPHRASE = ("--s2k-mode=3", "--s2k-digest-algo=SHA512", "--s2k-count=65011712")


@lru_cache(maxsize=1)
def workers() -> ThreadPoolExecutor:
    """The threads in which gpg is waited for, one set per process: more at once than cores gains nothing."""
    return ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="gpg")


async def create(
    home: Path, name: str, pool: Executor | None = None, *, passphrase: str | None = None
) -> "GnupgKeyRing":
    """Make a home with a key pair of our own. ``home`` must not exist yet; 80 characters of path at most.

    The secret keys are encrypted where there is a ``passphrase``. Raises ``KeyRingError``; then nothing is left behind.
    """
    await asyncio.get_running_loop().run_in_executor(pool or workers(), homes.make, home, name, passphrase)
    return await open_home(home, pool, passphrase=passphrase)


async def open_home(home: Path, pool: Executor | None = None, *, passphrase: str | None = None) -> "GnupgKeyRing":
    """The key ring in a home made by ``create``. Raises ``KeyRingError`` when it is not one.

    ``passphrase`` is that of its secret keys; where they have none, it is not asked for.
    """
    homes.check_path(home)
    if not (home / "pubring.kbx").is_file():
        raise KeyRingError(f"the key folder {home} is missing or empty: restore it from the backup")
    chosen = pool or workers()
    own, peer = await asyncio.get_running_loop().run_in_executor(chosen, _inventory, home)
    return GnupgKeyRing(home, own, peer, chosen, passphrase)


class GnupgKeyRing:
    """``KeyRing`` on a GnuPG home; see ``base.py`` for what each method promises."""

    def __init__(
        self, home: Path, own: Certificate, peer: Certificate | None, pool: Executor, passphrase: str | None = None
    ) -> None:
        self.home = home
        self._own = own
        self._peer = peer
        self._pool = pool
        self._passphrase = passphrase
        self._changing = asyncio.Lock()
        self._signing = self._sealing = ""
        self._trusted: frozenset[str] | None = None

    @property
    def fingerprint(self) -> str:
        return self._own.fingerprint

    @property
    def peer(self) -> Certificate | None:
        """The pinned certificate with its subkeys' expiry, for warnings."""
        return self._peer

    @property
    def own(self) -> Certificate:
        """Our certificate with its subkeys' expiry, for warnings."""
        return self._own

    async def seal(self, message: bytes, *, recipient: str, encrypt: bool = True, signing: str = "") -> bytes:
        arguments = [*_ALGORITHMS, "--local-user", _address(self._own, "s", signing or self._signing), "--sign"]
        if encrypt:
            arguments += ["--encrypt", "--recipient", _address(self._pinned(recipient), "e", self._sealing)]
        return _made(await self._run(*arguments, data=message, output_bytes_max=_SEALED_BYTES_MAX))

    async def open(self, parcel: bytes, *, signer: str, message_bytes_max: int, encrypted: bool = True) -> bytes:
        opened = await self.open_signed(parcel, signer=signer, message_bytes_max=message_bytes_max, encrypted=encrypted)
        if self._trusted is not None and opened.subkey not in self._trusted:
            raise Refused("replaced_key", REPLACED)
        return opened.message

    async def open_signed(
        self, parcel: bytes, *, signer: str, message_bytes_max: int, encrypted: bool = True
    ) -> Signed:
        def judge(outcome: Outcome) -> Signed:
            proved = status.judge(outcome.status, outcome.code, signer=signer, now=time.time(), encrypted=encrypted)
            return Signed(outcome.output, proved.subkey)

        return await self._judged(parcel, message_bytes_max, judge)

    async def open_stranger(self, parcel: bytes, *, message_bytes_max: int) -> bytes:
        def judge(outcome: Outcome) -> bytes:
            status.judge_stranger(outcome.status, outcome.code)
            return outcome.output

        return await self._judged(parcel, message_bytes_max, judge)

    async def unwrap(self, parcel: bytes, *, message_bytes_max: int) -> bytes:
        limit = f"--max-output={message_bytes_max + OUTPUT_SLACK_BYTES}"
        outcome = await self._run(limit, "--unwrap", "--decrypt", data=parcel, output_bytes_max=message_bytes_max)
        _bounded(outcome, message_bytes_max)
        if outcome.code != 0 or not status.mentions(outcome.status, b"DECRYPTION_OKAY"):
            raise Refused("not_for_us", "the parcel cannot be decrypted: it was changed, or its key is gone")
        return outcome.output

    async def sign(self, text: bytes, *, passphrase: str | None = None) -> bytes:
        arguments = [*_ALGORITHMS, "--armor", "--local-user", _address(self._own, "s", self._signing), "--sign"]
        if passphrase is not None:
            arguments += [*_PASSPHRASE, "--symmetric"]
            # gpg is told one passphrase in a run: the agent learns the key's by a run of its own, and keeps it.
            await self.seal(b"", recipient="", encrypt=False)
        outcome = await self._run(*arguments, data=text, output_bytes_max=4 * FILE_BYTES_MAX, passphrase=passphrase)
        return _made(outcome)

    async def public_key(self) -> bytes:
        return await self._in_thread(partial(homes.export, self.home, self.fingerprint))

    async def peer_key(self) -> bytes:
        if self._peer is None:
            raise KeyRingError(f"the key folder {self.home} holds no partner's key")
        return await self._in_thread(partial(homes.export, self.home, self._peer.fingerprint))

    async def add_peer(self, certificate: bytes, fingerprint: str) -> None:
        async with self._changing:
            self._peer = await self._in_thread(partial(_pin, self.home, self._own, certificate, fingerprint))

    @property
    def signing(self) -> str:
        return _address(self._own, "s", self._signing).rstrip("!")

    @property
    def former(self) -> tuple[str, ...]:
        signed = [subkey.fingerprint for subkey in self._own.subkeys if subkey.usable and "s" in subkey.uses]
        at_work = self.signing
        return tuple(reversed(signed[: signed.index(at_work)] if at_work in signed else ()))

    def use(self, *, signing: str = "", sealing: str = "", trusted: frozenset[str] | None = None) -> None:
        self._signing, self._sealing, self._trusted = signing, sealing, trusted

    async def rotate(self) -> tuple[str, str]:
        async with self._changing:
            if renewal.newest(self._own, self.signing) is None:
                await self._in_thread(partial(renewal.extend, self.home, self._own, listed, self._passphrase))
                self._own, _ = await self._in_thread(partial(_inventory, self.home))
            made = renewal.newest(self._own, self.signing)
        if made is None:
            raise KeyRingError(f"gpg made no new subkeys in {self.home}: run 'gpgconf --check-programs' to see why")
        return made

    async def renew_peer(self, certificate: bytes, *, signing: str, sealing: str) -> None:
        async with self._changing:
            if self._peer is None:
                raise KeyRingError(f"the key folder {self.home} holds no partner's key")
            await self._in_thread(partial(scan, self.home, certificate, self._peer.fingerprint))
            names = (signing, sealing)
            self._peer = await self._in_thread(
                partial(renewal.merge, self.home, self._peer, certificate, names, listed)
            )

    async def revocation(self, reason: str) -> bytes:
        return await self._in_thread(partial(renewal.revocation, self.home, self._own, reason, self._passphrase))

    async def is_revoked_by(self, certificate: bytes) -> bool:
        if self._peer is None or len(certificate) > CERTIFICATE_BYTES_MAX:
            return False
        return await self._in_thread(partial(renewal.revokes, self.home, self._peer, certificate, listed))

    async def signature_seconds(self) -> float:
        """How long one signature takes here, the agent being warm; ``limits.SIGNATURE_SECONDS_WARN`` is too long."""
        await self.seal(b"", recipient="", encrypt=False)
        start = time.perf_counter()
        await self.seal(b"", recipient="", encrypt=False)
        return time.perf_counter() - start

    async def close(self) -> None:
        await self._in_thread(partial(homes.stop_agent, self.home))

    def _pinned(self, fingerprint: str) -> Certificate:
        if self._peer is None or self._peer.fingerprint != fingerprint:
            raise UnusableKey(f"key {fingerprint} is not the one that is pinned for this link")
        return self._peer

    async def _decrypt(self, parcel: bytes, message_bytes_max: int) -> Outcome:
        limit = f"--max-output={message_bytes_max + OUTPUT_SLACK_BYTES}"
        outcome = await self._run(limit, "--decrypt", data=parcel, output_bytes_max=message_bytes_max)
        return _bounded(outcome, message_bytes_max)

    async def _judged(self, parcel: bytes, message_bytes_max: int, judge: Callable[[Outcome], T]) -> T:
        """The verdict. A parcel for our own key that does not open is tried once more: its agent may have been ended in
        that moment, by a command that looked at the same key folder.
        """
        outcome = await self._decrypt(parcel, message_bytes_max)
        try:
            return judge(outcome)
        except Refused as refused:
            if refused.reason not in {"not_for_us", "damaged"} or not self._names_us(outcome):
                raise
        try:
            return judge(await self._decrypt(parcel, message_bytes_max))
        except Refused as refused:
            await self._excuse(refused)
            raise

    def _names_us(self, outcome: Outcome) -> bool:
        ours = {subkey.fingerprint[-16:] for subkey in self._own.subkeys}
        return bool(ours & status.recipients(outcome.status))

    async def _excuse(self, refused: Refused) -> None:
        """A message for our own key that we cannot open is the peer's fault only if our secret key is at work."""
        probe = await self._run("--sign", "--local-user", self.signing + "!", output_bytes_max=FILE_BYTES_MAX)
        if status.failed(probe.status, _NO_PASSPHRASE):
            raise KeyRingError(_LOCKED) from refused
        if probe.code != 0:
            raise KeyRingError(
                f"gpg's agent does not answer for {self.home}: is the folder readable and whole?"
            ) from refused

    async def _run(
        self, *arguments: str, data: bytes = b"", output_bytes_max: int, passphrase: str | None = None
    ) -> Outcome:
        secret = self._passphrase if passphrase is None else passphrase
        call = partial(run, self.home, arguments, data=data, output_bytes_max=output_bytes_max, passphrase=secret)
        return await self._in_thread(call)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)


def scan(home: Path, certificate: bytes, fingerprint: str) -> Certificate:
    """Look at a certificate without importing it. Blocking; ``home`` stays as it is. Raises ``WrongKey``."""
    if len(certificate) > CERTIFICATE_BYTES_MAX:
        raise WrongKey(f"the certificate has {len(certificate)} bytes, and {CERTIFICATE_BYTES_MAX} are allowed")
    arguments = (*_LIST, "--import-options=show-only", "--import")
    outcome = run(home, arguments, data=certificate, output_bytes_max=LISTING_BYTES_MAX)
    if outcome.overflow or outcome.late:
        raise WrongKey("the certificate cannot be read in reasonable space and time")
    return certificates.only(outcome.output, fingerprint)


def listed(home: Path, *, secret: bool = False) -> tuple[Certificate, ...]:
    """The certificates in a home, or those with a secret key. Blocking."""
    what = "--list-secret-keys" if secret else "--list-keys"
    outcome = run(home, (*_LIST, what), output_bytes_max=LISTING_BYTES_MAX)
    if outcome.overflow or outcome.late or outcome.code != 0:
        raise KeyRingError(f"gpg cannot read the key folder {home}: restore it from the backup")
    return certificates.parse(outcome.output)


def _inventory(home: Path) -> tuple[Certificate, Certificate | None]:
    """Our certificate and the peer's, if one is pinned; anything else in a link's home is an error."""
    secret = listed(home, secret=True)
    public = listed(home)
    own = [certificate for certificate in public if [certificate.fingerprint] == [key.fingerprint for key in secret]]
    others = [certificate for certificate in public if certificate not in own]
    if len(own) != 1 or len(others) > 1:
        raise KeyRingError(
            f"the key folder {home} does not hold one key pair and at most one peer: restore it from the backup"
        )
    return own[0], others[0] if others else None


def _pin(home: Path, own: Certificate, certificate: bytes, fingerprint: str) -> Certificate:
    """Build the new key file aside from what is there and the new certificate, look at it, then swap by one rename."""
    if fingerprint == own.fingerprint:
        raise WrongKey("the peer's certificate is our own")
    scan(home, certificate, fingerprint)
    with tempfile.TemporaryDirectory(prefix="new-", dir=home) as folder:
        stage = Path(folder)
        homes.import_into(stage, homes.export(home), certificate)
        found = {known.fingerprint: known for known in listed(stage)}
        if fingerprint not in found or own.fingerprint not in found:
            raise KeyRingError(f"gpg could not import key {fingerprint}: nothing was changed")
        if len(found) != 2:
            raise WrongKey(f"another key is pinned for this link, so {fingerprint} is refused: make a new handshake")
        peer = found[fingerprint]
        arguments = ("--encrypt", "--recipient", _address(peer, "e"))
        if run(stage, arguments, data=b"test", output_bytes_max=FILE_BYTES_MAX).code != 0:
            raise WrongKey(f"gpg cannot encrypt to key {fingerprint}")
        homes.replace_public_keys(home, stage)
    return peer


def _address(certificate: Certificate, use: str, named: str = "") -> str:
    """The subkey of that name, or the newest."""
    if named:
        return named + "!"
    subkey = certificate.subkey(use)
    if subkey is None:
        raise UnusableKey(f"key {certificate.fingerprint} has no usable subkey any more: rotate the link's keys")
    return subkey.fingerprint + "!"


def _made(outcome: Outcome) -> bytes:
    if outcome.overflow:
        raise KeyRingError("the message is larger than a parcel can be")
    if outcome.late:
        raise KeyRingError("gpg did not answer in time: the machine is overloaded or gpg's agent hangs")
    # INV_SGNR alone is also what gpg says when its agent is gone.
    if status.mentions(outcome.status, b"INV_RECP") or (
        status.mentions(outcome.status, b"INV_SGNR") and status.mentions(outcome.status, b"KEYEXPIRED", b"KEYREVOKED")
    ):
        raise UnusableKey("the link's key, or the peer's, has expired or was revoked: rotate the link's keys")
    if status.failed(outcome.status, _NO_PASSPHRASE):
        raise KeyRingError(_LOCKED)
    if outcome.code != 0 or not status.mentions(outcome.status, b"SIG_CREATED"):
        raise KeyRingError("gpg could not sign: check the key folder's permissions and 'gpg-agent'")
    return outcome.output


def _bounded(outcome: Outcome, message_bytes_max: int) -> Outcome:
    if outcome.overflow:
        raise Refused("too_large", f"the message holds more than the {message_bytes_max} bytes that are allowed")
    if outcome.late:
        raise Refused("too_slow", "the message takes gpg longer than any good message would")
    return outcome
