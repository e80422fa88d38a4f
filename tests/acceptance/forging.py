"""Handshake files and parcels that somebody made with the best tools and bad intentions."""

import asyncio
import subprocess
from collections.abc import Sequence
from pathlib import Path

from channels.directory.names import FileName, digest, parse
from handshake import keyring
from handshake.documents import Offer, decode, encode
from handshake.file import verify_file
from handshake.limits import FILE_BYTES_MAX


async def offer_with(file: Path, home: Path, **changes: object) -> bytes:
    """The offer in ``file`` with other words in it, honestly signed with a key of the forger's own."""
    offer = decode(Offer, (await verify_file(await asyncio.to_thread(file.read_bytes), FILE_BYTES_MAX)).payload)
    keys = await keyring.create(home, "mallory")
    try:
        mine = {"certificate": (await keys.public_key()).decode(), "fingerprint": keys.fingerprint}
        return await keys.sign(encode(offer.model_copy(update={**mine, **changes})))
    finally:
        await keys.close()


def gpg(home: Path, arguments: Sequence[str], data: bytes) -> bytes:
    """What any OpenPGP program can make."""
    command = ["gpg", "--homedir", str(home), "--batch", "--yes", "--quiet", "--trust-model", "always", *arguments]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def drop(receive: Path, like: Path, data: bytes, number: int) -> Path:
    """Put bytes into RECEIVE as a parcel that a channel cannot tell from an honest one."""
    model = parse(like.name)
    assert model is not None
    label = model.label.__class__(model.label.tag, model.label.incarnation, model.label.lane, number)
    target = receive / str(FileName(label, digest(data)))
    draft = receive / f".tmp-{number}"
    draft.write_bytes(data)
    draft.replace(target)
    return target
