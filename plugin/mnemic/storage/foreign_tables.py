"""Reading the SQLite files of other memories, from a copy, so that neither is changed nor waited for."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mnemic.errors import InvalidInput
from mnemic.storage.foreign_files import MAX_FOLDER_BYTES

_SQLITE = b"SQLite format 3\x00"
_METADATA = "urn:chroma:segment/metadata/sqlite"
_MAX_ROWS = 2_000_000
_MOST_PROBLEMS = 20
# What `PRAGMA table_xinfo` says of columns that are computed when they are read, and when they are written.
_COMPUTED = (2, 3)
_MAX_CELL_BYTES = 1 << 25
# A cell that was never written may have a long default, so a small file can say more than it holds: not so much more.
_MAX_UNFOLDED = 4
_ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_PRAGMA})
# What a schema may compute: none of these makes more of a value than it is.
_CHEAP = frozenset(
    "abs coalesce ifnull iif json_extract -> ->> length lower nullif round substr trim typeof upper".split()
)
# Operations of Chroma's log.
_ADD, _UPDATE, _, _DELETE = range(4)
Rows = list[dict[str, Any]]


def is_sqlite(path: Path) -> bool:
    """Whether a file begins as a SQLite database does."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def tables_of(path: Path) -> frozenset[str]:
    """The names of the tables of a database. Raises `InvalidInput`."""
    with _opened(path) as connection:
        return _tables(connection)


def read_mem0_history_rows(path: Path) -> Rows:
    """The rows of mem0's table ``history`` as they were written. Raises `InvalidInput`."""
    with _opened(path) as connection:
        return _rows(connection, path, "history", "rowid", "id memory_id new_memory event created_at updated_at is_deleted",
                     "actor_id role")  # fmt: skip


def read_memory_service_rows(path: Path) -> tuple[Rows, list[tuple[str, str]]]:
    """The rows of ``memories``, oldest first, and the pairs of ``memory_graph``. Raises `InvalidInput`."""
    with _opened(path) as connection:
        rows = _rows(connection, path, "memories", "id", "id content_hash content",
                     "tags memory_type metadata created_at updated_at deleted_at superseded_by")  # fmt: skip
        pairs: list[tuple[str, str]] = []
        if "memory_graph" in _tables(connection):
            found = _rows(connection, path, "memory_graph", "rowid", "source_hash target_hash", "")
            pairs = [(str(row["source_hash"]), str(row["target_hash"])) for row in found]
        return rows, pairs


def read_langgraph_rows_of(path: Path) -> Rows:
    """The rows of ``store``, the table of LangGraph's ``SqliteStore``. Raises `InvalidInput`."""
    with _opened(path) as connection:
        return _rows(connection, path, "store", "rowid", "rowid prefix key value created_at updated_at", "")


def read_chroma_payloads(folder: Path, collection: str | None) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    """The name of a collection in a Chroma folder, and ids and metadata of what is in it, in the order of adding.

    ``collection`` may be left out when there is only one. What stands in Chroma's log and not yet in its tables is taken
    from the log. Raises `InvalidInput`.
    """
    path = folder / "chroma.sqlite3" if folder.is_dir() else folder
    with _opened(path) as connection:
        found = {
            str(row["name"]): str(row["id"]) for row in _rows(connection, path, "collections", "rowid", "id name", "")
        }
        if collection is None and len(found) == 1:
            (collection,) = found
        if collection not in found:
            raise InvalidInput(
                f"{folder} has the collections {', '.join(sorted(found)) or 'none'}.",
                hint="Name one of them with --collection.",
            )
        segments = [
            str(row["id"])
            for row in _rows(connection, path, "segments", "rowid", "id scope type collection", "")
            if row["collection"] == found[collection] and row["type"] == _METADATA
        ]
        payloads = _settled(connection, path, segments)
        _replay(connection, path, segments, found[collection], payloads)
    return str(collection), list(payloads.items())


def _settled(connection: sqlite3.Connection, path: Path, segments: list[str]) -> dict[str, dict[str, Any]]:
    ids = {
        row["id"]: str(row["embedding_id"])
        for row in _rows(connection, path, "embeddings", "id", "id segment_id embedding_id", "")
        if row["segment_id"] in segments
    }
    payloads: dict[str, dict[str, Any]] = {name: {} for name in ids.values()}
    for row in _rows(
        connection, path, "embedding_metadata", "rowid", "id key string_value int_value float_value", "bool_value"
    ):
        if row["id"] in ids:
            values = (row["string_value"], row["int_value"], row["float_value"], row["bool_value"])
            payloads[ids[row["id"]]][str(row["key"])] = next((one for one in values if one is not None), None)
    return payloads


def _replay(
    connection: sqlite3.Connection,
    path: Path,
    segments: list[str],
    collection: str,
    payloads: dict[str, dict[str, Any]],
) -> None:
    if not {"embeddings_queue", "max_seq_id"} <= _tables(connection):
        return
    done = [
        row["seq_id"]
        for row in _rows(connection, path, "max_seq_id", "rowid", "segment_id seq_id", "")
        if row["segment_id"] in segments and isinstance(row["seq_id"], int)
    ]
    for row in _rows(connection, path, "embeddings_queue", "seq_id", "seq_id operation topic id metadata", ""):
        if not isinstance(row["seq_id"], int):
            raise _damaged(path, "an entry of its log has no number")
        if row["seq_id"] <= max(done, default=-1) or not str(row["topic"]).endswith(f"/{collection}"):
            continue
        id = str(row["id"])
        if row["operation"] == _DELETE:
            payloads.pop(id, None)
            continue
        try:
            change = json.loads(row["metadata"] or "{}")
        except (ValueError, TypeError, RecursionError):
            raise _damaged(path, f"entry {row['seq_id']} of its log is not JSON") from None
        before = payloads.get(id)
        repeated = row["operation"] == _ADD and before is not None
        if isinstance(change, dict) and not repeated and not (row["operation"] == _UPDATE and before is None):
            payloads[id] = {**(before or {}), **change}


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A copy of a database with its log, checked, in a temporary folder."""
    if not is_sqlite(path):
        raise InvalidInput(f"{path} is no SQLite database.", hint="Give the file that the other memory keeps.")
    parts = {ending: Path(f"{path}{ending}") for ending in ("", "-wal")}
    with tempfile.TemporaryDirectory(prefix="mnemic-import-") as folder:
        copy = Path(folder) / "copy.sqlite3"
        try:
            there = {ending: part for ending, part in parts.items() if part.is_file()}
            size = sum(part.stat().st_size for part in there.values())
            if size > MAX_FOLDER_BYTES:
                raise InvalidInput(
                    f"{path} is larger than {MAX_FOLDER_BYTES >> 20:,} MiB.", hint="Export it there in parts."
                )
            for ending, part in there.items():
                shutil.copyfile(part, f"{copy}{ending}")
        except OSError as error:
            raise InvalidInput(f"{path} cannot be read ({error}).", hint="Check who may read it.") from error
        try:
            with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as connection:
                _confine(connection)
                _check(connection, path)
                yield connection
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise _damaged(path, str(error)) from error


def _confine(connection: sqlite3.Connection) -> None:
    """A foreign file may hold views, triggers, checks and computed columns of any kind: nothing in it is run that costs
    more than reading the file does.
    """
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_CELL_BYTES)
    connection.set_authorizer(_allowed)


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `InvalidInput` for damaged tables. One with computed columns is not checked: that would compute them, whatever
    functions are allowed.
    """
    for table in sorted(_tables(connection)):
        quoted = table.replace('"', '""')
        if any(column["hidden"] in _COMPUTED for column in connection.execute(f'PRAGMA table_xinfo("{quoted}")')):
            continue
        problems = [str(row[0]) for row in connection.execute(f'PRAGMA quick_check("{quoted}")') if row[0] != "ok"]
        if problems:
            raise _damaged(path, "; ".join(problems[:_MOST_PROBLEMS]))


def _allowed(action: int, _first: str | None, second: str | None, _database: str | None, _by: str | None) -> int:
    cheap = action == sqlite3.SQLITE_FUNCTION and str(second).lower() in _CHEAP
    return sqlite3.SQLITE_OK if action in _ALLOWED or cheap else sqlite3.SQLITE_DENY


def _tables(connection: sqlite3.Connection) -> frozenset[str]:
    # Tables alone: a view of the same name could go on for ever. Views and virtual tables have no page of their own.
    found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0")
    return frozenset(str(row[0]) for row in found)


def _rows(connection: sqlite3.Connection, path: Path, table: str, order: str, needed: str, optional: str) -> Rows:
    """The wanted columns of a table; of those that may be missing, the ones that are there."""
    if table not in _tables(connection):
        raise InvalidInput(f"{path} has no table {table}.", hint="Choose the format that fits with --from.")
    there = {str(row["name"]) for row in connection.execute(f"PRAGMA table_info({table})")} | {"rowid"}
    missing = [name for name in needed.split() if name not in there]
    if missing:
        raise InvalidInput(
            f"The table {table} of {path} has no column {', '.join(missing)}.",
            hint="It was made by a version that is not known here; export it there as JSON.",
        )
    wanted = [order, *needed.split(), *(name for name in optional.split() if name in there)]
    named = ", ".join(f'"{name}"' if name != "rowid" else "rowid AS rowid" for name in wanted)
    # Sorted here and not by SQLite, which would put aside all that the cells unfold to before the first row is counted.
    found, unfolded, most = [], 0, _MAX_UNFOLDED * _size(connection)
    for row in connection.execute(f"SELECT {named} FROM {table}"):
        found.append(row)
        unfolded += sum(len(value) for value in row if isinstance(value, (str, bytes)))
        if len(found) > _MAX_ROWS or unfolded > most:
            raise InvalidInput(
                f"The table {table} of {path} holds more than {_MAX_ROWS:,} rows, or far more text than the file has bytes.",
                hint="Export it there in parts, as JSON.",
            )
    found.sort(key=lambda row: _rank(row[0]))
    absent = dict.fromkeys(optional.split())
    return [{**absent, **dict(row)} for row in found]


def _size(connection: sqlite3.Connection) -> int:
    """Bytes of the database with its log; never less than a MiB, so that small files may have defaults."""
    pages, page = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return max(1 << 20, int(pages) * int(page))


def _rank(value: Any) -> tuple[int, Any]:
    """A key that sorts as SQLite does: nothing, numbers, texts, bytes."""
    if value is None:
        return (0, 0)
    return (1, value) if isinstance(value, (int, float)) else (2, value) if isinstance(value, str) else (3, value)


def _damaged(path: Path, problems: str) -> InvalidInput:
    return InvalidInput(f"{path} is damaged: {problems}.", hint="Mend it there, or take a backup of it.")
