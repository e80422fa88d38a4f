"""What a server does not take now, or never: it waits, or says why."""

import pytest

from backbone.demo.mailstack import FULL, GREYLISTED, REFUSED
from channels.base import Channel, ChannelError, ChannelRefused, ChannelUnavailable
from channels.mail.channel import MailChannel
from tests.contract.channels import parcel
from tests.support.mail_link import MailLink, large, plain, receive_until, send_until_taken


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
    (notice,) = alice.notices()
    assert "came back, 5.2.2" in notice
    assert link.bob.address in notice
    assert await alice.receive(10) == []
    assert alice.notices() == []
    link.stack.set_quota(link.bob, None)
    await alice.send(large(1, 200_000))
    await link.arrived(link.bob, 1)
    assert [delivery.parcel for delivery in await receive_until(bob, 1)] == [large(1, 200_000)]


def notices(channel: Channel) -> list[str]:
    assert isinstance(channel, MailChannel)
    return list(channel.notices())
