"""Capture, plan and read-back: values in, values out."""

from backbone.model import Cell, Cells, Value
from backbone.replication import limits
from backbone.replication.diff import (
    Conflict,
    capture,
    highest_number,
    in_pieces,
    plan,
    read_back,
    size_of,
    whole,
)
from backbone.replication.merge import EMPTY, Policy, Register, Side, Stamp, write
from backbone.replication.message import ChangeSet, Operation

TITLE, STATUS, RED = Cell("title"), Cell("status"), Cell("labels", "red")
COMMENT = Cell("comment", "g-1")
POLICIES = {
    "title": Policy.MASTER, "status": Policy.MANUAL, "labels": Policy.SLAVE, "comment": Policy.NEWEST
}  # fmt: skip


def held(value: Value, image: Value = None, n: int = 1) -> Register:
    """What alice, the master, wrote."""
    return write(EMPTY, value, Side.MASTER, 1, n)._replace(image=image)


def bobs(cell: Cell, value: Value, n: int = 2, knew: Register = EMPTY) -> Operation:
    after = write(knew, value, Side.SLAVE, 1, n)
    return Operation(cell, value, after.write, after.known)


class TestCapture:
    def test_an_edit_is_where_the_tracker_shows_something_else_than_the_image(self) -> None:
        shadow = {TITLE: held("sent", image="shown"), STATUS: held("open", image="open")}
        captured = capture(shadow, {TITLE: "shown", STATUS: "closed", RED: True}, Side.MASTER, 1, 7)
        assert set(captured.registers) == {STATUS, RED}
        assert [o.cell for o in captured.operations] == [STATUS, RED]
        assert all(o.write[:2] == (1, 7) for o in captured.operations)

    def test_the_image_follows_the_edit_so_that_the_next_diff_is_empty(self) -> None:
        captured = capture({}, {TITLE: "new"}, Side.MASTER, 1, 7)
        assert captured.registers[TITLE].image == "new"
        assert capture(captured.registers, {TITLE: "new"}, Side.MASTER, 1, 8).operations == ()


class TestWhole:
    def test_what_has_an_image_and_is_not_in_the_picture_is_absent(self) -> None:
        shadow = {TITLE: held("t", "t"), STATUS: held("s", "s"), RED: held(True), COMMENT: held("c", "c")}
        assert whole(shadow, {TITLE: "t"}, unsaid=[COMMENT]) == {TITLE: "t", STATUS: None}


class TestPlan:
    def test_a_remote_write_that_knew_ours_is_to_be_shown(self) -> None:
        ours = held("ours", "ours")
        planned = plan({TITLE: ours}, [bobs(TITLE, "theirs", knew=ours)], POLICIES)
        assert (planned.targets, planned.conflicts) == ({TITLE: "theirs"}, ())
        assert planned.registers[TITLE].value == "theirs"

    def test_what_the_tracker_shows_already_needs_no_write(self) -> None:
        ours = held("ours", image="theirs")
        planned = plan({TITLE: ours}, [bobs(TITLE, "theirs", knew=ours)], POLICIES)
        assert planned.targets == {}
        assert planned.registers[TITLE].value == "theirs"

    def test_a_concurrent_write_that_loses_changes_nothing_and_is_recorded(self) -> None:
        planned = plan({TITLE: held("ours", "ours")}, [bobs(TITLE, "theirs")], POLICIES)
        assert planned.targets == {}
        assert planned.conflicts == (Conflict(TITLE, "ours", "theirs", lost_here=False, open=False),)

    def test_our_value_that_loses_is_recorded_as_lost_here(self) -> None:
        planned = plan({RED: held(None)}, [bobs(RED, True)], POLICIES)
        assert planned.targets == {RED: True}
        assert planned.conflicts == (Conflict(RED, True, None, lost_here=True, open=False),)

    def test_a_write_that_did_not_know_that_ours_was_the_same_as_its_former_one_is_recorded_once(self) -> None:
        first, ours = held("same", n=1), write(EMPTY, "same", Side.SLAVE, 1, 1)
        second = write(first, "other", Side.MASTER, 1, 2)
        third = write(second, "third", Side.MASTER, 1, 3)
        said = [Operation(STATUS, r.value, r.write, r.known) for r in (first, second, third)]
        planned = plan({STATUS: ours}, said, POLICIES)
        lost = Conflict(STATUS, "other", "same", lost_here=True, open=True, unless_noted=True)
        assert (planned.targets, planned.conflicts) == ({STATUS: "third"}, (lost,))

    def test_a_manual_policy_leaves_it_to_a_person(self) -> None:
        planned = plan({STATUS: held("ours", "ours")}, [bobs(STATUS, "theirs")], POLICIES)
        assert planned.conflicts == (Conflict(STATUS, "ours", "theirs", lost_here=False, open=True),)

    def test_several_writes_of_one_cell_in_one_change_set_are_joined_one_after_the_other(self) -> None:
        first = bobs(RED, True, n=2)
        second = bobs(RED, None, n=3, knew=Register(first.write, first.known))
        planned = plan({}, [first, second], POLICIES)
        assert planned.registers[RED].write == second.write
        assert planned.targets == {}

    def test_a_repetition_asks_for_nothing_unless_the_write_is_to_be_done_again(self) -> None:
        operation = bobs(TITLE, "theirs")
        waiting = {TITLE: Register(operation.write, operation.known, "theirs", None)}
        assert plan(waiting, [operation], POLICIES).targets == {}
        assert plan(waiting, [operation], POLICIES, redo=True).targets == {TITLE: "theirs"}
        newer = {TITLE: Register(Stamp(1, 9, 1, 2), Stamp(1, 9, 1, 2), "newer", None)}
        assert plan(newer, [operation], POLICIES, redo=True).targets == {}


class TestReadBack:
    def test_the_image_becomes_what_the_tracker_shows_and_the_rest_is_a_local_edit(self) -> None:
        shadow = {TITLE: held("sent ")}
        answered: Cells = {TITLE: "sent", STATUS: "open", RED: None}
        registers, effects = read_back(shadow, {TITLE: "sent ", RED: None}, answered)
        assert registers[TITLE] == held("sent ", image="sent")
        assert registers[RED] == EMPTY
        assert effects == {STATUS: "open"}


class TestPieces:
    def test_nearly_every_change_set_is_one_piece(self) -> None:
        change_set = ChangeSet("g", "alice", "", (bobs(TITLE, "t"),))
        assert list(in_pieces(change_set)) == [change_set]

    def test_an_empty_one_is_none(self) -> None:
        assert list(in_pieces(ChangeSet("g", "alice", "", ()))) == []

    def test_many_operations_are_cut_and_nothing_is_lost(self) -> None:
        many = tuple(bobs(Cell("labels", str(n)), True) for n in range(2 * limits.operations_per_change_set + 1))
        pieces = list(in_pieces(ChangeSet("g", "alice", "", many)))
        assert [len(p.operations) for p in pieces] == [400, 400, 1]
        assert tuple(o for p in pieces for o in p.operations) == many

    def test_large_values_are_cut(self) -> None:
        large = "x" * limits.body_bytes
        pieces = list(in_pieces(ChangeSet("g", "alice", "", (bobs(TITLE, large), bobs(STATUS, "s")))))
        assert [p.operations[0].cell for p in pieces] == [TITLE, STATUS]


def test_a_value_takes_its_characters() -> None:
    assert size_of("four") == 4
    assert size_of({"text": "four", "size": 9, "author": "bob"}) == 7
    assert (size_of(True), size_of(None)) == (1, 1)


def test_the_highest_number_is_that_of_any_stamp() -> None:
    assert highest_number([]) == 0
    assert highest_number([Operation(TITLE, "t", Stamp(1, 2, 1, 3), Stamp(1, 9, 1, 3)), bobs(RED, True, n=4)]) == 9


def test_the_highest_number_counts_what_was_known_to_a_write_with_the_stamp_of_the_one_before() -> None:
    stamp = Stamp(1, 2, 1, 3)
    same = Operation(TITLE, "t", stamp, stamp)
    assert highest_number([same, same, same._replace(cell=STATUS, known=Stamp(1, 2, 1, 7))]) == 7
