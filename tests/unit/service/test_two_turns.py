"""Two loops of a link take the same lane at once, as when the last of the partner's earlier life is applied."""

from collections.abc import Awaitable, Callable

import pytest

from backbone.service.endpoint import Endpoint
from backbone.service.flow import inbound
from backbone.service.flow.control import take_control
from tests.simulation import promises
from tests.unit.service.pair import Pair, issue, run
from tests.unit.service.test_agreeing import propose, without
from tests.unit.service.test_parts import LARGE

Turn = Callable[[Endpoint], Awaitable[int]]


async def twice(pair: Pair, monkeypatch: pytest.MonkeyPatch, turn: Turn) -> list[int]:
    """Bob's node takes a turn, and another one before the first has taken what it has read; what each did."""
    done: list[int] = []

    async def point(node: str, name: str) -> None:
        if node == pair.bob.name and name == "before commit" and not done:
            done.append(-1)
            done[0] = await turn(pair.bob.ep)

    with monkeypatch.context() as world:
        world.setattr(pair.world, "point", point)
        done.append(await turn(pair.bob.ep))
    return done


def test_a_control_message_that_two_turns_have_read_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pair: Pair) -> None:
        await pair.settle()
        for left in ("title", "description"):
            await propose(pair, without(left))
        await pair.alice.act("send")
        await pair.bob.act("receive")
        assert min(await twice(pair, monkeypatch, take_control)) > 0
        await pair.settle()
        assert pair.aside(pair.bob) == []

    run(story)


def test_parts_that_two_turns_have_read_are_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pair: Pair) -> None:
        await pair.settle()
        pair.alice.tracker.attach(issue(pair, "with a file"), "large.bin", 4 * LARGE, "alice")
        for step in ("capture", "send"):
            await pair.alice.act(step)
        await pair.bob.act("receive")
        assert min(await twice(pair, monkeypatch, inbound.take_parts)) > 0
        await pair.settle()
        assert pair.aside(pair.bob) == []
        assert promises.finally_(pair.world) == []

    run(story)
