"""A parcel as text that finds itself again. Pure.

Begin and end are marked, the label stands inside, and a digest tells damage from what never was ours. Blanks, line
ends and signs of quotation may come and go: everything between the marks is read without them, so that a gateway may
wrap, re-encode or quote the text as it likes.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from channels.base import Label
from channels.directory import names
from channels.mail import decoding
from channels.mail.decoding import Text
from channels.mail.limits import ARMOURS_MAX, LINE_CHARACTERS, PARCEL_BYTES_MAX, PREFIX_BYTES

BEGIN = b"-----BEGIN BACKBONE PARCEL-----"
END = b"-----END BACKBONE PARCEL-----"
_BEGIN = re.compile(re.escape(BEGIN))
_END = re.compile(re.escape(END))
_HEAD = re.compile(rb"Parcel:([0-9a-f]{16})([0-9a-f]{8})([cbk])([0-9]{16})Digest:([0-9a-f]{32})Bytes:([0-9]{1,9})Data:")
_HEAD_BYTES_MAX = 160
_IGNORED = b" \t\r\n>\0"
_TEXT_BYTES_MAX = PARCEL_BYTES_MAX * 3 // 2


@dataclass(frozen=True, slots=True)
class Found:
    """What lay between two marks. ``data`` is the beginning of the text when ``problem`` says what is wrong with it;
    ``label`` is what the text claims, if it claims any.
    """

    label: Label | None
    data: bytes
    problem: str | None = None


def encode(label: Label, data: bytes) -> bytes:
    """ASCII, lines of at most 76 characters that end in CRLF. The label must be one that ``names.name_of`` takes."""
    text = base64.b64encode(data)
    head = (
        f"Parcel: {label.tag} {label.incarnation} {label.lane} {label.number:016d}\r\n"
        f"Digest: {names.digest(data)}\r\nBytes: {len(data)}\r\nData:\r\n"
    )
    lines = [text[start : start + LINE_CHARACTERS] for start in range(0, len(text), LINE_CHARACTERS)]
    return b"\r\n".join([BEGIN, head.encode("ascii") + (lines[0] if lines else b""), *lines[1:], END, b""])


def find(text: Text) -> Sequence[Found]:
    """Every armour in it, in order, at most ``ARMOURS_MAX``."""
    found: list[Found] = []
    at = 0
    while len(found) < ARMOURS_MAX and (begin := _BEGIN.search(text, at)) is not None:
        end = _END.search(text, begin.end())
        if end is None:
            at = len(text)
            found.append(_broken(text[begin.end() :], "it ends in the middle of the parcel"))
        else:
            at = end.start()
            found.append(_read(text[begin.end() : at]))
    return found


def _read(text: Text) -> Found:
    if len(text) > _TEXT_BYTES_MAX:
        return _broken(text, f"its parcel is longer than the {PARCEL_BYTES_MAX} bytes that are read")
    head = _head(text)
    if head is None:
        return _broken(text, "the lines above its parcel are damaged")
    data = decoding.base64(text[_place(text, head.end()) :])
    if names.digest(data) != head[5].decode("ascii"):
        return _broken(text, f"its parcel was changed on the way ({len(data)} bytes instead of {int(head[6])} bytes)")
    return Found(_label(head), data)


def _head(text: Text) -> re.Match[bytes] | None:
    return _HEAD.match(bytes(text[:PREFIX_BYTES]).translate(None, _IGNORED)[:_HEAD_BYTES_MAX])


def _place(text: Text, count: int) -> int:
    """Where so many bytes have passed that are not ignored."""
    at = 0
    while count:
        count -= text[at] not in _IGNORED
        at += 1
    return at


def _label(head: re.Match[bytes]) -> Label:
    tag, incarnation, lane, number = (group.decode("ascii") for group in head.groups()[:4])
    return Label(tag, incarnation, lane, int(number))


def _broken(text: Text, problem: str) -> Found:
    head = _head(text)
    return Found(None if head is None else _label(head), bytes(text[:PREFIX_BYTES]), problem)
