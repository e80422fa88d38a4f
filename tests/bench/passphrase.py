"""``python -m tests.bench.passphrase``: what a passphrase on the secret key costs per message, beside none, in one run.

The third row is a key folder as stock gpg would make it, without our line in ``gpg-agent.conf``.
"""

import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from handshake import home, keyring

MESSAGES = 20
BODY = bytes(5_000)


async def measure(folder: Path, peer: keyring.GnupgKeyRing, passphrase: str | None) -> tuple[float, float]:
    """Milliseconds to seal, and to open, one message."""
    ring = await keyring.create(folder, "bench", passphrase=passphrase)
    try:
        await ring.add_peer(await peer.public_key(), peer.fingerprint)
        other = await keyring.create(folder.with_name(folder.name + "p"), "bench")
        await other.add_peer(await ring.public_key(), ring.fingerprint)
        parcel = await other.seal(BODY, recipient=ring.fingerprint)
        await other.close()
        await ring.seal(BODY, recipient=peer.fingerprint)
        began = time.perf_counter()
        for _ in range(MESSAGES):
            await ring.seal(BODY, recipient=peer.fingerprint)
        sealed = time.perf_counter()
        for _ in range(MESSAGES):
            await ring.open_stranger(parcel, message_bytes_max=100_000)
        return (sealed - began) * 1000 / MESSAGES, (time.perf_counter() - sealed) * 1000 / MESSAGES
    finally:
        await ring.close()


async def main() -> None:
    """Print the three rows."""
    place = Path(tempfile.mkdtemp(prefix="bp", dir="/tmp"))
    peer = await keyring.create(place / "peer", "peer")
    try:
        rows = [("no passphrase", None, home._AGENT), ("a passphrase", "pass phrase", home._AGENT)]
        rows.append(("a passphrase, stock gpg-agent.conf", "pass phrase", ""))
        for number, (name, passphrase, agent) in enumerate(rows):
            with patch.object(home, "_AGENT", agent):
                seal, opened = await measure(place / f"k{number}", peer, passphrase)
            sys.stdout.write(f"{name:36s} seal {seal:6.1f} ms   open {opened:6.1f} ms\n")
    finally:
        await peer.close()
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(main())
