"""Bringing a ledger's file to this version's schema."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from mnemic.domain.forms import further_words
from mnemic.storage.sql.migrations import MIGRATIONS, VERSION, newer, statements
from mnemic.storage.sqlite.moved import refuse_moved

_VECTORS = re.compile(r"vectors_\d+")


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


def strange_parts(connection: sqlite3.Connection, version: int) -> list[str]:
    """What a ledger of a version has besides what its migrations make, or has otherwise: triggers and views that would be
    run, tables that are none, columns that are missing. Empty when it is as it should be.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as pristine:
        pristine.create_function("further_words", 2, further_words, deterministic=True)
        for script in MIGRATIONS[:version]:
            for statement in statements(script):
                pristine.execute(statement)
        expected, found = _parts(pristine), _parts(connection)
        problems = [f"it has no {kind} {name}" for kind, name in expected if (kind, name) not in found]
        for part, sql in found.items():
            kind, name = part
            if part not in expected:
                own = kind == "table" and (_VECTORS.fullmatch(name) or name.startswith("sqlite_"))
                if not own and kind != "index":
                    problems.append(f"it has a {kind} {name} that no version makes")
            elif kind != "table" and sql != expected[part]:
                problems.append(f"its {kind} {name} is another")
            elif kind == "table" and _columns(connection, name) != _columns(pristine, name):
                problems.append(f"its table {name} has other columns")
    return problems


def _parts(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    rows = connection.execute(
        "SELECT CASE WHEN type = 'table' AND rootpage = 0 THEN 'virtual table' ELSE type END, name, sql FROM sqlite_schema"
    )
    return {(str(row[0]), str(row[1])): " ".join(str(row[2]).split()) for row in rows}


def _columns(connection: sqlite3.Connection, table: str) -> list[tuple[str, str]]:
    quoted = table.replace('"', '""')
    return [(str(row[1]), str(row[2])) for row in connection.execute(f'PRAGMA table_xinfo("{quoted}")')]


def _version_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
