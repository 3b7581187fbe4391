"""The file that a memory moves out of.

While it moves, triggers note the key of every row that comes, changes or goes. They belong to the file, so they act in every
process that has it open, whatever its version, from the moment that they are there. When it is closed other triggers refuse
every write, for those who opened it with a mnemic that does not look for that (`mnemic.storage.sqlite.moved`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mnemic.storage.migrating.tables import LEDGER, MOST_KEYS, OWN, Row, Table, listed, tables_of
from mnemic.storage.sql.snapshot import SqlSnapshot
from mnemic.storage.sqlite.connections import BUSY_TIMEOUT_SECONDS, SqliteConnection, translated_errors
from mnemic.storage.sqlite.fts_terms import FtsTerms
from mnemic.storage.sqlite.full_text import SqliteFullText
from mnemic.storage.sqlite.ledger import SqliteLedger
from mnemic.storage.sqlite.moved import CLOSED, WENT_TO, Moving, read_moving, settings_of

_NOTES = ("a", "b", "c")
_IN_ONE_QUESTION = 300
# The names of all triggers begin so. SQLite gives `_` another meaning in LIKE, hence GLOB below.
_PREFIX = "moving_"


class Source:
    """A folder's ledger. Every change of its state is one transaction. Errors are those of a ledger."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with translated_errors(path):
            self._connection = sqlite3.connect(
                path,
                timeout=BUSY_TIMEOUT_SECONDS,
                isolation_level=None,
                factory=SqliteConnection,
                cached_statements=256,
            )
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA secure_delete = ON")

    def moving(self) -> Moving | None:
        """Where it is moving, or has moved."""
        with translated_errors(self.path):
            return read_moving(self._connection)

    def begin(self, moving: Moving) -> None:
        """Note from now on what changes, for a move to where ``moving`` says. What was noted for another one goes."""
        SqliteLedger(self.path).close()  # brings it to this version's schema
        with self._writing() as connection:
            _clear(connection)
            connection.execute(
                "CREATE TABLE moving (token TEXT NOT NULL, address TEXT NOT NULL, schema TEXT NOT NULL, phase TEXT NOT NULL)"
                " STRICT"
            )
            connection.execute("INSERT INTO moving VALUES (?, ?, ?, 'copying')", moving[:3])
            connection.execute(
                "CREATE TABLE moving_changes (number INTEGER PRIMARY KEY AUTOINCREMENT, place TEXT NOT NULL, "
                f"{', '.join(f'{note} ANY' for note in _NOTES)}) STRICT"
            )
            for table in tables_of(connection):
                _watch(connection, table)

    def watch_new(self) -> None:
        """Watch the tables that came since as well, such as the vectors of a further embedder."""
        with translated_errors(self.path):
            if not _unwatched(self._connection):
                return
        with self._writing() as connection:
            for table in _unwatched(connection):
                _watch(connection, table)

    def close_ledger(self) -> None:
        """Let nobody read or write it any more. Everything acknowledged before is in it."""
        with self._writing() as connection:
            moving = read_moving(connection)
            assert moving is not None
            for table in _unwatched(connection):
                _watch(connection, table)
            connection.execute("UPDATE moving SET phase = 'closing'")
            told = f"{WENT_TO}{settings_of(moving)}".replace("'", "''")
            names = [table.name for table in tables_of(connection)]
            for name in (LEDGER, "index_states", *names):
                for event in ("INSERT", "UPDATE", "DELETE"):
                    connection.execute(
                        f"CREATE TRIGGER {_PREFIX}closed_{name}_{event} BEFORE {event} ON {name} "
                        f"BEGIN SELECT RAISE(ABORT, '{told}'); END"
                    )
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            connection.execute(f"PRAGMA user_version = {CLOSED + version % CLOSED}")

    def reopen_for_copying(self) -> None:
        """Take `close_ledger` back: the move goes on, as if it had not been done."""
        with self._writing() as connection:
            connection.execute("UPDATE moving SET phase = 'copying'")
            _open(connection)

    def finish(self) -> None:
        """Say that the memory is open elsewhere. What was noted goes."""
        with self._writing() as connection:
            connection.execute("UPDATE moving SET phase = 'moved'")
            _drop_triggers(connection, f"{_PREFIX}notes_*")
            connection.execute("DROP TABLE moving_changes")
        self._empty_log()

    def leave(self) -> None:
        """Make it a ledger again that is not moving."""
        with self._writing() as connection:
            _clear(connection)
            _open(connection)
        self._empty_log()

    @contextmanager
    def snapshot(self) -> Iterator[SourceSnapshot]:
        """One consistent state."""
        with translated_errors(self.path):
            self._connection.execute("BEGIN")
            try:
                yield SourceSnapshot(self._connection)
            finally:
                self._connection.execute("COMMIT")

    def forget(self, number: int) -> None:
        """Drop the notes up to ``number``: they may hold names, and what is erased has to go."""
        with self._writing() as connection:
            connection.execute("DELETE FROM moving_changes WHERE number <= ?", (number,))

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with translated_errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _empty_log(self) -> None:
        # The write-ahead log holds older pages. Whoever reads now may keep it: then it is emptied another time.
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class SourceSnapshot:
    """What the file holds at one moment."""

    def __init__(self, connection: SqliteConnection) -> None:
        self.connection = connection

    def tables(self) -> list[Table]:
        """The tables that move and whose changes are noted. One that is new is noted from the next `Source.watch_new` on."""
        watched = _watched(self.connection)
        return [table for table in self.all_tables() if table.name in watched]

    def all_tables(self) -> list[Table]:
        """The tables that move."""
        return tables_of(self.connection)

    def reader(self) -> SqlSnapshot:
        """The same, as the engine reads it."""
        return SqlSnapshot(self.connection, SqliteFullText(self.connection, FtsTerms()))

    def ledger(self) -> dict[str, object]:
        """The ledger's own row."""
        cursor = self.connection.execute("SELECT * FROM ledger")
        return dict(zip([column[0] for column in cursor.description], cursor.fetchone(), strict=True))

    def count(self, table: Table) -> int:
        return int(self.connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0])

    def after(self, table: Table, key: Row | None, limit: int | None = None) -> Iterator[Row]:
        """Rows with a greater key than ``key``, in order."""
        columns, keys = listed(table.columns), listed(table.key)
        where = f"WHERE ({keys}) > ({', '.join('?' * len(table.key))})" if key is not None else ""
        most = "" if limit is None else f"LIMIT {limit}"
        return iter(
            self.connection.execute(f"SELECT {columns} FROM {table.name} {where} ORDER BY {keys} {most}", key or ())
        )

    def rows(self, table: Table, keys: Sequence[Row]) -> list[Row]:
        """The rows that there are of ``keys``."""
        found: list[Row] = []
        place = f"({', '.join('?' * len(table.key))})"
        for start in range(0, len(keys), _IN_ONE_QUESTION):
            some = keys[start : start + _IN_ONE_QUESTION]
            found += self.connection.execute(
                f"SELECT {listed(table.columns)} FROM {table.name} "
                f"WHERE ({listed(table.key)}) IN (VALUES {', '.join([place] * len(some))})",
                [value for key in some for value in key],
            )
        return found

    def changes(self, after: int) -> tuple[dict[str, set[Row]], int]:
        """Keys of rows by table that came, changed or went after note ``after``, and the number of the last note."""
        found: dict[str, set[Row]] = {}
        last = after
        widths = {table.name: len(table.key) for table in self.tables()}
        for number, place, *key in self.connection.execute(
            "SELECT number, place, a, b, c FROM moving_changes WHERE number > ? ORDER BY number", (after,)
        ):
            found.setdefault(place, set()).add(tuple(key[: widths[place]]))
            last = number
        return found, last

    def highest_keys(self) -> dict[str, int]:
        """The highest key that any row ever had, by table, where the file knows it: none is given twice."""
        return dict(self.connection.execute("SELECT name, seq FROM sqlite_sequence WHERE name != 'moving_changes'"))


def _watch(connection: sqlite3.Connection, table: Table) -> None:
    def noted(which: str) -> str:
        values = [f'{which}."{name}"' for name in table.key] + ["NULL"] * (MOST_KEYS - len(table.key))
        return f"INSERT INTO moving_changes (place, a, b, c) VALUES ('{table.name}', {', '.join(values)});"

    moves = " OR ".join(f'old."{name}" IS NOT new."{name}"' for name in table.key)
    for event, body, when in (
        ("INSERT", noted("new"), ""),
        ("UPDATE", noted("new"), ""),
        ("DELETE", noted("old"), ""),
        ("UPDATE", noted("old"), f"WHEN {moves}"),
    ):
        name = f"{_PREFIX}notes_{table.name}_{event}{'_of_key' if when else ''}"
        connection.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table.name} {when} BEGIN {body} END")


def _unwatched(connection: sqlite3.Connection) -> list[Table]:
    watched = _watched(connection)
    return [table for table in tables_of(connection) if table.name not in watched]


def _watched(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute(_TRIGGERS.format("tbl_name"), (f"{_PREFIX}notes_*",))}


def _open(connection: sqlite3.Connection) -> None:
    _drop_triggers(connection, f"{_PREFIX}closed_*")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute(f"PRAGMA user_version = {version % CLOSED}")


def _clear(connection: sqlite3.Connection) -> None:
    _drop_triggers(connection, f"{_PREFIX}notes_*")
    for name in OWN:
        connection.execute(f"DROP TABLE IF EXISTS {name}")


_TRIGGERS = "SELECT {} FROM sqlite_schema WHERE type = 'trigger' AND name GLOB ?"


def _drop_triggers(connection: sqlite3.Connection, pattern: str) -> None:
    for (name,) in connection.execute(_TRIGGERS.format("name"), (pattern,)).fetchall():
        connection.execute(f"DROP TRIGGER {name}")


def forget_move(connection: sqlite3.Connection) -> None:
    """Have a copy of a ledger know nothing of any move of the one that it was made of."""
    _clear(connection)
    _open(connection)
