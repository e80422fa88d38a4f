"""What an admin must do before a directory channel works. Tries it, rather than looking at permissions."""

import os
import secrets
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from channels.base import INFORMATION, ChannelError
from channels.directory import files, names
from channels.directory.done import DONE
from channels.directory.files import TEMPORARY
from channels.directory.limits import FREE_BYTES_MIN, MIB
from channels.directory.place import Place, resolve
from channels.directory.settings import Settings
from channels.directory.trouble import explain
from channels.directory.watch import silence


def check(settings: Settings, own: Collection[str]) -> Sequence[str]:
    """One sentence each; empty when all is well. ``own`` are names of files this process wrote. Blocks."""
    sentences: list[str] = []
    send = _reach(settings.send, settings.tag, sentences)
    receive = _reach(settings.receive, settings.tag, sentences)
    if send is not None:
        sentences += _check_writing(send, settings.tag)
        sentences += _check_room(send)
    if receive is not None:
        sentences += _check_reading(receive, settings.tag)
        if (why := silence(receive.path)) is not None:
            sentences.append(f"{INFORMATION}{settings.receive}: {why}; parcels are found by looking every few seconds")
    if send is not None and receive is not None:
        sentences += _check_sides(send, receive, settings, own)
    return sentences


def _reach(path: Path, tag: str, sentences: list[str]) -> Place | None:
    try:
        return resolve(path, tag)
    except ChannelError as error:
        sentences.append(str(error))
        return None


def _check_writing(send: Place, tag: str) -> Iterator[str]:
    """Write, rename and remove a small file, as a parcel would be."""
    trial = f"{send.path}/{TEMPORARY}{tag}-{secrets.token_hex(8)}"
    try:
        descriptor = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            os.write(descriptor, b"trial\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(trial, f"{trial}-moved")  # noqa: PTH105
        os.unlink(f"{trial}-moved")  # noqa: PTH108
    except OSError as error:
        for left in (trial, f"{trial}-moved"):
            with suppress(OSError):
                os.unlink(left)  # noqa: PTH108
        yield str(explain(error, "write a trial file to", send.path))


def _check_room(send: Place) -> Iterator[str]:
    try:
        free = shutil.disk_usage(send.path).free
    except OSError as error:
        yield str(explain(error, "ask for the free space of", send.path))
        return
    if free < FREE_BYTES_MIN:
        yield f"{send.path} is nearly full ({free // MIB} MiB free): make room, {FREE_BYTES_MIN // MIB} MiB at least"


def _check_reading(receive: Place, tag: str) -> Iterator[str]:
    try:
        with os.scandir(receive.path) as entries:
            found = names.candidates((entry.name for entry in entries), tag)
    except OSError as error:
        yield str(explain(error, "list", receive.path))
        return
    for name in islice(found, 100):
        try:
            files.read(f"{receive.path}/{name}", 0)
        except FileNotFoundError:
            continue
        except OSError as error:
            yield str(explain(error, "read", f"{receive.path}/{name}"))
            break
    if not os.access(receive.path, os.W_OK | os.X_OK):
        yield (
            f"{INFORMATION}no permission to move files in {receive.path}: received parcels stay there "
            "until the partner removes them"
        )


def _check_sides(send: Place, receive: Place, settings: Settings, own: Collection[str]) -> Iterator[str]:
    advice = "SEND of one side must be RECEIVE of the other, correct one of the two"
    if send.directory == receive.directory:
        yield f"SEND and RECEIVE are the same directory ({send.path}): {advice}"
        return
    try:
        sent = set(names.candidates(os.listdir(send.path), settings.tag))  # noqa: PTH208
        received = set(names.candidates(os.listdir(receive.path), settings.tag))  # noqa: PTH208
        done = set()
        with suppress(FileNotFoundError):
            done = set(names.candidates(os.listdir(f"{receive.path}/{DONE}"), settings.tag))  # noqa: PTH208
    except OSError:
        return  # said above
    if not received.isdisjoint(own):
        yield f"parcels of this node lie in {receive.path}, where it reads: {advice}"
    senders = {name.label.incarnation for name in map(names.parse, sent | set(own)) if name is not None}
    if len(senders) > 1 and not received and not done:
        yield (
            f"two senders write to {send.path} and nothing ever came to {receive.path}: "
            f"the partner seems to write into our SEND; {advice}"
        )
