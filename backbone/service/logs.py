"""Structured logs: text for people or JSON for collectors, on standard error or into a file."""

import logging
import sys
from typing import Any, TextIO

import structlog


def configure(*, json: bool = False, level: int = logging.INFO, to: TextIO | None = None) -> None:
    """Once, at the start of a process: before that, structlog writes on standard output."""
    if json:
        end: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        end = [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *end,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(to or sys.stderr),
    )


def logger(**bound: object) -> Any:
    """A logger that says with each line what it belongs to."""
    return structlog.get_logger(**bound)
