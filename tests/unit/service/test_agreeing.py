"""A changed agreement over two whole nodes: proposed, answered, in effect at one number on each side."""

from typing import Any

import pytest

from backbone.errors import ConfigError
from backbone.model import COMMENT, Cell
from backbone.replication import proposal
from backbone.replication.agreement import Agreement
from backbone.replication.message import Kind, encode_record
from backbone.replication.proposing import Stage
from backbone.service.flow.recording import number
from backbone.service.healing import renewing
from backbone.service.links import talks
from backbone.service.watching.status import status_in
from backbone.store import links, lists, proposals
from backbone.store.proposals import Version
from tests.simulation.node import AGREEMENT, RULES, Node
from tests.unit.service.pair import Pair, issue, run

FIELDS: dict[str, Any] = AGREEMENT["fields"]


def without(*names: str, **changed: dict[str, Any]) -> dict[str, Any]:
    return {**AGREEMENT, "fields": {n: f for n, f in {**FIELDS, **changed}.items() if n not in names}}


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


def reason(node: Node) -> str:
    return str(node.store.read_now(lambda tx: links.get(tx, 1).reason))


async def restored(node: Node) -> None:
    node.restore()
    await node.start()


@pytest.mark.parametrize("side", [0, 1])
def test_a_store_that_forgot_the_agreement_asks_its_admin_and_is_joined_by_it(side: int) -> None:
    async def story(pair: Pair) -> None:
        node = pair.world.nodes[side]
        issue(pair, "it leaks", priority="high", estimate="30")
        await pair.settle()
        node.back_up()
        await change(pair, without("estimate", "priority"))
        await change(pair, without("estimate"))
        await restored(node)
        for _ in range(4):
            await pair.world._round()
        assert "works by version 3 of the agreement" in reason(node)
        assert node.ep.version == 1
        row = node.store.read_now(lambda tx: links.get(tx, 1))
        node.store.run_now(lambda tx: talks.adopt(tx, row, 0.0))
        node.store.run_now(lambda tx: renewing.renew(tx, 1, b"new life", "an admin said so", node.clock()))
        await node.start()
        await pair.settle()
        assert shared(pair.alice) == shared(pair.bob) == FIELDS.keys() - {"estimate"}
        pair.alice.tracker.edit("1", {Cell("priority"): "low"}, "alice")
        await pair.settle()
        assert pair.cells(pair.bob)[Cell("priority")] == "low"
        assert reason(node) == ""
        await change(pair, without("priority"))
        assert shared(pair.alice) == shared(pair.bob) == FIELDS.keys() - {"priority"}

    run(story)


def test_a_master_that_went_over_alone_before_it_was_put_back_goes_back_with_its_partner() -> None:
    """What it numbered was lost with the store; the field that its agreement was without is said again."""

    async def story(pair: Pair) -> None:
        issue(pair, "it leaks", priority="high", estimate="30")
        await pair.settle()
        assert await propose(pair, without("estimate")) == '{"problem": ""}'
        await pair.settle()
        assert await decide(pair) == '{"problem": ""}'
        await pair.bob.act("send")
        for what in ("receive", "control", "apply"):
            await pair.alice.act(what)
        assert [one.stage for one in versions(pair.alice)] == [Stage.SUPERSEDED, Stage.TURNING]
        pair.alice.tracker.edit("1", {Cell("estimate"): "60"}, "alice")
        pair.alice.back_up()
        await restored(pair.alice)
        for _ in range(4):
            await pair.world._round()
        assert "works by version 1 of the agreement" in reason(pair.alice)
        row = pair.alice.store.read_now(lambda tx: links.get(tx, 1))
        pair.alice.store.run_now(lambda tx: talks.adopt(tx, row, 0.0))
        pair.alice.store.run_now(lambda tx: renewing.renew(tx, 1, b"new life", "an admin said so", pair.alice.clock()))
        await pair.alice.start()
        await pair.settle()
        assert shared(pair.alice) == shared(pair.bob) == FIELDS.keys()
        assert pair.cells(pair.bob)[Cell("estimate")] == "60"
        await change(pair, without("priority"))
        assert shared(pair.alice) == shared(pair.bob) == FIELDS.keys() - {"priority"}

    run(story)


def test_comments_that_join_are_not_made_twice() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "it leaks")
        pair.alice.tracker.comment("1", "before", "alice")
        await pair.settle()
        await change(pair, {**without(), "comments": False})
        pair.alice.tracker.comment("1", "meanwhile", "alice")
        pair.bob.tracker.comment("1", "here too", "bob")
        await pair.settle()
        assert len(comments(pair, pair.bob)) == 2
        await change(pair, without())
        for node in (pair.alice, pair.bob):
            assert sorted(text.rsplit("\n")[-1] for text in comments(pair, node)) == ["before", "here too", "meanwhile"]
        assert lists_of_conflicts(pair) == []

    run(story)


def comments(pair: Pair, node: Node) -> list[str]:
    return [str(v["text"]) for c, v in pair.cells(node).items() if c.field == COMMENT and isinstance(v, dict)]


def lists_of_conflicts(pair: Pair) -> list[str]:
    found = [n.store.read_now(lambda tx: lists.conflicts(tx, 1, everything=True)) for n in (pair.alice, pair.bob)]
    return [row.field for rows in found for row in rows]


def test_a_direction_that_opens_lets_what_differs_be_said() -> None:
    async def story(pair: Pair) -> None:
        one_way = {**FIELDS["priority"], "direction": "to_slave"}
        issue(pair, "it leaks", priority="high")
        await pair.settle()
        await change(pair, without(priority=one_way))
        pair.bob.tracker.edit("1", {Cell("priority"): "low"}, "bob")
        await pair.settle()
        assert pair.cells(pair.alice)[Cell("priority")] == "high"
        await change(pair, without())
        assert pair.cells(pair.alice)[Cell("priority")] == "low"

    run(story)


def test_a_type_that_changes_and_values_that_are_fewer_change_nothing_at_the_trackers() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "one", priority="high")
        issue(pair, "two", priority="urgent")
        await pair.settle()
        fewer = {"type": "choice", "policy": "master", "values": ["low", "normal", "high"]}
        await change(pair, without(priority=fewer, status={"type": "text"}))
        assert [pair.cells(pair.bob, index)[Cell("priority")] for index in range(2)] == ["high", "urgent"]
        pair.bob.tracker.edit("1", {Cell("priority"): "urgent"}, "bob")
        await pair.settle()
        assert pair.cells(pair.alice)[Cell("priority")] == "high"
        assert [kind for kind, _ in pair.aside(pair.bob)] == ["outbound"]
        pair.bob.tracker.edit("1", {Cell("priority"): "low"}, "bob")
        await pair.settle()
        assert pair.cells(pair.alice)[Cell("priority")] == "low"

    run(story)


def test_what_waits_for_a_person_is_taken_by_the_agreement_under_which_it_was_written() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "it leaks", status="new", priority="low")
        await pair.settle()
        pair.refusing["bad"] = "not today"
        pair.alice.tracker.edit(
            "1", {Cell("title"): "bad", Cell("priority"): "urgent", Cell("estimate"): "20"}, "alice"
        )
        await pair.settle()
        assert ("issue", "not today") in pair.aside(pair.bob)
        fewer = {"type": "choice", "policy": "master", "values": ["low", "high"]}
        await change(pair, without("estimate", priority=fewer))
        pair.refusing.clear()
        for item in pair.bob.refused():
            pair.bob.retry(item)
        await pair.settle()
        cells = pair.cells(pair.bob)
        assert (cells[Cell("title")], cells[Cell("priority")]) == ("bad", "urgent")
        assert Cell("estimate") not in cells
        assert pair.aside(pair.bob) == []

    run(story)


def test_a_partner_that_goes_over_by_itself_stops_the_link() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "it leaks")
        await pair.settle()
        said = proposal.encode_agreed(proposal.Agreed(version=2, digest=b"x" * 32))
        pair.alice.store.run_now(lambda tx: number(tx, pair.alice.ep, [(Kind.AGREED, said, 0, None)]))
        for _ in range(3):
            await pair.world._round()
        assert "went over to an agreement that was not accepted here" in reason(pair.bob)
        assert shared(pair.bob) == FIELDS.keys()
        assert pair.bob.ep.version == 1

    run(story)


def test_a_proposal_of_the_slaves_or_a_malformed_one_is_set_aside_and_changes_nothing() -> None:
    async def story(pair: Pair) -> None:
        assert "only the master" in await propose(pair, without("estimate"), pair.bob)
        for node, record in ((pair.bob, {"type": "propose"}), (pair.alice, {"type": "propose", "version": 2})):
            body = encode_record(record)
            node.store.run_now(lambda tx, n=node, b=body: number(tx, n.ep, [(Kind.CTRL, b, 0, None)]))  # type: ignore[misc]
        await pair.settle()
        for node in (pair.alice, pair.bob):
            assert [kind for kind, _ in pair.aside(node)] == ["message"]
            assert proposals.open_one(versions(node)) is None

    run(story)


def test_a_file_that_does_not_fit_is_said_before_anything_takes_effect() -> None:
    async def story(pair: Pair) -> None:
        more = {"severity": {"type": "choice"}}
        assert "fields.severity is in the agreement but not in this file" in await propose(pair, without(**more))
        rules = {"fields": {**RULES["fields"], "severity": {"local": "priority", "direction": "to_remote"}}}
        pair.alice.rules = rules
        assert await propose(pair, without(**more)) == '{"problem": ""}'
        await pair.settle()
        assert "fields.severity is in the agreement but not in this file" in await decide(pair)
        pair.bob.rules = rules
        assert await decide(pair) == '{"problem": ""}'
        pair.bob.rules = RULES
        with pytest.raises(ConfigError, match="does not fit the changed agreement"):
            await pair.settle()
        assert pair.bob.ep.version == 1
        pair.bob.rules = rules
        await pair.settle()
        assert shared(pair.alice) == shared(pair.bob) == {*FIELDS, "severity"}

    run(story)


def test_what_is_open_is_shown_and_can_be_taken_back() -> None:
    async def story(pair: Pair) -> None:
        def says(node: Node) -> str:
            (row,) = node.store.read_now(status_in)
            return row.proposed

        assert await propose(pair, without("estimate")) == '{"problem": ""}'
        await pair.settle()
        assert "has not answered" in says(pair.alice)
        assert "link review peer" in says(pair.bob)
        assert await propose(pair, without("estimate")) == '{"problem": ""}'
        await pair.settle()
        assert [one.version for one in versions(pair.bob)] == [1, 2]
        await pair.ask(pair.alice, "withdraw")
        await pair.settle()
        assert (says(pair.alice), says(pair.bob)) == ("", "")
        assert "nothing to propose" in await propose(pair, without())
        assert await propose(pair, without("labels")) == '{"problem": ""}'
        await pair.settle()
        await decide(pair)
        assert "takes effect soon" in says(pair.bob)
        await pair.settle()
        assert (says(pair.alice), says(pair.bob)) == ("", "")
        assert [one.stage for one in versions(pair.bob)][1:] == [Stage.WITHDRAWN, Stage.IN_EFFECT]

    run(story)
