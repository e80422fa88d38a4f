"""`backbone resync` with options: what was not seen, or was out of scope, travels now; and nothing is said twice."""

import json
from typing import Any

from backbone.model import Cell
from backbone.service.flow import looking
from backbone.store import lists
from tests.simulation import promises
from tests.simulation.node import Node
from tests.unit.service.pair import Pair, issue, run
from tests.unit.service.test_resting import by_hand, count, texts
from tests.unit.service.test_rules import put
from tests.unit.service.test_scope import scope

TITLE = Cell("title")


async def look(pair: Pair, node: Node, **arguments: Any) -> dict[str, Any]:
    """What the command line asks for, and its answer."""
    item = await pair.ask(node, "look", **arguments)
    await pair.settle()
    row = node.store.read_now(lambda tx: lists.request_item(tx, item))
    assert row is not None
    assert row.state == "done"
    found: dict[str, Any] = json.loads(row.result)
    return found


def titles(node: Node) -> list[str]:
    return sorted(str(one.cells[TITLE]) for one in promises._issues(node))


def test_a_wider_scope_takes_in_what_is_there() -> None:
    async def story(pair: Pair) -> None:
        scope(pair.alice, issues='issue.status == "open"')
        for status in ("open", "new", "closed"):
            issue(pair, status, status=status)
        await pair.settle()
        assert titles(pair.bob) == ["open"]
        scope(pair.alice, issues='issue.status != "closed"')
        await pair.settle()
        assert titles(pair.bob) == ["open"]
        assert await look(pair, pair.alice) == {"problem": "", "looked": 3, "said": 1}
        assert titles(pair.bob) == ["new", "open"]

    run(story)


def test_without_a_scope_any_more_an_issue_enters_with_all_it_has() -> None:
    async def story(pair: Pair) -> None:
        scope(pair.alice, issues='issue.status == "open"')
        issue(pair, "one", status="new")
        pair.alice.tracker.comment("1", "hello", "alice")
        await pair.settle()
        scope(pair.alice)
        pair.alice.tracker.edit("1", {Cell("priority"): "low"}, "alice")
        await pair.settle()
        assert (titles(pair.bob), texts(pair, pair.bob)) == (["one"], ["hello"])

    run(story)


def test_a_narrower_scope_lets_rest_what_is_outside_now() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "one", status="closed")
        await pair.settle()
        scope(pair.alice, issues='issue.status != "closed"')
        assert (await look(pair, pair.alice))["said"] == 0
        pair.alice.tracker.edit("1", {TITLE: "secret"}, "alice")
        await pair.settle()
        assert titles(pair.bob) == ["one"]

    run(story)


def test_issues_are_looked_at_from_any_day_in_the_past() -> None:
    async def story(pair: Pair) -> None:
        scope(pair.alice, since="2026-06-01")
        for month in (1, 3, 7):
            made = {TITLE: f"month {month}", Cell("description"): f"month {month}"}
            pair.alice.tracker.create(made, "alice", f"2026-0{month}-01T00:00:00Z")
        await pair.settle()
        assert titles(pair.bob) == ["month 7"]
        found = await look(pair, pair.alice, since="2026-02-01T00:00:00Z")
        assert (found["looked"], found["said"]) == (2, 1)
        assert titles(pair.bob) == ["month 3", "month 7"]

    run(story)


def test_only_issues_that_a_query_finds_are_looked_at() -> None:
    async def story(pair: Pair) -> None:
        put(pair.alice, fields={"status": {"local": "status", "direction": "to_local"}})
        issue(pair, "one", status="new")
        issue(pair, "two", status="open")
        await pair.settle()
        put(pair.alice, fields={"title": {"local": "priority"}})
        found = await look(pair, pair.alice, query="status=open")
        assert (found["looked"], found["said"]) == (1, 1)
        found = await look(pair, pair.alice, query="nonsense")
        assert found["problem"].startswith("--query: 'nonsense' is no query")

    run(story)


def test_fields_are_said_again_and_the_partner_does_not_notice() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "one", status="new")
        issue(pair, "two", status="new")
        await pair.settle()
        await by_hand(pair, pair.alice, "cut", "2")
        pair.alice.tracker.edit("2", {TITLE: "secret"}, "alice")
        await pair.settle()
        before = pair.bob.state().out["c"].last, pair.alice.state().out["c"].last
        found = await look(pair, pair.alice, fields=["status"])
        assert (found["looked"], found["said"]) == (2, 1)
        assert (pair.bob.state().out["c"].last, pair.alice.state().out["c"].last) == (before[0], before[1] + 1)
        assert titles(pair.bob) == ["one", "two"]
        assert count(pair.bob) == 2

    run(story)


def test_many_issues_are_looked_at_in_pages() -> None:
    async def story(pair: Pair) -> None:
        scope(pair.alice, issues='issue.status == "open"')
        for number in range(looking.PAGE + 2):
            issue(pair, f"issue {number}", status="new")
        await pair.settle()
        scope(pair.alice)
        assert (await look(pair, pair.alice))["looked"] == looking.PAGE + 2
        assert count(pair.bob) == looking.PAGE + 2

    run(story)
