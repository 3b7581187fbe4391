"""The ledger on SQLite: the truth that any number of processes on one machine share."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mnemic.protocols import HealthCheck
from mnemic.storage.sql.guard import broken_audit
from mnemic.storage.sql.passages import PLACES, UNCUT, UNEMBEDDED
from mnemic.storage.sql.snapshot import SqlSnapshot
from mnemic.storage.sql.transaction import SqlTransaction
from mnemic.storage.sqlite.connections import BUSY_TIMEOUT_SECONDS, SqliteConnections
from mnemic.storage.sqlite.fts_terms import FtsTerms
from mnemic.storage.sqlite.schema import vector_table

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
            yield SqlSnapshot(connection, self._terms)

    @contextmanager
    def transaction(self, *, patience_seconds: float | None = None) -> Iterator[SqlTransaction]:
        with self._connections.writing(patience_seconds=patience_seconds) as connection:
            transaction = SqlTransaction(connection, self._terms)
            yield transaction
            transaction.finish()

    def register_embedder(self, embedder_id: str, dimensions: int) -> None:
        with self._connections.reading() as connection:
            if connection.execute("SELECT 1 FROM embedders WHERE id = ?", (embedder_id,)).fetchone():
                return
        with self._connections.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO embedders (id, dimensions) VALUES (?, ?)", (embedder_id, dimensions)
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
                _orphans(connection),
                _count(connection),
                _audit(connection),
                *_vectors(connection, embedder_id),
                _passages(connection, embedder_id),
            ]

    def repair(self) -> list[str]:
        done: list[str] = []
        with self._connections.writing() as connection:
            if not _full_text(connection).ok:
                for table in _FULL_TEXTS:
                    connection.execute(f"INSERT INTO {table} ({table}) VALUES ('rebuild')")
                done.append("rebuilt the full text")
            for name, sql in _ORPHANS.items():
                removed = connection.execute(f"DELETE {sql}").rowcount
                if removed:
                    done.append(f"removed {removed} orphaned {name}")
            for table, _ in _vector_tables(connection):
                removed = connection.execute(
                    f"DELETE FROM {table} WHERE key NOT IN (SELECT key FROM memories)"
                ).rowcount
                if removed:
                    done.append(f"removed {removed} orphaned vectors")
            if not _count(connection).ok:
                connection.execute("UPDATE ledger SET memories = (SELECT count(*) FROM memories)")
                done.append("counted the memories again")
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
_ORPHANS = {
    "events": "FROM events WHERE memory NOT IN (SELECT id FROM memories)",
    "links": "FROM links WHERE source NOT IN (SELECT id FROM memories) OR target NOT IN (SELECT id FROM memories)",
    "session messages": "FROM session_messages WHERE session NOT IN (SELECT key FROM sessions)",
    "session edits": "FROM session_edits WHERE session NOT IN (SELECT key FROM sessions)",
    "marks": "FROM guard_marks WHERE key NOT IN (SELECT key FROM memories)",
    "near-duplicate keys": "FROM near_keys WHERE key NOT IN (SELECT key FROM memories)",
    "passages": f"FROM passages WHERE place / {PLACES} NOT IN (SELECT key FROM memories)",
    "items' memories": "FROM item_memories WHERE memory NOT IN (SELECT key FROM memories) "
    "OR item NOT IN (SELECT key FROM items)",
    "vectors of facets": "FROM facet_vectors WHERE key NOT IN (SELECT key FROM memories)",
}


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


def _orphans(connection: sqlite3.Connection) -> HealthCheck:
    found = {name: connection.execute(f"SELECT count(*) {sql}").fetchone()[0] for name, sql in _ORPHANS.items()}
    present = {name: count for name, count in found.items() if count}
    detail = ", ".join(f"{count} orphaned {name}" for name, count in present.items()) or "none"
    return HealthCheck(check="orphans", ok=not present, detail=detail, repairable=bool(present))


def _count(connection: sqlite3.Connection) -> HealthCheck:
    kept, counted = connection.execute("SELECT memories, (SELECT count(*) FROM memories) FROM ledger").fetchone()
    ok = kept == counted
    return HealthCheck(
        check="count", ok=ok, detail=f"{counted:,} memories" + ("" if ok else f", {kept:,} noted"), repairable=not ok
    )


def _audit(connection: sqlite3.Connection) -> HealthCheck:
    """Every entry of the guard's log covers all before it, so a changed or missing one shows."""
    try:
        entries, broken = broken_audit(connection)
    except sqlite3.DatabaseError as error:
        return HealthCheck(check="audit log", ok=False, detail=str(error))
    detail = f"{entries:,} entries, unbroken" if broken is None else f"broken at entry {broken:,}: changed or removed"
    return HealthCheck(check="audit log", ok=broken is None, detail=detail)


def _vectors(connection: sqlite3.Connection, embedder_id: str) -> list[HealthCheck]:
    findings = []
    for table, id in _vector_tables(connection):
        missing, orphaned = connection.execute(
            f"SELECT (SELECT count(*) FROM memories WHERE key NOT IN (SELECT key FROM {table})), "
            f"(SELECT count(*) FROM {table} WHERE key NOT IN (SELECT key FROM memories))"
        ).fetchone()
        detail = f"{missing} memories without a vector, {orphaned} vectors without a memory"
        # Another embedder's vectors need not be complete: whoever uses it fills in what is missing.
        ok = not orphaned and (not missing or id != embedder_id)
        findings.append(
            HealthCheck(
                check=f"vectors of {id}",
                ok=ok,
                detail=detail if missing or orphaned else "complete",
                repairable=not ok,
            )
        )
    return findings


def _passages(connection: sqlite3.Connection, embedder_id: str) -> HealthCheck:
    """Whether every long text is cut, and its passages have vectors, one each."""
    uncut, incomplete = connection.execute(
        f"SELECT (SELECT count(*) FROM memories m WHERE {UNCUT}), (SELECT count(*) FROM memories m WHERE {UNEMBEDDED})",
        (embedder_id,),
    ).fetchone()
    ok = not uncut and not incomplete
    detail = f"{uncut} long texts that are not cut yet, {incomplete} whose passages have no vectors"
    return HealthCheck(check="passages", ok=ok, detail="complete" if ok else detail, repairable=not ok)


def _vector_tables(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    try:
        rows = connection.execute("SELECT key, id FROM embedders ORDER BY key").fetchall()
    except sqlite3.DatabaseError:
        return []
    return [(vector_table(key), id) for key, id in rows]
