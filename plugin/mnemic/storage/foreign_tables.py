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
            payloads[ids[row["id"]]][row["key"]] = next((one for one in values if one is not None), None)
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
    if path.stat().st_size > MAX_FOLDER_BYTES:
        raise InvalidInput(f"{path} is larger than {MAX_FOLDER_BYTES >> 20:,} MiB.", hint="Export it there in parts.")
    with tempfile.TemporaryDirectory(prefix="mnemic-import-") as folder:
        copy = Path(folder) / "copy.sqlite3"
        try:
            for ending in ("", "-wal"):
                part = Path(f"{path}{ending}")
                if part.is_file():
                    shutil.copyfile(part, f"{copy}{ending}")
        except OSError as error:
            raise InvalidInput(f"{path} cannot be read ({error}).", hint="Check who may read it.") from error
        try:
            with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as connection:
                connection.row_factory = sqlite3.Row
                # A foreign file may hold views and triggers of any kind: nothing in it is run.
                connection.execute("PRAGMA trusted_schema = OFF")
                connection.execute("PRAGMA query_only = ON")
                connection.execute("PRAGMA cell_size_check = ON")
                problems = [str(row[0]) for row in connection.execute("PRAGMA quick_check(20)") if row[0] != "ok"]
                if problems:
                    raise _damaged(path, "; ".join(problems))
                yield connection
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise _damaged(path, str(error)) from error


def _tables(connection: sqlite3.Connection) -> frozenset[str]:
    # Tables alone: a view of the same name could go on for ever.
    found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'")
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
    wanted = needed.split() + [name for name in optional.split() if name in there]
    named = ", ".join(f'"{name}"' if name != "rowid" else "rowid AS rowid" for name in wanted)
    found = connection.execute(f"SELECT {named} FROM {table} ORDER BY {order}").fetchall()
    absent = dict.fromkeys(optional.split())
    return [{**absent, **dict(row)} for row in found]


def _damaged(path: Path, problems: str) -> InvalidInput:
    return InvalidInput(f"{path} is damaged: {problems}.", hint="Mend it there, or take a backup of it.")
