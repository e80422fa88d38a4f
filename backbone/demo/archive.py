"""Opens an issue archive that somebody downloaded: which of the two public formats it is, its content says."""

import lzma
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import BinaryIO, cast

from backbone.demo import github_archive, jira_archive
from backbone.demo.corpus import Corpus
from backbone.errors import UsageError

UNPACKED_BYTES_MAX = 4 * 1024**3
"""Sixteen times the largest archive we know; a bomb ends here after some minutes instead of never."""

_XZ = b"\xfd7zXZ\x00"
_TAR = b"ustar"
_TAR_OFFSET = 257
_LOOK_BYTES = 512


def load(path: Path) -> Corpus:
    """The issues of a GitHub issue archive (JSON) or a Jira archive (tar of REST answers), packed by xz or not.

    Every person is replaced by a pseudonym. Raises ``UsageError`` when the file cannot be read or is neither.
    """
    with unpacked(path) as stream:
        start = stream.read(_LOOK_BYTES)
    if start[_TAR_OFFSET : _TAR_OFFSET + len(_TAR)] == _TAR:
        return jira_archive.load(path.name, lambda: unpacked(path))
    if start.lstrip()[:1] == b"{":
        return github_archive.load(path.name, lambda: unpacked(path))
    raise UsageError(
        f"{path} is neither a GitHub issue archive (JSON) nor a Jira archive (tar of JSON files): name one of those."
    )


@contextmanager
def unpacked(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes, unpacked on the way; nothing is written to the disk."""
    try:
        with path.open("rb") as packed:
            is_xz = packed.read(len(_XZ)) == _XZ
            packed.seek(0)
            with lzma.open(packed) if is_xz else nullcontext(packed) as source:
                yield cast("BinaryIO", BufferedReader(_Bounded(cast("BinaryIO", source), path)))
    except (OSError, lzma.LZMAError, EOFError) as problem:
        raise UsageError(f"{path} cannot be read as an issue archive ({problem}): download it again.") from problem


class _Bounded(RawIOBase):
    """Passes bytes on until there are more than an archive can have."""

    def __init__(self, source: BinaryIO, path: Path) -> None:
        self._source = source
        self._path = path
        self._left = UNPACKED_BYTES_MAX

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the stub's Buffer has no slices
        got = self._source.read(len(buffer))
        self._left -= len(got)
        if self._left < 0:
            raise UsageError(f"{self._path} unpacks to more than {UNPACKED_BYTES_MAX} bytes: use a smaller archive.")
        buffer[: len(got)] = got
        return len(got)
