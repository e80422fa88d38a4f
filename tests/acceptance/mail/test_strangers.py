"""What strangers put into the mailbox changes nothing."""

import asyncio
import base64
import time
import tracemalloc

from channels.base import Channel
from tests.contract.channels import PATIENCE_SECONDS, gather, parcel, tokens
from tests.support.mail import lies_in
from tests.support.mail_link import DONE, MailLink, numbers, receive_until

FORGED_BOUNCE = """From: Mail Delivery System <mailer-daemon@elsewhere.example>
Subject: Undelivered
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; elsewhere.example

Final-Recipient: rfc822; {address}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 works here no more

--b--
"""
VACATION = """From: {address}
Subject: Out of office: Backbone
Auto-Submitted: auto-replied

I am on holiday.
"""
FOREIGN = b"From: somebody@elsewhere.example\r\nTo: all@beta.example\r\nSubject: lunch\r\n\r\nAt noon?\r\n"


async def test_a_forged_bounce_and_a_vacation_answer_change_nothing(link: MailLink, alice: Channel) -> None:
    await alice.send(parcel(1))
    forged = FORGED_BOUNCE.format(address=link.bob.address).replace("\n", "\r\n").encode()
    vacation = VACATION.format(address=link.bob.address).replace("\n", "\r\n").encode()
    link.stack.put_mails(link.alice, [forged, vacation])
    assert await alice.receive(10) == []
    (notice,) = alice.notices()
    assert "works here no more" in notice
    await alice.send(parcel(2))
    await link.arrived(link.bob, 2)


async def genuine(link: MailLink, alice: Channel, bob: Channel, number: int = 1) -> bytes:
    """A mail of ours as it lay in the mailbox, after it was received and confirmed."""
    await alice.send(parcel(number))
    await link.arrived(link.bob, 1)
    await bob.confirm(tokens(await receive_until(bob, 1)))
    (mail,) = link.stack.mails(link.bob, DONE)
    return mail


async def test_replayed_mails_are_the_parcel_that_they_were(link: MailLink, alice: Channel, bob: Channel) -> None:
    """So that the link knows them by number and digest, and applies none of them again."""
    mail = await genuine(link, alice, bob)
    link.stack.put_mails(link.bob, [mail] * 3)
    deliveries = await receive_until(bob, 3)
    assert [delivery.parcel for delivery in deliveries] == [parcel(1)] * 3
    await bob.confirm(tokens(deliveries))
    assert lies_in(link.stack, link.bob) == 0


async def test_fifty_megabytes_of_nothing_are_not_loaded(link: MailLink, alice: Channel, bob: Channel) -> None:
    mail = await genuine(link, alice, bob)
    head, mark, _ = mail.partition(b"Data:\n")
    assert mark
    nothing = (b"A" * 76 + b"\n") * (50_000_000 // 77)
    link.stack.put_mails(link.bob, [head + mark + nothing, nothing, b"Subject: none\n\n" + nothing])
    await alice.send(parcel(2))
    await link.arrived(link.bob, 4)
    tracemalloc.start()
    try:
        async with asyncio.timeout(2 * PATIENCE_SECONDS):
            deliveries = await receive_until(bob, 1)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 16_000_000
    assert [delivery.parcel for delivery in deliveries if not delivery.problem] == [parcel(2)]
    claimed = [delivery for delivery in deliveries if delivery.problem]
    assert [len(delivery.parcel.data) for delivery in claimed if len(delivery.parcel.data) > 65_536] == []
    await bob.confirm(tokens(deliveries))
    assert lies_in(link.stack, link.bob) == 4 - len(deliveries)
    assert await bob.receive(10) == []


def broken(mail: bytes) -> list[bytes]:
    """Mails that begin as ours do, and are not."""
    head, _, body = mail.partition(b"\n\n")
    nested = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (deep, deep) for deep in range(1000))
    return [
        mail[: len(mail) // 2],
        head,
        head + b"\n\n",
        b"",
        b"\n",
        body,
        mail.replace(b"boundary=", b"boundry="),
        mail.replace(b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: rot13"),
        mail.replace(b"Content-Type: ", b"Content-Type: \xff\xfe/"),
        mail.replace(b"Subject: ", b"Subject: =?utf-99?q?=FF?= " + b"x" * 100_000),
        mail.replace(b"Subject: ", b"X: " + b"y: z\n" * 20_000 + b"Subject: "),
        mail.replace(b"Digest: ", b"Digest: 0"),
        mail.replace(b"Bytes: ", b"Bytes: 9"),
        mail.replace(b"c ", b"q "),
        head + b"\n" + nested,
        b"Content-Type: message/rfc822\n\n" * 500 + mail,
        mail + b"\n".join(base64.encodebytes(bytes(range(256)) * 200).splitlines()),
        bytes(range(256)) * 1000,
        mail.replace(b"\n", b"\0\n"),
        mail.replace(b"\n", b"\r\r\n"),
    ]


async def test_broken_mails_stop_nothing_and_never_pass_for_ours(link: MailLink, alice: Channel, bob: Channel) -> None:
    hostile = broken(await genuine(link, alice, bob))
    link.stack.put_mails(link.bob, hostile)
    await alice.send(parcel(2))
    await link.arrived(link.bob, len(hostile) + 1)
    async with asyncio.timeout(2 * PATIENCE_SECONDS):
        deliveries = await receive_until(bob, 1)
    whole = [delivery.parcel for delivery in deliveries if not delivery.problem]
    assert whole.count(parcel(2)) == 1
    assert set(whole) <= {parcel(1), parcel(2)}
    assert [problem for delivery in deliveries if (problem := delivery.problem) and "\n" in problem] == []
    await bob.confirm(tokens(deliveries))
    assert await bob.receive(10) == []
    await alice.send(parcel(3))
    await link.arrived(link.bob, len(hostile) + 2 - len(deliveries))
    assert numbers(await receive_until(bob, 1)) == [3]


async def test_twenty_thousand_foreign_mails_are_left_alone_and_cost_little(link: MailLink, alice: Channel) -> None:
    link.stack.put_mails(link.bob, (FOREIGN for _ in range(10_000)))
    await alice.send(parcel(1))
    await link.arrived(link.bob, 10_001)
    link.stack.put_mails(link.bob, (FOREIGN for _ in range(10_000)))
    await link.arrived(link.bob, 20_001)
    async with link.end(link.bob) as bob, asyncio.timeout(2 * PATIENCE_SECONDS):
        deliveries = await receive_until(bob, 1)
        assert [delivery.parcel for delivery in deliveries] == [parcel(1)]
        await bob.confirm(tokens(deliveries))
        began = time.monotonic()
        assert await bob.receive(10) == []
        await alice.send(parcel(2))
        assert [delivery.parcel for delivery in await gather(bob, 1)] == [parcel(2)]
        assert time.monotonic() - began < 5
    assert lies_in(link.stack, link.bob) == 20_001
    untouched = link.stack.doveadm(
        "search", "-u", link.bob.user, "mailbox", "INBOX", "unseen", "unflagged", "undeleted"
    )
    assert len(untouched.splitlines()) >= 20_000
