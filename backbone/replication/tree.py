"""A tree of digests over all shared issues: two nodes find what differs by talking about what differs only.

An issue's place is the SHA-256 of its gid, in hex; an inner node is named by the digits that its issues' places begin
with. Who asks names the nodes of the first level with their digests. The other side describes those that differ: by
their children, or, where few issues are left, by these. The asking side compares and asks for what still differs.
So the traffic grows with the differences, and with the number of issues by one level for each sixteen times as many.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from backbone.replication import limits

FIRST_DIGITS = 2
"""The first message names 256 nodes: small enough for any mail, and a level less to go down."""
_DIGITS = "0123456789abcdef"


class Description(NamedTuple):
    """What one side has below some nodes: digests of children, by prefix, or of issues, by gid."""

    nodes: Mapping[str, bytes]
    issues: Mapping[str, bytes]


class Compared(NamedTuple):
    """Which nodes are still to be described, and which issues differ or are on one side only."""

    deeper: tuple[str, ...]
    issues: tuple[str, ...]


def place(gid: str) -> str:
    """Where an issue stands in the tree."""
    return hashlib.sha256(gid.encode()).hexdigest()


def is_prefix(text: str) -> bool:
    """Whether a node may be called so."""
    return FIRST_DIGITS <= len(text) <= 64 and not set(text) - set(_DIGITS)


class Tree:
    """All issues with their digests, in the order of their places."""

    def __init__(self, issues: Iterable[tuple[str, bytes]]) -> None:
        self._rows = sorted((place(gid), gid, digest) for gid, digest in issues)
        self._places = [row[0] for row in self._rows]

    def __len__(self) -> int:
        return len(self._rows)

    def below(self, prefix: str) -> dict[str, bytes]:
        """The issues of a node with their digests."""
        first, last = self._span(prefix)
        return {gid: digest for _, gid, digest in self._rows[first:last]}

    def count(self, prefix: str) -> int:
        """How many issues a node has."""
        first, last = self._span(prefix)
        return last - first

    def first_level(self) -> dict[str, bytes]:
        """The nodes that an audit begins with."""
        names = (a + b for a in _DIGITS for b in _DIGITS)
        return self._digests(names)

    def children(self, prefix: str) -> dict[str, bytes]:
        """The nodes one level below that hold an issue."""
        return self._digests(prefix + digit for digit in _DIGITS)

    def differing(self, theirs: Mapping[str, bytes]) -> list[str]:
        """The nodes of the first level that differ."""
        ours = self.first_level()
        return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))

    def describe(self, prefixes: Iterable[str]) -> Description:
        """What is below these nodes, one level further down."""
        nodes: dict[str, bytes] = {}
        issues: dict[str, bytes] = {}
        for prefix in prefixes:
            if self.count(prefix) > limits.audit_leaf_issues and len(prefix) < 64:
                nodes.update(self.children(prefix))
            else:
                issues.update(self.below(prefix))
        return Description(nodes, issues)

    def compare(self, asked: Collection[str], theirs: Description) -> Compared:
        """What of a description differs from what is here. What was not asked for is not looked at."""
        deeper: list[str] = []
        found: list[str] = []
        listed: dict[str, dict[str, bytes]] = {}
        known = frozenset(asked)
        for gid, digest in theirs.issues.items():
            where = next((p for p in _prefixes(place(gid)) if p in known), None)
            if where is not None:
                listed.setdefault(where, {})[gid] = digest
        for prefix in asked:
            names = [prefix + digit for digit in _DIGITS]
            if any(name in theirs.nodes for name in names):
                ours = self.children(prefix)
                deeper += [name for name in names if ours.get(name) != theirs.nodes.get(name)]
            else:
                here, there = self.below(prefix), listed.get(prefix, {})
                found += sorted(gid for gid in here.keys() | there.keys() if here.get(gid) != there.get(gid))
        return Compared(tuple(deeper), tuple(found))

    def _digests(self, names: Iterable[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for name in names:
            first, last = self._span(name)
            if last > first:
                rows = (where.encode() + digest for where, _, digest in self._rows[first:last])
                found[name] = hashlib.sha256(b"".join(rows)).digest()[:16]
        return found

    def _span(self, prefix: str) -> tuple[int, int]:
        return bisect_left(self._places, prefix), bisect_left(self._places, prefix + "g")


def _prefixes(where: str) -> Iterable[str]:
    return (where[:length] for length in range(FIRST_DIGITS, len(where) + 1))
