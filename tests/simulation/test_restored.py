"""Stores of both sides that were put back to older copies: what neither remembers is still one issue, not two."""

from tests.simulation import promises
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
