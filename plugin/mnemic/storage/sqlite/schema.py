"""Bringing a ledger's file to this version's schema."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from mnemic.domain.forms import further_words
from mnemic.storage.sql.migrations import MIGRATIONS, VERSION, newer, statements
from mnemic.storage.sqlite.moved import refuse_moved


def refuse_newer(path: Path) -> None:
    """Raise `StoreUnavailable` when a newer mnemic wrote the ledger, without changing a byte of it.

    A connection that may write would fold a log that was left behind into the file when it is closed. What else is wrong
    with the file is for whoever opens it to say.
    """
    if not path.exists():
        return
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection,
    ):
        refuse_moved(connection, path)
        found = _version_of(connection)
        if found > VERSION:
            raise newer(found, where="set MNEMIC_HOME to another folder")


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring an open ledger to this version's schema. Safe when several processes do it at once.

    Raises `StoreUnavailable` when the file was written by a newer mnemic, `LedgerMoved` when its memory is elsewhere;
    nothing is changed then.
    """
    if _version_of(connection) == VERSION:
        return
    connection.create_function("further_words", 2, further_words, deterministic=True)
    connection.execute("BEGIN IMMEDIATE")
    try:
        refuse_moved(connection, path)
        found = _version_of(connection)
        if found > VERSION:
            raise newer(found, where="set MNEMIC_HOME to another folder")
        for script in MIGRATIONS[found:]:
            for statement in statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _version_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
