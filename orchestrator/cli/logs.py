"""Logs: to standard error, and only if asked for."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable

from orchestrator.events import Event

LogEvent = Callable[[Event], None]


def event_log(*, verbose: bool) -> LogEvent:
    """Return what logs a run's events: nothing unless `verbose`. structlog is slow to import, so only then it is."""
    if not verbose:
        return lambda _: None
    structlog = importlib.import_module("structlog")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.KeyValueRenderer(key_order=["at", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    logger = structlog.get_logger()

    def log(event: Event) -> None:
        fields = event.model_dump(mode="json", exclude={"type"})
        logger.info(event.type, **fields)

    return log
