"""Digests of shared state."""

from hypothesis import given
from hypothesis import strategies as st

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


@given(st.dictionaries(st.text(max_size=5), st.binary(min_size=16, max_size=16), max_size=20))
def test_buckets_name_the_issues_that_differ_and_no_others(issues: dict[str, bytes]) -> None:
    listed = list(issues.items())
    ours = digest.of_buckets(listed)
    assert ours == digest.of_buckets(reversed(listed))
    assert set(ours) == {digest.bucket(gid) for gid in issues}
    for gid, value in issues.items():
        changed = digest.of_buckets([*((g, d) for g, d in listed if g != gid), (gid, b"other digest....")])
        differing = {number for number in ours.keys() | changed.keys() if ours.get(number) != changed.get(number)}
        assert differing <= {digest.bucket(gid)}
        assert bool(differing) == (value != b"other digest....")


def test_what_only_one_side_has_differs() -> None:
    ours = {"same": b"1", "changed": b"2", "ours": b"3"}
    theirs = {"same": b"1", "changed": b"4", "theirs": b"5"}
    assert digest.differing(ours, theirs) == {"changed", "ours", "theirs"}
