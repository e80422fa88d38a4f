"""The name of a parcel's file: what its label says, and the digest that proves the content. Pure.

``bb1-<tag>-<incarnation>-<lane>-<number>-<part>of<parts>-<digest>.bbm``: lower case letters, digits, ``-`` and ``.``
only, 90 characters, so that it lives on every file system, Windows' included. Anything else is
foreign and none of our business.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from channels.base import Label, Parcel

DIGEST_DIGITS = 32
"""Half of SHA-256: 128 bits tell any two honest files apart; forging is what the signature is for."""

SUFFIX = ".bbm"

_PATTERN = re.compile(
    r"bb1-([0-9a-f]{16})-([0-9a-f]{8})-([cbk])-([0-9]{16})-([1-9][0-9]{0,3})of([1-9][0-9]{0,3})-([0-9a-f]{32})\.bbm"
)
_LENGTH = 90
_STREAM = slice(0, 31)
"""Where tag, incarnation and lane stand in a name."""
_LANE = 30
_NUMBER = slice(32, 48)
_PARTS = slice(48, 54)
_UNNUMBERED = "0" * 16
_URGENCY = "kcb"
"""Control is small and unblocks the rest; attachments can wait."""


@dataclass(frozen=True, slots=True)
class FileName:
    """A name taken apart. ``str`` puts it together again."""

    label: Label
    digest: str
    part: int = 1
    parts: int = 1

    def __str__(self) -> str:
        return f"{start_of(self.label)}-{self.part}of{self.parts}-{self.digest}{SUFFIX}"


def digest(data: bytes) -> str:
    """What stands in the name for this content."""
    return hashlib.sha256(data).hexdigest()[:DIGEST_DIGITS]


def name_of(parcel: Parcel) -> FileName | None:
    """The name for a parcel; ``None`` when its label cannot stand in a name."""
    name = FileName(parcel.label, digest(parcel.data))
    return name if parse(str(name)) == name else None


def parse(name: str) -> FileName | None:
    """Take a name apart; ``None`` for a foreign one."""
    match = _PATTERN.fullmatch(name)
    if match is None:
        return None
    tag, incarnation, lane, number, part, parts, proof = match.groups()
    if int(part) > int(parts):
        return None
    return FileName(Label(tag, incarnation, lane, int(number)), proof, int(part), int(parts))


def prefix(tag: str) -> str:
    """How every name of this link begins."""
    return f"bb1-{tag}-"


def candidates(names: Iterable[str], tag: str) -> list[str]:
    """Those that look like whole parcels of this link; ``parse`` decides, this is quick.

    Parts of a parcel in several files are left alone: nobody writes them yet.
    """
    start = prefix(tag)
    return [
        name
        for name in names
        if name.startswith(start) and len(name) == _LENGTH and name.endswith(SUFFIX) and name[_PARTS] == "-1of1-"
    ]


def stream_of(name: str) -> str:
    """Tag, incarnation and lane of a candidate's name: names of one stream sort by their numbers."""
    return name[_STREAM]


def looks_unnumbered(name: str) -> bool:
    """Whether a candidate's number is 0; ``parse`` decides, this is quick."""
    return name[_NUMBER] == _UNNUMBERED


def start_of(label: Label) -> str:
    """How the names of all parcels with this label begin."""
    return f"{prefix(label.tag)}{label.incarnation}-{label.lane}-{label.number:016d}"


def in_order(names: Iterable[str]) -> Sequence[str]:
    """Each stream by its numbers, and the streams in turns, so that no lane waits for the end of another."""
    streams: dict[str, list[str]] = {}
    for name in names:
        streams.setdefault(stream_of(name), []).append(name)
    turns = [sorted(streams[stream]) for stream in sorted(streams, key=_urgency)]
    return [name for turn in zip_longest(*turns) for name in turn if name is not None]


def _urgency(stream: str) -> tuple[int, str]:
    return _URGENCY.find(stream[_LANE]), stream
