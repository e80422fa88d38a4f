"""A key is replaced while both nodes work."""

import copy

import pytest

from backbone.replication.rekeying import Keys, Stage
from backbone.store import links
from tests.simulation.node import Node
from tests.unit.service.pair import Pair, issue, run


def keys(node: Node) -> Keys:
    return node.store.read_now(lambda tx: links.get(tx, 1).keys)


def test_a_new_key_takes_the_place_of_the_old_one_and_nothing_is_set_aside() -> None:
    async def story(pair: Pair) -> None:
        old = pair.alice.keys.signing
        issue(pair, "before")
        await pair.settle()
        await pair.ask(pair.alice, "rotate")
        issue(pair, "during")
        await pair.settle()
        ours, theirs = keys(pair.alice).ours, keys(pair.bob).theirs
        assert ours.stage is Stage.SETTLED
        assert ours.signing == theirs.signing == pair.alice.keys.signing != old
        issue(pair, "after")
        await pair.settle()
        assert sorted(str(pair.title(pair.bob, n)) for n in range(3)) == ["after", "before", "during"]
        assert [pair.aside(node) for node in (pair.alice, pair.bob)] == [[], []]

    run(story)


@pytest.mark.parametrize("rotations", [1, 2])
def test_a_store_from_before_the_partners_new_key_is_told_it(rotations: int) -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "before")
        await pair.settle()
        pair.bob.back_up()
        knew = copy.deepcopy(pair.bob.keys)
        for _ in range(rotations):
            await pair.ask(pair.alice, "rotate")
            await pair.settle()
        issue(pair, "under the new key")
        await pair.settle()
        pair.bob.restore()
        pair.bob.keys = knew
        await pair.bob.start()
        issue(pair, "afterwards")
        await pair.settle()
        assert keys(pair.bob).theirs.signing == pair.alice.keys.signing
        assert sorted(str(pair.title(pair.bob, n)) for n in range(3)) == ["afterwards", "before", "under the new key"]
        assert [pair.aside(node) for node in (pair.alice, pair.bob)] == [[], []]

    run(story)


def test_both_rotate_at_the_same_time_and_once_more() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "before")
        await pair.settle()
        for _ in range(2):
            for node in (pair.alice, pair.bob):
                await pair.ask(node, "rotate")
            await pair.settle()
        issue(pair, "after")
        await pair.settle()
        for node, other in ((pair.alice, pair.bob), (pair.bob, pair.alice)):
            assert keys(node).ours.stage is Stage.SETTLED
            assert keys(node).ours.signing == keys(other).theirs.signing == node.keys.signing
        assert pair.title(pair.bob, 1) == "after"
        assert [pair.aside(node) for node in (pair.alice, pair.bob)] == [[], []]

    run(story)
