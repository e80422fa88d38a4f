"""Local words and values <-> the agreement's. The only place that knows both.

A mapping must satisfy ``to_agreed(to_local(v)) == v``. Where a local value cannot hold all of an agreed one, the agreed
one stands in the shadow, and is what goes out as long as the tracker shows just what we make of it.

``rules`` is what an admin writes. ``tables``, ``patterns`` and ``wording`` turn one word into another; ``compiled``,
``composed`` and ``joined`` are the kinds of fields; ``entry`` says which issues take part, ``contents`` (``comments``,
``attachments``), ``people`` and ``texts`` (``references``, ``reference_forms``, ``named_files``) what becomes of the
rest. ``translation`` puts them together; ``fitting`` and ``proving`` look for mistakes beforehand.
"""

from backbone.replication.mapping.faults import Fault
from backbone.replication.mapping.rules import FieldRule, RuleError, Rules
from backbone.replication.mapping.translation import Translation
from backbone.replication.mapping.words import Inward, Names, Occasion, Outward

__all__ = ["Fault", "FieldRule", "Inward", "Names", "Occasion", "Outward", "RuleError", "Rules", "Translation"]
