"""Who wins: registers, their clocks, and the join (PROTOCOL 2.8).

Each cell of a shared issue is a register. A local edit gets a fresh write stamp; a remote one is
*joined*. The join keeps the value of the greater write stamp in a total order that extends causality and is
the same on both sides, and takes the maximum of both known clocks: associative, commutative,
idempotent, so order and repetition of deliveries cannot matter.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from backbone.model import Value


class Side(StrEnum):
    """Which half of a link."""

    MASTER = "master"
    SLAVE = "slave"

    @property
    def other(self) -> "Side":
        """The peer's."""
        return Side.SLAVE if self is Side.MASTER else Side.MASTER


class Policy(StrEnum):
    """Who wins when both sides wrote without knowing of each other.

    ``manual`` lets the master's value stand until a person has decided: both sides must show the same meanwhile.
    """

    MASTER = "master"
    SLAVE = "slave"
    NEWEST = "newest"
    MANUAL = "manual"


class Stamp(NamedTuple):
    """One ``(incarnation counter, number)`` per side."""

    master_inc: int = 0
    master_n: int = 0
    slave_inc: int = 0
    slave_n: int = 0

    def contains(self, other: "Stamp") -> bool:
        """Whether everything known at ``other`` is known here, side by side."""
        return self[:2] >= other[:2] and self[2:] >= other[2:]

    def union(self, other: "Stamp") -> "Stamp":
        """The least clock that contains both."""
        if other.contains(self):
            return other
        return Stamp(*max(self[:2], other[:2]), *max(self[2:], other[2:]))

    def written_by(self, side: Side, inc: int, n: int) -> "Stamp":
        """Our clock, with the side's own component replaced by a fresh one."""
        return Stamp(inc, n, *self[2:]) if side is Side.MASTER else Stamp(*self[:2], inc, n)

    @property
    def newest(self) -> int:
        """The greatest number in it: a Lamport clock, because a side's next number exceeds all it has seen."""
        return max(self.master_n, self.slave_n)


NEVER = Stamp()


class Register(NamedTuple):
    """The agreed value of one cell, with its write stamp, the clock known here, and its image.

    ``image`` is what the tracker answered when the value was last read back; ``None`` is absent.
    """

    write: Stamp = NEVER
    known: Stamp = NEVER
    value: Value = None
    image: Value = None


EMPTY = Register()


class Join(NamedTuple):
    """What came of joining a remote write: the register (image untouched), and who lost what, if anybody."""

    register: Register
    theirs_stands: bool
    conflict: bool
    unaware: bool = False
    """It stands over a write of theirs, unaware of one of ours, which had the same value or has lost before."""


def _by_master(stamp: Stamp) -> tuple[int, ...]:
    return tuple(stamp)


def _by_slave(stamp: Stamp) -> tuple[int, ...]:
    return (*stamp[2:], *stamp[:2])


def _by_number(stamp: Stamp) -> tuple[int, ...]:
    return (stamp.newest, *stamp)


_ORDER: dict[Policy, Callable[[Stamp], tuple[int, ...]]] = {
    Policy.MASTER: _by_master,
    Policy.MANUAL: _by_master,
    Policy.SLAVE: _by_slave,
    Policy.NEWEST: _by_number,
}


def write(register: Register, value: Value, side: Side, inc: int, n: int) -> Register:
    """A local edit: ``n`` was never used by this side in this incarnation, and exceeds every number seen."""
    stamp = register.known.written_by(side, inc, n)
    return Register(stamp, register.known.union(stamp), value, register.image)


def stands_over(policy: Policy, one: Stamp, other: Stamp) -> bool:
    """Whether a write with the first stamp stands against one with the second; ``False`` for the same stamp."""
    order = _ORDER[policy]
    return order(one) > order(other)


def join(policy: Policy, ours: Register, value: Value, write: Stamp, known: Stamp) -> Join:
    """A remote write meets our register."""
    if ours.known == NEVER:
        return Join(Register(write, known, value, ours.image), theirs_stands=True, conflict=False)
    order = _ORDER[policy]
    theirs_stands = order(write) > order(ours.write)
    concurrent = not ours.known.contains(write) and not known.contains(ours.write)
    clock = ours.known.union(known)
    if not theirs_stands:
        return Join(Register(ours.write, clock, ours.value, ours.image), False, concurrent and value != ours.value)
    unaware = not concurrent and not known.contains(ours.known)
    register = Register(write, clock, value, ours.image)
    return Join(register, True, concurrent and value != ours.value, unaware and value != ours.value)
