"""Cold memories in the ledger's file: what can be derived of them goes, what cannot be stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mnemic.domain.memory import RowKey
from mnemic.domain.moments import to_microseconds
from mnemic.storage.sql.engine import Connection, FullText, vector_table
from mnemic.storage.sql.rows import fetch_in_chunks

COLD = 1
"""In ``memories.cold``."""
RETURNED = "m.cold = 2"
"""Memories ``m`` that were cold: their keys are old, and any embedder may have to look at them again."""

_COOLABLE = (
    f"m.held = 'archived' AND m.cold != {COLD} AND m.recorded_at < ? AND coalesce(m.confirmed_at, 0) < ? "
    "AND NOT EXISTS (SELECT 1 FROM events e WHERE e.memory = m.id AND e.at >= ?) "
    "AND NOT EXISTS (SELECT 1 FROM utilities u WHERE u.key = m.key AND u.last_used_at >= ?)"
)


class SqlColdReader:
    """Implements `mnemic.protocols.ColdReader`."""

    _connection: Connection

    def coolable(self, *, untouched_since: datetime, limit: int, after: RowKey | None = None) -> list[RowKey]:
        rows = self._connection.execute(
            f"SELECT m.key FROM memories m WHERE {_COOLABLE} AND m.key > ? ORDER BY m.key LIMIT ?",
            (*_moments(untouched_since), after or 0, limit),
        )
        return [RowKey(row[0]) for row in rows]

    def cold(self, keys: Sequence[RowKey]) -> set[RowKey]:
        sql = f"SELECT key FROM memories WHERE key IN {{in_}} AND cold = {COLD}"
        return {RowKey(row[0]) for row in fetch_in_chunks(self._connection, sql, list(keys))}

    def count_cold(self) -> int:
        return int(self._connection.execute(f"SELECT count(*) FROM memories WHERE cold = {COLD}").fetchone()[0])


class SqlColdWriter(SqlColdReader):
    """Implements `mnemic.protocols.ColdWriter`."""

    _full_text: FullText

    def _next_seq(self) -> int:
        raise NotImplementedError

    def cool(self, keys: Sequence[RowKey], *, untouched_since: datetime) -> list[RowKey]:
        sql = f"SELECT m.key FROM memories m WHERE m.key IN {{in_}} AND {_COOLABLE}"
        rows = fetch_in_chunks(self._connection, sql, list(keys), *_moments(untouched_since))
        chosen = sorted(RowKey(row[0]) for row in rows)
        embedders = self._connection.execute("SELECT key FROM embedders").fetchall()
        for table in (*(vector_table(row[0]) for row in embedders), "facet_vectors"):
            self._connection.executemany(f"DELETE FROM {table} WHERE key = ?", [(key,) for key in chosen])
        self._full_text.cooling(chosen)
        self._connection.executemany(
            f"UPDATE memories SET cold = {COLD}, seq = ? WHERE key = ?", [(self._next_seq(), key) for key in chosen]
        )
        return chosen

    def _warm(self, key: RowKey) -> None:
        """Bring back what the ledger itself can; embedders follow."""
        self._connection.execute("UPDATE memories SET cold = 2 WHERE key = ?", (key,))
        self._full_text.warming(key)


def _moments(untouched_since: datetime) -> tuple[Any, ...]:
    return (to_microseconds(untouched_since),) * 4
