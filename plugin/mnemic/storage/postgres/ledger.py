"""The ledger on PostgreSQL: the truth that processes on any number of machines share."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from mnemic.domain.access import Access
from mnemic.protocols import HealthCheck
from mnemic.storage.postgres.connections import PostgresConnection, PostgresConnections, check_schema, connected
from mnemic.storage.postgres.counted_stems import CountedStems
from mnemic.storage.postgres.deliveries import PostgresDeliveries
from mnemic.storage.postgres.full_text import (
    PostgresFullText,
    add_passage_words,
    add_words,
    count_words,
    differences,
    strip_cold,
)
from mnemic.storage.postgres.schema import version_of
from mnemic.storage.postgres.sharing import PostgresLease, Watch, shared_secret
from mnemic.storage.postgres.statements import ours
from mnemic.storage.sql.checks import check_tables, mend_tables
from mnemic.storage.sql.deferring import Deferring
from mnemic.storage.sql.engine import vector_table
from mnemic.storage.sql.rows import path_of
from mnemic.storage.sql.snapshot import SqlSnapshot
from mnemic.storage.sql.transaction import SqlTransaction

# Of memories whose words are stored at once when the full text is built anew.
_AT_ONCE = 2_000


class PostgresLedger:
    """Implements `mnemic.protocols.Ledger` on a schema of a PostgreSQL database (version 14 or later).

    One writer at a time over all processes and machines: the ledger's one row is the turn, so numbers of changes (``seq``)
    become visible in their order, and nobody who follows them can miss one. Readers wait for nobody.

    ``durable``: the server has written a commit to its disk before it is acknowledged (``synchronous_commit``). Raises
    `StoreUnavailable` when the database cannot be reached or used, `InvalidInput` for an address that is none.
    ``connections`` are given where the schema is one of several that share them (`PartitionedDatabase`).
    """

    def __init__(
        self, url: str, *, schema: str = "mnemic", durable: bool = True, connections: PostgresConnections | None = None
    ) -> None:
        self._connections = connections or PostgresConnections(url, schema=schema, durable=durable)
        self._stemmer = CountedStems()
        self._access: tuple[str, ...] = ()

    def confined(self, access: Access) -> PostgresLedger:
        """The same ledger for somebody with access to some namespaces only: the server shows no rows of others.

        Which is the second wall; `mnemic.storage.walled_ledger` is the first. Not to be closed.
        """
        confined = copy.copy(self)
        # Whoever has access to the root has it to everything.
        confined._access = tuple(map(path_of, access.namespaces)) if all(access.namespaces) else ()
        return confined

    @contextmanager
    def snapshot(self) -> Iterator[SqlSnapshot]:
        with self._connections.reading(access=self._access) as connection:
            yield SqlSnapshot(connection, PostgresFullText(connection, self._stemmer))

    @contextmanager
    def transaction(self, *, patience_seconds: float | None = None) -> Iterator[SqlTransaction]:
        with self._connections.writing(patience_seconds=patience_seconds, access=self._access) as connection:
            deferring = Deferring(connection)
            transaction = SqlTransaction(deferring, PostgresFullText(deferring, self._stemmer))
            began = transaction.last_seq()
            yield transaction
            transaction.finish()
            if transaction.last_seq() != began:
                connection.raw.execute("SELECT pg_notify(%s, '')", (self._channel,))

    def register_embedder(self, embedder_id: str, dimensions: int) -> None:
        with self._connections.reading() as connection:
            if connection.execute("SELECT 1 FROM embedders WHERE id = ?", (embedder_id,)).fetchone():
                return
        with self._connections.writing() as connection:
            connection.execute(
                "INSERT INTO embedders (id, dimensions) VALUES (?, ?) ON CONFLICT DO NOTHING", (embedder_id, dimensions)
            )
            key = connection.execute("SELECT key FROM embedders WHERE id = ?", (embedder_id,)).fetchone()[0]  # type: ignore[index]
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {vector_table(key)} (key bigint PRIMARY KEY, vector bytea NOT NULL)"
            )

    def diagnose(self, embedder_id: str) -> list[HealthCheck]:
        with self._connections.reading() as connection:
            return [_server(connection), _full_text(connection), *check_tables(connection, embedder_id)]

    def repair(self) -> list[str]:
        done: list[str] = []
        with self._connections.writing() as connection:
            if not _full_text(connection).ok:
                self._rebuild_full_text(connection)
                done.append("rebuilt the full text")
            done += mend_tables(connection)
        return done

    def scrub(self) -> bool:
        with self._connections.session() as connection:
            # What was erased goes with the versions of rows that nobody can see any more. A reader that began before keeps
            # them: come back later.
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity, clock_timestamp() AS now WHERE datname = current_database() "
                "AND pid != pg_backend_pid() AND backend_xmin IS NOT NULL AND xact_start < now - interval '1 second'"
            ).fetchone()
            if row is None or row[0]:
                return False
            # Older versions kept the words that nobody has any more, with a count of 0.
            connection.execute("DELETE FROM stems WHERE documents = 0")
            for (table,) in _tables(connection):
                connection.execute(ours(f'VACUUM "{table}"'))
            connection.execute("UPDATE ledger SET unscrubbed = 0")
        return True

    def size_bytes(self) -> int:
        with self._connections.reading() as connection:
            row = connection.execute(
                "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c "
                "WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'"
            ).fetchone()
            return int(row[0]) if row else 0

    def close(self) -> None:
        self._connections.close()
        self._stemmer.close()

    def lease(self, name: str) -> PostgresLease:
        """A right that one process at a time has, over all machines."""
        return PostgresLease(self._connections, name)

    def watch(self, changed: Callable[[], None]) -> Watch:
        """Call ``changed`` from a thread of its own soon after every change by any process, until it is closed."""
        return Watch(self._connections, self._channel, changed)

    def deliveries(self, purpose: str) -> PostgresDeliveries:
        """What was lately delivered into which context, by any process."""
        return PostgresDeliveries(self._connections, purpose)

    def shared_secret(self) -> bytes:
        """64 random digits and more that whoever may use the ledger knows, and nobody else. Never changes."""
        return shared_secret(self._connections)

    @property
    def _channel(self) -> str:
        return f"mnemic_{self._connections.schema}"

    def _rebuild_full_text(self, connection: PostgresConnection) -> None:
        for table in ("memories_words", "passages_words", "stems"):
            connection.execute(f"TRUNCATE {table}")
        for add in (add_words, add_passage_words):
            last: int | None = -1
            while last is not None:
                last = add(connection, self._stemmer, after=last, limit=_AT_ONCE)
        count_words(connection)
        strip_cold(connection)


def holds_ledger(url: str, schema: str) -> bool:
    """Whether a ledger was ever made in ``schema``, of any version and divided or not. Makes none.

    Raises `StoreUnavailable`, `InvalidInput`.
    """
    check_schema(schema)
    with connected(url, schema) as connection:
        return version_of(connection, schema) != 0


def drop_ledger(url: str, schema: str) -> None:
    """Destroy the ledger in ``schema``: everything in it is gone for good. Raises `StoreUnavailable`, `WrongPartitions`."""
    connections = PostgresConnections(url, schema=schema)
    try:
        with connections.session() as connection:
            connection.execute(ours(f'DROP SCHEMA "{schema}" CASCADE'))
    finally:
        connections.close()


def _tables(connection: psycopg.Connection[Any]) -> list[tuple[str]]:
    return connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
    ).fetchall()


def _server(connection: PostgresConnection) -> HealthCheck:
    """Whether the server keeps what it acknowledges through a power cut."""
    settings = ("fsync", "full_page_writes")
    found = {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in settings}  # type: ignore[index]
    version = connection.execute("SHOW server_version").fetchone()[0]  # type: ignore[index]
    off = [name for name, value in found.items() if value == "off"]
    detail = f"PostgreSQL {version}" + (f"; {', '.join(off)} off: a power cut may lose what was stored" if off else "")
    return HealthCheck(check="ledger database", ok=not off, detail=detail)


def _full_text(connection: PostgresConnection) -> HealthCheck:
    """Whether every memory and passage has its words, and the counts of words are those of the memories."""
    memories, passages, counts = differences(connection)
    ok = not (memories or passages or counts)
    detail = f"differs: {memories} memories, {passages} passages, {counts} counts of words"
    return HealthCheck(check="full text", ok=ok, detail="agrees with the memories" if ok else detail, repairable=not ok)
