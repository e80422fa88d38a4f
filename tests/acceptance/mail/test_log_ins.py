"""Passwords, tokens and certificates that are not as they should be: a clear sentence, and no secret to a stranger."""

import pytest

from channels.base import ChannelError, ChannelRefused, ChannelUnavailable
from tests.contract.channels import parcel
from tests.support.mail_link import MailLink, logs, plain
from tests.support.tokens import CLIENT, token_page


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


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_client_certificate_lets_in_where_the_servers_require_one(link: MailLink, security: str) -> None:
    stack = link.stack
    proof = {"password_file": str(link.secret_file(link.alice, link.alice.password)), "security": security}
    ports = {} if security == "tls" else {"smtp_port": stack.ports.smtp, "imap_port": stack.ports.imap}
    certificate = {
        "client_cert_file": str(stack.client_certificate_file),
        "client_key_file": str(stack.client_key_file),
    }
    with stack.changed(client_certificate=True):
        async with link.end(link.alice, proof=proof, **ports) as alice:
            for attempt in (alice.send(parcel(1)), alice.receive(10)):
                with pytest.raises(ChannelError) as caught:
                    await attempt
                plain(caught.value, "certificate")
        async with link.end(link.alice, proof=proof | certificate, **ports) as alice:
            assert await alice.check() == []
            await alice.send(parcel(1))
            assert await alice.receive(10) == []
        await link.arrived(link.bob, 1)


async def test_a_client_certificate_that_cannot_be_used_is_said(link: MailLink) -> None:
    wrong = {"client_cert_file": str(link.stack.client_certificate_file), "client_key_file": str(link.stack.ca_file)}
    proof = {"password_file": str(link.secret_file(link.alice, link.alice.password))}
    async with link.end(link.alice, proof=proof | wrong) as alice:
        for attempt in (alice.send(parcel(1)), alice.receive(10)):
            with pytest.raises(ChannelError) as caught:
                await attempt
            plain(caught.value, str(link.stack.client_certificate_file), "name certificate and key in PEM form")
