"""A node is put back from its backup: its partner tells what was lost, and nothing is done twice."""

import stat
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from backbone.model import Cell, Issue
from backbone.trackers.memory import MemoryTracker
from tests.acceptance.nodes import NodeAtWork, invite, join, two_nodes, until

TITLE, STATUS = Cell("title"), Cell("status")


def issues(tracker: MemoryTracker) -> Sequence[Issue]:
    """What the tracker holds; its methods never suspend."""
    try:
        tracker.issues(None, 10_000).send(None)
    except StopIteration as done:
        found: Sequence[Issue] = done.value
        return found
    raise AssertionError("the memory tracker suspended")


def titles(node: NodeAtWork) -> Counter[str]:
    return Counter(str(issue.cells[TITLE]) for issue in issues(node.tracker))


def comments(node: NodeAtWork) -> Counter[str]:
    return Counter(
        str(value["text"]).rsplit("\n", maxsplit=1)[-1]
        for issue in issues(node.tracker)
        for cell, value in issue.cells.items()
        if cell.field == "comment" and isinstance(value, dict)
    )


def local(node: NodeAtWork, title: str) -> str:
    (found,) = [issue.local for issue in issues(node.tracker) if issue.cells[TITLE] == title]
    return found


def paired(place: Path, alice: NodeAtWork, bob: NodeAtWork) -> None:
    join(bob, invite(alice, place / "hand.over"))
    alice.start()
    bob.start()
    until("an active link", lambda: alice.status()["state"] == bob.status()["state"] == "active")


def same(alice: NodeAtWork, bob: NodeAtWork, count: int) -> bool:
    ours, theirs = titles(alice), titles(bob)
    return ours == theirs and len(ours) == count and comments(alice) == comments(bob)


def test_a_node_is_restored_from_its_backup_and_joined_again(place: Path) -> None:
    with two_nodes(place) as (alice, bob):
        paired(place, alice, bob)
        for number in range(12):
            node = alice if number % 2 else bob
            node.tracker.create({TITLE: f"before {number}", STATUS: "new"}, "somebody")
        until("the first issues", lambda: same(alice, bob, 12))

        said = alice.cli("backup", str(place / "alice.backup")).stdout
        assert "private keys" in said
        assert stat.S_IMODE((place / "alice.backup").stat().st_mode) == 0o600

        for number in range(6):
            alice.tracker.create({TITLE: f"alice lost {number}", STATUS: "new"}, "somebody")
            bob.tracker.create({TITLE: f"bob lost {number}", STATUS: "new"}, "somebody")
        bob.tracker.comment(local(bob, "before 1"), "a comment that alice got", "bob")
        bob.tracker.edit(local(bob, "before 3"), {TITLE: "changed by bob"}, "bob")
        alice.tracker.edit(local(alice, "before 5"), {TITLE: "changed by alice"}, "alice")
        until("what will be forgotten", lambda: same(alice, bob, 24) and titles(bob)["changed by alice"] == 1)

        alice.kill()
        alice.tracker.edit(local(alice, "before 7"), {TITLE: "changed while nobody saw"}, "alice")
        alice.tracker.comment(local(alice, "before 9"), "while nobody saw", "alice")
        bob.tracker.create({TITLE: "made while alice was away"}, "bob")
        refused = alice.cli("restore", str(place / "alice.backup"), expected=2)
        assert "--yes" in refused.stderr
        done = alice.cli("restore", str(place / "alice.backup"), "--yes")
        assert "life 2" in done.stdout
        assert list(place.glob("alice.before-*/store.db"))
        assert alice.status()["state"] == "resync"

        alice.start()
        until("a new life", lambda: bob.status()["received"] > 0)
        alice.kill()
        alice.start()
        until("the link to be active again", lambda: alice.status()["state"] == "active")
        until("both to be the same", lambda: same(alice, bob, 25))
        until("the edits of before", lambda: titles(bob)["changed while nobody saw"] == 1)
        assert set(titles(alice).values()) == {1}
        assert comments(bob) == Counter({"a comment that alice got": 1, "while nobody saw": 1})
        assert alice.json("audit", "bob")["equal"]
        assert bob.json("audit", "alice")["equal"]
        assert alice.status()["quarantined"] == bob.status()["quarantined"] == 0


def test_an_old_copy_of_the_folder_is_noticed_and_joined_again(place: Path) -> None:
    with two_nodes(place) as (alice, bob):
        paired(place, alice, bob)
        alice.tracker.create({TITLE: "first"}, "alice")
        until("the first issue", lambda: same(alice, bob, 1))
        alice.stop()
        old = (alice.folder / "store.db").read_bytes()
        alice.start()
        bob.tracker.create({TITLE: "second"}, "bob")
        until("the second issue", lambda: same(alice, bob, 2))
        alice.stop()
        (alice.folder / "store.db").write_bytes(old)
        alice.start()
        bob.tracker.create({TITLE: "third"}, "bob")
        until("the third issue", lambda: same(alice, bob, 3))
        assert alice.json("audit", "bob")["equal"]


def test_an_admin_says_which_of_two_copies_lives(place: Path) -> None:
    with two_nodes(place) as (alice, bob):
        paired(place, alice, bob)
        alice.tracker.create({TITLE: "first"}, "alice")
        until("the first issue", lambda: same(alice, bob, 1))
        said = alice.cli("resync", "bob", "--yes").stdout
        assert "life 2" in said
        until("the link to be active again", lambda: alice.status()["state"] == "active")
        alice.tracker.create({TITLE: "second"}, "alice")
        until("the second issue", lambda: same(alice, bob, 2))
        assert bob.json("audit", "alice")["equal"]
