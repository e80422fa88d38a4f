"""A share that serves one direction only: what leaves still leaves, what comes still comes, and why is shown."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from backbone.model import Cell
from tests.acceptance.inside import at_work, never_tries_again, number_of, says, woken
from tests.acceptance.nodes import BOUND_SECONDS, NodeAtWork, invite, join, two_nodes, until
from tests.acceptance.test_hostile_parcels import titles
from tests.support.mail import eventually

TITLE = Cell("title")
GONE = "it is not there: mount the share"


@pytest.fixture
def linked(shared_place: Path) -> Iterator[tuple[NodeAtWork, NodeAtWork]]:
    """An active link with two issues; nobody runs."""
    with two_nodes(shared_place) as (alice, bob):
        for title in ("hers", "his"):
            alice.tracker.create({TITLE: title}, "ann")
        join(bob, invite(alice, shared_place / "offer"))
        for node in (alice, bob):
            node.start()
        until("both have both", lambda: all(sorted(map(str, titles(node))) == ["hers", "his"] for node in (alice, bob)))
        until("all rests", lambda: not any(node.status()["waiting"] for node in (alice, bob)))
        for node in (alice, bob):
            node.stop()
        yield alice, bob


async def test_a_share_that_is_gone_in_one_direction_stops_only_that_one(
    linked: tuple[NodeAtWork, NodeAtWork], shared_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To Alice it is a place where she cannot send; to Bob, one from which nothing can come."""
    alice, bob = linked
    share = shared_place / "to-bob"
    async with at_work(alice, bob):
        for one, other, title in ((alice, bob, "from her"), (bob, alice, "from him")):
            one.tracker.create({TITLE: title}, "ann")
            await eventually(lambda seen=other, wanted=title: wanted in titles(seen), BOUND_SECONDS)  # type: ignore[misc]
        never_tries_again(monkeypatch)
        share.rename(shared_place / "away")
        alice.tracker.edit(await number_of(alice, "hers"), {TITLE: "hers, edited"}, "ann")
        await says(alice, GONE)
        await says(bob, GONE)
        bob.tracker.edit(await number_of(bob, "his"), {TITLE: "his, edited"}, "bo")
        await eventually(lambda: "his, edited" in titles(alice), BOUND_SECONDS)
        assert "hers, edited" not in await asyncio.to_thread(titles, bob)
        await says(alice, GONE)
        shared_place.joinpath("away").rename(share)
        await woken(alice, bob)
        await eventually(lambda: "hers, edited" in titles(bob), BOUND_SECONDS)
        for node in (alice, bob):
            await says(node, "")
