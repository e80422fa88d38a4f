from pathlib import Path
from typing import Any

import pytest

from channels.base import ChannelError
from channels.mail import connect, limits
from channels.mail.secrets import FromCommand, FromEnvironment, FromFile, OAuth, TokenCommand
from channels.mail.settings import settings_from

SMTP = {"host": "mail.a.example", "user": "alice", "password_env": "MAIL_SECRET"}
GIVEN: dict[str, Any] = {
    "tag": "00c0ffee00c0ffee",
    "address": "alice@a.example",
    "partner": "bob@b.example",
    "smtp": SMTP,
    "imap": {},
}


def test_one_account_serves_both_ways() -> None:
    settings = settings_from(GIVEN)
    assert (settings.smtp.host, settings.smtp.port, settings.smtp.security) == ("mail.a.example", 465, "tls")
    assert (settings.imap.host, settings.imap.port, settings.imap.user) == ("mail.a.example", 993, "alice")
    assert settings.imap.secret == settings.smtp.secret == FromEnvironment("MAIL_SECRET")
    assert (settings.folder, settings.processed) == ("INBOX", "Backbone/done")
    assert settings.limits.parcel_bytes_max == limits.parcel_bytes_max(limits.SIZE_MAX)
    assert settings_from(settings) is settings


def test_two_accounts_stay_apart() -> None:
    imap = {"host": "in.a.example", "user": "in", "password_file": "/run/secret", "security": "starttls"}
    settings = settings_from({**GIVEN, "smtp": {**SMTP, "ca_file": "/ca.pem"}, "imap": imap})
    assert (settings.imap.host, settings.imap.port, settings.imap.user) == ("in.a.example", 143, "in")
    assert settings.imap.secret == FromFile(Path("/run/secret"))
    assert settings.imap.ca_file is None
    assert settings.smtp.ca_file == Path("/ca.pem")


def test_processed_mail_may_be_deleted() -> None:
    assert settings_from({**GIVEN, "imap": {"processed": "delete"}}).processed is None


@pytest.mark.parametrize(
    ("given", "secret"),
    [
        ({"password_command": "pass show mail"}, FromCommand("pass show mail")),
        ({"token_command": "token mail"}, TokenCommand(FromCommand("token mail"))),
        (
            {"oauth": {"token_url": "https://t.example", "client_id": "c", "refresh_token_file": "/r", "scope": "s"}},
            OAuth("https://t.example", "c", None, FromFile(Path("/r")), "s"),
        ),
    ],
)
def test_a_secret_is_named_in_many_ways(given: dict[str, Any], secret: object) -> None:
    settings = settings_from({**GIVEN, "smtp": {"host": "h", "user": "u", **given}})
    assert settings.smtp.secret == secret


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"adress": "x"}, "did you mean 'address'?"),
        ({"smtp": {**SMTP, "pasword_env": "X"}}, "did you mean 'password_env'?"),
        ({"smtp": {**SMTP, "password": "hunter2"}}, "a password does not belong into this file"),
        ({"smtp": {**SMTP, "password_file": "/x"}}, "leave one"),
        ({"smtp": {"host": "h", "user": "u"}}, "smtp lacks a secret"),
        ({"smtp": {"host": "h", "password_env": "X"}}, "smtp lacks user"),
        ({"smtp": {"user": "u"}}, "smtp lacks host"),
        ({"smtp": 5}, "lacks the table smtp"),
        ({"smtp": {**SMTP, "security": "none"}}, "is another machine"),
        ({"smtp": {**SMTP, "security": "plain"}}, "it may be 'tls', 'starttls', 'none'"),
        ({"smtp": {**SMTP, "port": 99999}}, "a number from 1 to 65535"),
        ({"smtp": {**SMTP, "port": True}}, "a number from"),
        ({"smtp": {**SMTP, "password_command": '"'}}, "leave one"),
        ({"smtp": {"host": "h", "user": "u", "password_command": '"'}}, "quotation marks"),
        ({"smtp": {"host": "h", "user": "u", "oauth": {"client_id": "x"}}}, "refresh_token_file or client_secret_file"),
        ({"smtp": {"host": "h", "user": "u", "oauth": {"id": "x"}}}, "no 'id'"),
        (
            {
                "smtp": {
                    "host": "h",
                    "user": "u",
                    "oauth": {"token_url": "http://t.example", "client_id": "c", "refresh_token_env": "R"},
                }
            },
            "must begin with https://",
        ),
        ({"smtp": {"host": "localhost", "security": "none"}}, "imap has no user"),
        ({"address": "alice"}, "cannot be the address"),
        ({"address": "a@b.example\r\nBcc: x@y.example"}, "cannot be the address"),
        ({"partner": "Alice@A.example"}, "a mailbox of its own"),
        ({"imap": {"folder": "Backbone/done"}}, "choose another folder"),
        ({"imap": {"folder": 'x" y'}}, "cannot be the folder"),
        ({"tag": "xyz"}, "cannot be the tag"),
        ({"size_max": 10}, "size_max is 10"),
        ({"per_hour": 0}, "per_hour is 0"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ChannelError) as told:
        connect({**GIVEN, **change})
    assert words in str(told.value)
    assert "hunter2" not in str(told.value)


def test_plain_text_is_for_this_machine_only() -> None:
    for host in ("localhost", "127.0.0.1", "127.1.2.3", "::1"):
        assert settings_from({**GIVEN, "smtp": {**SMTP, "host": host, "security": "none"}}).smtp.port == 25
