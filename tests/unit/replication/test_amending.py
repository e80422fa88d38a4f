"""A person's value instead of one that was refused stands against it, and travels; tries follow a schedule."""

import pytest

from backbone.model import Cell, Value
from backbone.replication.amending import amend, find, text_of, value_of
from backbone.replication.merge import Policy, Register, Side, Stamp, join
from backbone.replication.message import ChangeSet, Operation
from backbone.replication.retrying import RETRIES_AFTER_SECONDS, next_try, retry_after

TITLE = Cell("title")
THEIRS = Stamp(1, 7, 1, 2)
CHANGE = ChangeSet(
    "m-1",
    "ann",
    "",
    (
        Operation(TITLE, "bad", THEIRS, THEIRS),
        Operation(Cell("labels", "a"), True, THEIRS, THEIRS),
        Operation(Cell("labels", "b"), True, THEIRS, THEIRS),
    ),
)


@pytest.mark.parametrize("policy", list(Policy))
@pytest.mark.parametrize("side", list(Side))
def test_our_value_stands_against_theirs_under_every_policy(policy: Policy, side: Side) -> None:
    change_set, ours = amend(CHANGE, TITLE, "good", side, 1, 9)
    assert change_set.operations == (*CHANGE.operations[1:], ours)
    there = Register(THEIRS, THEIRS, "bad", "bad")
    joined = join(policy, there, ours.value, ours.write, ours.known)
    assert (joined.register.value, joined.theirs_stands, joined.conflict) == ("good", True, False)


def test_a_value_that_was_amended_twice_stands_as_last_said() -> None:
    once, first = amend(CHANGE, TITLE, "good", Side.SLAVE, 1, 8)
    _, second = amend(once, TITLE, "better", Side.SLAVE, 1, 9)
    assert second.known.contains(first.write)
    assert second.write != first.write


@pytest.mark.parametrize(
    ("cell", "before", "text", "after"),
    [
        (TITLE, "bad", "good", "good"),
        (TITLE, "bad", "", None),
        (TITLE, None, "good", "good"),
        (Cell("private"), True, "no", False),
        (Cell("labels", "a"), True, "no", None),
        (Cell("labels", "a"), True, "yes", True),
        (Cell("comment", "c"), {"text": "a", "author": "x"}, "b", {"text": "b", "author": "x"}),
        (Cell("attachment", "f"), {"name": "a", "size": 1}, "b", {"name": "b", "size": 1}),
    ],
)
def test_a_value_is_amended_as_text(cell: Cell, before: Value, text: str, after: Value) -> None:
    assert value_of(cell, before, text) == after
    assert value_of(cell, before, text_of(cell, before)) == before


def test_a_flag_is_yes_or_no() -> None:
    with pytest.raises(ValueError, match="private is yes or no"):
        value_of(Cell("private"), True, "perhaps")


def test_a_cell_is_found_by_its_field_or_with_its_element() -> None:
    assert find(CHANGE, "title") == TITLE
    assert find(CHANGE, "labels b") == Cell("labels", "b")
    with pytest.raises(ValueError, match="names several values here; there are: labels a, labels b, title"):
        find(CHANGE, "labels")
    with pytest.raises(ValueError, match="names nothing here"):
        find(CHANGE, "titel")


def test_tries_are_made_ever_more_slowly_and_end() -> None:
    waits = [retry_after(attempts) for attempts in range(1, len(RETRIES_AFTER_SECONDS) + 2)]
    assert waits == [*RETRIES_AFTER_SECONDS, None]
    assert sorted(RETRIES_AFTER_SECONDS) == list(RETRIES_AFTER_SECONDS)
    assert (next_try(1, 100.0), next_try(99, 100.0)) == (1000.0, None)
