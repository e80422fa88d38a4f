"""The contracts of the ports as suites, for our adapters and for yours."""

from backbone.testing.harness import RowHarness, TrackerHarness, Words
from backbone.testing.trackers import TrackerContract

__all__ = ["RowHarness", "TrackerContract", "TrackerHarness", "Words"]
