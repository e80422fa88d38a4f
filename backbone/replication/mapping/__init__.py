"""Local words and values <-> the agreement's. The only place that knows both.

A mapping must satisfy ``to_agreed(to_local(v)) == v`` where it is not declared otherwise; where a tracker cannot hold a
value, the image that is read back keeps the difference from echoing.
"""

from backbone.replication.mapping.rules import FieldRule, Rules
from backbone.replication.mapping.translation import Translation
from backbone.replication.mapping.words import Inward, Names, Outward

__all__ = ["FieldRule", "Inward", "Names", "Outward", "Rules", "Translation"]
