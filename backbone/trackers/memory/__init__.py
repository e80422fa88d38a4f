"""A tracker that lives in memory: the reference implementation of the port, for tests, simulation and benchmarks."""

from collections.abc import Mapping
from pathlib import Path

from backbone.errors import ConfigError
from backbone.trackers.memory.schema import DEFAULT_SCHEMA
from backbone.trackers.memory.settle import Impossible
from backbone.trackers.memory.tracker import MemoryTracker

__all__ = ["DEFAULT_SCHEMA", "Impossible", "MemoryTracker", "connect"]

_SETTINGS = {"path", "user"}


def connect(settings: Mapping[str, object]) -> MemoryTracker:
    """Open a memory tracker. ``path`` names a file that keeps it (none: it dies with the process); ``user`` is the
    synchronization user's log-in, ``backbone`` by default. Raises ``ConfigError``.
    """
    unknown = sorted(set(settings) - _SETTINGS)
    if unknown:
        raise ConfigError(f"the memory tracker has no setting {unknown[0]!r}; it knows path and user")
    path = settings.get("path")
    return MemoryTracker(user=str(settings.get("user", "backbone")), path=Path(str(path)) if path else None)
