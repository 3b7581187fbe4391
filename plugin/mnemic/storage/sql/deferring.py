"""Rows that wait to be written together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mnemic.storage.sql.engine import Connection, Cursor, Insert

# So many rows of one table wait at most.
_MOST_WAITING = 3_000


class Deferring:
    """A connection inside a transaction on which rows may wait (`later`). Implements `Connection`.

    Whatever is asked or changed comes after what waits, so nobody sees that it waited. The exception is what happens
    `apart`: the caller knows that it concerns no row that waits. ``changed`` is called before any change that did not happen
    apart, ``completing`` before what waits is stored: it may add what is cheaper to find for many rows.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.takes_lists = connection.takes_lists
        self.changed: Callable[[], None] = lambda: None
        self.completing: Callable[[], None] = lambda: None
        self._waiting: dict[Insert, list[Sequence[Any]]] = {}
        self._apart = False

    def later(self, insert: Insert, *rows: Sequence[Any]) -> None:
        """Store rows before anything is asked that may concern them. Tables are filled in the order in which they were first
        named.
        """
        waiting = self._waiting.setdefault(insert, [])
        waiting += rows
        if len(waiting) >= _MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """Store what waits."""
        self.completing()
        for insert, rows in self._waiting.items():
            if rows:
                self._connection.insert(insert, rows)
                rows.clear()

    @contextmanager
    def apart(self, really: bool = True) -> Iterator[None]:
        """What happens inside concerns no row that waits, and changes nothing that is known; if ``really``."""
        before, self._apart = self._apart, self._apart or really
        try:
            yield
        finally:
            self._apart = before

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Cursor:
        self._before(sql)
        return self._connection.execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> object:
        self._before(sql)
        return self._connection.executemany(sql, rows)

    def insert(self, insert: Insert, rows: Sequence[Sequence[Any]], /) -> None:
        self.flush()
        self._connection.insert(insert, rows)

    def next_keys(self, table: str, count: int, /, *, after: int) -> list[int]:
        return self._connection.next_keys(table, count, after=after)

    def _before(self, sql: str) -> None:
        if self._apart:
            return
        self.flush()
        if not sql.startswith(("SELECT", "WITH")):
            self.changed()
