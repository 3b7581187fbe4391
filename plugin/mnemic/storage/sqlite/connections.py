"""SQLite connections that several threads and processes share, and what SQLite's errors mean to a caller."""

from __future__ import annotations

import errno
import itertools
import queue
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mnemic.errors import BackendError, LedgerMoved, StoreCorrupted, StoreUnavailable
from mnemic.storage.sql.engine import Insert
from mnemic.storage.sqlite.moved import GONE, WENT_TO, refuse_moved
from mnemic.storage.sqlite.schema import migrate, refuse_newer
from mnemic.storage.syncing import sync

BUSY_TIMEOUT_SECONDS = 30.0
# Enough for the hot pages of a store of 100,000 memories, for the connection that reads when nobody else does; of the others
# each has less. Negative means KiB.
_CACHE_KIB = -16_384
_FURTHER_CACHE_KIB = -4_096
_LOOKS_AGAIN_SECONDS = 0.005
# The first that knows STRICT tables. Python brings its own on Windows and macOS, and takes the system's elsewhere.
_OLDEST_SQLITE = (3, 37, 0)


class SqliteConnection(sqlite3.Connection):
    """Implements `mnemic.storage.sql.engine.Connection`."""

    takes_lists = False

    def insert(self, insert: Insert, rows: Sequence[Sequence[Any]], /) -> None:
        self.executemany(insert.statement(), rows)

    def next_keys(self, table: str, count: int, /, *, after: int) -> list[int]:
        row = self.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        first = max(after, int(row[0]) if row else 0) + 1
        return list(range(first, first + count))


class SqliteConnections:
    """One writing connection and as many reading ones as are used at once.

    ``durable``: a commit survives a power cut (``synchronous=FULL``), not only the death of the process. Opening raises
    `StoreUnavailable`, `StoreCorrupted`.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.path = path
        self._synchronous = "FULL" if durable else "NORMAL"
        # By number: the first one is used whenever it is free, so that its cache holds what is asked for.
        self._readers: queue.PriorityQueue[tuple[int, SqliteConnection]] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._writer_lock = threading.Lock()
        self._state_lock = threading.Lock()
        self._closed = False
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise StoreUnavailable(
                f"This Python has SQLite {'.'.join(map(str, sqlite3.sqlite_version_info))}; mnemic needs 3.37 or newer.",
                hint="Use a Python that brings its own, such as those of python.org, Homebrew or uv.",
            )
        with translated_errors(path):
            try:
                _make_folder(path, durable=durable)
            except (OSError, ValueError) as error:  # ValueError: a NUL in the path
                raise _translate(error, path) from error
            refuse_newer(path)
            self._writer = self._connect()
            self._file = _identity(path)
            migrate(self._writer, path)

    @contextmanager
    def reading(self) -> Iterator[SqliteConnection]:
        """A connection inside a read transaction."""
        with translated_errors(self.path):
            self._check_open()
            self._check_in_place()
            try:
                number, connection = self._readers.get_nowait()
            except queue.Empty:
                number = next(self._numbers)
                connection = self._connect(_FURTHER_CACHE_KIB if number else _CACHE_KIB)
            try:
                connection.execute("BEGIN")
                refuse_moved(connection, self.path)
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT")
                self._give_back(number, connection)

    @contextmanager
    def writing(self, *, patience_seconds: float | None = None) -> Iterator[SqliteConnection]:
        """The connection inside a write transaction, committed at the end and rolled back on any exception.

        Its turn is waited for no longer than ``patience_seconds``, by default `BUSY_TIMEOUT_SECONDS`.
        """
        with translated_errors(self.path), self._turn(patience_seconds):
            self._check_open()
            connection = self._writer
            _wait_at_most(connection, patience_seconds)
            try:
                connection.execute("BEGIN IMMEDIATE")
            finally:
                _wait_at_most(connection, None)
            try:
                refuse_moved(connection, self.path)
                yield connection
                # Last of all: what is committed to a file that nobody can open again is lost.
                self._check_in_place()
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _turn(self, patience_seconds: float | None) -> Iterator[None]:
        """The turn among this process's own writers."""
        if not self._writer_lock.acquire(timeout=-1 if patience_seconds is None else patience_seconds):
            raise StoreUnavailable(f"{self.path} is being written by another call.", hint="Try again.")
        try:
            yield
        finally:
            self._writer_lock.release()

    @contextmanager
    def exclusive(self) -> Iterator[SqliteConnection]:
        """The writing connection outside any transaction, for statements such as VACUUM."""
        with translated_errors(self.path), self._writer_lock:
            self._check_open()
            refuse_moved(self._writer, self.path)
            yield self._writer

    def close(self) -> None:
        """Close everything that is not in use now, and what is as soon as it is given back. Idempotent."""
        with self._writer_lock, self._state_lock:
            if self._closed:
                return
            self._closed = True
            self._writer.close()
            with suppress(queue.Empty):
                while True:
                    self._readers.get_nowait()[1].close()

    def _give_back(self, number: int, connection: SqliteConnection) -> None:
        # Closing a connection under a running statement would crash the process.
        with self._state_lock:
            if self._closed:
                connection.close()
            else:
                self._readers.put((number, connection))

    def _connect(self, cache_kib: int = _CACHE_KIB) -> SqliteConnection:
        is_new = not self.path.exists()
        connection = sqlite3.connect(
            self.path,
            timeout=BUSY_TIMEOUT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
            factory=SqliteConnection,
        )
        if is_new:
            # Memories are private. The files that SQLite makes beside this one take over its mode. (Opening and closing the
            # file ourselves instead would release the locks of this process's other connections to it.)
            self.path.chmod(0o600)
        _write_ahead(connection)
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        # On macOS a sync leaves what was written in the disk's own cache, where a power cut takes it.
        connection.execute(f"PRAGMA fullfsync = {'ON' if self._synchronous == 'FULL' else 'OFF'}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA cache_size = {cache_kib}")
        return connection

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("This memory has been closed.", hint="Open it again.")

    def _check_in_place(self) -> None:
        """That the file under this name is the one that is open: a deleted one takes in what nobody will ever find."""
        if _identity(self.path) != self._file:
            raise StoreUnavailable(
                f"The ledger {self.path} was deleted, moved or replaced while it was in use.",
                hint="Put it back, or start again to use what is there now.",
            )


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file a name stands for; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Give the file a write-ahead log.

    Of processes that make a ledger at once one does, and the others wait, which SQLite does not do for them here: without
    this 4 in 100 of those that begin four together are told that the file is locked.
    """
    patient_until = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > patient_until:
                raise
        time.sleep(_LOOKS_AGAIN_SECONDS)


def _make_folder(path: Path, *, durable: bool) -> None:
    """Make the folder of a ledger. A new one outlives a power cut only when the names that lead to it do.

    SQLite syncs the folder for the names of its own files. Nobody but us syncs those above.
    """
    folder = path.parent
    made = [folder, *(above for above in folder.parents if not above.exists())]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Before the ledger is there, so that whoever finds one knows that this was done.
    if durable and not path.exists():
        for new in made:
            with suppress(OSError):  # one above that may be passed through but not be read, or cannot be synced
                sync(new.parent)


@contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into errors that say what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translate(error, path) from error


def _translate(error: Exception, path: Path) -> BackendError:
    text = str(error)
    code = getattr(error, "sqlite_errorname", "") or ""
    what = f"The ledger {path} "
    if text.startswith(WENT_TO):
        # Closed between two statements of those that need no transaction.
        return LedgerMoved(f"{text}.", hint="Start again with that setting.", for_clients=GONE)
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return StoreCorrupted(
            f"{what}is damaged ({text}).",
            # SQLite says the same of a disk that fails to read, which may pass.
            hint="Try again first: a disk that cannot be read looks the same. If it stays so, keep the file, move it away, "
            "and import your last export or restore the folder from a backup.",
        )
    if code.startswith("SQLITE_FULL") or getattr(error, "errno", None) == errno.ENOSPC:
        return StoreUnavailable(f"{what}could not grow: the disk is full.", hint="Free some space and try again.")
    if code.startswith("SQLITE_READONLY") or isinstance(error, OSError | ValueError) or "unable to open" in text:
        return StoreUnavailable(
            f"{what}cannot be written ({text}).",
            hint=f"Make {path.parent} a folder that this user may write to, or set MNEMIC_HOME to another one.",
        )
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreUnavailable(
            f"{what}was locked by another process for more than {BUSY_TIMEOUT_SECONDS:.0f} s.", hint="Try again."
        )
    if code.startswith("SQLITE_IOERR"):
        return StoreUnavailable(f"{what}could not be read or written ({text}).", hint="Check the disk and try again.")
    return StoreUnavailable(f"{what}failed ({type(error).__name__}: {text}).", hint="Run `mnemic doctor`.")


def _wait_at_most(connection: sqlite3.Connection, seconds: float | None) -> None:
    connection.execute(f"PRAGMA busy_timeout = {int((BUSY_TIMEOUT_SECONDS if seconds is None else seconds) * 1000)}")
