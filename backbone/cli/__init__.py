"""The command line: words for people. It reads the store and asks the service; it holds no rule of its own."""

from backbone.cli.root import app, main

__all__ = ["app", "main"]
