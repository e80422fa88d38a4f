from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.base import Label
from channels.mail import mime
from channels.mail.decoding import Text
from channels.mail.reading import Glance, glance, read
from tests.unit.channels.mail.accounts import TAG
from tests.unit.channels.mail.gateways import HARMLESS, LABEL, PARCEL, mail

PARTNER = "alice@a.example"
BOUNCE = b"""\
From: MAILER-DAEMON@b.example (Mail Delivery System)
To: alice@a.example
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="5B9.1/b.example"

--5B9.1/b.example
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you
--5B9.1/b.example
Content-Type: message/delivery-status

Reporting-MTA: dns; b.example
X-Postfix-Queue-ID: 5B9

Final-Recipient: rfc822; bob@b.example
Action: failed
Status: 5.2.2
Remote-MTA: dns; b.example
Diagnostic-Code: smtp; 552 5.2.2 <bob@b.example> Quota exceeded
    (mailbox for user is full)

--5B9.1/b.example
Content-Type: message/rfc822

"""


@pytest.mark.parametrize("text", [bytes, memoryview])
@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS.keys())
def test_a_parcel_survives(change: Callable[[bytes], bytes], text: Callable[[bytes], Text]) -> None:
    changed = change(mail())
    [found] = read(text(changed)).parcels
    assert (found.label, found.data, found.problem) == (LABEL, PARCEL.data, None)
    assert glance(changed.split(b"\n\n")[0][:4000], TAG, PARTNER) is Glance.WHOLE


def test_a_mail_says_no_more_than_its_label_and_is_answered_by_nobody() -> None:
    head = mail().partition(b"\r\n\r\n")[0].decode("ascii")
    assert head.splitlines() == [
        "From: alice@a.example",
        "To: bob@b.example",
        "Subject: Backbone",
        "Date: Sat, 21 Nov 2026 10:00:00 +0000",
        f"Message-ID: <{'0' * 32}@a.example>",
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: All",
        "X-Backbone-Parcel: bb1-00c0ffee00c0ffee-a11ce001-c-0000000000000042",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/mixed; boundary="=_backbone_{"0" * 32}"',
    ]


def test_a_label_that_cannot_stand_in_a_mail_makes_none() -> None:
    bad = Label("no tag\r\nBcc: eve@example", "a11ce001", "c", 1)
    assert mime.build(type(PARCEL)(bad, b""), "a@b.example", "b@a.example", "", "0") is None


def test_a_damaged_parcel_is_ours_and_says_so() -> None:
    [found] = read(mail().replace(b"AQID", b"AQIE")).parcels
    assert found.label == LABEL
    assert found.problem is not None
    assert "changed on the way" in found.problem


def test_a_mail_without_its_attachment_is_ours_and_says_so() -> None:
    text = mail()
    start = text.index(b"-----BEGIN")
    [found] = read(text[:start] + b"The attachment was removed by the gateway.\r\n").parcels
    assert found.label == LABEL
    assert found.problem is not None
    assert "took the attachment out" in found.problem


def test_a_bounce_is_a_bounce_and_no_parcel() -> None:
    found = read(BOUNCE + mail() + b"\n--5B9.1/b.example--\n")
    assert found.parcels == ()
    assert found.bounce is not None
    assert (found.bounce.action, found.bounce.status, found.bounce.recipient) == ("failed", "5.2.2", "bob@b.example")
    assert found.bounce.diagnostic == "552 5.2.2 <bob@b.example> Quota exceeded (mailbox for user is full)"
    assert found.bounce.label == LABEL
    assert found.bounce.message_id == f"<{'0' * 32}@a.example>"


def test_a_bounce_that_was_cut_off_still_names_its_mail() -> None:
    found = read((BOUNCE + mail())[:2500])
    assert found.bounce is not None
    assert found.bounce.label == LABEL


def test_a_bounce_is_worth_a_look_at_its_beginning() -> None:
    assert glance(BOUNCE, TAG, PARTNER) is Glance.REPORT


@pytest.mark.parametrize(
    "field",
    [b"Auto-Submitted: auto-replied (vacation)", b"X-Autoreply: yes", b"Precedence: auto_reply", b"X-Autorespond: 1"],
)
def test_an_out_of_office_answer_is_neither_parcel_nor_bounce(field: bytes) -> None:
    found = read(b"From: bob@b.example\r\nSubject: Re: Backbone\r\n" + field + b"\r\n\r\nI am away.\r\n")
    assert found.automatic
    assert not found.parcels
    assert found.bounce is None


def test_a_persons_mail_is_foreign() -> None:
    found = read(b"From: eve@example.org\r\nSubject: lunch?\r\nAuto-Submitted: no\r\n\r\nHello\r\n")
    assert not found.parcels
    assert not found.automatic
    assert found.label is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (b"Subject: lunch?\r\nFrom: eve@example.org\r\n\r\n", Glance.FOREIGN),
        (b"", Glance.FOREIGN),
        (f"{mime.PARCEL_FIELD}: bb1-{TAG}-a11ce001-c-{0:016d}\r\n\r\n".encode(), Glance.WHOLE),
        (f"{mime.PARCEL_FIELD}: bb1-{'f' * 16}-a11ce001-c-{0:016d}\r\nSubject: Backbone\r\n".encode(), Glance.FOREIGN),
        (b"From: Alice <Alice@A.example>\r\n\r\n", Glance.WHOLE),
        (b"From: postmaster@a.example\r\n\r\n", Glance.REPORT),
    ],
)
def test_headers_decide_what_is_fetched(headers: bytes, expected: Glance) -> None:
    assert glance(headers, TAG, PARTNER) is expected


def _deep(levels: int) -> bytes:
    text = mail()
    for level in range(levels):
        boundary = f"b{level}".encode()
        head = b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\r\n\r\n'
        text = head + b"--" + boundary + b"\r\n" + text + b"\r\n--" + boundary + b"--\r\n"
    return text


def test_endless_nesting_comes_to_an_end() -> None:
    broken = _deep(2000).replace(b"AQID", b"AQIE")
    assert all(one.problem for one in read(broken).parcels)
    forwarded = b"Content-Type: message/rfc822\r\n\r\n" * 5000 + mail().replace(b"AQID", b"AQIE")
    assert all(one.problem for one in read(forwarded).parcels)


def test_very_many_parts_come_to_an_end() -> None:
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    assert read(head + b"--b\r\n\r\n\r\n" * 100_000).parcels == []


PIECES = st.sampled_from([
    b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: multipart/report; boundary=b\n",
    b"Content-Type: message/delivery-status\r\n", b"Content-Type: message/rfc822\r\n", b"\r\n", b"\r\n\r\n",
    b"--b\r\n", b"--b--\r\n", b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: quoted-printable\r\n", b"-----BEGIN BACKBONE PARCEL-----",
    b"-----END BACKBONE PARCEL-----", b"X-Backbone-Parcel: bb1-", b"Action: failed\n", b"=ZZ=", b"\xff\xfe\0",
    b'Content-Type: ;;;boundary*0="\\"\r\n', b"Diagnostic-Code: \xff;;\r\n", b"From: MAILER-DAEMON",
])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=30)), max_size=30))
def test_any_bytes_are_a_mail(pieces: list[bytes]) -> None:
    text = b"".join(pieces)
    found = read(text)
    assert all(one.problem for one in found.parcels)
    assert glance(text, TAG, PARTNER) in Glance


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_mail_of_ours_that_was_hurt_anywhere_never_yields_other_bytes(data: st.DataObject) -> None:
    text = bytearray(mail())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        text[start : start + data.draw(st.integers(0, 200))] = data.draw(st.binary(max_size=20))
    for one in read(bytes(text)).parcels:
        assert one.problem is not None or one.data == PARCEL.data
