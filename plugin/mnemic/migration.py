"""The public API of moving a memory from its folder to a database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mnemic.bootstrap import load_settings
from mnemic.errors import InvalidInput
from mnemic.settings import Settings

if TYPE_CHECKING:
    from mnemic.services.transferring.migration_run import MigrationReport, Progress
    from mnemic.storage.migrating.comparing import Difference


def migrate_memory(
    database: str | None = None, *, schema: str | None = None, home: Path | str | None = None,
    progress: Progress | None = None,
) -> MigrationReport:  # fmt: skip
    """Move the memory in ``home`` to a PostgreSQL database, while any process may use the folder. Blocks meanwhile.

    Everything is copied and compared; then the folder is closed for a moment, the rest follows, and the database is opened.
    From then on whoever uses the folder gets `LedgerMoved`, which says where the memory is. Interrupted anywhere, the same
    call goes on. ``database`` and ``schema`` default to the settings. Raises `InvalidInput`, `StoreUnavailable` (call it
    again), `StoreCorrupted` when the two sides differ.
    """
    settings = _settings(home, database, schema)
    if settings.database is None:
        raise InvalidInput("No database is named.", hint="Write it as postgresql://user@host:5432/database.")
    if settings.partitions > 1:
        raise InvalidInput(
            f"A move copies rows into one ledger, and MNEMIC_DATABASE_PARTITIONS is {settings.partitions}.",
            hint="Take over one first label after the other: `mnemic export FILE --namespace LABEL` with MNEMIC_DATABASE "
            'empty, then `mnemic import FILE` with both set (docs/replicas.md, "Partitions").',
        )
    from mnemic.services.transferring.migrating import migrate

    return migrate(settings.ledger_path, settings.database, settings.database_schema, progress=progress)


def undo_migration(
    database: str | None = None,
    *,
    home: Path | str | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> list[Difference]:
    """Stop a move that is not finished, or open the folder again as it was when it was closed, and close the database.

    Raises `InvalidInput` when the memory has changed in the database since, or the database is not named; with ``force`` the
    folder is opened all the same, and the tables that have changed are given.
    """
    settings = _settings(home, database, None)
    from mnemic.services.transferring.migrating import undo

    return undo(settings.ledger_path, settings.database, force=force, progress=progress)


def _settings(home: Path | str | None, database: str | None, schema: str | None) -> Settings:
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise InvalidInput(
            f"Moving to PostgreSQL needs packages that are not installed ({error}).",
            hint='Install them: pip install "mnemic[postgres]".',
        ) from error
    return load_settings(home=home, database=database, database_schema=schema)
