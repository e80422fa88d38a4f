"""Stores of both sides that were put back to older copies: what neither remembers is still one issue, not two."""

import hashlib
from typing import Any
from unittest.mock import patch

import pytest

from backbone.model import COMMENT, Cell
from backbone.replication.message import ChangeSet, Operation
from backbone.service.flow import outbound
from backbone.store import lists
from tests.simulation import promises, world
from tests.simulation.keys import keys_of
from tests.simulation.people import files
from tests.simulation.world import Restored
from tests.unit.service.pair import Pair, issue, run


def test_an_issue_of_the_partners_is_known_again_where_the_copy_was_made_before_the_first_look() -> None:
    async def story(pair: Pair) -> None:
        for node in pair.world.nodes:
            node.back_up()
        issue(pair, "made once")
        await pair.settle()
        assert len(promises._issues(pair.bob)) == 1
        await pair.restore()
        await pair.settle()
        assert [len(promises._issues(node)) for node in pair.world.nodes] == [1, 1]
        assert promises.finally_(pair.world) == []

    run(story)


def test_a_copy_that_knows_the_partners_key_as_announced_hears_that_it_signs() -> None:
    """The document that says so is lost: what the partner signs is taken without it, and the old key must not be."""

    async def lost(*_: Any) -> None:
        return None

    async def story(pair: Pair) -> None:
        await pair.settle()
        pair.alice.ask("rotate")
        while not keys_of(pair.bob).theirs.coming:
            await pair.world._round()
        pair.bob.back_up()
        await pair.settle()
        pair.bob.restore()
        await pair.bob.start()
        with patch.object(outbound, "_say_keys", lost):
            await pair.settle()
        theirs, signing = keys_of(pair.bob).theirs, keys_of(pair.alice).ours.signing
        assert (theirs.signing, theirs.coming) == (signing, "")

    run(story)


def test_what_waits_behind_a_refused_change_of_an_earlier_life_does_not_wait_for_ever() -> None:
    """Behind the one that the partner says again stands one whose writes are known here already."""

    async def story(pair: Pair) -> None:
        local = issue(pair, "one")
        await pair.settle()
        gid, cell = next(key for key in promises._registers(pair.bob) if key[1].field == "title")
        register = promises._registers(pair.bob)[gid, cell]
        pair.alice.back_up()
        pair.refusing["bad"] = "not today"
        pair.alice.tracker.edit(local, {Cell("title"): "bad"}, "alice")
        await pair.settle()
        known = ChangeSet(gid, "", "", (Operation(cell, register.value, register.write, register.known),))
        pair.bob.store.run_now(lambda tx: lists.hold(tx, 1, "known", known))
        pair.alice.restore()
        await pair.alice.start()
        pair.refusing.clear()
        await pair.settle()
        assert pair.title(pair.bob) == "bad"
        assert pair.bob.store.read_now(lambda tx: lists.held_change_sets(tx, 1)) == []

    run(story)


def test_what_the_partner_says_of_its_own_issue_is_taken_though_our_copy_forgot_it_and_it_is_closed_here() -> None:
    async def story(pair: Pair) -> None:
        pair.bob.scope = {"types": [{"when": 'issue.status == "closed"', "type": "skipped"}]}
        await pair.bob.start()
        pair.bob.back_up()
        local = issue(pair, "one", status="new")
        await pair.settle()
        (here,) = promises._issues(pair.bob)
        pair.bob.tracker.edit(here.local, {Cell("status"): "closed"}, "bob")
        pair.bob.restore()
        await pair.bob.start()
        await pair.settle()
        pair.alice.tracker.edit(local, {Cell("title"): "two"}, "alice")
        await pair.settle()
        assert pair.aside(pair.bob) == []
        pair.bob.tracker.edit(here.local, {Cell("status"): "new"}, "bob")
        await pair.settle()
        assert (len(promises._issues(pair.bob)), pair.title(pair.bob)) == (1, "two")

    run(story)


def test_what_neither_store_remembers_of_an_issue_is_not_there_twice_and_what_was_taken_out_is_out() -> None:
    """The slave's copy knows the issue and nothing that was said of it later; the master's does not know it at all."""

    async def story(pair: Pair) -> None:
        pair.alice.back_up()
        local = issue(pair, "one")
        await pair.settle()
        pair.bob.back_up()
        pair.alice.tracker.comment(local, "stays", "alice")
        gone = pair.alice.tracker.comment(local, "goes", "alice")
        await pair.settle()
        pair.alice.tracker.remove_comment(local, gone)
        await pair.restore()
        await pair.settle()
        assert [pair.aside(node) for node in pair.world.nodes] == [[], []]
        for node in pair.world.nodes:
            (said,) = [value for cell, value in pair.cells(node).items() if cell.field == COMMENT]
            assert isinstance(said, dict)
            assert str(said["text"]).strip().endswith("stays")

    run(story)


def test_a_file_of_the_partners_that_a_copy_forgot_is_not_said_as_ours_and_can_be_taken_out_meanwhile() -> None:
    """It stands in the tracker under the author that this tracker gives it."""

    async def story(pair: Pair) -> None:
        issue(pair, "one")
        await pair.settle()
        pair.alice.back_up()
        taken_out = pair.bob.tracker.attach("1", "file", b"content", "bob")
        pair.bob.tracker.attach("1", "other", b"other", "bob")
        await pair.settle()
        pair.bob.back_up()
        pair.bob.tracker.remove_attachment("1", taken_out)
        await pair.restore()
        await pair.settle()
        for node in pair.world.nodes:
            assert files(pair.cells(node)) == [hashlib.sha256(b"other").hexdigest()]

    run(story)


@pytest.mark.parametrize("removed_first", [True, False])
@pytest.mark.parametrize("side", [0, 1])
def test_a_comment_that_neither_copy_remembers_and_that_was_taken_out_is_gone_on_both_sides(
    side: int, removed_first: bool
) -> None:
    """Both copies know its issue, so that the partner speaks of that, and not of the comment."""

    async def story(pair: Pair) -> None:
        writer, reader = pair.world.nodes[side], pair.world.nodes[1 - side]
        issue(pair, "one")
        await pair.settle()
        for node in pair.world.nodes:
            node.back_up()
        goes = writer.tracker.comment("1", "goes", "somebody")
        writer.tracker.comment("1", "stays", "somebody")
        await pair.settle()
        if removed_first:
            writer.tracker.remove_comment("1", goes)
        await pair.restore()
        if not removed_first:
            writer.tracker.remove_comment("1", goes)
        await pair.settle()
        (said,) = [value for cell, value in pair.cells(reader).items() if cell.field == COMMENT]
        assert isinstance(said, dict)
        assert str(said["text"]).strip().endswith("stays")
        assert promises.finally_(pair.world) == []
        assert [pair.aside(node) for node in pair.world.nodes] == [[], []]

    run(story)


def test_what_our_tracker_refused_when_it_had_come_and_the_partner_forgot_is_written_after_all() -> None:
    """Our copy knows that it stands; that a person has to look at it belongs to the life before."""

    async def story(pair: Pair) -> None:
        local = issue(pair, "one")
        await pair.settle()
        pair.alice.back_up()
        pair.refusing["bad"] = "not today"
        pair.alice.tracker.edit(local, {Cell("depends", issue(pair, "bad")): True}, "alice")
        await pair.settle()
        pair.bob.tracker.refuse = lambda write: "nor that" if any(c.field == "depends" for c in write.cells) else None
        for item in pair.bob.refused():
            pair.bob.retry(item)
        await pair.settle()
        pair.bob.back_up()
        pair.bob.tracker.refuse = lambda _: None
        await pair.restore()
        await pair.bob.act("send")
        await pair.alice.act("receive")
        for _ in range(3):  # alice tells all that she has before she hears what bob has
            await pair.alice.act("apply")
        await pair.settle()
        assert any(cell.field == "depends" for cell in pair.cells(pair.bob))
        assert promises.finally_(pair.world) == []

    run(story)


WORLDS: dict[str, list[int]] = {
    "changing both": [50199, 81395, 81417, 90130, 90271, 91129, 100799],
    "pairing both": [100912],
    "pairing": [82117],
    "changing": [61346],
}


@pytest.mark.parametrize(("kind", "seed"), [(kind, seed) for kind, seeds in WORLDS.items() for seed in seeds])
def test_worlds_that_broke_a_promise_once(kind: str, seed: int) -> None:
    """Of the rare kinds: where the agreement changes, or issues are paired, and both stores are put back."""
    restored = Restored.BOTH if "both" in kind else Restored.NEVER
    broken, _ = world.run(seed, restored=restored, changing="changing" in kind, pairing="pairing" in kind)
    assert broken == []


def test_a_file_of_an_issue_that_leaves_while_the_partner_is_told_of_it_is_there_once_when_it_is_back() -> None:
    """A state begins with the names of all issues, and is silent about those that began to rest meanwhile."""
    broken, _ = world.run(20742, restored=Restored.BOTH, scoped=True)
    assert broken == []
