"""Rich text in the markup of each tracker."""

from backbone.richtext.pandoc import Pandoc

__all__ = ["Pandoc"]
