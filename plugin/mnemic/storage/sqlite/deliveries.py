"""Which memories were lately delivered into which context, by any process of one server over a folder."""

from __future__ import annotations

import random
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from mnemic.domain.memory import RowKey
from mnemic.domain.moments import to_microseconds
from mnemic.errors import StoreUnavailable
from mnemic.logs import get_logger
from mnemic.protocols import DELIVERY_WINDOW, MOST_DELIVERED

# An answer does not wait longer than this for another process's note.
_PATIENCE_SECONDS = 1.0
# Old entries are harmless, and one call in so many clears them.
_CLEARS_ONCE_IN = 200
_TABLE = (
    "CREATE TABLE IF NOT EXISTS deliveries (purpose TEXT, context TEXT, key INTEGER, at INTEGER, "
    "PRIMARY KEY (purpose, context, key)) WITHOUT ROWID"
)

log = get_logger(__name__)


class FileDeliveries:
    """Implements `mnemic.protocols.Deliveries` for processes that answer the same callers: whoever recalls at one may
    remember at another.

    A file of its own that lives no longer than the server. It holds keys of memories and names of callers, no text; nothing
    waits for a disk. Safe for several threads.
    """

    def __init__(self, path: Path, purpose: str) -> None:
        self._purpose = purpose
        self._lock = threading.Lock()
        with _translated():
            self._connection = sqlite3.connect(
                path, timeout=_PATIENCE_SECONDS, isolation_level=None, check_same_thread=False
            )
            for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = OFF", _TABLE):
                self._connection.execute(statement)
        # Nobody closes what notes deliveries: it goes with whoever uses it.
        weakref.finalize(self, self._connection.close)

    def note(self, contexts: Iterable[str], keys: Sequence[RowKey], *, now: datetime) -> None:
        """Note that these memories were delivered. What cannot be noted is logged: an answer does not fail for it."""
        if not keys:
            return
        at = to_microseconds(now)
        rows = [(self._purpose, context, key, at) for context in contexts for key in keys]
        failing = log.instead_of_failing("deliveries.not_noted")
        with failing, _translated(), self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?, ?)", rows)
            if random.randrange(_CLEARS_ONCE_IN) == 0:  # noqa: S311  # no secret
                oldest = to_microseconds(now - DELIVERY_WINDOW)
                self._connection.execute("DELETE FROM deliveries WHERE at < ?", (oldest,))

    def recent(self, contexts: Iterable[str], *, now: datetime) -> list[RowKey]:
        """What was delivered into any of these contexts within the last hour, each once. Raises `StoreUnavailable`."""
        oldest = to_microseconds(now - DELIVERY_WINDOW)
        found: dict[RowKey, None] = {}
        with _translated(), self._lock:
            for context in contexts:
                rows = self._connection.execute(
                    "SELECT key FROM deliveries WHERE purpose = ? AND context = ? AND at >= ? "
                    "ORDER BY at DESC, key DESC LIMIT ?",
                    (self._purpose, context, oldest, MOST_DELIVERED),
                ).fetchall()
                found |= dict.fromkeys(RowKey(key) for (key,) in reversed(rows))
        return list(found)

    def forget(self, contexts: Iterable[str]) -> None:
        """What was delivered into these contexts so far counts no longer. Raises `StoreUnavailable`."""
        with _translated(), self._lock, self._connection:
            self._connection.executemany(
                "DELETE FROM deliveries WHERE purpose = ? AND context = ?",
                [(self._purpose, context) for context in contexts],
            )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreUnavailable(
            f"What was delivered to whom cannot be kept ({error}).",
            hint="Make room for temporary files, and try again.",
        ) from error
