"""The kinds of worlds: what happens there beyond the misfortunes of all of them."""

from collections.abc import Mapping
from typing import Any

from tests.simulation.channel import MAIL
from tests.simulation.world import Restored

KINDS: Mapping[str, Mapping[str, Any]] = {
    "": {},
    "--restored one": {"restored": Restored.ONE},
    "--restored both": {"restored": Restored.BOTH},
    "--changing": {"changing": True},
    "--cutting": {"cutting": True},
    "--rotating": {"rotating": True},
    "--pairing": {"pairing": True},
    "--scoped": {"scoped": True},
    "--tables": {"tables": True},
    "--carrier mail": {"carrier": MAIL},
    "--changing --restored both": {"changing": True, "restored": Restored.BOTH},
    "--scoped --restored both": {"scoped": True, "restored": Restored.BOTH},
    "--tables --restored both": {"tables": True, "restored": Restored.BOTH},
    "--pairing --restored both": {"pairing": True, "restored": Restored.BOTH},
    "--rotating --restored one": {"rotating": True, "restored": Restored.ONE},
    "--restored one --snapshots": {"restored": Restored.ONE, "snapshots": True},
    "--restored both --snapshots": {"restored": Restored.BOTH, "snapshots": True},
    "--tables --restored one --snapshots": {"tables": True, "restored": Restored.ONE, "snapshots": True},
    "--pairing --restored one --snapshots": {"pairing": True, "restored": Restored.ONE, "snapshots": True},
    "--scoped --restored one --snapshots": {"scoped": True, "restored": Restored.ONE, "snapshots": True},
    "--changing --restored one --snapshots": {"changing": True, "restored": Restored.ONE, "snapshots": True},
}
"""What ``world.run`` is given, by the options of ``python -m tests.simulation`` that do the same."""
_MIXED = (*("",) * (len(KINDS) // 2), *KINDS)


def kind_of(seed: int) -> str:
    """Where kinds are mixed, a seed's number tells its own: a third of the worlds is without anything special."""
    return _MIXED[seed % len(_MIXED)]
