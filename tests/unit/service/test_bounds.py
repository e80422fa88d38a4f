"""What a partner can make us keep is bounded; what was refused for it comes later, and nothing is lost."""

import pytest
from sqlalchemy import func, select

from backbone.model import Cell
from backbone.replication import limits
from backbone.service.flow import inbound, outbound
from backbone.store.tables import inbox
from tests.simulation import promises
from tests.simulation.node import Node
from tests.unit.service.pair import Pair, issue, run

MESSAGES = 9
TITLES = [f"issue {number}" for number in range(MESSAGES)]


def kept(node: Node) -> int:
    """How many messages this node keeps that it has not applied."""
    count = select(func.count()).where(inbox.c.body.is_not(None))
    return int(node.store.read_now(lambda tx: tx.execute(count).scalar_one()))


async def send_without_the_first(pair: Pair) -> None:
    """Alice sends her messages one by one; the first is lost, bob hears all others."""
    for title in TITLES:
        issue(pair, title)
        await outbound.capture(pair.alice.ep)
        await outbound.capture(pair.alice.ep)
        await outbound.send(pair.alice.ep)
    flying = pair.world.airs[0].flying
    flying[:] = [parcel for parcel in flying if parcel.label.number > 1]
    assert len(flying) == MESSAGES - 1
    while (await inbound.receive(pair.bob.ep)).count:
        pass


@pytest.mark.parametrize(("bound", "value", "most"), [("ahead_messages_max", 4, 3), ("ahead_bytes_max", 1, 0)])
def test_what_was_too_much_comes_later_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch, bound: str, value: int, most: int
) -> None:
    monkeypatch.setattr(limits, bound, value)

    async def story(pair: Pair) -> None:
        await send_without_the_first(pair)
        assert kept(pair.bob) == most
        assert len(pair.bob.state().into["c"].held) <= most
        await pair.settle()
        assert sorted(str(i.cells[Cell("title")]) for i in promises._issues(pair.bob)) == TITLES
        assert kept(pair.bob) == 0
        assert pair.aside(pair.bob) == []

    run(story)


def test_who_keeps_to_the_window_is_never_refused() -> None:
    async def story(pair: Pair) -> None:
        await send_without_the_first(pair)
        assert kept(pair.bob) == MESSAGES - 1

    run(story)
    assert limits.ahead_messages_max > limits.window_messages
    assert limits.ahead_bytes_max > limits.window_bytes
