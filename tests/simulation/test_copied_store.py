"""A store that was put back to an older copy is noticed by the partner, also when nothing else has noticed it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from backbone.model import Cell
from backbone.replication import link
from backbone.replication.link import LinkState, Phase, Took
from backbone.replication.message import chain
from backbone.service.flow import applying, inbound
from backbone.store import messages
from tests.simulation.node import Node
from tests.unit.service.pair import Pair, issue, run


def database(node: Node) -> Any:
    return node.store.database()


def copied(node: Node) -> sqlite3.Connection:
    """A copy of a node's store, as a backup would have it."""
    copy = sqlite3.connect(":memory:")
    database(node).backup(copy)
    return copy


def put_back(node: Node, copy: sqlite3.Connection) -> None:
    node.store.put_back(copy)


async def write_and_send(pair: Pair, title: str) -> None:
    """Alice edits; her node captures and sends what is due; nothing of bob's reaches her."""
    pair.alice.tracker.edit("1", {Cell("title"): title}, "alice")
    while await pair.world._act(pair.alice, "capture"):
        pass
    for _ in range(3):
        pair.world.now += 45.0
        await pair.world._act(pair.alice, "send")


async def bob_works(pair: Pair) -> None:
    for what in ("receive", "parts", "control", "apply", "receive", "apply"):
        await pair.world._act(pair.bob, what)


def no_digest() -> AbstractContextManager[Any]:
    return patch.object(messages, "known_digest", lambda *_: None)


@contextmanager
def no_chain() -> Iterator[None]:
    async def follows(*_: object) -> bool:
        return True

    def take(state: LinkState, given: Took, _timing: object) -> tuple[LinkState, tuple[()]]:
        lane = state.into[given.lane]
        lane = replace(lane, applied=lane.applied + 1, chain=chain(lane.chain, given.digest))
        return replace(state, into={**state.into, given.lane: lane}), ()

    with (
        patch.object(link, "_take", take),
        patch.object(inbound, "follows", follows),
        patch.object(applying, "follows", follows),
    ):
        yield


@pytest.mark.parametrize(("mutate", "noticed"), [(nullcontext, True), (no_digest, False)])
def test_one_number_with_two_contents_is_noticed_by_its_digest(mutate: Callable[[], Any], noticed: bool) -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "first")
        await pair.settle()
        copy = copied(pair.alice)
        await write_and_send(pair, "second")
        await bob_works(pair)
        put_back(pair.alice, copy)
        await pair.alice.open()
        await write_and_send(pair, "third")
        await bob_works(pair)
        assert (pair.bob.state().phase is Phase.AWAITING) == noticed
        assert ("two contents" in pair.bob.state().reason) == noticed

    with mutate():
        run(story)


@pytest.mark.parametrize(("mutate", "noticed"), [(nullcontext, True), (no_chain, False)])
def test_another_history_is_noticed_by_its_chain(mutate: Callable[[], Any], noticed: bool) -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "first")
        await pair.settle()
        copy = copied(pair.alice)
        await write_and_send(pair, "second")
        await bob_works(pair)
        put_back(pair.alice, copy)
        await pair.alice.open()
        pair.alice.channel._out.weather.lose = 1.0
        pair.alice.channel._out.calm = False
        await write_and_send(pair, "third")
        pair.alice.channel._out.calm = True
        pair.alice.tracker.edit("1", {Cell("title"): "fourth"}, "alice")
        await pair.world._act(pair.alice, "capture")
        await pair.world._act(pair.alice, "send")
        await bob_works(pair)
        assert (pair.bob.state().phase is Phase.AWAITING) == noticed
        assert ("one history" in pair.bob.state().reason) == noticed
        assert (pair.title(pair.bob) == "fourth") != noticed

    with mutate():
        run(story)


def test_a_partner_that_has_more_than_we_sent_stops_us_before_we_say_anything_more() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "first")
        await pair.settle()
        copy = copied(pair.alice)
        await write_and_send(pair, "second")
        await bob_works(pair)
        put_back(pair.alice, copy)
        await pair.alice.start()
        pair.alice.tracker.edit("1", {Cell("title"): "third"}, "alice")
        sent = len(pair.alice.channel._out.log)
        pair.world.now += 45.0
        await pair.world._act(pair.bob, "send")
        await pair.world._act(pair.alice, "receive")
        for what in ("capture", "send", "send"):
            await pair.world._act(pair.alice, what)
        assert "more than this store ever sent" in pair.alice.state().reason
        assert pair.alice.state().phase is Phase.RESTORED
        assert {parcel.label.number for parcel in pair.alice.channel._out.log[sent:]} == {0}

    run(story)
