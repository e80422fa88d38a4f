"""Digests of shared state."""

from backbone.model import Cell
from backbone.replication import digest
from backbone.replication.merge import Register, Stamp

TITLE, RED = Cell("title"), Cell("labels", "red")
W1, W2 = Stamp(1, 1, 0, 0), Stamp(1, 2, 0, 0)


def of(**cells: Register) -> bytes:
    return digest.of_issue(digest.of_cells({Cell(name): register for name, register in cells.items()}))


def test_equal_registers_give_equal_digests_whatever_each_tracker_shows() -> None:
    assert of(a=Register(W1, W1, "v", "here")) == of(a=Register(W1, W2, "v", "there"))


def test_another_value_stamp_or_cell_gives_another_digest() -> None:
    digests = {
        of(a=Register(W1, W1, "v")), of(a=Register(W1, W1, "w")), of(a=Register(W2, W2, "v")),
        of(b=Register(W1, W1, "v")), of(a=Register(W1, W1, True)), of(),
    }  # fmt: skip
    assert len(digests) == 6
    assert all(len(one) == 16 for one in digests)


def test_the_order_of_cells_does_not_matter_and_what_is_absent_does_not_count() -> None:
    one, two = Register(W1, W1, "v"), Register(W2, W2, True)
    left = digest.of_cells({TITLE: one, RED: two})
    right = digest.of_cells({RED: two, TITLE: one, Cell("gone"): Register(W2, W2, None)})
    assert digest.of_issue(left) == digest.of_issue(right)


def test_records_are_equal_in_any_order_of_their_keys() -> None:
    assert digest.of_value({"a": "1", "b": 2}) == digest.of_value({"b": 2, "a": "1"})
    assert len(digest.of_value(None)) == 8


def test_issues_fall_into_the_same_parts_on_both_sides() -> None:
    parts = {digest.bucket(f"issue {number}") for number in range(2_000)}
    assert parts <= set(range(256))
    assert len(parts) > 200
