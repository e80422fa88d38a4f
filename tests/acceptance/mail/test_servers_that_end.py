"""Servers and lines that end in the middle of something: nothing lost, nothing twice."""

import asyncio
from collections.abc import Callable

import pytest

from channels.base import Channel, ChannelUnavailable
from tests.contract.channels import PATIENCE_SECONDS, gather, hints_of, parcel, tokens
from tests.support.cutting import Connection, relay_to
from tests.support.mail import eventually, lies_in
from tests.support.mail_link import DONE, MailLink, large, numbers, plain, receive_until, send_until_taken


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
