"""Two nodes in operation change what they share, by the command line, with their services running."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backbone.model import Cell
from tests.acceptance.nodes import NodeAtWork, join, two_nodes, until

FIRST = """
[fields.title]
type = "text"
[fields.status]
type = "choice"
"""
SECOND = f"""
{FIRST}
[fields.priority]
type = "choice"
policy = "master"
"""
RULES = """
[fields.priority]
local = "priority"

"""


@pytest.fixture
def nodes(place: Path) -> Iterator[tuple[NodeAtWork, NodeAtWork]]:
    (place / "first.toml").write_text(FIRST)
    (place / "second.toml").write_text(SECOND)
    with two_nodes(place) as (alice, bob):
        file = place / "bob.handshake"
        alice.cli("link", "create", "bob", "--agreement", str(place / "first.toml"), "--out", str(file))
        join(bob, file)
        for node in (alice, bob):
            node.start()
        until("the link is active", lambda: all(node.status()["state"] == "active" for node in (alice, bob)))
        yield alice, bob


def add_rule(node: NodeAtWork) -> None:
    file = node.folder / "links" / f"{node.link}.toml"
    file.write_text(file.read_text().replace("[users]", f"{RULES}[users]", 1))


def shown(node: NodeAtWork, field: str) -> dict[str, Any]:
    """By title, as the tracker's file has it now."""
    issues = asyncio.run(node.tracker.issues(None, 100))
    return {str(issue.cells.get(Cell("title"))): issue.cells.get(Cell(field)) for issue in issues}


def versions(*nodes: NodeAtWork) -> list[tuple[int, str]]:
    return [(status["agreement_version"], status["proposed"]) for status in (node.status() for node in nodes)]


def test_a_field_is_proposed_looked_at_accepted_filled_in_and_given_up_again(
    nodes: tuple[NodeAtWork, NodeAtWork], place: Path
) -> None:
    alice, bob = nodes
    alice.tracker.create({Cell("title"): "leak", Cell("priority"): "high"}, "alice")
    bob.tracker.create({Cell("title"): "noise", Cell("priority"): "low"}, "bob")
    until("both issues are shared", lambda: all(len(shown(node, "title")) == 2 for node in nodes))
    assert (shown(alice, "priority")["noise"], shown(bob, "priority")["leak"]) == (None, None)

    second = str(place / "second.toml")
    wrong = alice.cli("link", "propose", "bob", second, "--yes", expected=3)
    assert "fields.priority is in the agreement but not in this file" in wrong.stdout
    assert versions(alice, bob) == [(1, ""), (1, "")]
    add_rule(alice)
    proposed = alice.cli("link", "propose", "bob", second, "--yes")
    assert "'priority' will be shared: choice; both ways; where both changed it, our change stands" in proposed.stdout

    until("bob sees the proposal", lambda: "backbone link review alice" in bob.status()["proposed"])
    assert "the partner proposes version 2 of the agreement" in bob.cli("status").stdout
    seen = bob.cli("link", "review", "alice").stdout
    assert "the change of the partner stands" in seen
    assert "does not fit" in seen
    bob.cli("link", "review", "alice", "--accept", "--yes", expected=3)
    add_rule(bob)
    assert "Our file fits." in bob.cli("link", "review", "alice").stdout
    bob.cli("link", "review", "alice", "--accept", "--yes")

    until("it is in effect on both sides", lambda: versions(alice, bob) == [(2, ""), (2, "")])
    filled = {"leak": "high", "noise": "low"}
    until("the field is filled in", lambda: all(shown(node, "priority") == filled for node in nodes))
    alice.cli("audit", "bob")

    bob.tracker.edit("1", {Cell("priority"): "normal"}, "bob")
    until("an edit travels", lambda: shown(alice, "priority")["noise"] == "normal")

    alice.cli("link", "propose", "bob", str(place / "first.toml"), "--yes")
    until("bob sees it", lambda: bool(bob.status()["proposed"]))
    refused = bob.cli("link", "review", "alice", "--refuse", "--reason", "we need it", "--yes")
    assert "Refused" in refused.stdout
    until("alice hears it", lambda: "we need it" in alice.cli("link", "review", "bob").stdout)
    alice.cli("link", "propose", "bob", str(place / "first.toml"), "--yes")
    until("bob sees it again", lambda: bool(bob.status()["proposed"]))
    bob.cli("link", "review", "alice", "--accept", "--yes")
    until("it is in effect on both sides", lambda: versions(alice, bob) == [(4, ""), (4, "")])
    bob.tracker.edit("1", {Cell("priority"): "high", Cell("status"): "open"}, "bob")
    until("what is shared travels", lambda: shown(alice, "status")["noise"] == "open")
    assert shown(alice, "priority") == {"leak": "high", "noise": "normal"}
    alice.cli("audit", "bob")
    assert [node.json("queue", "list") for node in nodes] == [[], []]


def test_what_is_shared_is_written_into_a_file_to_be_edited(nodes: tuple[NodeAtWork, NodeAtWork], place: Path) -> None:
    alice, bob = nodes
    copy = place / "copy.toml"
    alice.cli("link", "propose", "bob", "--copy", str(copy))
    assert "nothing to propose" in alice.cli("link", "propose", "bob", str(copy), "--yes", expected=2).stderr
    copy.write_text(copy.read_text() + '\n[fields.estimate]\ntype = "number"\n')
    add = alice.cli("link", "propose", "bob", str(copy), "--dry-run", expected=3)
    assert "'estimate' will be shared" in add.stdout
    assert "only the master" in bob.cli("link", "propose", "alice", str(copy), "--yes", expected=2).stderr
