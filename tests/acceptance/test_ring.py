"""Three companies of which each is linked with both others: everything comes by two ways, and happens once."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from backbone.model import Cell
from tests.acceptance.nodes import reasons, until
from tests.acceptance.several import DESCRIPTION, TITLE, Web, comments, files, issues, local, titles, web

NAMES = ("acorn", "bramble", "clover")
EDITS = 12


@pytest.fixture(scope="module")
def ring(shared_place: Path) -> Iterator[Web]:
    with web(shared_place, *NAMES) as made:
        made.nodes["acorn"].tracker.create({TITLE: "older than the ring", DESCRIPTION: "x"})
        for master, slave in (("acorn", "bramble"), ("bramble", "clover"), ("clover", "acorn")):
            made.link(master, slave)
        made.start()
        yield made


def shown(web: Web, name: str) -> Mapping[str, Any]:
    """What a tracker shows, by description, which nobody edits."""
    return {
        str(i.cells[DESCRIPTION]): {
            c.field: v for c, v in i.cells.items() if c.field in ("title", "status", "priority")
        }
        for i in issues(web[name])
    }


def equal(web: Web) -> bool:
    pictures = [shown(web, name) for name in NAMES]
    return pictures[0] == pictures[1] == pictures[2]


def quiet(web: Web) -> None:
    """Everything that was said is applied everywhere, and the trackers are equal."""
    until("the trackers are equal", lambda: equal(web))
    for node in web.nodes.values():
        for link in node.json("status"):
            assert "all equal" in node.cli("audit", str(link["name"])).stdout


def made_everywhere(web: Web, title: str, name: str) -> None:
    """Make an issue at one node and see it come to all: no test needs the issues of another one."""
    web[name].tracker.create({TITLE: title, DESCRIPTION: title}, name)
    until(f"all have the issue {title!r}", lambda: all(title in titles(web[n]) for n in NAMES))


def test_an_issue_that_comes_by_two_ways_is_made_once(ring: Web) -> None:
    new = sorted(f"of {name}" for name in NAMES)
    for name in NAMES:
        ring[name].tracker.create({TITLE: f"of {name}", DESCRIPTION: name}, name)
    until("all have all", lambda: all(set(new) <= set(titles(ring[name])) for name in NAMES))
    first = ring["acorn"]
    first.tracker.comment(local(first, "of clover"), "said once", "ann")
    first.tracker.attach(local(first, "of clover"), "plan.txt", b"the plan", "ann")
    for name in ("bramble", "clover"):
        until("the comment", lambda n=name: comments(ring[n], "of clover") == ["ann wrote:\n\nsaid once"])  # type: ignore[misc]
        until("the file", lambda n=name: files(ring[n], "of clover") == ["plan.txt"])  # type: ignore[misc]
    quiet(ring)
    for name in NAMES:
        assert [title for title in titles(ring[name]) if title in new] == new
        assert titles(ring[name]).count("older than the ring") == 1
    assert comments(first, "of clover") == ["said once"]
    assert files(first, "of clover") == ["plan.txt"]


def test_edits_of_all_at_once_end_in_one_value(ring: Web) -> None:
    made_everywhere(ring, "edited by all", "acorn")
    places = {name: local(ring[name], "edited by all") for name in NAMES}
    for number in range(EDITS):
        for name in NAMES:
            ring[name].tracker.edit(places[name], {TITLE: f"{name} {number}"}, name)
            ring[name].tracker.edit(places[name], {Cell("status"): ("open", "closed", "resolved")[number % 3]}, name)
    quiet(ring)
    (title,) = {str(asyncio.run(ring[n].tracker.read([places[n]]))[places[n]].cells[TITLE]) for n in NAMES}
    assert title.endswith(f" {EDITS - 1}")


def test_an_edit_goes_round_once_and_no_further(ring: Web) -> None:
    made_everywhere(ring, "goes", "bramble")
    quiet(ring)
    before = ring.sent()
    node = ring["bramble"]
    node.tracker.edit(local(node, "goes"), {TITLE: "goes round"}, "bob")
    until("everybody has it", lambda: all("goes round" in titles(ring[name]) for name in NAMES))
    quiet(ring)
    after = ring.sent()
    assert sum(after.values()) - sum(before.values()) <= 4
    quiet(ring)
    assert ring.sent() == after
    for name in NAMES:
        assert reasons(ring[name]) == []
