"""Structured logs that go where the application's standard logging sends them, and never to stdout by themselves."""

from __future__ import annotations

import logging
from typing import Any


class EventLogger:
    """Logs an event's name with key-value pairs. structlog is imported when there is something to say."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._logger: Any = None

    def info(self, event: str, **values: Any) -> None:
        self._log(logging.INFO, event, values)

    def warning(self, event: str, **values: Any) -> None:
        self._log(logging.WARNING, event, values)

    def _log(self, level: int, event: str, values: dict[str, Any]) -> None:
        if self._logger is None:
            import structlog

            self._logger = structlog.wrap_logger(
                logging.getLogger(self._name),
                wrapper_class=structlog.stdlib.BoundLogger,
                processors=[
                    structlog.stdlib.filter_by_level,
                    structlog.processors.LogfmtRenderer(key_order=["event"], bool_as_flag=False),
                ],
            )
        self._logger.log(level, event, **values)


def get_logger(name: str) -> EventLogger:
    """A logger for a module. Log ids, counts and errors; never a memory's text."""
    return EventLogger(name)
