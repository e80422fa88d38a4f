"""A link's keys are replaced while both services run, with real GnuPG over directories."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backbone.model import Cell
from backbone.points import VARIABLE
from handshake import keyring
from handshake.keyring import GnupgKeyRing
from tests.acceptance.forging import drop, gpg
from tests.acceptance.nodes import NodeAtWork, invite, join, reasons, two_nodes, until


@pytest.fixture
def nodes(place: Path) -> Iterator[tuple[NodeAtWork, NodeAtWork]]:
    with two_nodes(place) as (alice, bob):
        join(bob, invite(alice, place / "bob.handshake"))
        for node in (alice, bob):
            node.start()
        until("the link is active", lambda: all(node.status()["state"] == "active" for node in (alice, bob)))
        yield alice, bob


def titles(node: NodeAtWork) -> set[str]:
    return {str(issue.cells.get(Cell("title"))) for issue in asyncio.run(node.tracker.issues(None, 100))}


def shown(node: NodeAtWork) -> dict[str, dict[str, Any]]:
    return {one["whose"]: one for one in node.json("key", "show", node.link)["keys"]}


def rotated(node: NodeAtWork, other: NodeAtWork) -> bool:
    """Whether what signs here is what is believed there, and nothing is under way any more."""
    ours, theirs = shown(node)["our"], shown(other)["the partner's"]
    return bool(ours["former"]) and ours["signing"] == theirs["signing"] and not ours["state"] + theirs["state"]


async def by_the_first_key(home: Path, data: bytes) -> bytes:
    """What somebody makes who has an old copy of a key folder."""
    ring = await keyring.open_home(home)
    assert isinstance(ring, GnupgKeyRing)
    assert ring.peer is not None
    ring.use(signing=ring.signing)
    parcel = await ring.seal(data, recipient=ring.peer.fingerprint)
    await ring.close()
    return parcel


def test_both_rotate_while_they_work_and_an_old_key_counts_no_more(
    nodes: tuple[NodeAtWork, NodeAtWork], place: Path
) -> None:
    alice, bob = nodes
    alice.tracker.create({Cell("title"): "before"}, "alice")
    until("it is shared", lambda: titles(bob) == {"before"})
    words = bob.json("key", "show", "alice")["words"]
    stolen = place / "stolen"
    shutil.copytree(alice.keys, stolen, ignore=shutil.ignore_patterns("S.*", "*.lock", ".#*"))
    stolen.chmod(0o700)
    pinned = shown(alice)["our"]["fingerprint"]

    said = alice.cli("key", "rotate", "bob", "--yes").stdout
    assert "Make a backup" in said
    bob.cli("key", "rotate", "alice", "--yes")
    bob.tracker.create({Cell("title"): "during"}, "bob")
    until("both have new keys", lambda: rotated(alice, bob) and rotated(bob, alice))
    alice.tracker.create({Cell("title"): "after"}, "alice")
    until("all is shared", lambda: titles(alice) == titles(bob) == {"before", "during", "after"})
    alice.cli("audit", "bob")
    assert (shown(alice)["our"]["fingerprint"], alice.json("key", "show", "bob")["words"]) == (pinned, words)
    assert [node.json("queue", "list") for node in nodes] == [[], []]
    assert [node.status()["key_change"] for node in nodes] == ["", ""]

    revocation = f'{{"format":"backbone-revocation","link_id":"{alice.json("link", "show", "bob")["link_id"]}"}}'
    forged = asyncio.run(by_the_first_key(stolen, revocation.encode()))
    drop(bob.receive, next(path for path in (bob.receive / ".done").iterdir() if "-c-" in path.name), forged, 900)
    until("bob sets it aside", lambda: bool(reasons(bob)))
    assert "signed by a key that the partner has replaced" in reasons(bob)[0]
    assert bob.status()["state"] == "active"

    export = place / "evidence"
    bob.cli("evidence", "export", "1", "--out", str(export))
    (certificate,) = (export / "keys").glob("partner-*.asc")
    (place / "check").mkdir(mode=0o700)
    listed = gpg(place / "check", ["--show-keys", "--with-colons", str(certificate)], b"").decode()
    assert listed.count("\nsub:") == 4, "both pairs of subkeys, so that what the old one signed can be checked"


def test_a_second_change_waits_for_the_first_and_a_killed_node_goes_on(nodes: tuple[NodeAtWork, NodeAtWork]) -> None:
    alice, bob = nodes
    bob.kill()
    alice.cli("key", "rotate", "bob", "--yes")
    assert "under way already" in alice.cli("key", "rotate", "bob", "--yes", expected=2).stderr
    assert "the partner is told our new key" in alice.cli("status").stdout
    alice.kill()
    alice.tracker.create({Cell("title"): "while nobody ran"}, "alice")
    for node in nodes:
        node.start()
    until("the new key signs", lambda: rotated(alice, bob))
    until("and what was edited has come", lambda: titles(bob) == {"while nobody ran"})
    assert [node.json("queue", "list") for node in nodes] == [[], []]


def test_protected_keys_work_with_the_passphrase_that_the_configuration_names(place: Path) -> None:
    with two_nodes(place) as (alice, bob):
        secret = place / "passphrase"
        secret.write_text("wide river\n")
        secret.chmod(0o600)
        config = alice.folder / "backbone.toml"
        config.write_text(f'{config.read_text()}\n[keys]\npassphrase_file = "{secret}"\n')
        join(bob, invite(alice, place / "bob.handshake"))
        for node in (alice, bob):
            node.start()
        until("the link is active", lambda: all(node.status()["state"] == "active" for node in (alice, bob)))
        alice.cli("key", "rotate", "bob", "--yes")
        until("it has a new key", lambda: rotated(alice, bob))
        assert all(b"protected-private-key" in f.read_bytes() for f in (alice.keys / "private-keys-v1.d").iterdir())
        assert not any(b"protected-private-key" in f.read_bytes() for f in (bob.keys / "private-keys-v1.d").iterdir())
        alice.tracker.create({Cell("title"): "sealed"}, "alice")
        until("it travels", lambda: titles(bob) == {"sealed"})
        alice.stop()
        secret.write_text("deep river\n")
        alice.start()
        until("it says why it rests", lambda: "correct the passphrase" in alice.status()["reason"])
        assert "river" not in (place / "alice.log").read_text() + alice.cli("status").stdout
        secret.write_text("wide river\n")
        bob.tracker.create({Cell("title"): "waited"}, "bob")
        until("and goes on", lambda: titles(alice) == {"sealed", "waited"})
        assert [node.json("queue", "list") for node in (alice, bob)] == [[], []]


DEATHS = ((0, "rotating: made"), (0, "rotating: announced"), (1, "rotating: taken in"), (0, "rotating: signs"))
"""Whose process, and where; the simulation kills it between all other steps."""


def test_a_process_that_is_killed_at_any_step_goes_on_with_the_change(nodes: tuple[NodeAtWork, NodeAtWork]) -> None:
    alice, bob = nodes
    for count, (who, point) in enumerate(DEATHS, 1):
        victim = nodes[who]
        victim.stop()
        log = alice.root / f"{victim.name}.log"
        before = log.stat().st_size
        victim.start(**{VARIABLE: f"{point} 1"})
        until("it runs", lambda log=log, before=before: b"running" in log.read_bytes()[before:])  # type: ignore[misc]
        alice.cli("key", "rotate", "bob", "--yes")
        assert victim.died(), f"nobody came to {point}"
        victim.start()
        until(f"it goes on behind {point}", lambda: rotated(alice, bob))
        assert shown(alice)["our"]["former"] == count, f"one new key, no more, behind {point}"
        alice.tracker.create({Cell("title"): point}, "alice")
        until("edits travel", lambda point=point: point in titles(bob))  # type: ignore[misc]
    assert [node.json("queue", "list") for node in nodes] == [[], []]
