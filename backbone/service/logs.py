"""Structured logs: text for people or JSON for collectors, on standard error."""

import logging
import sys
from typing import Any

import structlog


def configure(*, json: bool = False, level: int = logging.INFO) -> None:
    """Once, at the start of a process. Before that, only warnings are shown."""
    renderer: Any = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )


def logger(**bound: object) -> Any:
    """A logger that says with each line what it belongs to."""
    return structlog.get_logger(**bound)
