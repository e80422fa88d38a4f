"""Roundup, on the tracker's home through Roundup's own API (the way its own mail gateway works)."""

from collections.abc import Mapping

from backbone.trackers.roundup import prepare as _prepare
from backbone.trackers.roundup.settings import RoundupSettings, read_settings
from backbone.trackers.roundup.tracker import RoundupTracker

__all__ = ["RoundupSettings", "RoundupTracker", "connect", "prepare"]


def connect(settings: Mapping[str, object]) -> RoundupTracker:
    """Nothing is opened yet. Settings: ``home``, ``class``, ``user``, ``notify``. Raises ``ConfigError``."""
    return RoundupTracker(read_settings(settings))


def prepare(settings: Mapping[str, object]) -> list[str]:
    """``backbone tracker prepare``: what was done, a sentence each; may be repeated. Raises ``BackboneError``."""
    return _prepare.prepare(read_settings(settings))
