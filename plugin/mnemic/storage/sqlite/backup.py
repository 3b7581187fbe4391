"""One file that holds a whole ledger as it was at one moment, and putting it back.

The copy is SQLite's ``VACUUM INTO`` inside one read transaction (https://sqlite.org/lang_vacuum.html): it sees what was
committed before it began and nothing later, writers go on meanwhile, and no free page with old content is copied.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mnemic.domain.home import CHROMA_FOLDER, LEDGER_FILE
from mnemic.domain.memory import RowKey
from mnemic.errors import BackendError, InvalidInput, StoreCorrupted, StoreUnavailable
from mnemic.storage.migrating.source import forget_move
from mnemic.storage.sql.engine import vector_table
from mnemic.storage.sql.migrations import VERSION
from mnemic.storage.sqlite.connections import BUSY_TIMEOUT_SECONDS, translated_errors
from mnemic.storage.sqlite.ledger import SqliteLedger
from mnemic.storage.sqlite.moved import refuse_moved
from mnemic.storage.sqlite.schema import strange_parts
from mnemic.storage.syncing import place_new, sync, take_place

_COUNTED = ("memories", "events", "links", "erasures", "sessions", "items", "outcomes")
_BLOCK = 1 << 20
_ROWS = 500
_FLOAT_BYTES = 4
_DISK = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """A backup that was written or read. ``counts`` has rows by table, ``last_seq`` the number of its latest change."""

    path: Path
    size_bytes: int
    sha256: str
    ledger_id: str
    schema_version: int
    last_seq: int
    counts: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """What was put where. ``moved_aside`` is the folder with what was there before, None when there was nothing."""

    home: Path
    backup: BackupReport
    moved_aside: Path | None


def back_up(ledger: Path, target: Path, *, force: bool = False) -> BackupReport:
    """Write the ledger as it is now to ``target``, which appears when it is complete and checked.

    Other processes may write meanwhile; every change that was acknowledged before the call is in it. Raises `InvalidInput`
    when ``target`` exists and ``force`` is not given, or is no place for a file; `StoreUnavailable`, `StoreCorrupted`.
    """
    _check_target(ledger, target, force=force)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        # Made by us first, so that nobody else can read it while it grows. SQLite accepts an empty file.
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with translated_errors(ledger), _opened(ledger) as connection:
            refuse_moved(connection, ledger)
            connection.execute("VACUUM INTO ?", (str(partial),))
        # The ledger may be moving elsewhere. What was made of it is not.
        with translated_errors(partial), contextlib.closing(sqlite3.connect(partial, isolation_level=None)) as copy:
            forget_move(copy)
        report = inspect_backup(partial)
        sync(partial)
        if force:
            take_place(partial, target)
        else:
            place_new(partial, target)
        sync(target.parent)
    except FileExistsError:
        raise _exists(target) from None
    except OSError as error:
        raise StoreUnavailable(
            f"The backup {target} cannot be written ({error.strerror or error}).", hint="Choose another file."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return BackupReport(
        path=target, size_bytes=report.size_bytes, sha256=report.sha256, ledger_id=report.ledger_id,
        schema_version=report.schema_version, last_seq=report.last_seq, counts=report.counts,
    )  # fmt: skip


def inspect_backup(path: Path) -> BackupReport:
    """What a backup holds, after SQLite has checked every page, every index and every reference.

    Raises `InvalidInput` when it is no backup of a ledger, `StoreCorrupted` when it is damaged, `StoreUnavailable` when a
    newer mnemic wrote it.
    """
    if not path.is_file():
        raise InvalidInput(f"There is no backup {path}.", hint="Give a file that `mnemic backup` wrote.")
    try:
        # Immutable: nobody changes it, and no file is made beside it.
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as file:
            version = int(file.execute("PRAGMA user_version").fetchone()[0])
            if version > VERSION:
                raise StoreUnavailable(
                    f"{path} has schema version {version}; this mnemic knows versions up to {VERSION}.",
                    hint="Update mnemic.",
                )
            if version < 1:
                raise _damaged(path, ["no mnemic wrote it"])
            # First what it is made of: a view or a trigger of somebody else is not to be run.
            problems = strange_parts(file, version)
            problems = problems or [str(row[0]) for row in file.execute("PRAGMA integrity_check(20)") if row[0] != "ok"]
            problems += [f"{row[0]} row {row[1]}: no {row[2]}" for row in file.execute("PRAGMA foreign_key_check")]
            problems += _wrong_vectors(file)
            if problems:
                raise _damaged(path, problems)
            tables = {row[0] for row in file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
            counts = {name: _count(file, name) for name in _COUNTED if name in tables}
            found = file.execute("SELECT id, seq, memories FROM ledger").fetchone()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise _damaged(path, [str(error)]) from error
    if found is None:
        raise _damaged(path, ["its ledger has no row"])
    id, seq, kept = found
    if kept != counts["memories"]:
        raise _damaged(path, [f"{counts['memories']} memories, {kept} noted"])
    return BackupReport(
        path=path, size_bytes=path.stat().st_size, sha256=_digest(path), ledger_id=id, schema_version=version,
        last_seq=seq, counts=counts,
    )  # fmt: skip


def put_back(backup: Path, home: Path, *, force: bool = False, sha256: str | None = None) -> RestoreReport:
    """Make ``home`` the memory that ``backup`` holds. It appears there when all of it has been checked.

    SQLite finds damage to the structure of a file; with ``sha256``, the digest that its backup gave, every changed byte is
    found. With ``force`` what is in the home already is moved into a folder of its own beside it; models stay. Raises
    `InvalidInput` when there is a memory already and no ``force``, `StoreUnavailable` when a process has it open,
    `StoreCorrupted` when the backup is damaged.
    """
    report = inspect_backup(backup)
    if sha256 is not None and sha256.strip().lower() != report.sha256:
        raise _damaged(backup, [f"its sha256 is {report.sha256}, not {sha256.strip()[:80]}"])
    occupied = sorted(path for path in home.glob(f"{LEDGER_FILE}*")) + [
        path for path in (home / CHROMA_FOLDER,) if path.exists()
    ]
    if occupied and not force:
        raise InvalidInput(
            f"There is a memory in {home} already.", hint="Give another --home, or --force to move the old one aside."
        )
    if _is_one_of(backup, occupied):
        raise InvalidInput(f"{backup} is the memory itself.", hint="Give a file that `mnemic backup` wrote.")
    staging = home / f".restoring-{secrets.token_hex(4)}"
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        staging.mkdir(mode=0o700)
        staged = staging / LEDGER_FILE
        shutil.copyfile(backup, staged)
        staged.chmod(0o600)
        _check_staged(staged, report)
        sync(staged)
        moved = _change_places(staged, home, occupied)
        sync(home)
    except OSError as error:
        raise StoreUnavailable(
            f"{home} cannot be written ({error.strerror or error}).", hint="Choose another folder with --home."
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return RestoreReport(home=home, backup=report, moved_aside=moved)


def _wrong_vectors(file: sqlite3.Connection) -> list[str]:
    """Tables of vectors that hold some of another length than their embedder makes, and embedders that tell no length."""
    problems = []
    for key, dimensions in file.execute("SELECT key, dimensions FROM embedders").fetchall():
        if not isinstance(dimensions, int):
            problems.append(f"the embedder {key} has no dimensions")
            continue
        table = vector_table(key)
        if file.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).fetchone() is not None:
            wrong = f"SELECT count(*) FROM {table} WHERE length(vector) <> ?"
            count = file.execute(wrong, (dimensions * _FLOAT_BYTES,)).fetchone()[0]
            problems += [f"{count} vectors in {table} have another length"] if count else []
    return problems


def _check_staged(staged: Path, report: BackupReport) -> None:
    """Opened as every ledger is: brought to this version's schema, every memory read, full text compared, indexes told to
    start anew.
    """
    try:
        ledger = SqliteLedger(staged)
    except BackendError as error:
        raise _not_usable(error, report) from error
    try:
        wrong = [check for check in ledger.diagnose("") if not check.ok and check.check in ("full text", "count")]
        with ledger.snapshot() as snapshot:
            memories = snapshot.count()
            for keys in _keys(staged):
                snapshot.records(keys)
        if memories != report.counts["memories"]:
            raise _damaged(report.path, [f"{memories} of {report.counts['memories']} memories arrived"])
        if wrong:
            raise _damaged(report.path, [f"{check.check}: {check.detail}" for check in wrong])
        with ledger.transaction() as transaction:
            # What a Chroma outside knows belongs to the life of the ledger that went on.
            transaction.forget_index_states()
    except BackendError as error:
        raise _not_usable(error, report) from error
    finally:
        ledger.close()


def _keys(ledger: Path) -> Iterator[list[RowKey]]:
    with contextlib.closing(sqlite3.connect(ledger)) as file:
        found = file.execute("SELECT key FROM memories ORDER BY key")
        while rows := found.fetchmany(_ROWS):
            yield [RowKey(row[0]) for row in rows]


def _not_usable(error: BackendError, report: BackupReport) -> BackendError:
    """What is wrong with a copy is wrong with its backup, unless the disk is in the way."""
    cause = error.__cause__
    code = str(getattr(cause, "sqlite_errorname", ""))
    if str(report.path) in error.message or code.startswith(_DISK):
        return error
    return _damaged(report.path, [str(cause) if isinstance(cause, sqlite3.Error) else error.message])


def _change_places(staged: Path, home: Path, occupied: list[Path]) -> Path | None:
    """Put the new ledger into its place, and what is there already aside: both, or neither. Raises `OSError`."""
    if not occupied:
        take_place(staged, home / LEDGER_FILE)
        return None
    _require_unused(home / LEDGER_FILE)
    aside = home / f"before-restore-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    aside.mkdir(mode=0o700)
    moved: list[Path] = []
    try:
        for path in occupied:
            if path.exists():
                take_place(path, aside / path.name)
                moved.append(path)
        sync(aside)
        take_place(staged, home / LEDGER_FILE)
    except OSError:
        # On Windows whoever reads a file of Chroma, such as a scanner, keeps its folder where it is.
        for path in reversed(moved):
            take_place(aside / path.name, path)
        aside.rmdir()
        raise
    return aside


def _require_unused(ledger: Path) -> None:
    """Nobody has the old ledger open: whoever has would go on writing what nobody finds again.

    Leaving WAL needs every other connection gone, and folds the log into the file.
    """
    if not ledger.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(ledger, timeout=2.0, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise StoreUnavailable(
                f"Another process has the memory in {ledger.parent} open.",
                hint="Stop the servers and agents that use it, then restore again.",
            ) from error
        raise StoreUnavailable(f"{ledger} cannot be opened ({error}).", hint="Move it away by hand.") from error
    except sqlite3.DatabaseError:
        # A damaged ledger is what restoring is for: it is kept as it is.
        return


@contextlib.contextmanager
def _opened(ledger: Path) -> Iterator[sqlite3.Connection]:
    if not ledger.exists():
        raise InvalidInput(f"There is no memory in {ledger.parent}.", hint="Give another --home.")
    with contextlib.closing(
        sqlite3.connect(ledger, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False)
    ) as connection:
        yield connection


def _check_target(ledger: Path, target: Path, *, force: bool) -> None:
    if _is_one_of(target, [ledger, *(Path(f"{ledger}{end}") for end in ("-wal", "-shm"))]):
        raise InvalidInput(f"{target} is the memory itself.", hint="Choose another file.")
    if target.is_dir() or (target.is_symlink() and force) or (target.exists() and not target.is_file()):
        raise InvalidInput(f"{target} is no file that can be replaced.", hint="Choose another file.")
    if not target.parent.is_dir():
        raise InvalidInput(f"There is no folder {target.parent}.", hint="Make it, or choose another file.")
    if not force and (target.exists() or target.is_symlink()):
        raise _exists(target)


def _is_one_of(path: Path, files: Iterable[Path]) -> bool:
    """Whether a name stands for one of these files; on macOS and Windows it may be written in other letters."""
    return any(
        path.resolve() == file.resolve() or (path.exists() and file.exists() and path.samefile(file)) for file in files
    )


def _exists(target: Path) -> InvalidInput:
    return InvalidInput(f"{target} exists already.", hint="Choose another file, or give --force to replace it.")


def _damaged(path: Path, problems: list[str]) -> StoreCorrupted:
    return StoreCorrupted(
        f"{path} is damaged, or no backup of a memory: {'; '.join(problems[:20])}.",
        hint="Take an older backup, or import an export. Nothing was changed.",
    )


def _count(file: sqlite3.Connection, table: str) -> int:
    return int(file.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()
