"""A bounce is shown and asked about, and changes nothing."""

from backbone.service.running.noticing import PING_SECONDS, Noticing
from backbone.store import links, lists
from tests.simulation.node import Node
from tests.unit.service.pair import Pair, issue, run

BOUNCE = "the mail for bob@beta.example came back"


def reason(node: Node) -> str:
    return node.store.read_now(lambda tx: links.get(tx, 1)).reason


def asked(node: Node) -> list[str]:
    return [arguments["kind"] for _, _, arguments in node.store.read_now(lambda tx: lists.asked(tx, 1))]


def test_a_notice_is_shown_and_the_partner_is_asked_once_an_hour() -> None:
    async def story(pair: Pair) -> None:
        noticing = Noticing(pair.alice.ep)
        assert not await noticing.take()
        for count in (1, 2):
            pair.alice.channel.told = [BOUNCE]
            assert await noticing.take()
            assert reason(pair.alice) == BOUNCE
            assert asked(pair.alice) == ["HELLO"], count
        pair.world.now += PING_SECONDS
        pair.alice.channel.told = [BOUNCE]
        assert await noticing.take()
        assert asked(pair.alice) == ["HELLO", "HELLO"]

    run(story)


def test_what_was_shown_goes_when_the_partner_is_heard_and_not_before() -> None:
    async def story(pair: Pair) -> None:
        noticing = Noticing(pair.alice.ep)
        issue(pair, "before")
        await pair.settle()
        pair.world.now += 1.0
        pair.alice.channel.told = [BOUNCE]
        await noticing.take()
        state = pair.alice.state()
        assert not await noticing.take()
        assert (reason(pair.alice), pair.alice.state()) == (BOUNCE, state)
        pair.world.now += 1.0
        await pair.settle()
        assert not await noticing.take()
        assert reason(pair.alice) == ""

    run(story)


def test_a_trouble_that_came_after_the_notice_stays() -> None:
    async def story(pair: Pair) -> None:
        noticing = Noticing(pair.alice.ep)
        pair.alice.channel.told = [BOUNCE]
        await noticing.take()
        pair.alice.store.run_now(lambda tx: links.change(tx, 1, reason="the tracker is away"))
        pair.world.now += 1.0
        issue(pair, "after")
        await pair.settle()
        await noticing.take()
        assert reason(pair.alice) == "the tracker is away"

    run(story)
