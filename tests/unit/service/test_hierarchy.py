"""Parents and children: the tree that people made stands at the partner's, in whatever order its issues were made."""

import random

from backbone.model import Cell
from backbone.replication.merge import NEVER
from backbone.replication.message import ChangeSet, Operation
from backbone.service.flow.tasks import GENERATIONS_MAX, Task, rounds
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


def test_children_that_come_with_their_parents_are_made_under_them() -> None:
    async def story(pair: Pair) -> None:
        parent = "0"
        for title in ("root", "child", "grandchild"):
            cells = {Cell("title"): title, Cell("description"): title, Cell(PARENT, parent): parent != "0" or None}
            parent = pair.alice.tracker.create(cells, "alice")
        await pair.settle()
        assert tree(pair.bob) == {"grandchild": {"child"}, "child": {"root"}, "root": set()}
        edits = (await pair.bob.tracker.touched((0,), 100)).edits
        made = {edit.local: edit.cells for edit in edits if edit.created}
        for number, title in enumerate(("root", "child", "grandchild"), 1):
            assert str(made[str(number)][Cell("title")]).strip() == title
            assert [cell.element for cell in made[str(number)] if cell.field == PARENT] == [str(number - 1)][
                : number - 1
            ]
        assert promises.finally_(pair.world) == []

    run(story)


def family(*pairs: str) -> list[Task]:
    """``child>parent``; one issue twice is edited a second time."""
    tasks: list[Task] = []
    for index, pair in enumerate(pairs):
        child, _, parent = pair.partition(">")
        operations = (Operation(Cell(PARENT, parent), True, NEVER, NEVER),) if parent else ()
        tasks.append(Task(str(index), ChangeSet(child, "", "", operations)))
    return tasks


def said(*pairs: str) -> list[list[str]]:
    return [[task.change_set.gid for task in turn] for turn in rounds(family(*pairs))]


def test_an_issue_comes_behind_those_to_which_it_points() -> None:
    assert said() == []
    assert said("c>b", "b>a", "a", "d") == [["a", "d"], ["b"], ["c"]]
    assert said("b>a", "b", "a", "a", "b") == [["a"], ["b", "a"], ["b"], ["b"]]
    assert said("b", "b>a", "a") == [["b", "a"], ["b"]]
    assert said("a>elsewhere", "b>b") == [["a", "b"]]


def test_a_circle_and_a_long_line_end_in_one_round() -> None:
    assert said("a>b", "b>a", "c>b", "d") == [["d"], ["a", "b", "c"]]
    line = [f"{n + 1}>{n}" for n in range(50)]
    random.Random(1).shuffle(line)
    found = said(*line, "0")
    assert len(found) == GENERATIONS_MAX
    assert [turn[0] for turn in found[:-1]] == [str(n) for n in range(GENERATIONS_MAX - 1)]
    assert sorted(gid for turn in found for gid in turn) == sorted(str(n) for n in range(51))
