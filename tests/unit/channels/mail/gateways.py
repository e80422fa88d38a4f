"""What mail gateways do to a mail on its way, built with the standard library's own parser as many of them are."""

import base64
import email
import quopri
from collections.abc import Callable
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

from channels.base import Label, Parcel
from channels.mail import mime
from tests.unit.channels.mail.accounts import TAG

DATE = "Sat, 21 Nov 2026 10:00:00 +0000"
LABEL = Label(TAG, "a11ce001", "c", 42)
PARCEL = Parcel(LABEL, bytes(range(256)) * 40 + b"\r\n.\r\nFrom x\r\n\0")


def mail(parcel: Parcel = PARCEL) -> bytes:
    built = mime.build(parcel, "alice@a.example", "bob@b.example", DATE, "0" * 32)
    assert built is not None
    return built


def _attachment(parsed: Message) -> Message:
    [found] = [part for part in parsed.walk() if part.get_content_type() == "application/octet-stream"]
    return found


def _encoded(encoding: str, encode: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def change(text: bytes) -> bytes:
        parsed = email.message_from_bytes(text)
        part = _attachment(parsed)
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        part.set_payload(encode(content).decode("ascii"))
        part.replace_header("Content-Transfer-Encoding", encoding)
        return parsed.as_bytes()

    return change


def _in_lines_of(width: int) -> Callable[[bytes], bytes]:
    def encode(content: bytes) -> bytes:
        dense = base64.b64encode(content)
        return b"\n".join(dense[at : at + width] for at in range(0, len(dense), width))

    return encode


def _disclaimer_part(text: bytes) -> bytes:
    parsed = email.message_from_bytes(text)
    parsed.attach(MIMEText("This e-mail is confidential. Übrigens.", "html", "utf-8"))
    return parsed.as_bytes()


def _disclaimer_inside_the_armour(text: bytes) -> bytes:
    return text.replace(b"-----END BACKBONE", b"\r\n\r\n-----END BACKBONE") + b"\r\n-- \r\nConfidential.\r\n"


def _renamed(text: bytes) -> bytes:
    parsed = email.message_from_bytes(text)
    part = _attachment(parsed)
    part.replace_header("Content-Disposition", 'attachment; filename="ATT00001.bin"')
    part.replace_header("Content-Type", "application/x-unknown")
    return parsed.as_bytes()


def _nested(text: bytes) -> bytes:
    parsed = email.message_from_bytes(text)
    outer = MIMEMultipart("mixed")
    for name in ("From", "To", "Subject", mime.PARCEL_FIELD):
        outer[name] = parsed[name]
    outer.attach(MIMEText("Scanned by a gateway."))
    inner = MIMEMultipart("mixed")
    for part in parsed.get_payload():
        inner.attach(part)
    outer.attach(inner)
    return outer.as_bytes()


def _forwarded(text: bytes) -> bytes:
    outer = MIMEMultipart("mixed")
    outer["From"], outer["Subject"] = "list@b.example", "Fwd: Backbone"
    part = Message()
    part["Content-Type"] = "message/rfc822"
    part.set_payload([email.message_from_bytes(text)])
    outer.attach(part)
    return outer.as_bytes()


def _without_our_field(text: bytes) -> bytes:
    parsed = email.message_from_bytes(text)
    del parsed[mime.PARCEL_FIELD]
    parsed.replace_header("Subject", "[EXTERNAL] Backbone")
    return parsed.as_bytes()


def _quoted(text: bytes) -> bytes:
    head, _, body = text.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n" + b"\r\n".join(b"> " + line for line in body.split(b"\r\n"))


def _utf16(text: bytes) -> bytes:
    content = _attachment(email.message_from_bytes(text)).get_payload(decode=True)
    assert isinstance(content, bytes)
    encoded = base64.encodebytes(content.decode("ascii").encode("utf-16"))
    return (
        b"Subject: Backbone\r\nContent-Type: text/plain; charset=utf-16\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + encoded
    )


HARMLESS: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda text: text,
    "line feeds only": lambda text: text.replace(b"\r\n", b"\n"),
    "carriage returns doubled": lambda text: text.replace(b"\r\n", b"\r\r\n"),
    "base64": _encoded("base64", base64.encodebytes),
    "base64 in lines of 61": _encoded("BASE64", _in_lines_of(61)),
    "base64 in one line": _encoded("base64", _in_lines_of(10**9)),
    "quoted-printable": _encoded("quoted-printable", lambda content: quopri.encodestring(content, quotetabs=True)),
    "8bit": _encoded("8bit", lambda content: content),
    "binary with line feeds": _encoded("binary", lambda content: content.replace(b"\r\n", b"\n")),
    "a disclaimer as a part": _disclaimer_part,
    "a disclaimer in the armour's end": _disclaimer_inside_the_armour,
    "another name and type": _renamed,
    "a part of another multipart": _nested,
    "forwarded as an attachment": _forwarded,
    "our field taken away": _without_our_field,
    "quoted": _quoted,
    "converted to UTF-16": _utf16,
}
