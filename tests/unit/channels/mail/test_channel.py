"""What the contract does not say: mailboxes that others use too, and mails that are not as they were sent."""

import asyncio

import pytest

from backbone.demo.mailstack import Account, MailStack
from channels.base import INFORMATION, ChannelError, ChannelRefused, ChannelUnavailable
from channels.mail import limits, mime
from tests.contract.channels import gather, hints_of, parcel, tokens
from tests.support.mail import eventually, lies_in
from tests.unit.channels.mail.accounts import TAG
from tests.unit.channels.mail.conftest import Open
from tests.unit.channels.mail.gateways import DATE, mail

FOREIGN = b"From: eve@example.org\r\nSubject: lunch %d?\r\n\r\nHello\r\n"
DONE = "Backbone/done"


async def test_what_is_confirmed_moves_and_the_rest_stays(
    mail_stack: MailStack, alice: Account, bob: Account, open_channel: Open
) -> None:
    a, b = open_channel(alice, bob), open_channel(bob, alice)
    mail_stack.put_mails(bob, [FOREIGN % 1, FOREIGN % 2])
    for number in range(1, 4):
        await a.send(parcel(number))
    await b.confirm(tokens(await gather(b, 3))[:2])
    assert lies_in(mail_stack, bob, DONE) == 2
    assert lies_in(mail_stack, bob) == 3
    assert sum(b"lunch" in text for text in mail_stack.mails(bob)) == 2
    assert "\\Seen" not in mail_stack.doveadm("fetch", "-u", bob.user, "flags", "mailbox", "INBOX", "all")


async def test_processed_mail_can_be_deleted(
    mail_stack: MailStack, alice: Account, bob: Account, open_channel: Open
) -> None:
    a, b = open_channel(alice, bob), open_channel(bob, alice, imap={"processed": "delete"})
    mail_stack.put_mails(bob, [FOREIGN % 1])
    await a.send(parcel(1))
    await b.confirm(tokens(await gather(b, 1)))
    assert lies_in(mail_stack, bob) == 1


async def test_a_parcel_among_twenty_thousand_foreign_mails_is_found(
    mail_stack: MailStack, alice: Account, bob: Account, open_channel: Open
) -> None:
    a, b = open_channel(alice, bob), open_channel(bob, alice)
    mail_stack.put_mails(bob, (FOREIGN % number for number in range(20_000)))
    await a.send(parcel(1))
    await eventually(lambda: lies_in(mail_stack, bob) == 20_001)
    async with asyncio.timeout(60):
        assert [one.parcel for one in await b.receive(10)] == [parcel(1)]
    assert await b.receive(10) == []
    assert lies_in(mail_stack, bob) == 20_001


async def test_links_share_a_mailbox(mail_stack: MailStack, alice: Account, bob: Account, open_channel: Open) -> None:
    carol = mail_stack.add_account()
    other = "f" * 16
    from_alice = open_channel(alice, bob)
    from_carol = open_channel(carol, bob, tag=other)
    to_alice, to_carol = open_channel(bob, alice), open_channel(bob, carol, tag=other)
    theirs = parcel(1, data=b"carol's")
    theirs = type(theirs)(type(theirs.label)(other, "ca501001", "c", 1), theirs.data)
    await from_alice.send(parcel(1))
    await from_carol.send(theirs)
    await eventually(lambda: lies_in(mail_stack, bob) == 2)
    found = [await channel.receive(10) for channel in (to_alice, to_carol)]
    assert [[one.parcel for one in deliveries] for deliveries in found] == [[parcel(1)], [theirs]]
    await to_alice.confirm(tokens(found[0]))
    assert lies_in(mail_stack, bob) == 1


async def test_new_ids_mean_that_everything_is_looked_at_anew(
    mail_stack: MailStack, alice: Account, bob: Account, open_channel: Open
) -> None:
    a, b = open_channel(alice, bob), open_channel(bob, alice)
    await a.send(parcel(1))
    [first] = await gather(b, 1)
    mail_stack.stop_server("dovecot")
    mail_stack.start_server("dovecot")
    mail_stack.doveadm("mailbox", "update", "-u", bob.user, "--uid-validity", "4711", "INBOX")
    again = await _patiently(b.receive)
    assert [one.parcel for one in again] == [parcel(1)]
    assert again[0].token == f"4711:{first.token.partition(':')[2]}"
    await b.confirm([first.token])
    assert lies_in(mail_stack, bob) == 1
    await b.confirm(tokens(again))
    assert lies_in(mail_stack, bob) == 0


async def _patiently(receive: "object") -> list:  # type: ignore[type-arg]
    for _ in range(5):
        try:
            return list(await receive(10))  # type: ignore[operator]
        except ChannelUnavailable:
            continue
    raise AssertionError("it stayed away")


async def test_a_mail_that_a_person_took_away_is_gone_and_nothing_else(
    mail_stack: MailStack, alice: Account, bob: Account, open_channel: Open
) -> None:
    a, b = open_channel(alice, bob), open_channel(bob, alice)
    await a.send(parcel(1))
    taken = tokens(await gather(b, 1))
    mail_stack.empty(bob)
    await b.confirm(taken)
    await b.forget(taken)
    await a.send(parcel(2))
    assert [one.parcel for one in await gather(b, 1)] == [parcel(2)]


async def test_a_damaged_mail_is_handed_over_with_its_problem_and_put_away(
    mail_stack: MailStack, alice: Account, bob: Account, open_channel: Open
) -> None:
    b = open_channel(bob, alice)
    mail_stack.put_mails(bob, [mail().replace(b"AQID", b"AQIE")])
    [delivery] = await b.receive(10)
    assert delivery.problem is not None
    assert "changed on the way" in delivery.problem
    assert delivery.parcel.label.number == 42
    await b.confirm([delivery.token])
    assert lies_in(mail_stack, bob) == 0


async def test_fifty_megabytes_of_nothing_are_not_fetched(
    mail_stack: MailStack, alice: Account, bob: Account, open_channel: Open
) -> None:
    b = open_channel(bob, alice)
    head = mail().partition(b"\r\n\r\n")[0]
    mail_stack.put_mails(bob, [head + b"\r\n\r\n" + b"x" * 50_000_000])
    [delivery] = await b.receive(10)
    assert delivery.problem is not None
    assert "50000" in delivery.problem
    assert len(delivery.parcel.data) <= limits.PREFIX_BYTES
    await b.confirm([delivery.token])
    assert lies_in(mail_stack, bob) == 0


async def test_broken_mails_do_not_hold_up_the_whole_ones(
    mail_stack: MailStack, alice: Account, bob: Account, open_channel: Open
) -> None:
    a, b = open_channel(alice, bob), open_channel(bob, alice)
    field = mail().partition(b"X-Backbone-Parcel: ")[2].partition(b"\r\n")[0]
    broken = [
        b"X-Backbone-Parcel: " + field + b"\r\n",
        b"X-Backbone-Parcel: " + field + b"\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 5000,
        b"Subject: Backbone\r\n\r\n" + bytes(range(256)) * 10,
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n" * 50,
        b"\xff" * 1000,
    ]
    mail_stack.put_mails(bob, broken)
    await a.send(parcel(1))
    found = await gather(b, 3)
    assert [one.parcel for one in found if one.problem is None] == [parcel(1)]


async def test_our_own_parcel_that_comes_back_is_a_notice(
    mail_stack: MailStack, alice: Account, bob: Account, open_channel: Open
) -> None:
    a, b = open_channel(alice, bob), open_channel(bob, alice)
    await a.send(parcel(1))
    await gather(b, 1)
    mail_stack.put_mails(alice, [mime.build(parcel(1), alice.address, bob.address, DATE, "1" * 32) or b""])
    assert await a.receive(10) == []
    [notice] = a.notices()
    assert "came back" in notice
    assert a.notices() == []


async def test_a_bounce_is_told_and_changes_nothing(
    mail_stack: MailStack, alice: Account, bob: Account, open_channel: Open
) -> None:
    gone = Account(f"gone-{bob.address}", "", "")
    mail_stack.bounce(gone.address)
    a = open_channel(alice, gone)
    await a.send(parcel(7))
    await eventually(lambda: lies_in(mail_stack, alice) == 1)
    assert await a.receive(10) == []
    [notice] = a.notices()
    assert "bb1-00c0ffee00c0ffee-a11ce001-c-0000000000000007) came back, 5." in notice
    assert await a.receive(10) == []
    assert lies_in(mail_stack, alice, DONE) == 1


async def test_others_bounces_and_out_of_office_answers_are_left_alone(
    mail_stack: MailStack, alice: Account, bob: Account, open_channel: Open
) -> None:
    a = open_channel(alice, bob)
    away = f"From: {bob.address}\r\nSubject: Re: Backbone\r\nAuto-Submitted: auto-replied\r\n\r\nI am away.\r\n"
    report = (
        "From: MAILER-DAEMON@x.example\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\n"
        "Content-Type: message/delivery-status\r\n\r\nAction: failed\r\n"
        "Final-Recipient: rfc822; eve@x.example\r\n--b--\r\n"
    )
    mail_stack.put_mails(alice, [away.encode(), report.encode()])
    assert await a.receive(10) == []
    assert a.notices() == []
    assert lies_in(mail_stack, alice) == 2


async def test_a_ready_account_gets_its_own_mail(
    mail_stack: MailStack, alice: Account, bob: Account, open_channel: Open
) -> None:
    a = open_channel(alice, bob)
    assert await a.check_by_mail() == []
    assert lies_in(mail_stack, alice) == 0


async def test_what_the_provider_allows_is_kept(alice: Account, bob: Account, open_channel: Open) -> None:
    a = open_channel(alice, bob, per_hour=2)
    for number in (1, 2):
        await a.send(parcel(number))
    for channel in (a, open_channel(alice, bob, per_hour=2)):
        with pytest.raises(ChannelUnavailable, match="per_hour allows: it goes on at"):
            await channel.send(parcel(3))


async def test_a_parcel_of_another_link_is_not_sent(alice: Account, bob: Account, open_channel: Open) -> None:
    with pytest.raises(ChannelRefused, match="cannot be the label"):
        await open_channel(alice, bob, tag="f" * 16).send(parcel(1))


async def test_the_largest_parcel_fits_the_largest_mail(
    mail_stack: MailStack, alice: Account, bob: Account, open_channel: Open
) -> None:
    size = 1_000_000
    a, b = open_channel(alice, bob, size_max=size), open_channel(bob, alice)
    largest = parcel(1, data=bytes(range(256)) * (a.limits.parcel_bytes_max // 256))
    await a.send(largest)
    [delivery] = await gather(b, 1)
    assert delivery.parcel == largest
    [stored] = mail_stack.mails(bob)
    assert size * 0.97 < len(stored.replace(b"\n", b"\r\n")) < size + 1000  # what servers put before it


async def test_many_large_ones_come_in_several_fetches(
    mail_stack: MailStack, alice: Account, bob: Account, open_channel: Open
) -> None:
    b = open_channel(bob, alice)
    sent = [parcel(number, data=bytes([number]) * 3_000_000) for number in range(1, 6)]
    built = (mime.build(one, alice.address, bob.address, DATE, f"{one.label.number:032x}") or b"" for one in sent)
    mail_stack.put_mails(bob, built)
    first = await b.receive(10)
    assert 1 <= len(first) < 5
    rest = await gather(b, 5 - len(first))
    assert sorted((one.parcel for one in [*first, *rest]), key=lambda one: one.label.number) == sent


async def test_mail_is_found_without_idle_by_the_timer(
    mail_stack: MailStack, alice: Account, bob: Account, open_channel: Open
) -> None:
    b = open_channel(bob, alice, imap={"port": 1}, poll_seconds=0.05)
    hints = hints_of(b)
    async with asyncio.timeout(20):
        for _ in range(3):
            await anext(hints)
    await hints.aclose()
    with pytest.raises(ChannelUnavailable, match="nothing listens at localhost:1"):
        await b.receive(1)


async def test_check_names_each_trouble(
    mail_stack: MailStack, alice: Account, bob: Account, open_channel: Open
) -> None:
    nowhere = open_channel(alice, bob, smtp={"port": 1}, imap={"port": mail_stack.ports.imaps, "folder": "No/such"})
    found = [sentence for sentence in await nowhere.check() if not sentence.startswith(INFORMATION)]
    assert len(found) == 2
    assert "nothing listens at localhost:1" in found[0]
    assert "no folder 'No/such'" in found[1]
    small = open_channel(alice, bob, size_max=100_000_000)
    [sentence] = await small.check()
    assert "set size_max = 26214400 or less" in sentence


async def test_a_closed_channel_listens_no_more(alice: Account, bob: Account, open_channel: Open) -> None:
    b = open_channel(bob, alice)
    hints = hints_of(b)
    async with asyncio.timeout(20):
        await anext(hints)
        waiting = asyncio.ensure_future(anext(hints))
        await b.close()
        with pytest.raises(StopAsyncIteration):
            await waiting


async def test_plain_words_where_settings_do_not_fit(alice: Account, bob: Account, open_channel: Open) -> None:
    with pytest.raises(ChannelError, match="compare port and security"):
        await open_channel(alice, bob, smtp={"security": "starttls"}, timeout_seconds=3).send(parcel(1))
    assert TAG == "00c0ffee00c0ffee"
