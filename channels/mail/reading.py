"""What a mail in the mailbox is: a parcel, a bounce, an answer by a program, or none of our business. Pure.

Nothing here is proof: whoever can write to the mailbox can write all of it. The signature inside the parcel decides;
a bounce is a hint.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from channels.base import Label
from channels.mail import armour
from channels.mail.armour import Found
from channels.mail.decoding import Text
from channels.mail.limits import ARMOURS_MAX, PREFIX_BYTES, REPORT_BYTES
from channels.mail.mime import PARCEL_FIELD, SUBJECT, label_of
from channels.mail.parts import Head, Leaf, head_of, leaves
from channels.mail.trouble import shown

LOOKED_AT = (PARCEL_FIELD, "Subject", "From", "Content-Type", "Auto-Submitted")
"""The fields from which ``glance`` decides."""

_MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^<>\s]{1,300}>)", re.IGNORECASE | re.MULTILINE)
_RETURNED_LABEL = re.compile(rb"^x-backbone-parcel:\s*([!-~]{1,100})", re.IGNORECASE | re.MULTILINE)
_DELIVERY_STATUS = re.compile(rb"message/delivery-status", re.IGNORECASE)
_DAEMON = re.compile(r"mailer-daemon|postmaster|mail delivery|microsoft exchange", re.IGNORECASE)
_PRECEDENCE = re.compile(r"auto.?reply", re.IGNORECASE)


class Glance(Enum):
    """What a mail's headers promise."""

    FOREIGN = auto()
    WHOLE = auto()
    """May carry a parcel of this link."""
    REPORT = auto()
    """May be a bounce: its beginning says so."""


@dataclass(frozen=True, slots=True)
class Bounce:
    """A report on a mail of ours, as somebody wrote it (RFC 3464)."""

    action: str
    """``failed``, ``delayed``, ``delivered`` …"""
    status: str
    """As ``5.1.1``; empty if none was given."""
    diagnostic: str
    recipient: str
    label: Label | None
    """Of the parcel that came back."""
    message_id: str


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that was read. All empty: foreign."""

    parcels: Sequence[Found] = ()
    """Whole ones if there are any, else the damaged."""
    bounce: Bounce | None = None
    automatic: bool = False
    """An out-of-office answer or the like (RFC 3834): never answered, never believed."""
    label: Label | None = None
    """What the headers say it carries."""


def glance(headers: bytes, tag: str, partner: str) -> Glance:
    """Whether the rest is worth fetching, from the fields ``LOOKED_AT``. Never raises."""
    head, _ = head_of(headers)
    if (label := label_of(head.get(PARCEL_FIELD))) is not None:
        return Glance.WHOLE if label.tag == tag else Glance.FOREIGN
    if head.content_type == "multipart/report" or _DAEMON.search(head.get("From")):
        return Glance.REPORT
    # A gateway took our field away; the armour says whose it is.
    if SUBJECT.lower() in head.get("Subject").lower() or (partner and partner.lower() in head.get("From").lower()):
        return Glance.WHOLE
    return Glance.FOREIGN


def read(mail: Text) -> Mail:
    """Take a mail apart. Any bytes are a mail; never raises."""
    head, _ = head_of(mail)
    label = label_of(head.get(PARCEL_FIELD))
    parts: list[Leaf] | None = None
    if head.content_type == "multipart/report" or _DAEMON.search(head.get("From")):
        parts = list(leaves(mail))
        if (bounce := _bounce(parts, mail)) is not None:
            return Mail(bounce=bounce, label=label)
    # An armour whose digest agrees needs no MIME.
    found = armour.find(mail)
    if not any(one.problem is None for one in found):
        found = [*found, *_in_parts(leaves(mail) if parts is None else parts)]
    parcels = _best(found)
    if not parcels and label is not None:
        problem = "there is no parcel in it: something on the way took the attachment out"
        parcels = [Found(label, bytes(mail[:PREFIX_BYTES]), problem)]
    return Mail(parcels, automatic=not parcels and _automatic(head), label=label)


def _in_parts(parts: Iterable[Leaf]) -> list[Found]:
    found: list[Found] = []
    for leaf in parts:
        # Text that was converted to UTF-16 is our text with zeros in between.
        data = bytes(leaf.data).replace(b"\0", b"") if b"\0" in bytes(leaf.data[:64]) else leaf.data
        found += armour.find(data)
        if len(found) >= ARMOURS_MAX:
            break
    return found


def _best(found: Sequence[Found]) -> Sequence[Found]:
    """Each whole parcel once, else each damaged one once."""
    whole = {(one.label, one.data): one for one in found if one.problem is None}
    if whole:
        return list(whole.values())
    return list({(one.label, one.problem): one for one in found}.values())


def _bounce(parts: Sequence[Leaf], mail: Text) -> Bounce | None:
    reports = [leaf for leaf in parts if leaf.content_type == "message/delivery-status"]
    if not reports:
        return None
    fields: dict[str, str] = {}
    # Fields about the mail, then a block for each recipient (RFC 3464, section 2.1): there is one recipient.
    rest: Text = reports[0].data[:REPORT_BYTES]
    for _ in range(3):
        head, rest = head_of(bytes(rest).lstrip(b"\r\n"))
        fields = {**head.fields, **fields}
    id_ = _MESSAGE_ID.search(returned := _returned(parts, mail))
    label = _RETURNED_LABEL.search(returned)
    return Bounce(
        action=shown(fields.get("action", "failed")).lower(),
        status=shown(fields.get("status", "")),
        diagnostic=shown(_after_semicolon(fields.get("diagnostic-code", ""))),
        recipient=shown(_after_semicolon(fields.get("final-recipient", ""))),
        label=label_of(label[1].decode("ascii")) if label else None,
        message_id=id_[1].decode("ascii", "replace") if id_ else "",
    )


def _returned(parts: Sequence[Leaf], mail: Text) -> bytes:
    """The text in which the headers of the returned mail stand: after the report."""
    place = _DELIVERY_STATUS.search(mail)
    tail = mail[place.start() if place else 0 :][:REPORT_BYTES]
    inner = [leaf.data[:REPORT_BYTES] for leaf in parts if leaf.depth == 1]
    return b"\n".join([tail, *inner])


def _after_semicolon(value: str) -> str:
    """``rfc822; bob@example`` and ``smtp; 550 …``: the type is not for people."""
    return value.partition(";")[2].strip() or value


def _automatic(head: Head) -> bool:
    said = head.get("Auto-Submitted").lower()
    if said and not said.startswith("no"):
        return True
    fields = ("X-Autoreply", "X-Autorespond", "X-Auto-Reply-From")
    return any(head.get(field) for field in fields) or bool(_PRECEDENCE.search(head.get("Precedence")))
