"""Whatever a mail server, a network or a stranger does to the mail channel: nothing lost, and a clear sentence."""

import asyncio
import base64
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from backbone.demo.mailstack import FULL, GREYLISTED, REFUSED, MailStack
from channels.base import Channel, ChannelError, ChannelRefused, ChannelUnavailable, Delivery
from channels.mail.channel import MailChannel
from tests.contract.channels import PATIENCE_SECONDS, gather, hints_of, parcel, tokens
from tests.support.cutting import Connection, relay_to
from tests.support.mail import eventually, lies_in
from tests.support.mail_link import DONE, MailLink, large, receive_until, send_until_taken
from tests.support.tokens import CLIENT, token_page

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


@pytest.fixture
def link(mail_stack: MailStack, tmp_path: Path) -> MailLink:
    return MailLink(mail_stack, tmp_path)


@pytest.fixture
async def alice(link: MailLink) -> AsyncIterator[Channel]:
    async with link.end(link.alice) as channel:
        yield channel


@pytest.fixture
async def bob(link: MailLink) -> AsyncIterator[Channel]:
    async with link.end(link.bob) as channel:
        yield channel


def plain(error: BaseException, *words: str) -> str:
    """The sentence of an error: one line, with these words, for an admin."""
    sentence = str(error)
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert [word for word in words if word not in sentence] == []
    return sentence


def numbers(deliveries: list[Delivery]) -> list[int]:
    assert [delivery.problem for delivery in deliveries if delivery.problem] == []
    return sorted(delivery.parcel.label.number for delivery in deliveries)


def logs(stack: MailStack) -> str:
    """What both servers wrote down."""
    return "".join(file.read_text(errors="replace") for file in (stack.folder / "log").iterdir())


# a server that ends


async def test_a_session_killed_within_data_loses_nothing_and_doubles_nothing(link: MailLink, bob: Channel) -> None:
    async with relay_to(link.stack.ports.smtps) as relay, link.end(link.alice, smtp_port=relay.port) as alice:
        trip = relay.trip("up", 300_000, lambda _: link.stack.kill_sessions("smtp"))
        said = await send_until_taken(alice, large(1))
        assert trip.sprung.is_set()
    assert all("it is tried again" in sentence for sentence in said)
    await link.arrived(link.bob, 1)
    assert [delivery.parcel for delivery in await receive_until(bob, 1)] == [large(1)]


async def test_a_server_that_ends_within_data_and_comes_back(link: MailLink, bob: Channel) -> None:
    async with relay_to(link.stack.ports.smtps) as relay, link.end(link.alice, smtp_port=relay.port) as alice:
        relay.trip("up", 300_000, lambda _: link.stack.stop_server("postfix"))
        try:
            for _ in range(2):
                with pytest.raises(ChannelUnavailable) as caught:
                    await alice.send(large(1))
                plain(caught.value, f"127.0.0.1:{relay.port}")
        finally:
            link.stack.start_server("postfix")
        await alice.send(large(1))
    await link.arrived(link.bob, 1)
    assert [delivery.parcel for delivery in await receive_until(bob, 1)] == [large(1)]


async def test_a_line_that_falls_silent_within_data_is_given_up(link: MailLink, bob: Channel) -> None:
    small = large(1, 200_000)
    async with (
        relay_to(link.stack.ports.smtps) as relay,
        link.end(link.alice, smtp_port=relay.port, timeout_seconds=1) as alice,
    ):
        trip = relay.trip("up", 100_000, Connection.fall_silent)
        async with asyncio.timeout(PATIENCE_SECONDS):
            said = await send_until_taken(alice, small)
        assert trip.sprung.is_set()
    assert all("did not answer in time" in sentence for sentence in said)
    await link.arrived(link.bob, 1)
    assert [delivery.parcel for delivery in await receive_until(bob, 1)] == [small]


async def test_a_lost_answer_to_the_final_dot_repeats_the_same_parcel(link: MailLink, bob: Channel) -> None:
    async with relay_to(link.stack.ports.smtps) as relay, link.end(link.alice, smtp_port=relay.port) as alice:
        trip = relay.trip("up", 1_200_000, Connection.lose_the_answer)
        assert await send_until_taken(alice, large(1))
        assert trip.sprung.is_set()
    await link.arrived(link.bob, 2)
    deliveries = await receive_until(bob, 2)
    assert [delivery.parcel for delivery in deliveries] == [large(1), large(1)]
    await bob.confirm(tokens(deliveries))
    assert lies_in(link.stack, link.bob) == 0


@pytest.mark.parametrize("word", ["kill", "stop", "silence", "cut"])
async def test_an_end_within_fetch_loses_nothing_and_doubles_nothing(link: MailLink, alice: Channel, word: str) -> None:
    stack = link.stack

    def stop_and_start(_: Connection) -> None:
        stack.stop_server("dovecot")
        stack.start_server("dovecot")

    ends: dict[str, Callable[[Connection], object]] = {
        "kill": lambda _: stack.kill_sessions("imap"),
        "stop": stop_and_start,
        "silence": Connection.fall_silent,
        "cut": Connection.cut,
    }
    for number in (1, 2, 3):
        await alice.send(large(number, 100_000))
    await link.arrived(link.bob, 3)
    async with relay_to(stack.ports.imaps) as relay:
        trip = relay.trip("down", 200_000, ends[word])
        async with link.end(link.bob, imap_port=relay.port, timeout_seconds=2) as bob:
            async with asyncio.timeout(2 * PATIENCE_SECONDS):
                deliveries = await receive_until(bob, 3)
            assert trip.sprung.is_set()
            assert relay.connected >= 2
            assert numbers(deliveries) == [1, 2, 3]
            assert {delivery.parcel for delivery in deliveries} == {large(number, 100_000) for number in (1, 2, 3)}
            await bob.confirm(tokens(deliveries))
    assert lies_in(stack, link.bob) == 0
    assert lies_in(stack, link.bob, DONE) == 3
    async with link.end(link.bob) as bob:
        assert await bob.receive(10) == []


async def test_a_session_killed_before_the_confirmation_changes_nothing(
    link: MailLink, alice: Channel, bob: Channel
) -> None:
    for number in (1, 2, 3):
        await alice.send(parcel(number))
    await link.arrived(link.bob, 3)
    deliveries = await receive_until(bob, 3)
    link.stack.kill_sessions("imap")
    for _ in range(2):
        try:
            await bob.confirm(tokens(deliveries))
        except ChannelUnavailable as reason:
            plain(reason, "it is tried again")
    assert await bob.receive(10) == []
    assert lies_in(link.stack, link.bob) == 0
    assert lies_in(link.stack, link.bob, DONE) == 3


@pytest.mark.parametrize("word", ["kill", "stop"])
async def test_an_end_within_idle_is_noticed_and_the_next_mail_is_hinted_at(
    link: MailLink, alice: Channel, bob: Channel, word: str
) -> None:
    hints = hints_of(bob)
    async with asyncio.timeout(2 * PATIENCE_SECONDS):
        await anext(hints)
        waiting = asyncio.ensure_future(anext(hints))
        await eventually(lambda: link.stack.idling(link.bob))
        if word == "kill":
            link.stack.kill_sessions("imap")
        else:
            await asyncio.to_thread(link.stack.restart, "dovecot")
        await alice.send(parcel(1))
        await waiting
        assert [delivery.parcel for delivery in await gather(bob, 1)] == [parcel(1)]
    await hints.aclose()


async def test_an_idle_that_falls_silent_does_not_hide_a_mail(link: MailLink, alice: Channel) -> None:
    async with (
        relay_to(link.stack.ports.imaps) as relay,
        link.end(link.bob, imap_port=relay.port, poll_seconds=1, timeout_seconds=2) as bob,
    ):
        hints = hints_of(bob)
        async with asyncio.timeout(2 * PATIENCE_SECONDS):
            await anext(hints)
            waiting = asyncio.ensure_future(anext(hints))
            await eventually(lambda: link.stack.idling(link.bob))
            for connection in relay.open:
                connection.fall_silent()
            await alice.send(parcel(1))
            await waiting
            await link.arrived(link.bob, 1)
            assert [delivery.parcel for delivery in await receive_until(bob, 1)] == [parcel(1)]
        await hints.aclose()


# log-ins and certificates


async def test_a_wrong_password_is_said_and_a_corrected_one_works(link: MailLink) -> None:
    file = link.secret_file(link.alice, "open-sesame")
    async with link.end(link.alice, proof={"password_file": str(file)}) as alice:
        for attempt in (alice.send(parcel(1)), alice.receive(10)):
            with pytest.raises(ChannelError) as caught:
                await attempt
            assert not isinstance(caught.value, ChannelUnavailable | ChannelRefused)
            assert "open-sesame" not in plain(caught.value, link.alice.user, "correct user and secret")
        said = "\n".join(await alice.check())
        assert link.alice.user in said
        assert "open-sesame" not in said
    link.secret_file(link.alice, link.alice.password)
    async with link.end(link.alice, proof={"password_file": str(file)}) as alice:
        await alice.send(parcel(1))
        assert await alice.receive(10) == []
    await link.arrived(link.bob, 1)


async def test_a_wrong_password_is_not_tried_again_and_again(link: MailLink) -> None:
    """After a few wrong ones a provider locks the account."""
    file = link.secret_file(link.alice, "open-sesame")
    async with link.end(link.alice, proof={"password_file": str(file)}) as alice:
        for _ in range(5):
            with pytest.raises(ChannelError, match="refuses the log-in"):
                await alice.receive(10)
            with pytest.raises(ChannelError, match="refuses the log-in"):
                await alice.send(parcel(1))
    assert logs(link.stack).count(f"passwd-file({link.alice.user},127.0.0.1): Password mismatch") <= 2


async def test_an_expired_token_is_said_and_the_next_one_works(link: MailLink) -> None:
    expired = link.stack.token(link.alice, seconds=-60)
    file = link.secret_file(link.alice, expired)
    async with link.end(link.alice, proof={"token_command": f"cat {file}"}) as alice:
        for attempt in (alice.send(parcel(1)), alice.receive(10)):
            with pytest.raises(ChannelError) as caught:
                await attempt
            assert not isinstance(caught.value, ChannelUnavailable | ChannelRefused)
            assert expired not in plain(caught.value, link.alice.user, "refuses the log-in")
    link.secret_file(link.alice, link.stack.token(link.alice))
    async with link.end(link.alice, proof={"token_command": f"cat {file}"}) as alice:
        await alice.send(parcel(1))
        assert await alice.receive(10) == []
    await link.arrived(link.bob, 1)


async def test_a_token_that_expires_early_is_asked_for_again(link: MailLink) -> None:
    granted = iter([link.stack.token(link.alice, seconds=-60)])
    with token_page(lambda: next(granted, link.stack.token(link.alice))) as page:
        file = link.secret_file(link.alice, page.refresh_token)
        oauth = {"token_url": page.url, "client_id": CLIENT, "refresh_token_file": str(file)}
        async with link.end(link.alice, proof={"oauth": oauth}) as alice:
            await alice.send(parcel(1))
        assert len(page.asked) == 2
    await link.arrived(link.bob, 1)


async def test_a_refresh_token_that_was_withdrawn_is_said(link: MailLink) -> None:
    with token_page(lambda: link.stack.token(link.alice)) as page:
        file = link.secret_file(link.alice, "withdrawn-long-ago")
        oauth = {"token_url": page.url, "client_id": CLIENT, "refresh_token_file": str(file)}
        async with link.end(link.alice, proof={"oauth": oauth}) as alice:
            with pytest.raises(ChannelError) as caught:
                await alice.send(parcel(1))
    assert "withdrawn-long-ago" not in plain(caught.value, "invalid_grant", "log in to the provider again")


@pytest.mark.parametrize("certificate", ["stranger", "elsewhere", "expired"])
@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_certificate_of_somebody_else_gets_no_password(link: MailLink, certificate: str, security: str) -> None:
    stack = link.stack
    settings = link.settings(link.alice)
    if security == "starttls":
        settings["smtp"] |= {"security": "starttls", "port": stack.ports.smtp}
        settings["imap"] |= {"security": "starttls", "port": stack.ports.imap}
    async with link.end(link.alice, smtp=settings["smtp"], imap=settings["imap"]) as alice:
        with stack.changed(certificate=certificate):
            for attempt in (alice.send(parcel(1)), alice.receive(10)):
                with pytest.raises(ChannelError) as caught:
                    await attempt
                assert not isinstance(caught.value, ChannelUnavailable | ChannelRefused)
                plain(caught.value, "the certificate of 127.0.0.1:", "is not accepted", "ca_file")
    assert link.alice.user not in logs(stack)
    async with link.end(link.alice, smtp=settings["smtp"], imap=settings["imap"]) as alice:
        await alice.send(parcel(1))
        assert await alice.receive(10) == []
    await link.arrived(link.bob, 1)


# refusals


async def test_greylisting_waits_and_then_arrives_once(link: MailLink, alice: Channel, bob: Channel) -> None:
    link.stack.refuse(link.bob.address, GREYLISTED, times=2)
    said = await send_until_taken(alice, parcel(1))
    assert len(said) == 2
    assert all("450" in sentence and "Greylisted" in sentence for sentence in said)
    await link.arrived(link.bob, 1)
    assert [delivery.parcel for delivery in await receive_until(bob, 1)] == [parcel(1)]


@pytest.mark.parametrize("after_data", [False, True])
async def test_a_full_mailbox_is_tried_again(link: MailLink, alice: Channel, *, after_data: bool) -> None:
    link.stack.refuse(link.bob.address, FULL, times=1, after_data=after_data)
    (said,) = await send_until_taken(alice, parcel(1))
    assert "552" in said
    assert "full" in said
    await link.arrived(link.bob, 1)


async def test_a_refusal_for_good_stops_with_the_words_of_the_server(link: MailLink, alice: Channel) -> None:
    link.stack.refuse(link.bob.address, REFUSED, times=1)
    with pytest.raises(ChannelError) as caught:
        await alice.send(parcel(1))
    assert not isinstance(caught.value, ChannelUnavailable)
    plain(caught.value, "550", "Refused by policy", link.bob.address)
    link.stack.refuse(link.bob.address, "554 5.7.1 Content is forbidden", times=1, after_data=True)
    with pytest.raises(ChannelRefused) as refused:
        await alice.send(parcel(1))
    plain(refused.value, "554", "Content is forbidden")
    await alice.send(parcel(1))
    await link.arrived(link.bob, 1)


async def test_a_mail_that_the_server_finds_too_large_is_refused_and_smaller_ones_go(
    link: MailLink, alice: Channel
) -> None:
    with link.stack.changed(message_bytes_max=100_000):
        with pytest.raises(ChannelRefused) as caught:
            await alice.send(large(1))
        plain(caught.value, "larger than")
        await alice.send(parcel(2, data=b"x" * 40_000))
    await link.arrived(link.bob, 1)


async def test_a_bounce_of_a_full_mailbox_is_told_and_the_resend_arrives(
    link: MailLink, alice: Channel, bob: Channel
) -> None:
    link.stack.set_quota(link.bob, 100_000)
    await alice.send(large(1, 200_000))
    await link.arrived(link.alice, 1)
    assert await alice.receive(10) == []
    (notice,) = notices(alice)
    assert "came back, 5.2.2" in notice
    assert link.bob.address in notice
    assert await alice.receive(10) == []
    assert notices(alice) == []
    link.stack.set_quota(link.bob, None)
    await alice.send(large(1, 200_000))
    await link.arrived(link.bob, 1)
    assert [delivery.parcel for delivery in await receive_until(bob, 1)] == [large(1, 200_000)]


def notices(channel: Channel) -> list[str]:
    assert isinstance(channel, MailChannel)
    return list(channel.notices())


# what strangers put into the mailbox


async def test_a_forged_bounce_and_a_vacation_answer_change_nothing(link: MailLink, alice: Channel) -> None:
    await alice.send(parcel(1))
    forged = FORGED_BOUNCE.format(address=link.bob.address).replace("\n", "\r\n").encode()
    vacation = VACATION.format(address=link.bob.address).replace("\n", "\r\n").encode()
    link.stack.put_mails(link.alice, [forged, vacation])
    assert await alice.receive(10) == []
    (notice,) = notices(alice)
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
