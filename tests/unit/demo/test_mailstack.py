"""The mail servers of the tests do what a mail server does, and fail when they are told to."""

import imaplib
import json
import smtplib
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backbone.demo.mailstack import FULL, GREYLISTED, Account, MailStack, MailStackError, MailStackNotHere
from backbone.demo.mailstack.stack import check_folder
from tests.support.mail import lies_in, wait_until
from tests.support.tokens import CLIENT, TokenPage, token_page

MAIL = b"From: somebody@elsewhere.example\r\nSubject: good morning\r\n\r\nnothing new\r\n"


def trusting(stack: MailStack) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(stack.ca_file))


@contextmanager
def smtp(stack: MailStack, account: Account) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP(stack.host, stack.ports.smtp, timeout=20) as client:
        client.starttls(context=trusting(stack))
        client.login(account.user, account.password)
        yield client


@contextmanager
def imap(stack: MailStack, account: Account) -> Iterator[imaplib.IMAP4]:
    client = imaplib.IMAP4_SSL(stack.host, stack.ports.imaps, ssl_context=trusting(stack), timeout=20)
    try:
        client.login(account.user, account.password)
        client.select()
        yield client
    finally:
        client.shutdown()


def send(stack: MailStack, sender: Account, recipient: str, mail: bytes = MAIL) -> None:
    with smtp(stack, sender) as client:
        client.sendmail(sender.address, [recipient], mail)


def test_a_mail_arrives(mail_stack: MailStack) -> None:
    alice, bob = mail_stack.add_account(), mail_stack.add_account()
    send(mail_stack, alice, bob.address)
    wait_until(lambda: lies_in(mail_stack, bob) == 1)
    with imap(mail_stack, bob) as client:
        _, found = client.fetch("1", "(BODY.PEEK[])")
    assert isinstance(found[0], tuple)
    assert found[0][1].endswith(b"nothing new\r\n")


def test_implicit_tls_and_starttls_are_both_there(mail_stack: MailStack) -> None:
    alice = mail_stack.add_account()
    with smtplib.SMTP_SSL(mail_stack.host, mail_stack.ports.smtps, context=trusting(mail_stack), timeout=20) as client:
        assert client.login(alice.user, alice.password)[0] == 235
    plain = imaplib.IMAP4(mail_stack.host, mail_stack.ports.imap, timeout=20)
    plain.starttls(trusting(mail_stack))
    assert plain.login(alice.user, alice.password)[0] == "OK"
    plain.shutdown()


def test_smtp_takes_nothing_before_starttls(mail_stack: MailStack) -> None:
    with smtplib.SMTP(mail_stack.host, mail_stack.ports.smtp, timeout=20) as client:
        assert client.mail("alice@mail.example")[0] == 530
        assert not client.has_extn("auth")


def test_a_token_is_as_good_as_a_password_until_it_expires(mail_stack: MailStack) -> None:
    alice = mail_stack.add_account()

    def log_in(token: str) -> str:
        client = imaplib.IMAP4_SSL(mail_stack.host, mail_stack.ports.imaps, ssl_context=trusting(mail_stack))
        try:
            answer = f"user={alice.user}\1auth=Bearer {token}\1\1".encode()
            return client.authenticate("XOAUTH2", lambda challenge: b"" if challenge else answer)[0]
        finally:
            client.shutdown()

    assert log_in(mail_stack.token(alice)) == "OK"
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        log_in(mail_stack.token(alice, seconds=-1))
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        log_in(mail_stack.token(mail_stack.add_account()))


def test_smtp_takes_a_token_too(mail_stack: MailStack) -> None:
    alice = mail_stack.add_account()
    with smtplib.SMTP_SSL(mail_stack.host, mail_stack.ports.smtps, context=trusting(mail_stack), timeout=20) as client:
        client.ehlo()
        answer = f"user={alice.user}\1auth=Bearer {mail_stack.token(alice)}\1\1"
        assert client.auth("XOAUTH2", lambda _=None: answer)[0] == 235


def test_nobody_sends_in_the_name_of_another(mail_stack: MailStack) -> None:
    alice, bob = mail_stack.add_account(), mail_stack.add_account()
    with smtp(mail_stack, alice) as client, pytest.raises(smtplib.SMTPRecipientsRefused, match="not owned by user"):
        client.sendmail(bob.address, [bob.address], MAIL)


def test_an_unknown_recipient_is_refused(mail_stack: MailStack) -> None:
    alice = mail_stack.add_account()
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="no such mailbox"):
        send(mail_stack, alice, "nobody@mail.example")


def test_a_mail_for_an_address_that_bounces_comes_back(mail_stack: MailStack) -> None:
    alice = mail_stack.add_account()
    mail_stack.bounce("gone@mail.example")
    send(mail_stack, alice, "gone@mail.example")
    wait_until(lambda: lies_in(mail_stack, alice) == 1)
    assert "Action: failed" in mail_stack.doveadm("fetch", "-u", alice.user, "text", "all")


def test_greylisting_refuses_so_many_times(mail_stack: MailStack) -> None:
    alice, bob = mail_stack.add_account(), mail_stack.add_account()
    mail_stack.refuse(bob.address, GREYLISTED, times=2)
    for _ in range(2):
        with pytest.raises(smtplib.SMTPRecipientsRefused, match="450"):
            send(mail_stack, alice, bob.address)
    send(mail_stack, alice, bob.address)
    wait_until(lambda: lies_in(mail_stack, bob) == 1)


def test_a_refusal_after_the_data_until_it_is_taken_back(mail_stack: MailStack) -> None:
    alice, bob = mail_stack.add_account(), mail_stack.add_account()
    mail_stack.refuse(bob.address, FULL, after_data=True)
    with pytest.raises(smtplib.SMTPDataError, match="552"):
        send(mail_stack, alice, bob.address)
    mail_stack.accept(bob.address)
    send(mail_stack, alice, bob.address)
    wait_until(lambda: lies_in(mail_stack, bob) == 1)


def test_a_full_mailbox_returns_the_mail_to_its_sender(mail_stack: MailStack) -> None:
    alice, bob = mail_stack.add_account(), mail_stack.add_account(quota_bytes=2000)
    send(mail_stack, alice, bob.address, MAIL + b"x" * 70 + b"\r\n" * 1000)
    wait_until(lambda: lies_in(mail_stack, alice) == 1)
    assert "Status: 5.2.2" in mail_stack.doveadm("fetch", "-u", alice.user, "text", "all")
    assert lies_in(mail_stack, bob) == 0
    mail_stack.set_quota(bob, None)
    send(mail_stack, alice, bob.address, MAIL + b"x" * 70 + b"\r\n" * 1000)
    wait_until(lambda: lies_in(mail_stack, bob) == 1)


def test_other_settings_last_as_long_as_they_are_wanted(mail_stack: MailStack) -> None:
    alice = mail_stack.add_account()

    def size_limit() -> str:
        with smtp(mail_stack, alice) as client:
            return client.esmtp_features["size"]

    before = size_limit()
    with mail_stack.changed(message_bytes_max=100_000):
        assert size_limit() == "100000"
    assert size_limit() == before


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        ("stranger", "unable to get local issuer"),
        ("elsewhere", "certificate is not valid for"),
        ("expired", "certificate has expired"),
    ],
)
def test_a_wrong_certificate_is_noticed(mail_stack: MailStack, certificate: str, reason: str) -> None:
    with mail_stack.changed(certificate=certificate):
        for port in (mail_stack.ports.imaps, mail_stack.ports.smtps):
            with socket.create_connection((mail_stack.host, port)) as raw, pytest.raises(ssl.SSLError, match=reason):
                trusting(mail_stack).wrap_socket(raw, server_hostname=mail_stack.host)


def test_a_client_certificate_can_be_asked_for(mail_stack: MailStack) -> None:
    alice = mail_stack.add_account()
    with mail_stack.changed(client_certificate=True):
        with pytest.raises((imaplib.IMAP4.error, OSError)), imap(mail_stack, alice):
            pass
        context = trusting(mail_stack)
        context.load_cert_chain(mail_stack.client_certificate_file, mail_stack.client_key_file)
        client = imaplib.IMAP4_SSL(mail_stack.host, mail_stack.ports.imaps, ssl_context=context)
        assert client.login(alice.user, alice.password)[0] == "OK"
        client.shutdown()
        with smtplib.SMTP_SSL(mail_stack.host, mail_stack.ports.smtps, context=context, timeout=20) as sender:
            assert sender.login(alice.user, alice.password)[0] == 235


def test_thousands_of_mails_are_put_and_removed(mail_stack: MailStack) -> None:
    alice = mail_stack.add_account()
    assert mail_stack.put_mails(alice, [MAIL] * 2000) == 2000
    assert lies_in(mail_stack, alice) == 2000
    assert mail_stack.mails(alice) == [MAIL] * 2000
    mail_stack.doveadm("mailbox", "create", "-u", alice.user, "Done/Old")
    mail_stack.doveadm("move", "-u", alice.user, "Done/Old", "mailbox", "INBOX", "1:3")
    assert len(mail_stack.mails(alice, "Done/Old")) == 3
    assert lies_in(mail_stack, alice) == 1997
    mail_stack.empty(alice)
    assert lies_in(mail_stack, alice) == 0


def test_a_killed_session_breaks_the_connection_and_no_other(mail_stack: MailStack) -> None:
    alice = mail_stack.add_account()
    with imap(mail_stack, alice) as client:
        assert mail_stack.kill_sessions("imap") >= 1
        with pytest.raises((imaplib.IMAP4.error, OSError)):
            client.noop()
    with imap(mail_stack, alice) as client:
        assert client.noop()[0] == "OK"


def test_idle_is_seen_from_outside(mail_stack: MailStack) -> None:
    alice = mail_stack.add_account()
    with imap(mail_stack, alice) as client:
        assert not mail_stack.idling(alice)
        client.send(b"a IDLE\r\n")
        wait_until(lambda: mail_stack.idling(alice))


def test_one_server_is_stopped_and_started_alone(mail_stack: MailStack) -> None:
    alice = mail_stack.add_account()
    mail_stack.stop_server("dovecot")
    with pytest.raises(ConnectionRefusedError), imap(mail_stack, alice):
        pass
    with smtplib.SMTP(mail_stack.host, mail_stack.ports.smtp) as client:
        assert client.noop()[0] == 250
    mail_stack.start_server("dovecot")
    with imap(mail_stack, alice) as client_again:
        assert client_again.noop()[0] == "OK"


def test_a_second_stack_takes_over_the_folder_of_one_that_was_left(stack_folder: Path) -> None:
    left = MailStack(stack_folder)
    left.start()
    alice = left.add_account()
    ports = left.ports
    with MailStack(stack_folder) as stack:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((left.host, ports.imaps))
        with imap(stack, alice) as client:
            assert client.noop()[0] == "OK"
    left.stop()


def test_a_stack_leaves_no_process_behind(stack_folder: Path) -> None:
    with MailStack(stack_folder) as stack:
        send(stack, stack.add_account("alice@acme.example"), "alice@acme.example")
        masters = [int((stack.folder / f"{word}.pid").read_text()) for word in ("dovecot", "postfix")]
    assert [found for found in living() if found[1] in masters] == []
    assert list(stack.folder.glob("*.pid")) == []


def living() -> list[tuple[str, int]]:
    """State and process group of all processes that are not dead."""
    stats = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        stats.append((fields[0], int(fields[2])))
    return [found for found in stats if found[0] not in "ZX"]


def test_a_port_that_is_taken_is_said(stack_folder: Path, mail_stack: MailStack) -> None:
    second = MailStack(stack_folder, ports=mail_stack.ports)
    with pytest.raises(MailStackError, match="another program does"):
        second.start()
    assert list(second.folder.glob("*.pid")) == []


def test_a_folder_that_the_servers_cannot_reach_is_said(short_folder: Path) -> None:
    closed = short_folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(MailStackNotHere, match="chmod o\\+x"):
        check_folder(closed / "m")
    with pytest.raises(MailStackNotHere, match="too long"):
        check_folder(short_folder / ("x" * 100))


def test_a_token_page_gives_tokens_for_the_right_refresh_token(mail_stack: MailStack) -> None:
    alice = mail_stack.add_account()

    def ask(page: TokenPage, refresh_token: str) -> tuple[int, dict[str, str]]:
        form = {"grant_type": "refresh_token", "client_id": CLIENT, "refresh_token": refresh_token}
        request = urllib.request.Request(page.url, urllib.parse.urlencode(form).encode())
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    with token_page(lambda: mail_stack.token(alice)) as page:
        status, granted = ask(page, page.refresh_token)
        assert (status, granted["access_token"].count(".")) == (200, 2)
        assert ask(page, "an old one")[0] == 400
