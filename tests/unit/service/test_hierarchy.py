"""Parents and children: the tree that people made stands at the partner's, in whatever order its issues were made."""

from backbone.model import Cell
from tests.simulation import promises
from tests.simulation.node import AGREEMENT, Node
from tests.unit.service.pair import Pair, issue, run

PARENT = "depends"
"""The relation that the simulation's agreement shares."""


def tree(node: Node) -> dict[str, set[str]]:
    """The parents of each issue, by titles."""
    issues = {one.local: one for one in promises._issues(node)}
    called = {local: str(one.cells[Cell("title")]).strip() for local, one in issues.items()}
    return {
        called[local]: {called[cell.element] for cell in one.cells if cell.field == PARENT}
        for local, one in issues.items()
    }


def place(pair: Pair, child: str, parent: str, *, under: bool = True) -> None:
    pair.alice.tracker.edit(child, {Cell(PARENT, parent): True if under else None}, "alice")


def test_children_that_were_made_before_their_parents_come_under_them() -> None:
    async def story(pair: Pair) -> None:
        assert AGREEMENT["fields"][PARENT]["type"] == "relation"
        grandchild, child, root = (issue(pair, title) for title in ("grandchild", "child", "root"))
        place(pair, grandchild, child)
        place(pair, child, root)
        await pair.settle()
        assert tree(pair.bob) == {"grandchild": {"child"}, "child": {"root"}, "root": set()}
        assert promises.finally_(pair.world) == []

    run(story)


def test_a_child_that_moves_under_another_parent_moves_there_too() -> None:
    async def story(pair: Pair) -> None:
        child, first, second = (issue(pair, title) for title in ("child", "first", "second"))
        place(pair, child, first)
        await pair.settle()
        place(pair, child, first, under=False)
        place(pair, child, second)
        await pair.settle()
        assert tree(pair.bob) == {"child": {"second"}, "first": set(), "second": set()}
        pair.bob.tracker.edit("3", {Cell(PARENT, "2"): True}, "bob")
        await pair.settle()
        assert tree(pair.alice) == tree(pair.bob)
        assert promises.finally_(pair.world) == []

    run(story)
