"""Which write stands where several nodes share an issue: the rule cell by cell, and rings of nodes that obey it."""

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.replication.merge import Policy
from backbone.replication.origin import RANK_MAX, Origin, Verdict, believed, differ, judge

OLD, NEW = Origin(3, "aaaaaaaa", 3), Origin(5, "bbbbbbbb", 5)


@pytest.mark.parametrize("theirs_stands", [True, False])
def test_where_nothing_is_known_the_link_decides(theirs_stands: bool) -> None:
    for policy in Policy:
        verdict = judge(policy, NEW, None, theirs_stands=theirs_stands)
        assert verdict == Verdict(theirs_stands, NEW if theirs_stands else None)


@pytest.mark.parametrize("theirs_stands", [True, False])
def test_the_same_write_by_another_way_changes_nothing(theirs_stands: bool) -> None:
    for policy in Policy:
        assert judge(policy, NEW, NEW, theirs_stands=theirs_stands) == Verdict(writes=False, stands=NEW)


def test_the_newer_write_is_written_whatever_the_link_thinks() -> None:
    assert judge(Policy.NEWEST, NEW, OLD, theirs_stands=True) == Verdict(writes=True, stands=NEW)
    assert judge(Policy.NEWEST, NEW, OLD, theirs_stands=False) == Verdict(writes=True, stands=NEW)


def test_old_news_is_not_written_and_one_side_says_what_it_has() -> None:
    assert judge(Policy.NEWEST, OLD, NEW, theirs_stands=True) == Verdict(writes=False, stands=NEW, again=True)
    assert judge(Policy.NEWEST, OLD, NEW, theirs_stands=False) == Verdict(writes=False, stands=NEW)


@pytest.mark.parametrize("policy", [Policy.MASTER, Policy.SLAVE, Policy.MANUAL])
def test_another_policy_is_the_link_s_and_what_it_chose_ranks_above_both_on_both_sides(policy: Policy) -> None:
    assert judge(policy, NEW, OLD, theirs_stands=True) == Verdict(writes=True, stands=NEW)
    assert judge(policy, OLD, NEW, theirs_stands=False) == Verdict(writes=False, stands=NEW)
    here = judge(policy, OLD, NEW, theirs_stands=True)
    there = judge(policy, NEW, OLD, theirs_stands=False)
    assert (here.writes, there.writes) == (True, False)
    assert here.stands == there.stands == OLD.raised(NEW.rank)
    assert here.stands is not None
    assert here.stands > NEW


def test_a_rank_beyond_all_bounds_is_not_believed() -> None:
    assert believed(None) is None
    assert believed(Origin(RANK_MAX, "aaaaaaaa", 1)) == Origin(RANK_MAX, "aaaaaaaa", 1)
    assert believed(Origin(RANK_MAX + 1, "aaaaaaaa", 1)) is None


def test_a_place_knows_its_own_earlier_writes() -> None:
    assert differ(OLD, None)
    assert differ(OLD, NEW)
    assert not differ(OLD, Origin(9, "aaaaaaaa", 9))


@dataclass
class Place:
    """One tracker of a ring, with the last write that it shows."""

    name: str
    rank: int = 0
    shows: Origin | None = None
    seen: list[Origin] = field(default_factory=list)

    def edit(self) -> Origin:
        self.rank += 1
        self.shows = Origin(self.rank, self.name, self.rank)
        return self.shows

    def take(self, write: Origin, *, stands: bool) -> Origin | None:
        """What goes on to the other neighbours, if the tracker changed."""
        self.rank = max(self.rank, write.rank)
        verdict = judge(Policy.NEWEST, write, self.shows, theirs_stands=stands or self.shows is None)
        self.shows = verdict.stands
        return write if verdict.writes else None


@given(st.lists(st.integers(0, 2), min_size=1, max_size=8), st.randoms(use_true_random=False), st.integers(3, 5))
def test_a_ring_of_any_size_comes_to_rest_with_the_last_write_everywhere(
    edits: list[int], dice: random.Random, size: int
) -> None:
    """Whatever the links' own registers think of each write: those are thrown."""
    places = [Place(f"{n:08x}") for n in range(size)]
    under_way: list[tuple[int, Origin]] = []
    made: list[Origin] = []
    for who in edits:
        write = places[who].edit()
        made.append(write)
        under_way += [((who + step) % size, write) for step in (1, -1)]
    steps = 0
    while under_way:
        where, write = under_way.pop(dice.randrange(len(under_way)))
        onward = places[where].take(write, stands=dice.random() < 0.5)
        if onward is not None:
            under_way += [((where + step) % size, onward) for step in (1, -1)]
        steps += 1
        assert steps < 1_000, "it goes round for ever"
    assert {place.shows for place in places} == {max(made)}
