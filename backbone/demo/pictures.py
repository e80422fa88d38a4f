"""Small PNG pictures of measurements, the same bytes with every compression library (PNG 1.2; RFC 1950, RFC 1951)."""

import struct
import zlib
from collections.abc import Sequence

WIDTH = 64
HEIGHT = 32


def bars(levels: Sequence[int]) -> bytes:
    """A grey bar chart of ``WIDTH`` bars, each of 0 to ``HEIGHT`` pixels, as a PNG file."""
    rows = b"".join(b"\0" + bytes(0x50 if HEIGHT - row <= level else 0xF0 for level in levels) for row in range(HEIGHT))
    header = struct.pack(">IIBBBBB", len(levels), HEIGHT, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", _stored(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _stored(content: bytes) -> bytes:
    """A zlib stream without compression: compressed bytes differ between libraries, stored ones do not."""
    assert len(content) <= 0xFFFF, "one stored block"
    block = b"\x01" + struct.pack("<HH", len(content), len(content) ^ 0xFFFF) + content
    return b"\x78\x01" + block + struct.pack(">I", zlib.adler32(content))
