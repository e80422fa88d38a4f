"""Rich text in the markup of each tracker."""

from backbone.richtext.pandoc import Pandoc

CONVERT = Pandoc()
"""This process's own; pandoc itself is started when the first text needs it."""

__all__ = ["CONVERT", "Pandoc"]
