"""A large mail goes to disk on its way, piece by piece, and is read from there.

The file has no name from its beginning on (open(2), O_TMPFILE; elsewhere it is unlinked at once): whatever happens to
this process, nothing of it stays.
"""

import asyncio
import mmap
import tempfile
from pathlib import Path
from typing import IO

from channels.base import ChannelUnavailable
from channels.mail.imap import Imap
from channels.mail.limits import MAIL_BYTES_MAX, PIECE_BYTES


async def fetch(imap: Imap, uid: int, size: int, folder: Path) -> memoryview | None:
    """The mail, ``MAIL_BYTES_MAX`` of it at most; ``None`` if it is gone. The file lives as long as the view does.

    ``size`` is what the server says it is, which need not be true. Raises the port's errors.
    """
    try:
        with await asyncio.to_thread(_open, folder) as file:
            taken = await _fill(file, imap, uid, size)
            return None if taken is None else _view(file, taken)
    except OSError as error:
        raise ChannelUnavailable(
            f"a mail of {size} bytes cannot be put down in {folder} ({error.strerror}): make room there"
        ) from error


def _open(folder: Path) -> IO[bytes]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return tempfile.TemporaryFile(dir=folder)


async def _fill(file: IO[bytes], imap: Imap, uid: int, size: int) -> int | None:
    """How many bytes came."""
    taken = 0
    while taken < MAIL_BYTES_MAX:
        found = await imap.fetch(str(uid), f"(UID BODY.PEEK[]<{taken}.{PIECE_BYTES}>)", PIECE_BYTES)
        pieces = [one.data for one in found if one.uid == uid]
        if not pieces:
            return None
        await asyncio.to_thread(file.write, pieces[0])
        taken += len(pieces[0])
        # A short piece is the last one (RFC 3501, section 6.4.5), unless more was announced.
        if not pieces[0] or (len(pieces[0]) < PIECE_BYTES and taken >= size):
            break
    return taken


def _view(file: IO[bytes], size: int) -> memoryview:
    file.flush()
    return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b"")
