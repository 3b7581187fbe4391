"""Moves into what is not empty, of what differs, and of what has been erased or is backed up."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from mnemic.backup import back_up_memory, restore_memory
from mnemic.errors import InvalidInput, LedgerMoved, StoreCorrupted
from mnemic.migration import migrate_memory, undo_migration
from mnemic.storage.migrating.source import Source
from mnemic.storage.sqlite.ledger import SqliteLedger
from tests.migrating.filling import open_home
from tests.migrating.moves import exported, folder_export, names_in
from tests.postgres.servers import PostgresServer


async def test_the_vectors_of_an_embedder_that_comes_during_a_move_come_along(
    home: Path, postgres: PostgresServer, schema: str
) -> None:
    ledger = SqliteLedger(home / "ledger.sqlite3")

    def progress(what: str, _done: int, _total: int) -> None:
        if what in ("building indexes", "comparing tables"):
            ledger.register_embedder(what, 2)
            with ledger.transaction() as transaction:
                (key, *_) = (key for key, _ in transaction.iterate())
                transaction.put_vectors(what, [(key, b"12345678")])

    report = migrate_memory(postgres.url, schema=schema, home=home, progress=progress)
    ledger.close()
    assert (report.rows["embedders"], report.rows["vectors_2"], report.rows["vectors_3"]) == (3, 1, 1)
    async with open_home(home, database=postgres.url, database_schema=schema) as memory:
        assert await exported(memory) == folder_export(home)
    with psycopg.connect(postgres.url) as other:
        for table in ("vectors_2", "vectors_3"):
            assert other.execute(f'SELECT vector FROM "{schema}".{table}').fetchall() == [(b"12345678",)]


@pytest.mark.parametrize(
    "spoilt",
    [
        "UPDATE memories SET text = text || '.' WHERE key = 1",
        "DELETE FROM guard_audit",
        "UPDATE links SET score = score + 1e-9",
    ],
)
async def test_a_copy_that_differs_is_not_opened_and_the_folder_goes_on(
    home: Path, postgres: PostgresServer, schema: str, spoilt: str
) -> None:
    def progress(what: str, done: int, _total: int) -> None:
        if what == "comparing tables" and not done:
            with psycopg.connect(postgres.url, options=f"-c search_path={schema}") as other:
                other.execute(spoilt)

    with pytest.raises(StoreCorrupted, match=r"The two sides differ: (memories|guard_audit|links): "):
        migrate_memory(postgres.url, schema=schema, home=home, progress=progress)
    async with open_home(home) as memory:
        await memory.remember("The folder goes on")
    with pytest.raises(StoreCorrupted):
        migrate_memory(postgres.url, schema=schema, home=home)
    undo_migration(postgres.url, home=home)
    migrate_memory(postgres.url, schema=schema, home=home)


async def test_a_schema_with_something_in_it_is_refused_and_one_that_is_empty_is_taken(
    home: Path, tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    async with open_home(tmp_path / "other", database=postgres.url, database_schema=schema) as memory:
        await memory.status()  # makes the tables
    migrate_memory(postgres.url, schema=schema, home=home)
    async with open_home(tmp_path / "second") as memory:
        await memory.remember("A second memory")
    with pytest.raises(InvalidInput, match=f"The schema {schema} of that database holds something"):
        migrate_memory(postgres.url, schema=schema, home=tmp_path / "second")
    async with open_home(tmp_path / "second") as memory:
        assert len(await memory.records()) == 1
    with pytest.raises(InvalidInput, match="is there already"):
        migrate_memory(postgres.url, schema=schema, home=home)
    with pytest.raises(InvalidInput, match="There is no memory in"):
        migrate_memory(postgres.url, schema=schema, home=tmp_path / "nowhere")


async def test_numbers_of_erased_memories_are_not_given_again(
    home: Path, postgres: PostgresServer, schema: str
) -> None:
    async with open_home(home) as memory:
        last = await memory.remember("The last memory of the folder")
        await memory.erase([last.id])
    with closing(Source(home / "ledger.sqlite3")) as source, source.snapshot() as snapshot:
        highest = snapshot.highest_keys()["memories"]
    migrate_memory(postgres.url, schema=schema, home=home)
    async with open_home(home, database=postgres.url, database_schema=schema) as memory:
        await memory.remember("The first memory of the database")
    with psycopg.connect(postgres.url) as other:
        assert other.execute(f'SELECT max(key) FROM "{schema}".memories').fetchone() == (highest + 1,)


async def test_a_backup_of_a_memory_that_is_moving_is_a_memory_of_its_own(
    home: Path, tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    before = folder_export(home)

    def progress(what: str, _done: int, _total: int) -> None:
        if what == "building indexes" and not (tmp_path / "copy").exists():
            back_up_memory(tmp_path / "copy", home=home)

    migrate_memory(postgres.url, schema=schema, home=home, progress=progress)
    with pytest.raises(LedgerMoved):
        back_up_memory(tmp_path / "late", home=home)
    restore_memory(tmp_path / "copy", home=tmp_path / "restored")
    async with open_home(tmp_path / "restored") as memory:
        assert await exported(memory) == before
        await memory.remember("It can be written")
    assert not [name for name in names_in(tmp_path / "restored") if name.startswith("moving")]
