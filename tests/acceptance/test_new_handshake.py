"""A key is lost, or stolen: a new handshake for the same link, with real GnuPG over directories."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from backbone.model import Cell
from tests.acceptance.forging import drop
from tests.acceptance.nodes import NodeAtWork, invite, join, reasons, until
from tests.acceptance.nodes import two_nodes as linked
from tests.acceptance.test_key_rotation import by_the_first_key

TITLE = Cell("title")
LOST = "the message is not encrypted to our key"
"""What was under way to the lost key cannot be opened by anybody; the partner's state has said it again."""


@pytest.fixture
def nodes(place: Path) -> Iterator[tuple[NodeAtWork, NodeAtWork]]:
    with linked(place) as (alice, bob):
        join(bob, invite(alice, place / "bob.handshake"))
        for node in (alice, bob):
            node.start()
        until("the link is active", lambda: active(alice, bob))
        alice.tracker.create({TITLE: "before"}, "alice")
        until("it is shared", lambda: titles(bob) == ["before"])
        yield alice, bob


def active(*nodes: NodeAtWork) -> bool:
    return all(node.status()["state"] == "active" for node in nodes)


def titles(node: NodeAtWork) -> list[str]:
    return sorted(str(issue.cells.get(TITLE)) for issue in asyncio.run(node.tracker.issues(None, 100)))


def again(alice: NodeAtWork, bob: NodeAtWork, file: Path) -> None:
    """Both halves of a new handshake, by the command line."""
    said = alice.cli("link", "create", alice.link, "--again", "--yes", "--out", str(file)).stdout
    assert "Before that nothing moves" in said
    assert "works once" in bob.cli("link", "join", str(file), "--yes", expected=5).stderr
    bob.cli("link", "join", str(file), "--again", "--yes")


def lose_keys(node: NodeAtWork) -> None:
    """All that gpg had is gone; its agents take their sockets away themselves meanwhile."""
    home = node.keys
    while home.exists():
        with suppress(FileNotFoundError):
            shutil.rmtree(home)


@pytest.mark.parametrize("loser", [0, 1], ids=["the master", "the slave"])
def test_a_side_that_lost_its_key_gets_a_new_handshake_and_keeps_its_state(
    nodes: tuple[NodeAtWork, NodeAtWork], place: Path, loser: int
) -> None:
    alice, bob = nodes
    words = alice.json("link", "verify", "bob")["words"]
    node, other = nodes[loser], nodes[1 - loser]
    node.kill()
    lose_keys(node)
    alice.tracker.create({TITLE: "alice made it meanwhile"}, "alice")
    bob.tracker.create({TITLE: "bob made it meanwhile"}, "bob")
    node.start()
    until("it is in trouble", lambda: "key folder" in node.status()["reason"])

    again(alice, bob, place / "again.handshake")
    until("both wait for the words", lambda: all("compare its ten words" in n.status()["reason"] for n in nodes))
    assert (titles(alice), titles(bob)) == (["alice made it meanwhile", "before"], ["before", "bob made it meanwhile"])
    new = [n.json("link", "verify", n.link)["words"] for n in nodes]
    assert new[0] == new[1] != words
    assert "compare its words" in alice.cli("link", "resume", "bob", expected=2).stderr
    for n in nodes:
        n.cli("link", "verify", n.link, "--by", "Ann and Bo")
    until("both are joined again", lambda: active(alice, bob))
    every = ["alice made it meanwhile", "before", "bob made it meanwhile"]
    until("nothing was lost, nothing is there twice", lambda: titles(alice) == titles(bob) == every)
    bob.tracker.edit("1", {TITLE: "edited afterwards"}, "bob")
    until("and the pairs are the same", lambda: "edited afterwards" in titles(alice))
    assert len(titles(alice)) == len(titles(bob)) == 3
    alice.cli("audit", "bob")
    assert {reason for n in nodes for reason in reasons(n)} <= {LOST}
    if node is alice:
        alice.tracker.edit("1", {TITLE: "signed with the new key"}, "alice")
        until("it came", lambda: "signed with the new key" in titles(bob))
        until("there are messages under the old key and the new", lambda: len(received(other, place / "evidence")) >= 2)
        assert len(list((place / "evidence" / "keys").glob("partner-before-*.asc"))) == 1


def received(node: NodeAtWork, folder: Path) -> list[Path]:
    """What the partner signed about our first issue, in a fresh folder of evidence."""
    shutil.rmtree(folder, ignore_errors=True)
    node.cli("evidence", "export", "1", "--out", str(folder))
    return list((folder / "received").glob("message-*.gpg"))


def test_a_store_that_is_put_back_without_its_keys_is_healed_too(
    nodes: tuple[NodeAtWork, NodeAtWork], place: Path
) -> None:
    alice, bob = nodes
    bob.cli("backup", str(place / "bob.backup"))
    alice.tracker.create({TITLE: "forgotten by bob"}, "alice")
    until("it is shared", lambda: "forgotten by bob" in titles(bob))
    bob.stop()
    bob.cli("restore", str(place / "bob.backup"), "--yes")
    lose_keys(bob)
    bob.tracker.create({TITLE: "made while nobody ran"}, "bob")
    bob.start()
    until("it began a new life", lambda: bob.status()["state"] == "resync")
    again(alice, bob, place / "again.handshake")
    until("both wait for the words", lambda: all("compare its ten words" in n.status()["reason"] for n in nodes))
    for node in nodes:
        node.cli("link", "verify", node.link, "--by", "Ann and Bo")
    every = ["before", "forgotten by bob", "made while nobody ran"]
    until("both are joined", lambda: active(alice, bob) and titles(alice) == titles(bob) == every)
    alice.cli("audit", "bob")
    assert {reason for node in nodes for reason in reasons(node)} <= {LOST}


def test_nobody_else_can_use_a_new_handshake_to_take_the_link(
    nodes: tuple[NodeAtWork, NodeAtWork], place: Path
) -> None:
    alice, bob = nodes
    for node in nodes:
        node.stop()
    carol = NodeAtWork(place, "carol", "alice")
    file = place / "again.handshake"
    alice.cli("link", "create", "bob", "--again", "--yes", "--out", str(file))
    answer = place / "carol.answer"
    carol.cli("link", "join", str(file), "--name", "alice", "--yes", "--out", str(answer))
    refused = alice.cli("link", "accept", str(answer), expected=5)
    assert "another node than the link's partner" in refused.stderr
    assert alice.status()["peer"] == ""

    forged = place / "forged.handshake"
    carol.cli("link", "create", "bob", "--out", str(forged))
    refused = bob.cli("link", "join", str(forged), "--again", "--yes", expected=5)
    assert "a link that this node does not have" in refused.stderr
    assert "the partner is the master" in bob.cli("link", "create", "alice", "--again", "--yes", expected=2).stderr

    own = bob.cli("link", "join", str(file), "--again", "--yes").stdout
    assert "new handshake of link alice" in own
    carol.close()


@pytest.mark.parametrize("whose", ["own", "the partner's"])
def test_a_stolen_key_counts_no_more_and_a_new_handshake_heals_the_link(
    nodes: tuple[NodeAtWork, NodeAtWork], place: Path, whose: str
) -> None:
    alice, bob = nodes
    stolen = place / "stolen"
    shutil.copytree(alice.keys, stolen, ignore=shutil.ignore_patterns("S.*", "*.lock", ".#*"))
    stolen.chmod(0o700)
    if whose == "own":
        assert "is revoked" in alice.cli("key", "revoke", "bob", "--reason", "a laptop is gone", "--yes").stdout
        until("bob believes it", lambda: bob.status()["state"] == "failed")
        assert "the partner's key is revoked (a laptop is gone)" in bob.status()["reason"]
        assert "our key is revoked" in alice.status()["reason"]
    else:
        bob.cli("key", "revoke", "alice", "--partner", "--reason", "Ann called", "--yes")
        until("the link has stopped", lambda: bob.status()["state"] == "failed")
    alice.tracker.create({TITLE: "meanwhile"}, "alice")
    forged = asyncio.run(by_the_first_key(stolen, b'{"format":"backbone-revocation"}'))
    drop(bob.receive, next(path for path in (bob.receive / ".done").iterdir() if "-c-" in path.name), forged, 900)
    until("bob sets it aside", lambda: any("signed by a key that was revoked" in why for why in reasons(bob)))
    assert titles(bob) == ["before"]

    again(alice, bob, place / "again.handshake")
    until("the answer has come", lambda: bool(alice.status()["peer"]))
    for node in nodes:
        node.cli("link", "verify", node.link, "--by", "Ann and Bo")
    until("both are joined", lambda: active(alice, bob) and titles(alice) == titles(bob) == ["before", "meanwhile"])
    alice.cli("audit", "bob")
    late = drop(
        bob.receive, next(path for path in (bob.receive / ".done").iterdir() if "-c-" in path.name), forged, 901
    )
    until("it was looked at", lambda: not late.exists())
    assert active(alice, bob)
