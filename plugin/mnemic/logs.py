"""Structured logs that go where the application's standard logging sends them, and never to stdout by themselves."""

from __future__ import annotations

import logging
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from mnemic.domain.quoting import visible
from mnemic.errors import MnemicError


class EventLogger:
    """Logs an event's name with key-value pairs. structlog is imported when there is something to say."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._logger: Any = None

    def info(self, event: str, **values: Any) -> None:
        self._log(logging.INFO, event, values)

    def warning(self, event: str, **values: Any) -> None:
        self._log(logging.WARNING, event, values)

    @contextmanager
    def instead_of_failing(self, event: str, errors: type[Exception] = MnemicError) -> Iterator[None]:
        """Warn with ``event`` of one of ``errors``, and go on behind the block that it ended."""
        try:
            yield
        except errors as error:
            told = str(error) if isinstance(error, MnemicError) else f"{type(error).__name__}: {error}"
            self.warning(event, error=told)

    def _log(self, level: int, event: str, values: dict[str, Any]) -> None:
        if self._logger is None:
            import structlog

            self._logger = structlog.wrap_logger(
                logging.getLogger(self._name),
                wrapper_class=structlog.stdlib.BoundLogger,
                processors=[
                    structlog.stdlib.filter_by_level,
                    _one_visible_line,
                    structlog.processors.LogfmtRenderer(key_order=["event"], bool_as_flag=False),
                ],
            )
        self._logger.log(level, event, **values)


def _one_visible_line(_: Any, __: str, values: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Nothing in a value ends its line or speaks to a terminal: names and paths may be anybody's."""
    return {
        name: visible(value).replace("\t", "\\t") if isinstance(value, str) else value for name, value in values.items()
    }


def get_logger(name: str) -> EventLogger:
    """A logger for a module. Log ids, counts and errors; never a memory's text."""
    return EventLogger(name)
