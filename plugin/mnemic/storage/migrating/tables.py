"""The tables that move, as the file itself describes them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

Row = tuple[object, ...]

LEDGER = "ledger"
"""One row, which both sides have of their own: it says how far the ledger is."""
OWN = ("moving", "moving_changes")
"""What the move keeps in the file."""
VECTORS = "vectors_"
"""How the names of the tables begin that come with an embedder."""
MOST_KEYS = 3
# What an index outside the ledger knows belongs to one life of the ledger: it starts anew at the other side.
_LEFT_OUT = (LEDGER, "index_states", *OWN)


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its columns, and those of its primary key."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def key_places(self) -> tuple[int, ...]:
        return tuple(self.columns.index(name) for name in self.key)

    def key_of(self, row: Row) -> Row:
        return tuple(row[at] for at in self.key_places)


def listed(names: Iterable[str]) -> str:
    """Names of columns for a statement of either engine; one of them is a word of SQL."""
    return ", ".join(f'"{name}"' for name in names)


def tables_of(connection: sqlite3.Connection) -> list[Table]:
    """All tables that move, in the order in which they were made: what others refer to comes first."""
    names = [
        row[0]
        for row in connection.execute(
            "SELECT s.name FROM sqlite_schema s JOIN pragma_table_list l ON l.name = s.name AND l.schema = 'main' "
            "WHERE s.type = 'table' AND l.type = 'table' AND s.name NOT LIKE 'sqlite%' ORDER BY s.rowid"
        )
        if row[0] not in _LEFT_OUT
    ]
    return [_described(connection, name) for name in names]


def _described(connection: sqlite3.Connection, name: str) -> Table:
    columns = connection.execute("SELECT name, pk FROM pragma_table_info(?) ORDER BY cid", (name,)).fetchall()
    key = tuple(column for column, place in sorted(columns, key=lambda one: one[1]) if place)
    if not 0 < len(key) <= MOST_KEYS:
        raise AssertionError(f"the table {name} has a primary key of {len(key)} columns")
    return Table(name, tuple(column for column, _ in columns), key)
