"""Of two targets that were given at once the newer stands on both sides."""

from hypothesis import given
from hypothesis import strategies as st

from backbone.model import Cell, Value
from backbone.replication import diff
from backbone.replication.diff import Conflict, Plan, Shadow
from backbone.replication.merge import EMPTY, Policy, Register, Side, write
from backbone.replication.message import Operation
from backbone.replication.single import with_one_target

ONE, OTHER = Cell("parent", "one"), Cell("parent", "other")
POLICIES = dict.fromkeys(("parent", "labels"), Policy.MASTER)


def written(side: Side, n: int, value: Value = True) -> Register:
    return write(EMPTY, value, side, 1, n)._replace(image=value)


def meet(
    shadow: Shadow, said: Shadow, side: Side = Side.SLAVE, *, holds_one: bool = True
) -> tuple[Plan, Shadow, list[int]]:
    """The partner says these registers; also which numbers were taken."""
    taken: list[int] = []

    def number() -> int:
        taken.append(1_000 + len(taken))
        return taken[-1]

    operations = [Operation(cell, r.value, r.write, r.known) for cell, r in said.items()]
    plan = diff.plan(shadow, operations, POLICIES)
    return *with_one_target(shadow, plan, lambda _: holds_one, side, 1, number), taken


def test_ours_is_newer_and_the_other_is_taken_back() -> None:
    plan, said, taken = meet({ONE: written(Side.SLAVE, 9)}, {OTHER: written(Side.MASTER, 8)})
    assert (dict(plan.targets), taken) == ({}, [1_000])
    assert plan.registers[OTHER] == said[OTHER]
    assert (said[OTHER].value, said[OTHER].image, said[OTHER].write.slave_n) == (None, None, 1_000)
    assert said[OTHER].known.contains(written(Side.MASTER, 8).write)
    assert plan.conflicts == (Conflict(OTHER, None, True, lost_here=False, open=False),)


def test_the_other_is_newer_and_ours_gives_way() -> None:
    plan, said, taken = meet({ONE: written(Side.SLAVE, 8)}, {OTHER: written(Side.MASTER, 9)})
    assert (dict(plan.targets), said, taken) == ({OTHER: True}, {}, [])
    assert plan.conflicts == (Conflict(ONE, None, True, lost_here=True, open=False),)


def test_where_nothing_is_in_the_way_nothing_is_changed() -> None:
    ours, theirs = written(Side.SLAVE, 9), written(Side.MASTER, 8)
    gone = write(ours, None, Side.MASTER, 1, 12)
    labels = {Cell("labels", "x"): ours}
    for shadow, said, holds_one in (
        ({ONE: ours}, {OTHER: theirs}, False),
        ({ONE: ours}, {ONE: gone, OTHER: theirs}, True),
        ({ONE: ours}, {ONE: gone}, True),
        ({ONE: ours._replace(image=None)}, {OTHER: theirs}, True),
        ({ONE: ours, OTHER: theirs}, {}, True),
        (labels, {OTHER: theirs}, True),
    ):
        plan, anew, taken = meet(shadow, said, holds_one=holds_one)
        operations = [Operation(cell, r.value, r.write, r.known) for cell, r in said.items()]
        assert plan == diff.plan(shadow, operations, POLICIES)
        assert (anew, taken) == ({}, [])


def test_of_several_that_come_at_once_the_newest_is_left() -> None:
    third = Cell("parent", "third")
    said = {ONE: written(Side.MASTER, 7), OTHER: written(Side.MASTER, 9), third: written(Side.MASTER, 9)}
    plan, anew, taken = meet({}, said)
    assert (dict(plan.targets), set(anew), len(taken)) == ({third: True}, {ONE, OTHER}, 2)
    assert {(conflict.cell, conflict.lost_here) for conflict in plan.conflicts} == {(ONE, False), (OTHER, False)}


@given(st.integers(1, 99), st.integers(1, 99))
def test_both_sides_keep_the_same_one(master_n: int, slave_n: int) -> None:
    ours, theirs = written(Side.MASTER, master_n), written(Side.SLAVE, slave_n)
    at_master = meet({ONE: ours}, {OTHER: theirs}, Side.MASTER)[0].targets
    at_slave = meet({OTHER: theirs}, {ONE: ours}, Side.SLAVE)[0].targets
    assert (OTHER in at_master) != (ONE in at_slave)
