"""A link where nothing happens says nothing, but for a heartbeat each day; and no parcel goes half empty by mail."""

import pytest

from backbone.model import Cell
from backbone.replication import limits
from tests.simulation.channel import DIRECTORY, MAIL, Carrier
from tests.unit.service.pair import Pair, issue, run

LOOK_SECONDS = 600.0
DAYS = 3


async def idle(pair: Pair, seconds: float) -> list[int]:
    """Parcels that each side sends while nobody edits."""
    before = [len(air.log) for air in pair.world.airs]
    until = pair.world.now + seconds
    while pair.world.now < until:
        pair.world.now += LOOK_SECONDS
        await pair.world._round()
    return [len(air.log) - count for air, count in zip(pair.world.airs, before, strict=True)]


def test_an_idle_link_sends_one_mail_a_day_each_way() -> None:
    async def story(pair: Pair) -> None:
        local = issue(pair, "one")
        await pair.settle()
        pair.alice.tracker.edit(local, {Cell("title"): "two"}, "ann")
        await pair.settle()
        assert limits.heartbeat_seconds == 86_400.0
        assert await idle(pair, limits.heartbeat_seconds - 10 * LOOK_SECONDS) == [0, 0]
        assert await idle(pair, DAYS * limits.heartbeat_seconds) == [DAYS, DAYS]

    run(story, MAIL)


def test_a_change_and_its_acknowledgement_are_one_parcel_each_way() -> None:
    async def story(pair: Pair) -> None:
        local = issue(pair, "one")
        await pair.settle()
        await idle(pair, 10 * LOOK_SECONDS)
        before = [len(air.log) for air in pair.world.airs]
        pair.alice.tracker.edit(local, {Cell("title"): "two"}, "ann")
        await idle(pair, 10 * LOOK_SECONDS)
        assert [len(air.log) - count for air, count in zip(pair.world.airs, before, strict=True)] == [1, 1]

    run(story, MAIL)


@pytest.mark.parametrize(("carrier", "issues", "parcels"), [(MAIL, 120, 1), (DIRECTORY, 320, 3)])
def test_a_population_takes_no_more_mails_than_it_fills(carrier: Carrier, issues: int, parcels: int) -> None:
    """Through a directory the first pages are small, so that the partner begins early."""

    async def story(pair: Pair) -> None:
        for number in range(issues):
            issue(pair, str(number))
        await pair.settle()
        numbers = {parcel.label.number for parcel in pair.world.airs[0].log if parcel.label.lane == "c"}
        assert len(numbers) == parcels

    run(story, carrier)
