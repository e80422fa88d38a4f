"""The laws of the join, over all policies."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backbone.model import Value
from backbone.replication.merge import EMPTY, NEVER, Join, Policy, Register, Side, Stamp, join, stands_over, write

policies = pytest.mark.parametrize("policy", list(Policy))
NUMBERS = st.integers(0, 3)
STAMPS = st.builds(Stamp, st.integers(0, 2), NUMBERS, st.integers(0, 2), NUMBERS)


@st.composite
def writes(draw: st.DrawFn) -> tuple[Value, Stamp, Stamp]:
    """A value with its stamp and the clock known to its writer; a stamp names one value only."""
    stamp = draw(STAMPS)
    return f"value of {tuple(stamp)}", stamp, stamp.union(draw(STAMPS))


def put(policy: Policy, register: Register, said: tuple[Value, Stamp, Stamp]) -> Register:
    return join(policy, register, *said).register


def put_register(policy: Policy, ours: Register, theirs: Register) -> Register:
    return put(policy, ours, (theirs.value, theirs.write, theirs.known))


def state(register: Register) -> tuple[Stamp, Stamp, Value]:
    return register.write, register.known, register.value


@policies
@given(said=st.lists(writes(), min_size=1, max_size=4), repeated=st.lists(st.integers(0, 3), max_size=3))
def test_order_and_repetition_of_deliveries_cannot_matter(
    policy: Policy, said: list[tuple[Value, Stamp, Stamp]], repeated: list[int]
) -> None:
    outcomes = set()
    for order in permutations(said):
        register = EMPTY
        for one in [*order, *(order[n % len(order)] for n in repeated)]:
            register = put(policy, register, one)
        outcomes.add(state(register))
    assert len(outcomes) == 1


@policies
@given(a=writes(), b=writes(), c=writes())
def test_registers_join_associatively_commutatively_and_idempotently(
    policy: Policy,
    a: tuple[Value, Stamp, Stamp],
    b: tuple[Value, Stamp, Stamp],
    c: tuple[Value, Stamp, Stamp],
) -> None:
    def both(x: Register, y: Register) -> Register:
        return join(policy, x, y.value, y.write, y.known).register

    ra, rb, rc = (put(policy, EMPTY, one) for one in (a, b, c))
    assert state(both(ra, both(rb, rc))) == state(both(both(ra, rb), rc))
    assert state(both(ra, rb)) == state(both(rb, ra))
    assert both(ra, ra) == ra


@policies
@given(before=writes(), side=st.sampled_from(Side), n=st.integers(4, 9), inc=st.integers(2, 3))
def test_a_write_that_knew_another_stands_above_it_everywhere(
    policy: Policy, before: tuple[Value, Stamp, Stamp], side: Side, n: int, inc: int
) -> None:
    known = put(policy, EMPTY, before)
    after = write(known, "later", side, inc, n)
    here = join(policy, known, "later", after.write, after.known)
    late = join(policy, after, *before)
    assert (here.theirs_stands, here.conflict, here.register.value) == (True, False, "later")
    assert (late.theirs_stands, late.conflict, late.register.value) == (False, False, "later")


@policies
def test_two_writes_that_did_not_know_each_other_are_a_conflict_that_both_sides_decide_alike(policy: Policy) -> None:
    master = write(EMPTY, "master's", Side.MASTER, 1, 5)
    slave = write(EMPTY, "slave's", Side.SLAVE, 1, 6)
    at_master = join(policy, master, slave.value, slave.write, slave.known)
    at_slave = join(policy, slave, master.value, master.write, master.known)
    stands = "slave's" if policy in (Policy.SLAVE, Policy.NEWEST) else "master's"
    assert at_master.register.value == at_slave.register.value == stands
    assert at_master.conflict
    assert at_slave.conflict
    assert at_master.register.known == at_slave.register.known == Stamp(1, 5, 1, 6)


@policies
def test_the_same_value_written_twice_is_no_conflict(policy: Policy) -> None:
    ours = write(EMPTY, "same", Side.MASTER, 1, 5)
    theirs = write(EMPTY, "same", Side.SLAVE, 1, 6)
    assert not join(policy, ours, theirs.value, theirs.write, theirs.known).conflict


@policies
def test_a_write_that_replaces_the_common_value_without_knowing_of_ours_is_told_from_one_that_knew(
    policy: Policy,
) -> None:
    master = write(EMPTY, "same", Side.MASTER, 1, 6)
    slave = write(EMPTY, "same", Side.SLAVE, 1, 5)
    unaware = write(master, "other", Side.MASTER, 1, 7)
    aware = write(put_register(policy, master, slave), "other", Side.MASTER, 1, 7)
    at_slave = put_register(policy, slave, master)
    met = join(policy, at_slave, unaware.value, unaware.write, unaware.known)
    if policy is Policy.SLAVE:
        assert (met.theirs_stands, met.conflict, met.unaware) == (False, True, False)
    else:
        assert (met.theirs_stands, met.conflict, met.unaware) == (True, False, True)
    again = join(policy, at_slave, "same", unaware.write, unaware.known)
    after = join(policy, at_slave, aware.value, aware.write, aware.known)
    assert [(one.unaware, one.conflict) for one in (again, after)] == [(False, False), (False, False)]


def test_a_join_leaves_the_image_alone() -> None:
    ours = write(EMPTY, "ours", Side.MASTER, 1, 5)._replace(image="as shown")
    theirs = write(EMPTY, "theirs", Side.SLAVE, 1, 6)
    for policy in Policy:
        assert join(policy, ours, theirs.value, theirs.write, theirs.known).register.image == "as shown"


@given(clock=STAMPS, side=st.sampled_from(Side), inc=st.integers(0, 3), n=st.integers(0, 9))
def test_a_local_write_replaces_its_own_half_of_the_clock_and_no_other(
    clock: Stamp, side: Side, inc: int, n: int
) -> None:
    after = write(Register(NEVER, clock, "old", "old"), "new", side, inc, n)
    own, other = (after.write[:2], after.write[2:]) if side is Side.MASTER else (after.write[2:], after.write[:2])
    assert own == (inc, n)
    assert other == (clock[2:] if side is Side.MASTER else clock[:2])
    assert after.known.contains(after.write)
    assert (after.value, after.image) == ("new", "old")


@given(a=STAMPS, b=STAMPS)
@settings(max_examples=300)
def test_the_union_is_the_least_clock_that_contains_both(a: Stamp, b: Stamp) -> None:
    both = a.union(b)
    assert both.contains(a)
    assert both.contains(b)
    assert both[:2] in (a[:2], b[:2])
    assert both[2:] in (a[2:], b[2:])
    assert a.contains(b) == (a.union(b) == a)


def test_the_newest_number_counts_on_either_side() -> None:
    assert Stamp(1, 3, 1, 8).newest == 8
    assert Stamp(1, 9, 1, 8).newest == 9


def test_by_newest_a_later_incarnation_does_not_outweigh_a_greater_number() -> None:
    ours = Register(Stamp(9, 3, 0, 0), Stamp(9, 3, 0, 0), "ours")
    assert join(Policy.NEWEST, ours, "theirs", Stamp(0, 0, 1, 4), Stamp(0, 0, 1, 4)) == Join(
        Register(Stamp(0, 0, 1, 4), Stamp(9, 3, 1, 4), "theirs"), theirs_stands=True, conflict=True
    )


@policies
@given(one=STAMPS, other=STAMPS)
def test_what_stands_is_what_a_join_would_let_stand(policy: Policy, one: Stamp, other: Stamp) -> None:
    register = put(policy, put(policy, EMPTY, ("other", other, other)), ("one", one, one))
    if other != NEVER:
        assert (register.value == "one") == stands_over(policy, one, other)
