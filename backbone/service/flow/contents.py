"""Attachments' contents on disk, by SHA-256: what waits to be sent, and what arrived before its issue."""

import hashlib
import os
import secrets
from collections.abc import Container
from pathlib import Path

_STEP = 1 << 20


class Contents:
    """One link's folder of files named by the SHA-256 of what is in them. Names never come from a peer unchecked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, sha256: str) -> Path:
        """Where this content is, or would be."""
        assert len(sha256) == 64, "a SHA-256 in hex"
        return self._folder / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        """Whether it is here and whole."""
        return self.path(sha256).exists()

    def fresh(self) -> Path:
        """A new name in the folder for something whose hash is not known yet."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._folder / f".new-{secrets.token_hex(8)}"

    def adopt(self, fresh: Path, sha256: str) -> bool:
        """Keep a file under its hash; ``False`` (and the file gone) when that is not its hash."""
        digest = hashlib.sha256()
        with fresh.open("rb") as file:
            while piece := file.read(_STEP):
                digest.update(piece)
            os.fsync(file.fileno())
        if digest.hexdigest() != sha256:
            fresh.unlink()
            return False
        target = self.path(sha256)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh.replace(target)
        _sync(target.parent)
        return True

    def read(self, sha256: str, offset: int, count: int) -> bytes:
        """A part of a content that is here."""
        with self.path(sha256).open("rb") as file:
            file.seek(offset)
            return file.read(count)

    def append(self, link: int, sha256: str, offset: int, part: bytes) -> None:
        """A part that arrived, durable when this returns; what a crash left behind ``offset`` is cut off."""
        path = self._partial(link, sha256)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.truncate(offset)
            file.seek(offset)
            file.write(part)
            file.flush()
            os.fsync(file.fileno())

    def finish(self, link: int, sha256: str) -> bool:
        """All parts are here: keep it if it is what it says."""
        partial = self._partial(link, sha256)
        if self.has(sha256):
            partial.unlink(missing_ok=True)
            return True
        return partial.exists() and self.adopt(partial, sha256)

    def sweep(self, keep: Container[str]) -> int:
        """Remove every other content, whole or in part, and what a crash left; returns how many files that were.

        Nobody else may be at work in the folder.
        """
        gone = 0
        for path in [*self._folder.rglob("*")]:
            if path.is_file() and path.name.rpartition("-")[2] not in keep:
                path.unlink()
                gone += 1
        return gone

    def _partial(self, link: int, sha256: str) -> Path:
        assert len(sha256) == 64, "a SHA-256 in hex"
        return self._folder / f".part-{link}-{sha256}"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
