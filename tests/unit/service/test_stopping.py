"""A store that is not the newest stops its link in a clear state before anything is emitted."""

import sqlite3

from backbone.model import Cell
from backbone.store import links
from backbone.store.tables import inbox, outbox
from tests.simulation.node import Node
from tests.unit.service.pair import Pair, issue, run


def _copy(node: Node) -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:")
    node.store.database().backup(copy)
    return copy


def _put_back(node: Node, copy: sqlite3.Connection) -> None:
    node.store.put_back(copy)


def test_a_restored_store_is_noticed_by_what_the_partner_has() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "one")
        await pair.settle()
        old = _copy(pair.alice)
        pair.alice.tracker.edit("1", {Cell("title"): "two"}, "alice")
        await pair.settle()
        _put_back(pair.alice, old)
        sent = len(pair.world.airs[0].log)
        pair.bob.tracker.edit("1", {Cell("status"): "open"}, "bob")
        await pair.bob.act("capture")
        await pair.bob.act("send")
        await pair.alice.act("receive")
        row = pair.alice.store.read_now(lambda tx: links.get(tx, 1))
        assert row.state == "resync"
        assert "restored from an older copy" in row.reason
        await pair.alice.act("capture")
        await pair.alice.act("send")
        assert [parcel.label.number for parcel in pair.world.airs[0].log[sent:]] == [0]
        await pair.settle()
        assert pair.title(pair.alice) == pair.title(pair.bob) == "two"
        assert pair.alice.store.read_now(lambda tx: links.get(tx, 1)).state == "active"

    run(story)


def test_one_number_with_two_contents_stops_both_sides() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "one")
        await pair.settle()
        old = _copy(pair.alice)
        pair.alice.tracker.edit("1", {Cell("title"): "two"}, "alice")
        await pair.alice.act("capture")
        await pair.alice.act("send")
        await pair.bob.act("receive")
        _put_back(pair.alice, old)
        pair.alice.tracker.edit("1", {Cell("title"): "three"}, "alice")
        for what in ("capture", "send"):
            await pair.alice.act(what)
        for what in ("receive", "send"):
            await pair.bob.act(what)
        assert pair.bob.store.read_now(lambda tx: links.get(tx, 1)).state == "resync"
        await pair.alice.act("receive")
        assert pair.alice.store.read_now(lambda tx: links.get(tx, 1)).state == "resync"

    run(story)


def test_a_challenge_that_was_lost_is_said_again() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "one")
        await pair.settle()
        pair.bob.store.run_now(lambda tx: tx.execute(inbox.update().values(digest=bytes(32))))
        pair.alice.store.run_now(lambda tx: tx.execute(outbox.update().values(asked=1)))
        pair.world.now += 45.0
        await pair.alice.act("send")
        await pair.bob.act("receive")
        air = pair.world.airs[1]
        before = len(air.log)
        for _ in range(3):
            await pair.bob.act("send")
        assert len(air.log) == before + 1
        air.flying.clear()
        await pair.bob.open()
        await pair.alice.act("receive")
        assert pair.alice.store.read_now(lambda tx: links.get(tx, 1)).state == "active"
        pair.world.now += 45.0
        await pair.bob.act("send")
        await pair.alice.act("receive")
        row = pair.alice.store.read_now(lambda tx: links.get(tx, 1))
        assert (row.state, "was copied" in row.reason) == ("resync", True)

    run(story)
