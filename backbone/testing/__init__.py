"""The contracts of the ports as suites, for our adapters and for yours."""

from backbone.testing.trackers import TrackerContract, TrackerHarness, Words

__all__ = ["TrackerContract", "TrackerHarness", "Words"]
