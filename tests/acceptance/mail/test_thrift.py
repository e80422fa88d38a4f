"""What a server sees of a channel: few connections, a name of its own for each mail, an IDLE that does not grow old."""

import asyncio
import re
from functools import partial

import pytest

from channels.base import Channel
from channels.mail import limits, login, reading
from channels.mail.listening import Ear
from channels.mail.oauth import Credentials
from channels.mail.settings import settings_from
from tests.contract.channels import PATIENCE_SECONDS, parcel
from tests.support.cutting import relay_to
from tests.support.mail import eventually
from tests.support.mail_link import MailLink, logs

MAILS = 12
SERVER_ENDS_IDLE_SECONDS = 29 * 60
"""RFC 2177: a server may log out whoever says nothing for 30 minutes."""


@pytest.mark.parametrize("connections", [1, 2])
async def test_many_mails_go_over_few_connections(link: MailLink, connections: int) -> None:
    ended = Ended(link)
    async with link.end(link.alice, connections=connections) as alice:
        for number in range(MAILS):
            await alice.send(parcel(number + 1))
        await asyncio.gather(*(alice.send(parcel(MAILS + number + 1)) for number in range(MAILS)))
    await eventually(lambda: sum(ended.mails()) == 2 * MAILS)
    assert len(ended.mails()) == connections


async def test_links_that_share_an_account_share_its_connections(link: MailLink) -> None:
    """A provider counts by account: Microsoft 365 takes three."""
    ended = Ended(link)
    async with link.end(link.alice, connections=2) as one, link.end(link.alice, connections=2) as other:
        await asyncio.gather(*(end.send(parcel(number + 1)) for number in range(MAILS) for end in (one, other)))
        await one.close()
        await other.send(parcel(MAILS + 1))
        assert ended.mails() == [], "the last one ends them"
    await eventually(lambda: sum(ended.mails()) == 2 * MAILS + 1)
    assert len(ended.mails()) == 2


class Ended:
    """The connections that ended since."""

    def __init__(self, link: MailLink) -> None:
        self._link = link
        self._before = 0
        self._before = len(self.mails())

    def mails(self) -> list[int]:
        """How many mails each had, as Postfix writes it down."""
        ended = re.findall(r"smtpd\[\d+\]: disconnect from .* mail=(\d+)", logs(self._link.stack))
        return [int(count) for count in ended[self._before :]]


async def test_each_mail_has_a_name_of_its_own_also_when_a_parcel_is_sent_again(link: MailLink, alice: Channel) -> None:
    """Exchange drops a second mail with the same Message-ID; the parcel inside is known by its number and digest."""
    for one in (parcel(1), parcel(1), parcel(2), parcel(1)):
        await alice.send(one)
    await link.arrived(link.bob, 4)
    mails = link.stack.mails(link.bob)
    names = {name for mail in mails for name in re.findall(rb"(?im)^Message-ID: *(<[^>]+>)", mail)}
    assert len(names) == 4
    assert sorted(found.data for mail in mails for found in reading.read(mail).parcels) == sorted(
        [parcel(1).data] * 3 + [parcel(2).data]
    )


async def test_an_idle_is_renewed_before_a_server_ends_it_and_goes_on_hearing(link: MailLink, alice: Channel) -> None:
    assert limits.IDLE_SECONDS < SERVER_ENDS_IDLE_SECONDS
    async with relay_to(link.stack.ports.imap) as relay:
        settings = settings_from(link.settings(link.bob, imap_port=relay.port, proof=readable(link)))
        assert settings.imap.secret is not None
        proof = Credentials(settings.imap.secret)
        connect = partial(login.connect, settings.imap, None, proof, settings.timeout_seconds)
        ear = Ear(connect, "INBOX", poll_seconds=10 * PATIENCE_SECONDS, idle_seconds=0.2)
        await ear.listen()
        waiting = asyncio.ensure_future(ear.wait())
        await eventually(lambda: relay.said.count(b" IDLE\r\n") >= 3)
        assert relay.said.count(b"DONE\r\n") >= 2
        assert relay.connected == 1
        assert not waiting.done()
        await alice.send(parcel(1))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await waiting
        assert relay.connected == 1
        await ear.close()


def readable(link: MailLink) -> dict[str, str]:
    """Without TLS, which this machine's own servers allow."""
    return {"password_file": str(link.secret_file(link.bob, link.bob.password)), "security": "none"}
