"""A parcel as text that finds itself again. Pure.

Begin and end are marked, the label stands inside, and a digest tells damage from what never was ours. Blanks, line
ends and signs of quotation may come and go: everything between the marks is read without them, so that a gateway may
wrap, re-encode or quote the text as it likes.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from channels.base import Label
from channels.directory import names
from channels.mail.limits import ARMOURS_MAX, LINE_CHARACTERS, PARCEL_BYTES_MAX, PREFIX_BYTES

BEGIN = b"-----BEGIN BACKBONE PARCEL-----"
END = b"-----END BACKBONE PARCEL-----"
_HEAD = re.compile(rb"Parcel:([0-9a-f]{16})([0-9a-f]{8})([cbk])([0-9]{16})Digest:([0-9a-f]{32})Bytes:([0-9]{1,9})Data:")
_HEAD_BYTES_MAX = 160
_IGNORED = b" \t\r\n>\0"
_FOREIGN = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
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


def find(text: bytes) -> Sequence[Found]:
    """Every armour in it, in order, at most ``ARMOURS_MAX``."""
    found: list[Found] = []
    end = 0
    while len(found) < ARMOURS_MAX and (begin := text.find(BEGIN, end)) >= 0:
        begin += len(BEGIN)
        end = text.find(END, begin)
        if end < 0:
            end = len(text)
            found.append(_broken(text[begin : begin + PREFIX_BYTES], "it ends in the middle of the parcel"))
        else:
            found.append(_read(text[begin:end]))
    return found


def _read(text: bytes) -> Found:
    if len(text) > _TEXT_BYTES_MAX:
        return _broken(text[:PREFIX_BYTES], f"its parcel is longer than the {PARCEL_BYTES_MAX} bytes that are read")
    dense = text.translate(None, _IGNORED)
    head = _HEAD.match(dense[:_HEAD_BYTES_MAX])
    if head is None:
        return _broken(text[:PREFIX_BYTES], "the lines above its parcel are damaged")
    data = _decode(dense[head.end() :])
    if data is None or names.digest(data) != head[5].decode("ascii"):
        size = "unreadable" if data is None else f"{len(data)} bytes"
        return _broken(
            text[:PREFIX_BYTES], f"its parcel was changed on the way ({size} instead of {int(head[6])} bytes)"
        )
    return Found(_label(head), data)


def _decode(text: bytes) -> bytes | None:
    text = text.translate(None, _FOREIGN)
    try:
        return binascii.a2b_base64(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        return None


def _label(head: re.Match[bytes]) -> Label:
    tag, incarnation, lane, number = (group.decode("ascii") for group in head.groups()[:4])
    return Label(tag, incarnation, lane, int(number))


def _broken(text: bytes, problem: str) -> Found:
    dense = text.translate(None, _IGNORED)
    head = _HEAD.match(dense[:_HEAD_BYTES_MAX])
    return Found(None if head is None else _label(head), text, problem)
