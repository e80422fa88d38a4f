"""Stores of both sides that were put back to older copies: what neither remembers is still one issue, not two."""

from typing import Any
from unittest.mock import patch

from backbone.service.flow import outbound
from tests.simulation import promises
from tests.simulation.keys import keys_of
from tests.unit.service.pair import Pair, issue, run


def test_an_issue_of_the_partners_is_known_again_where_the_copy_was_made_before_the_first_look() -> None:
    async def story(pair: Pair) -> None:
        for node in pair.world.nodes:
            node.back_up()
        issue(pair, "made once")
        await pair.settle()
        assert len(promises._issues(pair.bob)) == 1
        for node in pair.world.nodes:
            node.restore()
            await node.start()
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
