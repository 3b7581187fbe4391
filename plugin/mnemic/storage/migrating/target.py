"""The database that a memory moves into.

How far the move is stands in the schema itself and changes in the same transactions as the rows, so a move that was
interrupted goes on from what is there. Until the end the schema is no ledger that anybody could open.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import psycopg

from mnemic.domain.memory import RowKey
from mnemic.errors import InvalidInput, StoreUnavailable
from mnemic.storage.migrating.tables import LEDGER, VECTORS, Row, Table, listed
from mnemic.storage.postgres.connections import PostgresConnection, address_of, check_schema, connected
from mnemic.storage.postgres.counted_stems import CountedStems
from mnemic.storage.postgres.full_text import (
    PostgresFullText,
    add_passage_words,
    add_words,
    count_words,
    strip_cold,
)
from mnemic.storage.postgres.schema import ARRIVING, LEFT, check_undivided, migrate
from mnemic.storage.sql.migrations import VERSION
from mnemic.storage.sql.passages import PLACES
from mnemic.storage.sql.snapshot import SqlSnapshot

Stage = Literal["copy", "settle", "words", "indexes", "follow", "open"]
_WORDS_AT_ONCE = 4_000
_FETCHED_AT_ONCE = 5_000
# What a ledger has before anything was stored in it, or that is of no ledger.
_EMPTY_OF_ITSELF = (LEDGER, "embedders", "secrets", "deliveries")


@dataclass(slots=True)
class Progress:
    """How far a move is. ``copied``: by table the last key, or None when all of it is there. ``noted``: the last note that
    was followed. ``words`` and ``passages``: the last key whose words are stored. ``rest``: what is to be put back.
    """

    stage: Stage = "copy"
    copied: dict[str, list[Any] | None] = field(default_factory=dict)
    noted: int = 0
    words: int = -1
    passages: int = -1
    rest: list[str] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)
    erased: bool = False


class Target:
    """A schema that is being filled over one connection, by one process at a time. `open_target` makes it."""

    def __init__(self, raw: psycopg.Connection[Any], schema: str) -> None:
        # psycopg's types want statements that are written out; these are made of the names of tables.
        self._raw: Any = raw
        self._schema = schema
        self._stemmer = CountedStems()
        self.connection = PostgresConnection(raw)
        self.progress = Progress()

    def close(self) -> None:
        self._stemmer.close()

    def resume(self, token: str) -> bool:
        """Whether the move ``token`` began here, and go on with it then."""
        if self._raw.execute("SELECT to_regclass(%s)", (f'"{self._schema}".moving',)).fetchone() == (None,):
            return False
        row = self._raw.execute("SELECT progress FROM moving WHERE token = %s", (token,)).fetchone()
        if row is None:
            return False
        self.progress = Progress(**json.loads(row[0]))
        return True

    def begin(self, token: str) -> None:
        """Make the schema's tables, without what would hold their filling up. Raises `InvalidInput` when it is in use."""
        with self._raw.transaction():
            self._make_room()
            migrate(self._raw, self._schema)
            self._raw.execute("CREATE TABLE moving (token text PRIMARY KEY, progress text NOT NULL)")
            self._raw.execute("UPDATE ledger SET version = %s", (ARRIVING,))
            self.progress = Progress()
            self._put_aside()
            self._raw.execute("INSERT INTO moving VALUES (%s, %s)", (token, json.dumps(asdict(self.progress))))

    def discard(self) -> None:
        """Drop a schema that was never opened."""
        self._raw.execute(f'DROP SCHEMA IF EXISTS "{self._schema}" CASCADE')

    def is_open(self) -> bool:
        """Whether the memory can be opened here."""
        return self._version() == VERSION

    @contextmanager
    def step(self) -> Iterator[None]:
        """What is done in it, and `progress`, become durable together."""
        with self._raw.transaction():
            yield
            self._raw.execute("UPDATE moving SET progress = %s", (json.dumps(asdict(self.progress)),))

    @contextmanager
    def reader(self) -> Iterator[SqlSnapshot]:
        """The rows as the engine reads them."""
        with self._raw.transaction():
            yield SqlSnapshot(self.connection, PostgresFullText(self.connection, self._stemmer))

    def hold(self) -> None:
        """Let nobody write until the end of the step."""
        self._raw.execute("SELECT seq FROM ledger FOR UPDATE")

    def make(self, table: Table) -> None:
        """Make a table if it is one that schemas do not begin with: the vectors of an embedder."""
        if table.name.startswith(VECTORS):
            self._raw.execute(
                f"CREATE TABLE IF NOT EXISTS {table.name} (key bigint PRIMARY KEY, vector bytea NOT NULL)"
            )

    def add(self, table: Table, rows: Iterable[Row]) -> Row | None:
        """Store rows that are not there yet, and give the last one's key."""
        last: Row | None = None
        with (
            self._raw.cursor() as cursor,
            cursor.copy(f"COPY {table.name} ({listed(table.columns)}) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(row)
                last = row
        return None if last is None else table.key_of(last)

    def follow(self, tables: Sequence[Table], changed: dict[str, set[Row]], rows: dict[str, list[Row]]) -> None:
        """Make rows with the keys ``changed`` what ``rows`` says; those that are not in it go.

        What others refer to comes first and goes last.
        """
        with_words = self.progress.stage in ("follow", "open")
        full_text = PostgresFullText(self.connection, self._stemmer)
        memories = sorted({int(str(key[0])) for key in changed.get("memories", ())})
        cut = sorted({int(str(key[0])) // PLACES for key in changed.get("passages", ())})
        touched = [RowKey(key) for key in {*memories, *cut}]
        snapshot = SqlSnapshot(self.connection, full_text)
        were_cold = snapshot.cold(touched)
        if with_words:
            for key in memories:
                full_text.erasing(key)
            for key in cut:
                full_text.uncutting(key)
        parents = [table for table in tables if table.name in self.progress.parents]
        children = [table for table in tables if table.name not in self.progress.parents]
        for table in parents:
            self._put(table, rows.get(table.name, []))
        for table in children:
            self._remove(table, changed.get(table.name, ()))
        for table in children:
            self.add(table, rows.get(table.name, []))
        for table in parents:
            there = {table.key_of(row) for row in rows.get(table.name, ())}
            self._remove(table, changed.get(table.name, set()) - there)
        if with_words:
            remaining = {row[0] for row in rows.get("memories", ())}
            for key in memories:
                if key in remaining:
                    full_text.appended(key)
            full_text.finish()
            for key in cut:
                full_text.cut(key)
            cold = snapshot.cold(touched)
            for key in were_cold - cold - set(cut):
                full_text.cut(key)
            full_text.cooling(sorted(cold))
        self.progress.erased |= "erasures" in changed

    def add_words(self) -> bool:
        """Store some words of memories, then of passages, and count them in the end. False when nothing is left."""
        for name, add in (("words", add_words), ("passages", add_passage_words)):
            last = add(self.connection, self._stemmer, after=getattr(self.progress, name), limit=_WORDS_AT_ONCE)
            if last is not None:
                setattr(self.progress, name, last)
                return True
        count_words(self.connection)
        strip_cold(self.connection)
        return False

    def put_back(self) -> bool:
        """Make one index or constraint of those that were put aside. False when there is none left."""
        if not self.progress.rest:
            return False
        self._raw.execute("SET LOCAL maintenance_work_mem = '256MB'")
        self._raw.execute(self.progress.rest.pop(0))
        return True

    def analyse(self) -> None:
        """Have the server learn how much is where."""
        self._raw.execute("ANALYZE")

    def count(self, table: Table) -> int:
        row = self._raw.execute(f"SELECT count(*) FROM {table.name}").fetchone()
        return 0 if row is None else int(row[0])

    def all_rows(self, table: Table) -> Iterator[Row]:
        """Every row, in no order."""
        with self._raw.transaction(), self._raw.cursor("moving_rows", binary=True) as cursor:
            cursor.itersize = _FETCHED_AT_ONCE
            cursor.execute(f"SELECT {listed(table.columns)} FROM {table.name}")
            yield from cursor

    def rows(self, table: Table, keys: Sequence[Row]) -> list[Row]:
        """The rows that there are of ``keys``."""
        where, values = self._among(table, keys)
        found: list[Row] = self._raw.execute(
            f"SELECT {listed(table.columns)} FROM {table.name} WHERE {where}", values, binary=True
        ).fetchall()
        return found

    def number(self, table: Table, highest: int) -> None:
        """Have new rows of a table take numbers above ``highest`` and those that are there."""
        row = self._raw.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attidentity != ''", (table.name,)
        ).fetchone()
        if row is not None:
            self._raw.execute(
                "SELECT setval(pg_get_serial_sequence(%s, %s), greatest(%s::bigint, "
                f"(SELECT max({row[0]}) FROM {table.name}), 1))",
                (table.name, row[0], highest),
            )

    def open_ledger(self, ledger: dict[str, Any]) -> None:
        """Make it the ledger that everybody may open from the end of this step on."""
        self.progress.stage = "open"
        self._raw.execute("DELETE FROM index_states")
        self._raw.execute(
            "UPDATE ledger SET id = %s, seq = %s, memories = %s, unscrubbed = %s, version = %s",
            (
                ledger["id"], ledger["seq"], ledger["memories"],
                int(bool(ledger["unscrubbed"]) or self.progress.erased), VERSION,
            ),
        )  # fmt: skip

    def leave(self) -> None:
        """Let nobody open it any more, and nobody who has it open write it."""
        self._raw.execute("UPDATE ledger SET version = %s", (LEFT,))
        self._raw.execute(
            "CREATE OR REPLACE FUNCTION refuse_moved() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'this memory was taken back to the folder that it came from'; END $$"
        )
        for name in self._tables():
            self._raw.execute(
                f'CREATE TRIGGER moved BEFORE INSERT OR UPDATE OR DELETE ON "{name}" EXECUTE FUNCTION refuse_moved()'
            )

    def _make_room(self) -> None:
        check_undivided(self._raw, self._schema)
        if self._raw.execute("SELECT to_regnamespace(%s)", (f'"{self._schema}"',)).fetchone() == (None,):
            return
        in_use = [
            name
            for name in self._tables()
            if name not in _EMPTY_OF_ITSELF
            and self._raw.execute(f'SELECT EXISTS (SELECT 1 FROM "{name}")').fetchone() == (True,)
        ]
        version = self._version()
        if in_use and version != ARRIVING:
            what = "a memory that was taken back to its folder" if version == LEFT else "something already"
            raise InvalidInput(
                f"The schema {self._schema} of that database holds {what} ({', '.join(in_use[:3])}).",
                hint="Name another schema with --schema, or drop this one if nobody needs what is in it.",
            )
        self.discard()

    def _version(self) -> int:
        if self._raw.execute("SELECT to_regclass(%s)", (f'"{self._schema}".ledger',)).fetchone() == (None,):
            return 0
        row = self._raw.execute("SELECT version FROM ledger").fetchone()
        return int(row[0]) if row else 0

    def _tables(self) -> list[str]:
        rows = self._raw.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'p') ORDER BY oid",
            (f'"{self._schema}"',),
        )
        return [row[0] for row in rows if row[0] != "moving"]

    def _put_aside(self) -> None:
        """Drop all but primary keys: rows that are copied while others change them need not fit together yet."""
        constraints = self._raw.execute(
            "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid), confrelid::regclass::text, "
            "contype FROM pg_constraint WHERE connamespace = %s::regnamespace AND contype IN ('u', 'f') "
            "ORDER BY contype = 'f', oid",
            (f'"{self._schema}"',),
        ).fetchall()
        later = [f"ALTER TABLE {table} ADD CONSTRAINT {name} {how}" for table, name, how, *_ in constraints]
        self.progress.parents = sorted({parent for *_, parent, kind in constraints if kind == "f"})
        for table, name, *_ in reversed(constraints):
            self._raw.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        indexes = self._raw.execute(
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON oid = indexrelid "
            "WHERE relnamespace = %s::regnamespace AND NOT indisprimary ORDER BY indexrelid",
            (f'"{self._schema}"',),
        ).fetchall()
        for name, _ in indexes:
            self._raw.execute(f"DROP INDEX {name}")
        self.progress.rest = [how for _, how in indexes] + later

    def _put(self, table: Table, rows: Sequence[Row]) -> None:
        places = ", ".join(["%s"] * len(table.columns))
        changes = ", ".join(f'"{name}" = excluded."{name}"' for name in table.columns if name not in table.key)
        with self._raw.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {table.name} ({listed(table.columns)}) VALUES ({places}) "
                f"ON CONFLICT ({listed(table.key)}) DO UPDATE SET {changes}",
                rows,
            )

    def _remove(self, table: Table, keys: Iterable[Row]) -> None:
        gone = list(keys)
        if gone:
            where, values = self._among(table, gone)
            self._raw.execute(f"DELETE FROM {table.name} WHERE {where}", values)

    def _among(self, table: Table, keys: Sequence[Row]) -> tuple[str, list[Any]]:
        types = dict(
            self._raw.execute(
                "SELECT attname, atttypid::regtype::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0",
                (table.name,),
            ).fetchall()
        )
        lists = ", ".join(f"%s::{types[name]}[]" for name in table.key)
        values = [list(column) for column in zip(*keys, strict=True)] or [[] for _ in table.key]
        return f"({listed(table.key)}) IN (SELECT * FROM unnest({lists}))", values


@contextmanager
def open_target(url: str, schema: str) -> Iterator[Target]:
    """The schema ``schema`` of the database ``url``, for this process alone.

    Raises `StoreUnavailable` when another one fills it, or the database cannot be reached; `InvalidInput` for what is no
    address or no name.
    """
    check_schema(schema)
    with connected(url, schema) as raw:
        # One that was killed may have left a statement that still runs: its connection holds the lock until that has ended.
        raw.execute("SET lock_timeout = '60s'")
        try:
            raw.execute("SELECT pg_advisory_lock(hashtext('mnemic moves into'), hashtext(%s))", (schema,))
        except psycopg.errors.LockNotAvailable as error:
            raise StoreUnavailable(
                f"Another process moves a memory into the schema {schema} of {address_of(url)}.",
                hint="Wait until it is done.",
            ) from error
        target = Target(raw, schema)
        try:
            yield target
        finally:
            target.close()
