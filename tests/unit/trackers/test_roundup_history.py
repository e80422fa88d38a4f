"""New values worked out from a journal of old ones."""

from typing import Any

from backbone.trackers.roundup.feed import Row
from backbone.trackers.roundup.history import unwind


def row(number: int, action: str, params: Any = None) -> Row:
    return Row(number, "issue", "1", "20261121041900.000", "3", action, params)


def test_the_new_value_is_the_next_old_one_or_the_present_one() -> None:
    rows = [row(1, "set", {"title": "a", "status": None}), row(2, "set", {"title": "b"}), row(5, "set", {"title": "c"})]
    steps = unwind(rows, {"title": "d", "status": "4"})
    assert [dict(step.changed) for step in steps] == [
        {"title": ("a", "b"), "status": (None, "4")},
        {"title": ("b", "c")},
        {"title": ("c", "d")},
    ]


def test_lists_are_kept_as_what_came_and_went() -> None:
    rows = [
        row(1, "create", {}),
        row(2, "set", {"nosy": (("+", ["1", "2"]),)}),
        row(3, "set", {"nosy": (("+", ["3"]), ("-", ["1"]))}),
    ]
    made, first, second = unwind(rows, {"nosy": ["2", "3"]})
    assert made.whole == {"nosy": []}
    assert (first.added, first.removed) == ({"nosy": ["1", "2"]}, {"nosy": []})
    assert (second.added, second.removed) == ({"nosy": ["3"]}, {"nosy": ["1"]})


def test_a_mere_change_of_order_is_no_change() -> None:
    (step,) = unwind([row(1, "set", {"nosy": ["2", "1"]})], {"nosy": ["1", "2"]})
    assert not step.added
    assert not step.removed
    assert not step.changed


def test_properties_that_are_gone_and_unknown_actions_are_passed_over() -> None:
    rows = [row(1, "set", {"dropped": "x", "title": "a"}), row(2, "retired"), row(3, "whatever", {"title": "q"})]
    (step,) = unwind(rows, {"title": "b"})
    assert step.changed == {"title": ("a", "b")}
