"""A mail taken apart into its leaf parts. Pure, and bounded: any bytes, however deep, come to an end.

Not by the standard library's parser: it goes into nested parts by recursion, which a hostile mail makes as deep as it
likes, and takes a hundred times as long for what is needed here.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from channels.mail import decoding
from channels.mail.decoding import Text
from channels.mail.limits import DEPTH_MAX, FIELD_CHARACTERS_MAX, FIELDS_MAX, HEAD_BYTES_MAX, PARTS_MAX

_END_OF_HEAD = re.compile(rb"\r?\n[ \t]*\r?\n|\A\r?\n")
_FIELD = re.compile(rb"^([!-9;-~]{1,76})[ \t]*:([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.MULTILINE)
"""Name and value, which goes on in lines that begin with a blank (RFC 5322, section 2.2.3)."""
_TYPE = re.compile(r"\s*([A-Za-z0-9!#$&^_.+-]{1,60}/[A-Za-z0-9!#$&^_.+-]{1,80})")
_BOUNDARY = re.compile(r';\s*boundary(?:\*0?\*?)?\s*=\s*(?:"((?:[^"\\]|\\.){1,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
_CONTAINERS = ("message/rfc822", "message/global", "text/rfc822-headers")


@dataclass(frozen=True, slots=True)
class Head:
    """A block of headers. Field names in lower case; of a repeated field the first counts."""

    fields: dict[str, str]

    def get(self, name: str) -> str:
        return self.fields.get(name.lower(), "")

    @property
    def content_type(self) -> str:
        match = _TYPE.match(self.get("content-type"))
        return match[1].lower() if match else "text/plain"

    @property
    def boundary(self) -> bytes | None:
        match = _BOUNDARY.search(self.get("content-type"))
        if match is None:
            return None
        text = re.sub(r"\\(.)", r"\1", match[1]) if match[1] else match[2]
        return text.rstrip().encode("utf-8", "surrogateescape") or None


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part without parts, decoded. ``depth`` counts the mails around it: 0 is the mail itself."""

    content_type: str
    data: Text
    depth: int


def head_of(mail: Text) -> tuple[Head, Text]:
    """Headers and the rest. What is not a header there is passed over."""
    block = bytes(mail[:HEAD_BYTES_MAX])
    match = _END_OF_HEAD.search(block)
    return (_head(block[: match.start()]), mail[match.end() :]) if match else (_head(block), mail)


def _head(block: bytes) -> Head:
    fields: dict[str, str] = {}
    for match in islice(_FIELD.finditer(block), FIELDS_MAX):
        name = match[1].decode("ascii").lower()
        if name not in fields:
            value = match[2][: 4 * FIELD_CHARACTERS_MAX].decode("utf-8", "replace")
            fields[name] = " ".join(value.split())[:FIELD_CHARACTERS_MAX]
    return Head(fields)


def leaves(mail: Text) -> Iterator[Leaf]:
    """All leaf parts, those in forwarded and returned mails too: ``PARTS_MAX`` at most, ``DEPTH_MAX`` deep."""
    waiting: list[tuple[Text, int, int]] = [(mail, 0, 0)]
    count = 0
    while waiting and count < PARTS_MAX:
        text, level, mails = waiting.pop()
        count += 1
        head, body = head_of(text)
        kind = head.content_type
        if level < DEPTH_MAX and kind.startswith("multipart/") and (boundary := head.boundary):
            waiting += [(part, level + 1, mails) for part in reversed(_split(body, boundary))]
            continue
        data = _decode(head.get("content-transfer-encoding").lower(), body)
        if level < DEPTH_MAX and kind in _CONTAINERS:
            waiting.append((data, level + 1, mails + 1))
        else:
            yield Leaf(kind, data, mails)


def _split(body: Text, boundary: bytes) -> list[Text]:
    """The parts between the delimiters (RFC 2046, section 5.1.1); a missing last delimiter ends with the body."""
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    parts: list[Text] = []
    start: int | None = None
    for match in delimiter.finditer(body):
        if start is not None:
            parts.append(body[start : match.start()])
        if match[1] or len(parts) >= PARTS_MAX:
            return parts
        start = match.end()
        start += 2 if body[start : start + 2] == b"\r\n" else 1
    if start is not None:
        parts.append(body[start:])
    return parts


def _decode(encoding: str, body: Text) -> Text:
    """By Content-Transfer-Encoding (RFC 2045, section 6), whatever length and line ends a gateway left."""
    if encoding == "base64":
        return decoding.base64(body)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    return body
