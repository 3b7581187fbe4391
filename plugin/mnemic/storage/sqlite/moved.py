"""A ledger whose memory has moved elsewhere: how its file says so, and what everybody who opens it is told.

The number of the file's schema is raised beyond all that will ever be. Looking at it takes 2 microseconds, so every
transaction does, of readers as well: what they read would lack all that was remembered since, and hold what was erased.
A mnemic that is too old to know of this finds a version that it does not know.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Literal, NamedTuple

from mnemic.errors import LedgerMoved, StoreUnavailable

CLOSED = 1_000_000
"""What is added to the schema's version of a ledger that is closed."""

GONE = "The memory of this server is in another place now. Its log says where; whoever runs it must start it there."
"""What a client of a server is told. Where a database is, and as whom it is used, is for those who run the server."""

WENT_TO = "The memory of this folder went to "
"""How the refusal of a write begins that was on its way when the ledger was closed."""

Phase = Literal["copying", "closing", "moved"]


class Moving(NamedTuple):
    """Where the memory of a file is moving or has moved. ``address`` has no password, ``token`` tells one move from others.

    *copying*: everybody goes on with the file. *closing*: nobody may, and the memory is not open elsewhere yet. *moved*: it
    is.
    """

    token: str
    address: str
    schema: str
    phase: Phase


def refuse_moved(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `LedgerMoved`, or `StoreUnavailable` while it is on its way, when the ledger is closed."""
    if connection.execute("PRAGMA user_version").fetchone()[0] < CLOSED:
        return
    moving = read_moving(connection)
    if moving is None:
        raise StoreUnavailable(f"{path} is closed, and does not say why.", hint="Restore the folder from a backup.")
    if moving.phase == "moved":
        raise LedgerMoved(
            f"The memory of {path.parent} is in a PostgreSQL database now.",
            hint=f"Open it there: set {settings_of(moving)}, with the password if it has one, and start again. "
            "`mnemic migrate --undo` takes it back to the folder.",
            for_clients=GONE,
        )
    raise StoreUnavailable(
        f"The memory of {path.parent} is on its way to a PostgreSQL database and closed for a moment; nothing was stored.",
        hint=f"Try again soon. It will be at {settings_of(moving)}. If `mnemic migrate` was interrupted, run it again.",
        for_clients="The memory of this server is on its way to another place and closed for a moment; nothing was stored. "
        "Try again soon.",
    )


def read_moving(connection: sqlite3.Connection) -> Moving | None:
    """What a file says of its move, None when there is none."""
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'moving'").fetchone() is None:
        return None
    row = connection.execute("SELECT token, address, schema, phase FROM moving").fetchone()
    return None if row is None else Moving(*row)


def settings_of(moving: Moving) -> str:
    """How to open the memory where it went."""
    settings = f"MNEMIC_DATABASE='{moving.address}'"
    return settings if moving.schema == "mnemic" else f"{settings} MNEMIC_DATABASE_SCHEMA={moving.schema}"
