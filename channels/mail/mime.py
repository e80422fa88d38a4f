"""The mail around a parcel. Pure.

``multipart/mixed`` with a sentence for people and the parcel as an attachment, because gateways rewrite PGP/MIME. What
is inside the attachment is text of its own (``armour.py``), so that nothing depends on how it is encoded for the way.
``reading.py`` is the way back.
"""

import re

from channels.base import Label, Parcel
from channels.directory import names
from channels.mail import armour

SUBJECT = "Backbone"
PARCEL_FIELD = "X-Backbone-Parcel"
"""Finds candidates in a mailbox; says what the armour says, and is trusted as little."""

_TEXT = (
    "This mail was written by a program for a program: it carries changes of issues between two\r\n"
    "trackers, signed and encrypted. Please leave it in the mailbox, and do not answer it.\r\n"
)
_FIELD = re.compile(r"bb1-([0-9a-f]{16})-([0-9a-f]{8})-([cbk])-([0-9]{16})")


def build(parcel: Parcel, sender: str, recipient: str, date: str, unique: str) -> bytes | None:
    """A whole mail: ASCII, short lines that end in CRLF. ``None`` for a label that cannot stand in one.

    ``date`` as in RFC 5322; ``unique`` is random, of hex digits, and never used again: Exchange drops a second mail
    with the same Message-ID (RFC 5322, section 3.6.4). Addresses are those that ``settings`` let through.
    """
    name = names.name_of(parcel)
    if name is None:
        return None
    boundary = f"=_backbone_{unique}"
    head = (
        f"From: {sender}\r\n"
        f"To: {recipient}\r\n"
        f"Subject: {SUBJECT}\r\n"
        f"Date: {date}\r\n"
        f"Message-ID: <{unique}@{sender.rpartition('@')[2]}>\r\n"
        "Auto-Submitted: auto-generated\r\n"  # RFC 3834: nobody answers by a program
        "X-Auto-Response-Suppress: All\r\n"  # Exchange does not look at the above
        f"{PARCEL_FIELD}: {names.start_of(parcel.label)}\r\n"
        "MIME-Version: 1.0\r\n"
        f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n'
        "\r\n"
        f"--{boundary}\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n"
        "Content-Transfer-Encoding: 7bit\r\n"
        "\r\n"
        f"{_TEXT}"
        f"--{boundary}\r\n"
        f'Content-Type: application/octet-stream;\r\n name="{name}"\r\n'
        "Content-Transfer-Encoding: 7bit\r\n"
        f'Content-Disposition: attachment;\r\n filename="{name}"\r\n'
        "\r\n"
    )
    content = armour.encode(parcel.label, parcel.data)
    return b"".join([head.encode("ascii"), content, f"--{boundary}--\r\n".encode("ascii")])


def label_of(field: str) -> Label | None:
    """What the field ``X-Backbone-Parcel`` says, or a returned part of it; ``None`` if that is nothing."""
    match = _FIELD.search(field)
    if match is None:
        return None
    tag, incarnation, lane, number = match.groups()
    return Label(tag, incarnation, lane, int(number))
