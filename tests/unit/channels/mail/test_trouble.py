import socket
import ssl

import pytest

from channels.base import ChannelError, ChannelRefused, ChannelUnavailable
from channels.mail import trouble
from channels.mail.caution import Caution

PLACE = "mail.example:465"


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        (451, "4.7.1 Greylisted", ChannelUnavailable),
        (421, "4.7.0 Try again later", ChannelUnavailable),
        (452, "4.2.2 Mailbox full", ChannelUnavailable),
        (552, "5.2.2 Mailbox is full", ChannelUnavailable),
        (552, "5.3.1 Insufficient system storage", ChannelUnavailable),
        (550, "5.4.5 Daily user sending limit exceeded", ChannelUnavailable),
        (552, "5.3.4 Message size exceeds fixed limit", ChannelRefused),
        (554, "5.7.1 Content refused", ChannelRefused),
    ],
)
def test_an_answer_to_a_mail_decides_what_happens_next(code: int, words: str, kind: type[ChannelError]) -> None:
    error = trouble.sending(code, words, PLACE)
    assert type(error) is kind
    assert words in str(error)
    assert PLACE in str(error)


def test_an_address_that_is_refused_waits_for_a_person() -> None:
    assert type(trouble.recipient(550, "5.1.1 no such user", PLACE, "bob@b.example")) is ChannelError
    assert type(trouble.recipient(450, "4.7.1 Greylisted", PLACE, "bob@b.example")) is ChannelUnavailable
    assert type(trouble.sender(553, "5.7.1 not owned", PLACE, "alice@a.example")) is ChannelError
    assert type(trouble.sender(552, "5.3.4 too big", PLACE, "alice@a.example")) is ChannelRefused


@pytest.mark.parametrize("words", ["5.2.2 Mailbox is full", "5.2.2 Over quota", "Quota exceeded"])
@pytest.mark.parametrize("code", [452, 552])
def test_whose_mailbox_is_full_is_said_where_the_answer_tells(code: int, words: str) -> None:
    """RCPT is about the partner's, MAIL about ours, the end of the content about either."""
    said = {
        "the partner's mailbox is full": trouble.recipient(code, words, PLACE, "bob@b.example"),
        "your own mailbox there is full": trouble.sender(code, words, PLACE, "alice@a.example"),
        "the partner's or your own": trouble.sending(code, words, PLACE),
    }
    assert [sentence for sentence, error in said.items() if sentence not in str(error)] == []
    assert {type(error) for error in said.values()} == {ChannelUnavailable}
    assert "full" not in str(trouble.sender(550, "5.4.5 Daily sending quota exceeded", PLACE, "alice@a.example"))


def test_the_cause_behind_a_network_error_is_found() -> None:
    wrapped = ConnectionError("Error connecting")
    wrapped.__cause__ = ssl.SSLCertVerificationError(1, "certificate verify failed")
    assert "is not accepted" in str(trouble.network(wrapped, PLACE))
    assert type(trouble.network(wrapped, PLACE)) is ChannelError
    assert "host" in str(trouble.network(socket.gaierror(-2, "unknown"), PLACE))
    assert "did not answer in time" in str(trouble.network(TimeoutError(), PLACE))
    assert "nothing listens" in str(trouble.network(ConnectionRefusedError(), PLACE))


def test_a_servers_words_are_one_printable_line() -> None:
    assert trouble.shown(b"a\r\nb\x1b[31m\xff") == "a b [31m\ufffd"
    assert len(trouble.shown("x" * 10_000)) == 300


async def test_a_refused_log_in_is_not_tried_again_at_once() -> None:
    now = 0.0
    caution = Caution(lambda: now)
    tried = 0

    async def knock() -> None:
        nonlocal tried
        async with caution.attempt():
            tried += 1
            raise ChannelError("refused")

    for _ in range(3):
        with pytest.raises(ChannelError, match="refused"):
            await knock()
    assert tried == 1
    now = 6.0
    with pytest.raises(ChannelError, match="refused"):
        await knock()
    assert tried == 2
    now = 100.0
    async with caution.attempt():
        tried += 1
    async with caution.attempt():
        tried += 1
    assert tried == 4


async def test_a_server_that_is_away_is_tried_each_time() -> None:
    caution = Caution(lambda: 0.0)
    for _ in range(2):
        with pytest.raises(ChannelUnavailable, match="away"):
            async with caution.attempt():
                raise ChannelUnavailable("away")
