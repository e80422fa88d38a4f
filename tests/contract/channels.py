"""The contract of a channel, as tests: one suite for every transport.

A transport joins by a class that inherits ``ChannelContract`` and gives the fixture ``ends``: two connected
channels of link ``TAG``, and a way to restart bob's process.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import cast

import pytest

from channels.base import INFORMATION, Channel, ChannelRefused, Delivery, Label, Parcel

TAG = "00c0ffee00c0ffee"
ALICE = "a11ce001"
PATIENCE_SECONDS = 20


@dataclass(frozen=True)
class Ends:
    """Two ends of one link."""

    alice: Channel
    bob: Channel
    restart_bob: Callable[[], Awaitable[Channel]]


def parcel(number: int, lane: str = "c", data: bytes | None = None, incarnation: str = ALICE) -> Parcel:
    """A parcel from alice whose content is made from its label."""
    if data is None:
        data = hashlib.sha256(f"{lane} {number}".encode()).digest() * 50
    return Parcel(Label(TAG, incarnation, lane, number), data)


def hints_of(channel: Channel) -> AsyncGenerator[None, None]:
    """The port promises an iterator; what every channel gives is a generator that can be closed."""
    return cast("AsyncGenerator[None, None]", channel.hints())


async def gather(channel: Channel, count: int) -> list[Delivery]:
    """Receive until so many have come, waiting for hints in between."""
    gathered: list[Delivery] = []
    hints = hints_of(channel)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(gathered) < count:
                found = await channel.receive(count - len(gathered))
                gathered += found
                if not found:
                    await anext(hints)
    finally:
        await hints.aclose()
    return gathered


def tokens(deliveries: Sequence[Delivery]) -> list[str]:
    return [delivery.token for delivery in deliveries]


class ChannelContract:
    """What every channel keeps."""

    @pytest.fixture
    def ends(self) -> Ends:
        raise NotImplementedError("the transport's own class gives this fixture")

    async def test_a_ready_channel_asks_nothing_of_the_admin(self, ends: Ends) -> None:
        for channel in (ends.alice, ends.bob):
            assert [sentence for sentence in await channel.check() if not sentence.startswith(INFORMATION)] == []

    async def test_what_is_sent_arrives_byte_for_byte(self, ends: Ends) -> None:
        every_byte = bytes(range(256)) * 300 + b"\r\n.\r\nFrom \x00"
        await ends.alice.send(parcel(1, data=every_byte))
        [delivery] = await gather(ends.bob, 1)
        assert delivery.parcel == parcel(1, data=every_byte)
        assert delivery.problem is None

    async def test_both_directions_are_apart(self, ends: Ends) -> None:
        await ends.alice.send(parcel(1))
        await ends.bob.send(parcel(1, lane="k", incarnation="b0b00001"))
        assert [delivery.parcel for delivery in await gather(ends.bob, 1)] == [parcel(1)]
        assert [delivery.parcel for delivery in await gather(ends.alice, 1)] == [parcel(1, "k", incarnation="b0b00001")]

    async def test_nothing_sent_is_nothing_received(self, ends: Ends) -> None:
        assert await ends.bob.receive(10) == []

    async def test_no_more_than_asked_for(self, ends: Ends) -> None:
        for number in range(1, 6):
            await ends.alice.send(parcel(number))
        first = await gather(ends.bob, 2)
        assert len(first) == 2
        rest = await gather(ends.bob, 3)
        assert {delivery.parcel.label.number for delivery in [*first, *rest]} == {1, 2, 3, 4, 5}

    async def test_many_sent_side_by_side_all_arrive(self, ends: Ends) -> None:
        sent = [parcel(number) for number in range(1, 41)]
        await asyncio.gather(*(ends.alice.send(one) for one in sent))
        arrived = [delivery.parcel for delivery in await gather(ends.bob, len(sent))]
        assert sorted(arrived, key=lambda one: one.label.number) == sent

    async def test_unconfirmed_is_not_repeated_in_the_same_process(self, ends: Ends) -> None:
        await ends.alice.send(parcel(1))
        await gather(ends.bob, 1)
        assert await ends.bob.receive(10) == []

    async def test_unconfirmed_comes_again_after_a_restart(self, ends: Ends) -> None:
        await ends.alice.send(parcel(1))
        await gather(ends.bob, 1)
        bob = await ends.restart_bob()
        assert [delivery.parcel for delivery in await gather(bob, 1)] == [parcel(1)]

    async def test_confirmed_does_not_come_again_after_a_restart(self, ends: Ends) -> None:
        await ends.alice.send(parcel(1))
        await ends.bob.confirm(tokens(await gather(ends.bob, 1)))
        assert await ends.bob.receive(10) == []
        bob = await ends.restart_bob()
        await ends.alice.send(parcel(2))
        assert [delivery.parcel for delivery in await gather(bob, 1)] == [parcel(2)]

    async def test_what_could_not_be_stored_is_handed_over_again(self, ends: Ends) -> None:
        await ends.alice.send(parcel(1))
        first = await gather(ends.bob, 1)
        await ends.bob.forget(tokens(first))
        assert [delivery.parcel for delivery in await gather(ends.bob, 1)] == [parcel(1)]

    async def test_confirming_twice_or_nonsense_harms_nothing(self, ends: Ends) -> None:
        await ends.alice.send(parcel(1))
        taken = tokens(await gather(ends.bob, 1))
        await ends.bob.confirm(taken)
        await ends.bob.confirm([*taken, "../../etc/passwd"])
        await ends.alice.send(parcel(2))
        assert [delivery.parcel.label.number for delivery in await gather(ends.bob, 1)] == [2]

    async def test_a_resend_sealed_afresh_arrives_beside_the_first(self, ends: Ends) -> None:
        await ends.alice.send(parcel(1, data=b"sealed once"))
        await ends.alice.send(parcel(1, data=b"sealed again"))
        assert {delivery.parcel.data for delivery in await gather(ends.bob, 2)} == {b"sealed once", b"sealed again"}

    async def test_acknowledging_harms_no_other_lane_life_or_number(self, ends: Ends) -> None:
        old_life = parcel(1, incarnation="a11ce000")
        others = [parcel(3), parcel(1, lane="b"), parcel(0, lane="k"), old_life]
        for one in [parcel(1), parcel(2), *others]:
            await ends.alice.send(one)
        await ends.bob.confirm(tokens([d for d in await gather(ends.bob, 6) if d.parcel in (parcel(1), parcel(2))]))
        await ends.alice.acknowledged(TAG, ALICE, "c", 2)
        await ends.alice.acknowledged(TAG, ALICE, "k", 9)
        bob = await ends.restart_bob()
        arrived = [delivery.parcel for delivery in await gather(bob, len(others))]
        assert sorted(arrived, key=str) == sorted(others, key=str)

    async def test_acknowledging_what_was_never_sent_harms_nothing(self, ends: Ends) -> None:
        await ends.alice.acknowledged(TAG, ALICE, "c", 10**9)
        await ends.alice.acknowledged("f" * 16, ALICE, "c", 1)
        await ends.alice.send(parcel(1))
        assert len(await gather(ends.bob, 1)) == 1

    async def test_too_large_is_refused_for_good(self, ends: Ends) -> None:
        too_large = b"x" * (ends.alice.limits.parcel_bytes_max + 1)
        with pytest.raises(ChannelRefused):
            await ends.alice.send(parcel(1, data=too_large))
        assert await ends.bob.receive(10) == []

    async def test_an_arrival_is_hinted_at(self, ends: Ends) -> None:
        hints = hints_of(ends.bob)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await anext(hints)
            await ends.alice.send(parcel(1))
            await anext(hints)
        assert len(await gather(ends.bob, 1)) == 1
        await hints.aclose()

    async def test_closing_ends_the_hints(self, ends: Ends) -> None:
        seen = []

        async def listen() -> None:
            async for _ in ends.bob.hints():
                seen.append(1)
                await ends.bob.close()

        async with asyncio.timeout(PATIENCE_SECONDS):
            await listen()
        assert seen == [1]
