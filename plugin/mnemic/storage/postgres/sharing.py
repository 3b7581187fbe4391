"""What processes on many machines tell each other through the database: who does what, and that something has changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg

from mnemic.errors import StoreCorrupted, StoreUnavailable
from mnemic.logs import get_logger
from mnemic.storage.postgres.connections import PostgresConnections
from mnemic.storage.postgres.statements import ours

_LOOK_SECONDS = 1.0
_PAUSE_SECONDS = 2.0

log = get_logger(__name__)


class PostgresLease:
    """Implements `mnemic.storage.leases.Lease`: an advisory lock, which the server gives back when its connection ends."""

    def __init__(self, connections: PostgresConnections, name: str) -> None:
        self._connections = connections
        self._name = f"{connections.schema} {name}"
        self._connection: psycopg.Connection[Any] | None = None

    @property
    def held(self) -> bool:
        return self._connection is not None

    def acquire(self) -> bool:
        with self._connections.translated_errors():
            if self._connection is not None:
                try:
                    self._connection.execute("SELECT 1")
                except psycopg.OperationalError:
                    self.release()
                else:
                    return True
            connection = self._connections.connect()
            row = connection.execute(
                "SELECT pg_try_advisory_lock(hashtext('mnemic lease'), hashtext(%s))", (self._name,)
            ).fetchone()
            if row == (True,):
                self._connection = connection
                return True
            connection.close()
            return False

    def release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()


def shared_secret(connections: PostgresConnections) -> bytes:
    """What every process that may use the ledger can read, made when the ledger was."""
    with connections.reading() as connection:
        row = connection.execute("SELECT secret FROM secrets WHERE name = 'replicas'").fetchone()
    if row is None:
        raise StoreCorrupted(
            f"The ledger in {connections.where} has lost the key that its servers share.",
            hint="Restore the table `secrets` from the backup of the database.",
        )
    return str(row[0]).encode()


class Watch:
    """A thread that calls ``changed`` whenever any process has changed the ledger. ``close`` ends it."""

    def __init__(self, connections: PostgresConnections, channel: str, changed: Callable[[], None]) -> None:
        self._connections = connections
        self._channel = channel
        self._changed = changed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="mnemic-watch")
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(2 * _LOOK_SECONDS)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except (psycopg.Error, StoreUnavailable) as error:
                log.info("watch.interrupted", error=f"{type(error).__name__}: {error}")
                self._stop.wait(_PAUSE_SECONDS)

    def _listen(self) -> None:
        with self._connections.connect() as connection:
            connection.execute(ours(f'LISTEN "{self._channel}"'))
            self._changed()  # what came before anybody listened
            while not self._stop.is_set():
                for _ in connection.notifies(timeout=_LOOK_SECONDS, stop_after=1):
                    self._changed()
