"""The next message is decoded beside the disk's work, and only that one counts."""

from dataclasses import replace

import pytest

from backbone.errors import PeerError
from backbone.model import Cell
from backbone.replication import limits
from backbone.replication.message import ChangeSet
from backbone.service.flow import ahead
from backbone.service.flow.ahead import Ahead
from backbone.store import links, messages
from backbone.store.messages import Incoming
from tests.unit.service.pair import Pair, issue, run


async def received(pair: Pair, count: int) -> list[Incoming]:
    """So many messages of Alice's in Bob's inbox, none applied."""
    for number in range(count):
        issue(pair, f"number {number}")
        for what in ("capture", "send"):
            await pair.alice.act(what)
    await pair.bob.act("receive")

    ep = pair.bob.ep
    return await ep.store.read(lambda tx: messages.next_in(tx, ep.row, links.state(tx, ep.row), "c", count))


async def settled(pair: Pair) -> None:
    issue(pair, "before")
    await pair.settle()


def test_the_message_behind_is_decoded_beside_the_last_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pair: Pair) -> None:
        await settled(pair)
        first, second = await received(pair, 2)
        decoded: list[int] = []

        def counted(incoming: Incoming) -> list[ChangeSet]:
            decoded.append(incoming.seq)
            return real(incoming)

        real = ahead.change_sets
        monkeypatch.setattr(ahead, "change_sets", counted)
        await pair.bob.act("apply")
        assert decoded == [first.seq, second.seq]
        await pair.bob.act("apply")
        assert decoded == [first.seq, second.seq]
        assert [pair.title(pair.bob, index) for index in (1, 2)] == ["number 0", "number 1"]

    run(story)


def test_another_message_than_the_one_that_was_decoded_is_decoded_by_itself() -> None:
    async def story(pair: Pair) -> None:
        await settled(pair)
        first, second = await received(pair, 2)
        known = Ahead()
        known.comes([first])
        await known.decode()
        ((operation, *_),) = [change_set.operations for change_set in known.take(second)]
        assert (operation.cell, operation.value) == (Cell("title"), "number 1")

    run(story)


def test_what_cannot_be_decoded_is_refused_when_its_turn_comes_and_not_before() -> None:
    async def story(pair: Pair) -> None:
        await settled(pair)
        (first,) = await received(pair, 1)
        bad = replace(first, message=replace(first.message, body=b"no change sets"))
        known = Ahead()
        known.comes([bad])
        await known.decode()
        with pytest.raises(PeerError):
            known.take(bad)

    run(story)


def test_nothing_larger_is_held_ahead_than_an_honest_partner_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pair: Pair) -> None:
        await settled(pair)
        (first,) = await received(pair, 1)
        known = Ahead()
        monkeypatch.setattr(limits, "body_bytes", first.message.header.raw_len - 1)
        known.comes([first])
        monkeypatch.setattr(ahead, "change_sets", lambda _: pytest.fail("decoded"))
        await known.decode()

    run(story)
