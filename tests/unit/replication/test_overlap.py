"""What a change of the agreement adds to a plan: values that are filled in, and writes that are settled."""

from dataclasses import dataclass

from backbone.model import Cell, Record, Value
from backbone.replication import diff
from backbone.replication.merge import EMPTY, Policy, Register, Side, Stamp, write
from backbone.replication.message import Operation
from backbone.replication.overlap import Overlap, operations_of, renew

FIELD, NOTE = Cell("severity"), Cell("comment", "b-1")
POLICIES = {"severity": Policy.NEWEST, "comment": Policy.NEWEST}
THEIRS = Stamp(0, 0, 1, 7)


@dataclass(frozen=True)
class Case:
    fills: bool = True
    contested: bool = True

    def renew(
        self, ours: Register, value: Value, cell: Cell = FIELD, known: Stamp = THEIRS
    ) -> tuple[diff.Plan, diff.Shadow]:
        operations = (Operation(cell, value, THEIRS, known),)
        shadow = {cell: ours}
        overlap = Overlap(lambda _: self.fills, lambda _: self.contested, Side.MASTER, 1, 9)
        return renew(shadow, operations, diff.plan(shadow, operations, POLICIES), overlap)


def test_what_only_we_show_is_said_in_answer() -> None:
    plan, said = Case().renew(EMPTY._replace(image="high"), None)
    (operation,) = operations_of(said)
    assert (operation.value, operation.write) == ("high", Stamp(1, 9, 1, 7))
    assert operation.known.contains(THEIRS)
    assert plan.targets == {}
    assert plan.registers[FIELD].image == "high"
    assert plan.conflicts == ()


def test_what_we_may_not_say_goes_as_the_partner_says() -> None:
    plan, said = Case(fills=False).renew(EMPTY._replace(image="high"), None)
    assert said == {}
    assert plan.targets == {FIELD: None}
    assert plan.conflicts == ()


def test_a_value_that_was_never_said_is_not_lost_without_a_word() -> None:
    plan, said = Case().renew(EMPTY._replace(image="high"), "low")
    assert said == {}
    assert plan.targets == {FIELD: "low"}
    (conflict,) = plan.conflicts
    assert (conflict.stands, conflict.lost, conflict.lost_here) == ("low", "high", True)


def test_the_same_value_is_no_conflict() -> None:
    plan, said = Case().renew(EMPTY._replace(image="low"), "low")
    assert (plan.targets, plan.conflicts, said) == ({}, (), {})


def test_a_comment_with_its_author_above_is_the_same_comment() -> None:
    shown: Record = {"text": "Bob wrote:\n\nhello", "author": "us", "created": ""}
    said: Record = {"text": "hello", "author": "Bob", "created": ""}
    assert Case().renew(EMPTY._replace(image=shown), said, NOTE)[0].conflicts == ()
    plan, _ = Case().renew(EMPTY._replace(image={**shown, "text": "Bob wrote:\n\nhello you"}), said, NOTE)
    assert [one.cell for one in plan.conflicts] == [NOTE]


def test_of_writes_that_met_the_one_that_stands_is_said_once_more() -> None:
    ours = write(EMPTY, "high", Side.MASTER, 1, 8)
    plan, said = Case().renew(ours, "low")
    assert said[FIELD] == plan.registers[FIELD]
    (operation,) = operations_of(said)
    assert operation.value == "high"
    assert operation.write.contains(ours.write)
    assert operation.write.contains(THEIRS)


def test_what_did_not_meet_or_keeps_its_order_is_left_alone() -> None:
    ours = write(EMPTY, "high", Side.MASTER, 1, 8)
    knowing = THEIRS.union(ours.write)
    untouched = diff.plan({FIELD: ours}, [Operation(FIELD, "low", THEIRS, THEIRS)], POLICIES)
    assert Case(contested=False).renew(ours, "low") == (untouched, {})
    assert Case().renew(ours, "low", known=knowing)[1] == {}
    assert Case().renew(EMPTY, "low")[1] == {}
    assert Case().renew(ours._replace(known=knowing), "low")[1] == {}
