"""Names of attachments that come from afar, made safe for any tracker, disk and eye."""

import re
import unicodedata

NAME_BYTES_MAX = 200
"""A file's name has 255 bytes at most on usual disks; trackers put something before it."""
_SUFFIX_CHARACTERS_MAX = 12
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|]')
"""Control characters, and what paths are made of on Unix or Windows."""
_UNSEEN = re.compile("[\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
"""Characters that nobody sees, among them those that turn ``gpj.exe`` around to look like ``exe.jpg``."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
"""Devices of Windows, whatever their suffix."""


def safe(name: str) -> str:
    """The same name where nothing is wrong with it; never empty, and no path. What is safe is not changed again."""
    text = _UNSEEN.sub("", unicodedata.normalize("NFC", name))
    text = _shortened(_UNSAFE.sub("_", text).strip(". "))
    return f"_{text}" if _RESERVED.match(text) else text or "file"


def _shortened(text: str) -> str:
    if len(text.encode()) < NAME_BYTES_MAX:
        return text
    stem, dot, suffix = text.rpartition(".")
    if not dot or len(suffix) > _SUFFIX_CHARACTERS_MAX:
        stem, suffix = text, ""
    rest = NAME_BYTES_MAX - 1 - len((dot + suffix).encode() if suffix else b"")
    cut = stem.encode()[:rest].decode("utf-8", "ignore").rstrip(". ")
    return f"{cut}.{suffix}" if suffix else cut
