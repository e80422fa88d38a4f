"""What the memory pair does beyond the contract: the knobs for those who test with it."""

import pytest

from channels import memory
from channels.base import ChannelUnavailable, Limits
from tests.contract.channels import ALICE, TAG, parcel


def test_a_pair_is_made_without_a_running_loop() -> None:
    alice, bob = memory.pair()
    assert alice.lying == bob.lying == []


async def test_what_is_away_takes_and_gives_nothing_until_it_is_back() -> None:
    alice, bob = memory.pair()
    await alice.send(parcel(1))
    alice.away = bob.away = "the wire is cut: splice it"
    for attempt in (alice.send(parcel(2)), bob.receive(1), alice.acknowledged(TAG, ALICE, "c", 1)):
        with pytest.raises(ChannelUnavailable, match="splice it"):
            await attempt
    assert await bob.check() == ["the wire is cut: splice it"]
    bob.away = None
    assert [delivery.parcel for delivery in await bob.receive(9)] == [parcel(1)]


async def test_a_planted_parcel_arrives_with_its_problem() -> None:
    alice, _ = memory.pair()
    alice.plant(parcel(7), problem="half of it is missing")
    [delivery] = await alice.receive(1)
    assert (delivery.parcel, delivery.problem) == (parcel(7), "half of it is missing")


async def test_the_sender_sees_what_is_still_held_for_the_peer() -> None:
    alice, bob = memory.pair()
    for number in (1, 2, 3):
        await alice.send(parcel(number))
    await alice.acknowledged(TAG, ALICE, "c", 1)
    await bob.confirm([(await bob.receive(1))[0].token])
    assert alice.lying == [parcel(3)]


async def test_arrivals_keep_the_order_of_sending() -> None:
    alice, bob = memory.pair()
    numbers = [5, 1, 4, 2, 3]
    for number in numbers:
        await alice.send(parcel(number))
    assert [delivery.parcel.label.number for delivery in await bob.receive(9)] == numbers


async def test_the_limits_can_be_chosen() -> None:
    limits = Limits(parcel_bytes_max=10, linger_seconds=1, ack_delay_seconds=2, resend_floor_seconds=3)
    alice, bob = memory.pair(limits)
    assert alice.limits == bob.limits == bob.reopened().limits == limits


async def test_a_closed_end_says_so() -> None:
    alice, _ = memory.pair()
    await alice.close()
    with pytest.raises(ChannelUnavailable, match="closed"):
        await alice.send(parcel(1))
