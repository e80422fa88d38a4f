"""A mail to a person, and how full a mailbox is: by real servers."""

from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from backbone.demo.mailstack import Account, MailStack
from channels.base import ChannelError
from channels.mail import notice
from channels.mail.quota import fullness
from tests.support.mail import eventually, lies_in
from tests.support.mail_link import MailLink


@pytest.fixture
def link(mail_stack: MailStack, short_folder: Path) -> MailLink:
    return MailLink(mail_stack, short_folder)


def fetched(stack: MailStack, account: Account) -> bytes:
    """The only mail in the inbox, asked past IMAP."""
    said = stack.doveadm("fetch", "-u", account.user, "text", "mailbox", "INBOX")
    return said.partition("text:\n")[2].encode()


async def test_a_notice_arrives_as_plain_text_that_nothing_answers(link: MailLink) -> None:
    settings = link.settings(link.alice)
    await notice.send(settings, link.bob.address, "[backbone acme] Größe", "Es ist voll.\nEnde.\n", "ab12")
    await eventually(lambda: lies_in(link.stack, link.bob) == 1)
    mail = message_from_bytes(fetched(link.stack, link.bob), policy=default)
    assert mail["Subject"] == "[backbone acme] Größe"
    assert mail["From"] == f"Backbone <{link.alice.address}>"
    assert mail["Message-ID"] == f"<backbone-ab12@{link.alice.address.rpartition('@')[2]}>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content() == "Es ist voll.\nEnde.\n"


async def test_a_recipient_whom_the_server_does_not_take_is_named(link: MailLink) -> None:
    with pytest.raises(ChannelError, match=r"nobody@acme\.example"):
        await notice.send(link.settings(link.alice), "nobody@acme.example", "s", "t", "ab12")


async def test_a_subject_cannot_carry_a_second_header(link: MailLink) -> None:
    with pytest.raises(ValueError, match="linefeed"):
        await notice.send(link.settings(link.alice), link.bob.address, "s\r\nBcc: x@acme.example", "t", "ab12")


async def test_a_server_with_a_quota_tells_how_full_the_mailbox_is(link: MailLink) -> None:
    link.stack.set_quota(link.bob, 100_000)
    before = await fullness(link.settings(link.bob))
    link.stack.put_mails(link.bob, [b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n"] * 600)
    after = await fullness(link.settings(link.bob))
    assert before == 0.0
    assert after is not None
    assert 0.4 < after < 0.8


async def test_a_server_without_a_quota_tells_nothing(link: MailLink) -> None:
    assert await fullness(link.settings(link.alice)) is None


async def test_a_refused_log_in_is_no_answer(link: MailLink) -> None:
    settings = link.settings(link.alice)
    link.secret_file(link.alice, "wrong")
    with pytest.raises(ChannelError):
        await fullness(settings)
