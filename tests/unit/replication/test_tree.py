"""Two nodes find the issues in which they differ, and say little that does not lead there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.replication import limits
from backbone.replication.tree import Description, Tree, is_prefix, place

SAME, OTHER = b"same digest.....", b"other digest...."


def met(ours: Tree, theirs: Tree) -> tuple[set[str], int, int]:
    """What differs, by the messages that two nodes would exchange; how many digests were told, in how many answers."""
    pending = ours.differing(theirs.first_level())
    found: set[str] = set()
    told, answers = len(theirs.first_level()), 0
    while pending:
        said = theirs.describe(pending)
        told += len(said.nodes) + len(said.issues)
        answers += 1
        compared = ours.compare(pending, said)
        pending = list(compared.deeper)
        found |= set(compared.issues)
    return found, told, answers


def gids(count: int) -> list[str]:
    return [f"0a1b2c3d-{number:030x}" for number in range(count)]


@given(
    st.sets(st.integers(0, 400), max_size=200), st.sets(st.integers(0, 400), max_size=200),
    st.sets(st.integers(0, 400), max_size=20),
)  # fmt: skip
def test_exactly_what_differs_is_found(ours: set[int], theirs: set[int], changed: set[int]) -> None:
    here = Tree((f"gid {n}", SAME) for n in ours)
    there = Tree((f"gid {n}", OTHER if n in changed else SAME) for n in theirs)
    expected = {f"gid {n}" for n in (ours ^ theirs) | (ours & theirs & changed)}
    assert met(here, there)[0] == met(there, here)[0] == expected


def test_ten_differences_among_fifty_thousand_issues_take_few_digests() -> None:
    names = gids(50_000)
    changed = set(names[::5_000])
    ours, theirs = Tree((n, SAME) for n in names), Tree((n, OTHER if n in changed else SAME) for n in names)
    found, told, answers = met(ours, theirs)
    assert found == changed
    assert answers == 2
    assert told <= 256 + len(changed) * (16 + limits.audit_leaf_issues)


def test_the_traffic_grows_with_the_differences_and_not_with_the_issues() -> None:
    def told(count: int, differences: int) -> int:
        names = gids(count)
        changed = set(names[:differences])
        theirs = Tree((n, OTHER if n in changed else SAME) for n in names)
        return met(Tree((n, SAME) for n in names), theirs)[1]

    small, large, many = told(5_000, 5), told(40_000, 5), told(40_000, 50)
    assert large < 2 * small
    assert many > 3 * large


def test_whole_branches_that_one_side_lacks_are_found() -> None:
    names = gids(20_000)
    ours = Tree((n, SAME) for n in names)
    assert met(ours, Tree(()))[0] == met(Tree(()), ours)[0] == set(names)
    assert len(ours) == 20_000


def test_what_was_not_asked_for_is_not_looked_at() -> None:
    ours = Tree((n, SAME) for n in gids(50))
    asked = [place(gids(1)[0])[:2]]
    theirs = Description({"zz": b"", "00112233": b""}, {"stranger": OTHER, **ours.below(asked[0])})
    compared = ours.compare(asked, theirs)
    assert compared.deeper == ()
    assert set(compared.issues) <= {"stranger"}
    assert ("stranger" in compared.issues) == place("stranger").startswith(asked[0])


def test_a_whole_place_is_described_by_its_issues() -> None:
    """However many issues somebody may find to stand at one place."""
    tree = Tree((f"{n}", SAME) for n in range(100))
    whole = place("7")
    assert tree.describe([whole]) == Description({}, {"7": SAME})
    tree._rows = [(whole, f"{n}", SAME) for n in range(100)]
    tree._places = [whole] * 100
    assert len(tree.describe([whole]).issues) == 100
    assert tree.describe([whole]).nodes == {}


@pytest.mark.parametrize(
    ("text", "is_one"), [("0a", True), ("f" * 64, True), ("a", False), ("f" * 65, False), ("0A", False), ("", False)]
)
def test_nodes_are_named_by_digits(text: str, is_one: bool) -> None:
    assert is_prefix(text) is is_one
