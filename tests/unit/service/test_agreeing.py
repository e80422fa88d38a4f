"""A changed agreement over two whole nodes: proposed, answered, in effect at one number on each side."""

from typing import Any

from backbone.model import Cell
from backbone.replication.agreement import Agreement
from backbone.replication.proposing import Stage
from backbone.store import links, lists, proposals
from backbone.store.proposals import Version
from tests.simulation.node import AGREEMENT, Node
from tests.unit.service.pair import Pair, issue, run

FIELDS: dict[str, Any] = AGREEMENT["fields"]


def without(*names: str, **changed: dict[str, Any]) -> dict[str, Any]:
    return {"fields": {n: f for n, f in {**FIELDS, **changed}.items() if n not in names}}


def versions(node: Node) -> list[Version]:
    return node.store.read_now(lambda tx: proposals.every(tx, 1))


def answer(node: Node, item: int) -> str:
    row = node.store.read_now(lambda tx: lists.request_item(tx, item))
    assert row is not None
    assert row.state == "done"
    return str(row.result)


async def propose(pair: Pair, terms: dict[str, Any], node: Node | None = None) -> str:
    node = node or pair.alice
    item = await pair.ask(node, "propose", agreement=terms)
    await node.act("requests")
    return answer(node, item)


async def decide(pair: Pair, *, accepts: bool = True, reason: str = "") -> str:
    open_ = proposals.open_one(versions(pair.bob))
    assert open_ is not None
    item = await pair.ask(
        pair.bob, "decide", version=open_.version, digest=open_.digest.hex(), accepts=accepts, reason=reason
    )
    await pair.bob.act("requests")
    return answer(pair.bob, item)


async def change(pair: Pair, terms: dict[str, Any]) -> None:
    """All the way."""
    assert await propose(pair, terms) == '{"problem": ""}'
    await pair.settle()
    assert await decide(pair) == '{"problem": ""}'
    await pair.settle()


def shared(node: Node) -> set[str]:
    stored = Agreement.parse(node.store.read_now(lambda tx: links.get(tx, 1).agreement), "stored")
    assert stored == node.ep.agreement
    return set(stored.fields)


def test_what_is_accepted_takes_effect_at_one_number_on_both_sides() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "it leaks", status="new", estimate="30")
        await pair.settle()
        await change(pair, without("estimate"))
        assert shared(pair.alice) == shared(pair.bob) == FIELDS.keys() - {"estimate"}
        ours, theirs = versions(pair.alice)[-1], versions(pair.bob)[-1]
        assert (ours.version, ours.stage, ours.digest) == (2, Stage.IN_EFFECT, theirs.digest)
        assert theirs.stage is Stage.IN_EFFECT
        assert (ours.ours_from, ours.theirs_from) == (theirs.theirs_from, theirs.ours_from)
        assert ours.ours_from is not None
        assert ours.theirs_from is not None
        assert pair.alice.ep.earlier is None
        assert pair.aside(pair.alice) == pair.aside(pair.bob) == []

    run(story)


def test_a_field_that_left_changes_nothing_more() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "it leaks", status="new", estimate="30")
        await pair.settle()
        await change(pair, without("estimate"))
        assert pair.cells(pair.bob)[Cell("estimate")] == "30"
        pair.alice.tracker.edit("1", {Cell("estimate"): "40", Cell("status"): "open"}, "alice")
        await pair.settle()
        assert pair.cells(pair.bob)[Cell("estimate")] == "30"
        assert pair.cells(pair.bob)[Cell("status")] == "open"

    run(story)


def test_a_field_that_joined_is_filled_in_from_where_an_issue_began() -> None:
    async def story(pair: Pair) -> None:
        await change(pair, without("priority"))
        issue(pair, "one", priority="high")
        issue(pair, "two")
        issue(pair, "three", priority="low")
        await pair.settle()
        for local, value in (("1", "normal"), ("2", "normal"), ("3", "low")):
            pair.bob.tracker.edit(local, {Cell("priority"): value}, "bob")
        await pair.settle()
        await change(pair, without())
        for node in (pair.alice, pair.bob):
            shown = [pair.cells(node, index).get(Cell("priority")) for index in range(3)]
            assert shown == ["high", "normal", "low"]
        (lost,) = pair.bob.store.read_now(lambda tx: lists.conflicts(tx, 1, everything=True))
        assert (lost.field, lists.value_of(lost.lost), lists.value_of(lost.stands)) == ("priority", "normal", "high")

    run(story)
