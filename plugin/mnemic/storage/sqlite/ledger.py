"""The ledger on SQLite: the truth that any number of processes on one machine share."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mnemic.protocols import HealthCheck
from mnemic.storage.sql.checks import check_tables, mend_tables
from mnemic.storage.sql.deferring import Deferring
from mnemic.storage.sql.engine import vector_table
from mnemic.storage.sql.snapshot import SqlSnapshot
from mnemic.storage.sql.transaction import SqlTransaction
from mnemic.storage.sqlite.connections import BUSY_TIMEOUT_SECONDS, SqliteConnections
from mnemic.storage.sqlite.fts_terms import FtsTerms
from mnemic.storage.sqlite.full_text import SqliteFullText

_CHECKPOINT_WAIT_MS = 500
# Of `ledger.unscrubbed`: the file holds nothing that was erased any more, but the write-ahead log may.
_REWRITTEN = 2


class SqliteLedger:
    """Implements `mnemic.protocols.Ledger`: WAL, one writer at a time over all processes, any number of readers.

    With ``durable`` (the default) a commit survives a power cut. Without it, it survives ``kill -9`` but a power cut may
    take the last moments.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.path = path
        self._connections = SqliteConnections(path, durable=durable)
        self._terms = FtsTerms()

    @contextmanager
    def snapshot(self) -> Iterator[SqlSnapshot]:
        with self._connections.reading() as connection:
            yield SqlSnapshot(connection, SqliteFullText(connection, self._terms))

    @contextmanager
    def transaction(self, *, patience_seconds: float | None = None) -> Iterator[SqlTransaction]:
        with self._connections.writing(patience_seconds=patience_seconds) as connection:
            deferring = Deferring(connection)
            transaction = SqlTransaction(deferring, SqliteFullText(deferring, self._terms))
            yield transaction
            transaction.finish()

    def register_embedder(self, embedder_id: str, dimensions: int) -> None:
        with self._connections.reading() as connection:
            if connection.execute("SELECT 1 FROM embedders WHERE id = ?", (embedder_id,)).fetchone():
                return
        with self._connections.writing() as connection:
            connection.execute(
                "INSERT INTO embedders (id, dimensions) VALUES (?, ?) ON CONFLICT DO NOTHING", (embedder_id, dimensions)
            )
            key = connection.execute("SELECT key FROM embedders WHERE id = ?", (embedder_id,)).fetchone()[0]
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {vector_table(key)} (key INTEGER PRIMARY KEY, vector BLOB NOT NULL) STRICT"
            )

    def diagnose(self, embedder_id: str) -> list[HealthCheck]:
        with self._connections.exclusive() as connection:
            return [
                _integrity(connection),
                _full_text(connection),
                *check_tables(connection, embedder_id, unreadable=sqlite3.DatabaseError),
            ]

    def repair(self) -> list[str]:
        done: list[str] = []
        with self._connections.writing() as connection:
            if not _full_text(connection).ok:
                for table in _FULL_TEXTS:
                    connection.execute(f"INSERT INTO {table} ({table}) VALUES ('rebuild')")
                done.append("rebuilt the full text")
            done += mend_tables(connection)
        return done

    def scrub(self) -> bool:
        with self._connections.exclusive() as connection:
            if connection.execute("SELECT unscrubbed FROM ledger").fetchone()[0] != _REWRITTEN:
                # Merging all full-text segments drops the words of deleted rows; VACUUM rewrites every page. Once only:
                # while somebody reads old pages, every further rewriting would add the whole file to the log.
                for table in _FULL_TEXTS:
                    connection.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")
                connection.execute("PRAGMA temp_store = FILE")  # the copy of the whole file does not belong in memory
                try:
                    connection.execute("VACUUM")
                finally:
                    connection.execute("PRAGMA temp_store = MEMORY")
                connection.execute("UPDATE ledger SET unscrubbed = ?", (_REWRITTEN,))
            # The truncating checkpoint empties the write-ahead log, which may hold older versions of pages. It waits for
            # those who read them, and other writers wait for it: briefly, then, and again later.
            connection.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_WAIT_MS}")
            try:
                busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_SECONDS * 1000)}")
            if not busy:
                connection.execute("UPDATE ledger SET unscrubbed = 0 WHERE unscrubbed = ?", (_REWRITTEN,))
        return not busy

    def size_bytes(self) -> int:
        files = (self.path, Path(f"{self.path}-wal"), Path(f"{self.path}-shm"))
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        self._connections.close()
        self._terms.close()


_FULL_TEXTS = ("memories_words", "passages_words")


def _integrity(connection: sqlite3.Connection) -> HealthCheck:
    try:
        lines = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)")]
    except sqlite3.DatabaseError as error:
        lines = [str(error)]
    ok = lines == ["ok"]
    return HealthCheck(check="ledger file", ok=ok, detail="intact" if ok else "; ".join(lines))


def _full_text(connection: sqlite3.Connection) -> HealthCheck:
    """FTS5 compares every word of every memory with its index."""
    try:
        for table in _FULL_TEXTS:
            connection.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")
    except sqlite3.DatabaseError as error:
        return HealthCheck(check="full text", ok=False, detail=f"differs from the memories: {error}", repairable=True)
    return HealthCheck(check="full text", ok=True, detail="agrees with the memories")
