"""Handshake files and parcels that somebody made with the best tools and bad intentions."""

import asyncio
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from backbone.replication import limits
from backbone.replication.message import Message, decode, digest_of, encode
from channels.directory.names import FileName, digest, parse
from handshake import keyring
from handshake.documents import Offer
from handshake.documents import decode as decode_document
from handshake.documents import encode as encode_document
from handshake.file import verify_file
from handshake.limits import FILE_BYTES_MAX

OPENED_BYTES_MAX = limits.message_raw_bytes_max + limits.header_bytes_max


async def offer_with(file: Path, home: Path, **changes: object) -> bytes:
    """The offer in ``file`` with other words in it, honestly signed with a key of the forger's own."""
    verified = await verify_file(await asyncio.to_thread(file.read_bytes), FILE_BYTES_MAX)
    offer = decode_document(Offer, verified.payload)
    keys = await keyring.create(home, "mallory")
    try:
        mine = {"certificate": (await keys.public_key()).decode(), "fingerprint": keys.fingerprint}
        return await keys.sign(encode_document(offer.model_copy(update={**mine, **changes})))
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


async def forged(alice: Path, bob: Path, parcel: bytes, mallory: Path) -> Mapping[str, bytes]:
    """Every kind of bad parcel, by the word that its reason must hold."""
    ours, theirs = await keyring.open_home(alice), await keyring.open_home(bob)
    message = decode(await theirs.open(parcel, signer=ours.fingerprint, message_bytes_max=OPENED_BYTES_MAX))
    stranger = await keyring.create(mallory, "mallory")
    await stranger.add_peer(await theirs.public_key(), theirs.fingerprint)
    flipped = bytearray(parcel)
    flipped[len(flipped) // 2] ^= 1
    receiver = theirs.fingerprint
    bomb = ["-z", "9", "--compress-algo", "zlib", "--local-user", ours.fingerprint, "--recipient", receiver,
            "--sign", "--encrypt"]  # fmt: skip
    try:
        return {
            "altered": bytes(flipped),
            "truncated": parcel[: len(parcel) // 2],
            "stranger": await stranger.seal(encode(message), recipient=receiver),
            "another link": await ours.seal(_readdressed(message, link="f" * 32), recipient=receiver),
            "another receiver": await ours.seal(_readdressed(message, receiver="e" * 32), recipient=receiver),
            "oversized": await ours.seal(os.urandom(OPENED_BYTES_MAX + 1), recipient=receiver),
            "bomb": await asyncio.to_thread(gpg, alice, bomb, bytes(8 * OPENED_BYTES_MAX)),
            "unsigned": await asyncio.to_thread(gpg, alice, ["--recipient", receiver, "--encrypt"], encode(message)),
            "noise": os.urandom(3000),
        }
    finally:
        await stranger.close()


def _readdressed(message: Message, **header: object) -> bytes:
    """The same message for somebody else, with a digest that fits."""
    changed = Message(message.header.model_copy(update=header), message.body)
    return encode(Message(changed.header.model_copy(update={"dig": digest_of(changed)}), changed.body))
