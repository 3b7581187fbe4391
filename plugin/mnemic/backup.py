"""The public API of backups: a whole memory in one file, and a folder made of it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mnemic.bootstrap import load_settings
from mnemic.errors import InvalidInput
from mnemic.settings import Settings

if TYPE_CHECKING:
    from mnemic.storage.sqlite.backup import BackupReport, RestoreReport


def back_up_memory(path: Path | str, *, home: Path | str | None = None, force: bool = False) -> BackupReport:
    """Write the whole memory in ``home`` to one file, as it is at this moment, while any process may write.

    Every memory acknowledged before the call is in it; it appears when it is complete and checked. Blocks meanwhile.
    Raises `InvalidInput` when the file exists and ``force`` is not given; `StoreUnavailable`, `StoreCorrupted`.
    """
    from mnemic.storage.sqlite.backup import back_up

    return back_up(_home_settings(home).ledger_path, Path(path), force=force)


def restore_memory(
    path: Path | str, *, home: Path | str | None = None, force: bool = False, sha256: str | None = None
) -> RestoreReport:
    """Make ``home`` the memory that the backup ``path`` holds, once it has been checked. Blocks meanwhile.

    With ``sha256``, the digest that its backup gave, every changed byte is found; without, damage to its structure is.
    Raises `InvalidInput` when there is a memory already and ``force``, which moves it aside, is not given;
    `StoreUnavailable` when a process has that memory open; `StoreCorrupted` when the backup is damaged.
    """
    from mnemic.storage.sqlite.backup import put_back

    return put_back(Path(path), _home_settings(home).home, force=force, sha256=sha256)


def _home_settings(home: Path | str | None) -> Settings:
    settings = load_settings(home=home)
    if settings.database is not None:
        raise InvalidInput(
            "This memory is in a PostgreSQL database, which its own tools back up.",
            hint="Use pg_dump or the server's continuous archiving; or `mnemic export`, which writes every memory as text.",
        )
    return settings
