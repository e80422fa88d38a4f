"""The first edit of a burst goes soon and takes the rest of the burst with it; what follows waits for the next mail."""

from dataclasses import replace

import pytest

from backbone.model import Cell
from backbone.service.flow.outbound import numbered
from backbone.service.running.gathering import Gathering
from tests.simulation.channel import LIMITS
from tests.unit.service.pair import Pair, issue, run

LINGER_SECONDS = 60.0


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def gathered(pair: Pair, clock: Clock, linger: float) -> tuple[Gathering, str]:
    """Alice's gathering, with one issue that was sent long ago."""
    local = issue(pair, "one")
    await pair.settle()
    pair.alice.channel.limits = replace(LIMITS, linger_seconds=linger)
    gathering = Gathering(pair.alice.ep, clock)
    assert await gathering.capture() == 0
    assert gathering.seconds is None
    return gathering, local


def test_a_burst_is_one_message() -> None:
    async def story(pair: Pair) -> None:
        clock = Clock()
        gathering, local = await gathered(pair, clock, LINGER_SECONDS)
        before = await numbered(pair.alice.ep)
        for title in ("two", "three"):
            pair.alice.tracker.edit(local, {Cell("title"): title}, "ann")
            assert await gathering.capture() == 0
            assert gathering.seconds == pytest.approx(LINGER_SECONDS / 40)
        clock.now += LINGER_SECONDS / 40
        assert await gathering.capture() == 2
        assert await numbered(pair.alice.ep) == before + 1

    run(story)


def test_what_follows_a_message_waits_for_the_linger() -> None:
    async def story(pair: Pair) -> None:
        clock = Clock()
        gathering, local = await gathered(pair, clock, LINGER_SECONDS)
        pair.alice.tracker.edit(local, {Cell("title"): "two"}, "ann")
        await gathering.capture()
        clock.now += LINGER_SECONDS / 40
        assert await gathering.capture() == 1
        pair.alice.tracker.edit(local, {Cell("title"): "three"}, "ann")
        clock.now += 10
        assert await gathering.capture() == 0
        assert gathering.seconds == pytest.approx(LINGER_SECONDS - 10)
        clock.now += LINGER_SECONDS - 10
        assert await gathering.capture() == 1

    run(story)


def test_through_a_directory_nothing_waits() -> None:
    async def story(pair: Pair) -> None:
        gathering, local = await gathered(pair, Clock(), 0.02)
        pair.alice.tracker.edit(local, {Cell("title"): "two"}, "ann")
        assert await gathering.capture() == 1

    run(story)


def test_what_says_nothing_makes_nobody_wait() -> None:
    """Our own writes come back in the feed; they are no message, and the next edit need not wait for one."""

    async def story(pair: Pair) -> None:
        clock = Clock()
        gathering, local = await gathered(pair, clock, LINGER_SECONDS)
        (copy,) = [known.local for known in await pair.bob.tracker.issues(None, 10)]
        pair.bob.tracker.edit(copy, {Cell("title"): "from bob"}, "bo")
        for node, steps in ((pair.bob, ("capture", "send")), (pair.alice, ("receive", "apply"))):
            for step in steps:
                await node.act(step)
        pair.world.now += 1.0
        await gathering.capture()
        clock.now += LINGER_SECONDS / 40
        await gathering.capture()
        pair.alice.tracker.edit(local, {Cell("title"): "from alice"}, "ann")
        await gathering.capture()
        assert gathering.seconds == pytest.approx(LINGER_SECONDS / 40)

    run(story)
