"""How one half of an exchange waits in trouble, what is shown of it, and what takes it away."""

import asyncio

import pytest

from backbone.service.running import pausing, persisting
from backbone.service.running.loops import Running
from backbone.service.running.pausing import BACK_OFF_SECONDS_MAX, PERSON_SECONDS, PERSON_SECONDS_MAX
from backbone.service.running.persisting import Persisting
from backbone.store import links
from channels.base import ChannelError, ChannelRefused, ChannelUnavailable
from tests.unit.service.pair import Pair, run

BOUND_SECONDS = 30.0
AWAY, FULL = ChannelUnavailable("the server is away"), ChannelUnavailable("the mailbox is full")


class Halves:
    """Both halves of Alice's exchange."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.running = Running("bob")
        self.reopen = asyncio.Event()
        self.send = Persisting(pair.alice.ep, self.running, "send", self.reopen, stops=True)
        self.receive = Persisting(pair.alice.ep, self.running, "receive", self.reopen)

    @property
    def reason(self) -> str:
        return self.pair.alice.store.read_now(lambda tx: links.get(tx, 1)).reason

    async def fail(self, half: Persisting, error: ChannelError) -> None:
        """Until the half has waited, which a command ends at once."""
        self.running.wake()
        task = asyncio.ensure_future(half.failed(error))
        async with asyncio.timeout(BOUND_SECONDS):
            await self.reopen.wait()
        task.cancel()
        await asyncio.wait({task})
        self.reopen.clear()
        self.running.asked.clear()


@pytest.mark.parametrize(
    ("error", "sending", "receiving"),
    [
        (AWAY, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, BACK_OFF_SECONDS_MAX, BACK_OFF_SECONDS_MAX], None),
        (ChannelError("550 no"), [PERSON_SECONDS_MAX] * 3, [PERSON_SECONDS, 2 * PERSON_SECONDS, 4 * PERSON_SECONDS]),
        (ChannelRefused("552 no"), [PERSON_SECONDS_MAX] * 3, [PERSON_SECONDS, 2 * PERSON_SECONDS, 4 * PERSON_SECONDS]),
    ],
)
def test_waits_grow_and_a_refusal_stops_sending_at_once(
    error: ChannelError, sending: list[float], receiving: list[float] | None
) -> None:
    async def story(pair: Pair) -> None:
        halves = Halves(pair)
        for name, half, wanted in (
            ("send", halves.send, sending),
            ("receive", halves.receive, receiving or sending),
        ):
            found = []
            for _ in wanted:
                await halves.fail(half, error)
                found.append(halves.running.pauses[name])
            assert found == wanted
            await half.worked()
            assert name not in halves.running.pauses

    run(story)


def test_the_trouble_of_each_half_is_shown_until_that_half_works() -> None:
    async def story(pair: Pair) -> None:
        halves = Halves(pair)
        await halves.fail(halves.send, FULL)
        assert halves.reason == str(FULL)
        await halves.fail(halves.receive, AWAY)
        assert halves.reason == f"{FULL}; {AWAY}"
        await halves.send.worked()
        assert halves.reason == str(AWAY)
        await halves.receive.worked()
        assert halves.reason == ""

    run(story)


def test_what_others_say_of_the_link_is_not_taken_away() -> None:
    async def story(pair: Pair) -> None:
        halves = Halves(pair)
        await halves.fail(halves.send, FULL)
        pair.alice.store.run_now(lambda tx: links.change(tx, 1, reason="a mail came back"))
        await halves.send.worked()
        assert halves.reason == "a mail came back"

    run(story)


def test_after_the_wait_the_same_channel_is_tried_again_unless_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command wants is served by a channel that is opened anew (``fail`` above waits for that)."""
    monkeypatch.setattr(pausing, "BACK_OFF_SECONDS", 0.001)

    async def story(pair: Pair) -> None:
        halves = Halves(pair)
        async with asyncio.timeout(BOUND_SECONDS):
            await halves.send.failed(FULL)
            assert not halves.reopen.is_set()
            monkeypatch.setattr(persisting, "REOPENED_SECONDS", 0.0)
            task = asyncio.ensure_future(halves.send.failed(FULL))
            await halves.reopen.wait()
        assert not task.done()
        task.cancel()

    run(story)


def test_a_loop_in_trouble_does_not_keep_the_link_from_resting() -> None:
    running = Running("bob")
    running.resting = {"send": False, "receive": True}
    assert not running.rests
    running.troubles["send"] = "the server is away"
    assert running.rests
    running.resting["receive"] = False
    assert not running.rests
