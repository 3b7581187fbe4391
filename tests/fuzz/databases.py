"""SQLite files that somebody hands us: those of other memories, damaged, and some that were made to harm."""

from __future__ import annotations

import contextlib
import gzip
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.values import HOSTILE, MOMENTS, anything, damaged, sentence, text

_PEERS = Path(__file__).parent.parent / "moving" / "peers"
_PAGE = 4_096
# No cell is larger, but those that a default or a generated column would unfold.
_GIANT = 200_000
# Work without end, or values without bounds, where a schema may hold an expression.
_COSTLY = (
    "length(hex(zeroblob(400000000))) > 0", "'aaaaaaaaaaaaaaaaaaaaaaaaaaaa' || {0} LIKE '%a%a%a%a%a%a%a%a%a%a%b'",
    "length(printf('%.*c', 900000000, 'x')) > 0", "{0} IS NOT NULL", "load_extension('x') IS NULL", "random() > 0",
    "{0} GLOB '*[!a]*[!a]*[!a]*[!a]*'", "json_valid({0})",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Foreign:
    """A kind of file: the format that reads it, a real one as seed, its table with columns as they should be."""

    format: str
    seed: str
    name: str
    tables: dict[str, str]


KINDS = (
    Foreign("mem0", "mem0/history.db", "history.db", {
        "history": "id memory_id old_memory new_memory event created_at updated_at is_deleted actor_id role"}),
    Foreign("mem0", "mem0/chroma.sqlite3", "chroma.sqlite3", {
        "collections": "id name dimension", "segments": "id type scope collection",
        "embeddings": "id segment_id embedding_id seq_id created_at",
        "embedding_metadata": "id key string_value int_value float_value bool_value",
        "embeddings_queue": "seq_id created_at operation topic id vector metadata", "max_seq_id": "segment_id seq_id"}),
    Foreign("langgraph", "langgraph/store.db", "store.db", {
        "store": "prefix key value created_at updated_at expires_at"}),
    Foreign("mcp-memory-service", "mcp-memory-service/memory.db", "memory.db", {
        "memories": "id content_hash content tags memory_type metadata created_at updated_at deleted_at superseded_by",
        "memory_graph": "source_hash target_hash similarity"}),
)  # fmt: skip
_LATER = "(7 + 7)"
_ROWS: dict[str, Any] = {
    "event": ("ADD", "UPDATE", "DELETE", "odd"), "operation": (0, 1, 2, 3, 9), "is_deleted": (0, 1, None),
    "type": ("urn:chroma:segment/metadata/sqlite", "odd"), "scope": ("METADATA", "VECTOR"), "collection": ("c1", "c2"),
    "topic": ("persistent://default/default/c1", "c1", "/c1"), "segment_id": ("s1", "s1", "s2"), "name": ("mem0", "other"),
    "key": ("data", "user_id", "created_at", "k1", "k2"), "role": ("user", "assistant", "odd"),
    "memory_id": ("a", "b", "c"), "content_hash": ("h1", "h2", "h3"), "source_hash": ("h1", "h2"),
    "target_hash": ("h2", "h3"),
    "value": ('{"text": "tea"}', '{"content": {"a": [1]}}', "[]", b'{"text": "coffee"}', b"\xff", "{"),
    "metadata": ('{"data": "tea", "user_id": "ana"}', "{", "[]", '{"a": NaN}', None),
    "created_at": (*MOMENTS, 1_715_169_360, 1.5e12, -1e300), "updated_at": (*MOMENTS, 1_715_169_360.5, None),
    "deleted_at": (None, None, 1.0), "superseded_by": (None, None, "h2"), "tags": ("a,b", ",,,", None),
    "prefix": ("a.b", ""),
    "collections.id": ("c1", "c2"), "segments.id": ("s1", "s2"),
}  # fmt: skip
_SEEDS: dict[str, bytes] = {}


def seed_of(kind: Foreign) -> bytes:
    """The real file, unpacked."""
    if kind.seed not in _SEEDS:
        _SEEDS[kind.seed] = gzip.decompress((_PEERS / f"{kind.seed}.gz").read_bytes())
    return _SEEDS[kind.seed]


def hand_in(r: Random, folder: Path) -> tuple[Foreign, Path, str]:
    """A file in ``folder``, its kind, and how it was made."""
    kind = r.choice(KINDS)
    path = folder / kind.name
    roll = r.random()
    if roll < 0.35:
        path.write_bytes(damaged_pages(r, seed_of(kind)))
        how = "damaged"
    elif roll < 0.95:
        how = _make(r, kind, path)
        if r.random() < 0.1:
            path.write_bytes(damaged_pages(r, path.read_bytes()))
            how += ", damaged"
    else:
        head, rest = b"SQLite format 3\x00", r.randbytes(r.choice((1, 84, 4_080)))
        path.write_bytes(r.choice((b"", head, head + rest, damaged(r, b'{"results": []}'))))
        how = "a beginning alone"
    if r.random() < 0.1:
        log = Path(f"{path}-wal")
        # A real beginning of a log now and then, so that the rest of it is looked at.
        begun = r.choice((b"", b"\x37\x7f\x06\x82\x00\x2d\xe2\x18\x00\x00\x10\x00"))
        log.write_bytes(begun + r.randbytes(r.choice((0, 20, 9_000))))
        how += ", with a log"
    return kind, path, how


def damaged_pages(r: Random, raw: bytes) -> bytes:
    """Bytes changed as disks and people change them: a header's fields, single bits, whole pages."""
    found = bytearray(raw)
    for _ in range(r.choice((1, 1, 1, 2, 5))):
        if not found:
            break
        roll = r.randrange(6)
        at = r.randrange(len(found))
        if roll == 0:
            at = r.randrange(min(100, len(found)))
            found[at] = r.choice((0, 1, 2, 4, 0x7F, 0x80, 0xFF, r.randrange(256)))
        elif roll == 1:
            found[at] ^= 1 << r.randrange(8)
        elif roll == 2:
            page = at // _PAGE * _PAGE
            # The head of a page: its kind, its free blocks, where its cells are.
            place = min(len(found) - 1, page + r.randrange(16))
            found[place] = r.choice((0, 2, 5, 10, 13, 0xFF, r.randrange(256)))
        elif roll == 3:
            other = r.randrange(len(found)) // _PAGE * _PAGE
            page = at // _PAGE * _PAGE
            found[page : page + _PAGE] = found[other : other + _PAGE]
        elif roll == 4:
            del found[r.choice((at, at // _PAGE * _PAGE)) :]
        else:
            word = r.choice((b"CREATE TABLE", b"TEXT", b"memories", b"store", b"history", b"INTEGER"))
            place = found.find(word)
            if place >= 0:
                found[place : place + len(word)] = r.choice((word[::-1], b"\x00" * len(word), b"\xff" * len(word)))
    return bytes(found)


def _make(r: Random, kind: Foreign, path: Path) -> str:
    """A database by SQL, mostly with the tables that are looked for. What SQLite itself refuses to make is left out."""
    how: list[str] = []
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as made:
        made.execute("PRAGMA journal_mode = MEMORY")
        made.execute("PRAGMA synchronous = OFF")
        if r.random() < 0.1:
            made.execute(f"PRAGMA encoding = '{r.choice(('UTF-16le', 'UTF-16be'))}'")
        if r.random() < 0.1:
            made.execute(f"PRAGMA page_size = {r.choice((512, 1_024, 65_536))}")
        for table, columns in kind.tables.items():
            if r.random() < 0.05:
                how.append(f"no {table}")
                continue
            with contextlib.suppress(sqlite3.Error, OverflowError, UnicodeEncodeError):
                how.append(_table(r, made, table, columns.split()))
        with contextlib.suppress(sqlite3.Error, UnicodeEncodeError):
            how += _strange(r, made, next(iter(kind.tables)))
    return ", ".join(part for part in how if part)


def _table(r: Random, made: sqlite3.Connection, table: str, columns: list[str]) -> str:
    roll = r.random()
    if roll < 0.04:
        made.execute(f"CREATE VIEW {table} AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT "
                     + ", ".join(f"i AS {name}" for name in columns) + " FROM n")  # fmt: skip
        return f"{table} is a view without end"
    if roll < 0.08:
        made.execute(f"CREATE VIRTUAL TABLE {table} USING fts5({', '.join(columns)})")
        return f"{table} is virtual"
    how = ""
    strict = r.random() < 0.08
    kinds = ("TEXT", "INTEGER", "REAL", "BLOB", "ANY") if strict else ("TEXT", "INTEGER", "REAL", "BLOB", "", "ODD(9)")
    wanted = [name for name in columns if r.random() > 0.015]
    spelled = {name: f'"{name}" {"ANY" if strict else r.choice(kinds) if r.random() < 0.2 else ""}' for name in wanted}
    if wanted and r.random() < 0.14:
        name = r.choice(wanted)
        how = r.choice(_COSTLY).format(r.choice(wanted))
        spelled[name] = r.choice((
            f'"{name}" CHECK {_LATER}', f'"{name}" TEXT GENERATED ALWAYS AS {_LATER}', f'"{name}" DEFAULT {_LATER}',
            f'"{name}" TEXT GENERATED ALWAYS AS {_LATER} STORED', f'"{name}" TEXT GENERATED ALWAYS AS {_LATER} NOT NULL',
        ))  # fmt: skip
    options = ", ".join(filter(None, ("STRICT" if strict else "", "WITHOUT ROWID" if r.random() < 0.03 else "")))
    made.execute(f"CREATE TABLE {table} ({', '.join(spelled.values())}) {options}")
    for _ in range(r.choice((0, 1, 1, 3, 12))):
        given = {name: _cell(r, table, name) for name in wanted if r.random() < 0.95}
        if given:
            with contextlib.suppress(sqlite3.Error, OverflowError, UnicodeEncodeError):
                places = ", ".join("?" * len(given))
                made.execute(f"INSERT INTO {table} ({', '.join(given)}) VALUES ({places})", list(given.values()))
    _put_in(made, how)
    return f"{table}: {how}" if how else ""


def _put_in(made: sqlite3.Connection, expression: str) -> None:
    """The expression in the place that was kept for it: whoever makes the file does not compute it."""
    made.execute("PRAGMA writable_schema = ON")
    made.execute("UPDATE sqlite_schema SET sql = replace(sql, ?, ?)", (_LATER, f"({expression or 1})"))
    made.execute("PRAGMA writable_schema = OFF")


def _cell(r: Random, table: str, name: str) -> Any:
    roll = r.random()
    known = _ROWS.get(f"{table}.{name}", _ROWS.get(name))
    if roll < 0.7:
        return r.choice(known) if known else sentence(r)
    if roll < 0.8:
        return text(r)
    if roll < 0.83:
        return r.choice(("x", "é", "\x00", "[", "\u202e")) * r.choice((1_000, _GIANT))
    if roll < 0.88:
        return r.randbytes(r.choice((0, 3, 5_000)))
    found = anything(r, 0)
    return found if not isinstance(found, list | dict) else str(found)


def _strange(r: Random, made: sqlite3.Connection, table: str) -> list[str]:
    """What a schema may hold besides tables."""
    how = []
    if r.random() < 0.06:
        letters = r.choice((1_000_000, 100_000))
        rows = r.choice((1_000, 5_000))
        # A default is not stored with each row: it unfolds when they are read.
        made.execute(f"DELETE FROM {table}")
        made.execute(f"INSERT INTO {table} DEFAULT VALUES")
        for _ in range(12):
            made.execute(f"INSERT INTO {table} SELECT * FROM {table} LIMIT {rows}")
        columns = [row[1] for row in made.execute(f"PRAGMA table_info({table})")]
        name = r.choice(columns)
        made.execute(f'ALTER TABLE {table} DROP COLUMN "{name}"')
        made.execute(f"ALTER TABLE {table} ADD COLUMN \"{name}\" DEFAULT '{'y' * letters}'")
        how.append(f"{table}.{name} has a default of {letters} letters")
    if r.random() < 0.1:
        made.execute(f"CREATE TRIGGER t AFTER INSERT ON {table} BEGIN DELETE FROM {table}; END")
    if r.random() < 0.1:
        made.execute(f"CREATE INDEX i ON {table} ({_LATER})")
        _put_in(made, r.choice(_COSTLY).format("rowid"))
        how.append("an index on an expression")
    if r.random() < 0.12:
        made.execute("PRAGMA writable_schema = ON")
        change = r.choice((
            "name = 'sqlite_stat1'", "sql = 'CREATE TABLE ' || name || ' (a'", "sql = NULL", "rootpage = 1",
            "rootpage = 99999",
            "type = 'odd'", "name = name || char(27) || '[31m'", "sql = replace(sql, 'CREATE TABLE', 'CREATE VIEW')",
            "tbl_name = 'else'", "rootpage = -1", "sql = x'ff00'", "rootpage = (SELECT max(rootpage) FROM sqlite_schema)",
        ))  # fmt: skip
        made.execute(f"UPDATE sqlite_schema SET {change} WHERE rowid = {r.choice((1, 1, 2))}")
        how.append(change)
    if r.random() < 0.05:
        made.execute(f'CREATE TABLE "{r.choice(HOSTILE).replace(chr(34), "")[:60]}" (a)')
    return how
