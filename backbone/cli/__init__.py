"""The command line: reads tables, writes requests, and runs the service. Heavy modules are imported where used."""

from backbone.cli.app import app, main

__all__ = ["app", "main"]
