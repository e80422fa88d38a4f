"""The contract of ``backbone.trackers.base.Tracker`` as a suite for pytest with pytest-asyncio in auto mode.

Inherit from ``TrackerContract`` and give a fixture ``harness``: a tracker with no issues in it, and the hands of the
people who work in it. Their hands must use the tracker's own ways, not the adapter under test. The tracker has to
be set up with three rules of its own: a title that contains ``forbidden`` is refused, blanks around a title are taken
away, and a title that contains ``escalate`` sets the choice to its second value. Where ``words`` name a table, the
hands are those of a ``RowHarness``.
"""

from backbone.testing.reading import ReadingContract
from backbone.testing.rows import RowContract
from backbone.testing.writing import WritingContract


class TrackerContract(ReadingContract, WritingContract, RowContract):
    """The whole contract."""
