"""Both engines have the same tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemic.errors import InvalidInput, StoreUnavailable
from mnemic.storage.postgres.ledger import PostgresLedger
from mnemic.storage.postgres.texts import read, written
from mnemic.storage.sqlite.ledger import SqliteLedger
from tests.postgres.servers import PostgresServer


def test_every_table_and_column_of_one_engine_is_one_of_the_other(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    SqliteLedger(tmp_path / "ledger.sqlite3").close()
    PostgresLedger(postgres.url, schema=schema).close()
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as connection:
        found = connection.execute(
            "SELECT t.name, c.name FROM pragma_table_list t JOIN pragma_table_info(t.name) c "
            "WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'"
        )
        on_sqlite = {(table, column) for table, column in found}
    with psycopg.connect(postgres.url) as other:
        columns = other.execute(
            "SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables "
            "USING (table_schema, table_name) WHERE table_schema = %s AND table_type = 'BASE TABLE'",
            (schema,),
        )
        on_postgres = {(table, column) for table, column in columns}
    words = {("ledger", "words"), ("ledger", "version")}
    own = ("memories_words", "passages_words", "stems", "secrets", "deliveries")
    assert {entry for entry in on_postgres if entry[0] not in own} == on_sqlite | words


def test_indexes_have_the_same_names(tmp_path: Path, postgres: PostgresServer, schema: str) -> None:
    SqliteLedger(tmp_path / "ledger.sqlite3").close()
    PostgresLedger(postgres.url, schema=schema).close()
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as connection:
        on_sqlite = {
            row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql != ''")
        }
    with psycopg.connect(postgres.url) as other:
        on_postgres = {
            row[0] for row in other.execute("SELECT indexname FROM pg_indexes WHERE schemaname = %s", (schema,))
        }
    assert on_sqlite <= on_postgres


def test_processes_that_open_a_new_ledger_at_once_make_one(postgres: PostgresServer, schema: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(6) as threads:
        ledgers = list(threads.map(lambda _: PostgresLedger(postgres.url, schema=schema), range(6)))
    names = set()
    for ledger in ledgers:
        with ledger.snapshot() as snapshot:
            names.add(snapshot.ledger_id())
        ledger.close()
    assert len(names) == 1


def test_a_ledger_of_a_newer_mnemic_is_refused_and_left_alone(postgres: PostgresServer, schema: str) -> None:
    PostgresLedger(postgres.url, schema=schema).close()
    with psycopg.connect(postgres.url) as other:
        other.execute(f'UPDATE "{schema}".ledger SET version = 1000')
    with pytest.raises(StoreUnavailable, match="schema version 1000"):
        PostgresLedger(postgres.url, schema=schema)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgresql://127.0.0.1:1/none", "out of reach"),
        ("no address at all =", "no address of a PostgreSQL database"),
    ],
)
def test_a_database_that_cannot_be_used_is_told(url: str, problem: str) -> None:
    with pytest.raises((StoreUnavailable, InvalidInput), match=problem):
        PostgresLedger(url)


def test_a_password_is_not_told(postgres: PostgresServer) -> None:
    address = f"postgresql://nobody:heliotrope@127.0.0.1:{postgres.port}/missing"
    with pytest.raises(StoreUnavailable) as caught:
        PostgresLedger(address)
    assert "heliotrope" not in str(caught.value)
    assert f"127.0.0.1:{postgres.port}/missing" in str(caught.value)


@pytest.mark.parametrize("name", ['x"; DROP SCHEMA public; --', "", "Upper", "a" * 80])
def test_a_schema_with_a_strange_name_is_refused(postgres: PostgresServer, name: str) -> None:
    with pytest.raises(InvalidInput, match="no name for a schema"):
        PostgresLedger(postgres.url, schema=name)


@given(st.text(alphabet=st.sampled_from("ab0\x00\x1a1")))
def test_a_text_with_any_characters_is_read_as_it_was_written(text: str) -> None:
    assert read(written(text)) == text
    assert "\x00" not in written(text)


def test_texts_with_nul_come_back(postgres: PostgresServer, schema: str, remembers: Callable[..., None]) -> None:
    remembers(PostgresLedger(postgres.url, schema=schema), "a\x00b\x1ac")


@pytest.fixture
def remembers() -> Callable[..., None]:
    from mnemic.testing import WordEmbedder, make_record

    def check(ledger: PostgresLedger, text: str) -> None:
        embedder = WordEmbedder()
        ledger.register_embedder(embedder.id, embedder.dimensions)
        record = make_record(text)
        with ledger.transaction() as transaction:
            key = transaction.append(record, embedder_id=embedder.id, vector=None)
        with ledger.snapshot() as snapshot:
            assert snapshot.records([key])[key].text == text
        ledger.close()

    return check
