"""A memory moves to a database while it is used: nothing is lost, nothing comes twice, nobody is left behind."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mnemic.errors import InvalidInput, LedgerMoved, MnemicError, StoreUnavailable
from mnemic.migration import migrate_memory, undo_migration
from mnemic.storage.sqlite.connections import translated_errors
from mnemic.storage.sqlite.ledger import SqliteLedger
from tests.migrating.filling import NAMESPACE, Acknowledged, change, open_home
from tests.migrating.moves import COMMAND, Process, check_moved, exported, folder_export, names_in, rows_of_every_table
from tests.postgres.servers import PostgresServer


async def test_a_memory_moves_while_two_processes_write_it(
    home: Path, postgres: PostgresServer, schema: str, writing: Callable[[Path], list[Process]]
) -> None:
    empty = [table for table, rows in rows_of_every_table(home).items() if not rows]
    assert empty == []
    writers = writing(home)
    mover = Process("mover", str(home), postgres.url, schema)
    code, line = mover.end()
    assert code == 0
    assert json.loads(line)["rows"] == rows_of_every_table(home)
    assert json.loads(line)["export"]
    written = await ended(writers)
    async with open_home(home, database=postgres.url, database_schema=schema) as memory:
        await check_moved(memory, home, written)


async def ended(writers: list[Process]) -> list[Acknowledged]:
    """What writers acknowledged until they were told where the memory is."""
    written = []
    for writer in writers:
        code, line = writer.end()
        assert code == 0
        told = json.loads(line)
        kind, text = told.pop("refused")
        told.pop("longest")
        assert kind == "LedgerMoved" and "MNEMIC_DATABASE='postgresql://" in text
        written.append(Acknowledged(**told))
    return written


DEATHS = [
    ("Source.begin", 1, "after"), ("Target.add", 9, "before"), ("Source.forget", 1, "before"),
    ("Target.add_words", 2, "after"), ("Target.all_rows", 3, "before"), ("Source.close_ledger", 1, "after"),
    ("Target.follow", 1, "after"), ("Target.open_ledger", 1, "after"),
]  # fmt: skip


async def test_a_move_that_is_killed_anywhere_goes_on_and_ends_right(
    home: Path, postgres: PostgresServer, schema: str, writing: Callable[[Path], list[Process]]
) -> None:
    writers = writing(home)
    for writer in writers:
        writer.wait_for_lines(3)  # ten rounds
    for place, call, when in DEATHS:
        code, _ = Process("mover", str(home), postgres.url, schema, place, str(call), when).end()
        assert code == -signal.SIGKILL, (place, call, when)
    assert Process("mover", str(home), postgres.url, schema).end()[0] == 0
    written = await ended(writers)
    assert all(len(done.texts) > 5 for done in written)
    async with open_home(home, database=postgres.url, database_schema=schema) as memory:
        await check_moved(memory, home, written)


async def test_whoever_has_the_folder_open_or_opens_it_is_told_where_the_memory_is(
    home: Path, postgres: PostgresServer, schema: str
) -> None:
    address = postgres.url.replace("mnemic@", "mnemic:heliotrope@")
    ledger = SqliteLedger(home / "ledger.sqlite3")
    async with open_home(home) as memory:
        await memory.recall("ferry")
        migrate_memory(address, schema=schema, home=home)
        for call in (memory.recall("ferry"), memory.remember("too late"), memory.status(), memory.doctor()):
            with pytest.raises(LedgerMoved) as caught:
                await call
            told = str(caught.value)
            assert f"MNEMIC_DATABASE='{postgres.url}' MNEMIC_DATABASE_SCHEMA={schema}" in told
            assert "heliotrope" not in told
    with (
        pytest.raises(LedgerMoved, match="went to MNEMIC_DATABASE"),
        translated_errors(home),
        closing(sqlite3.connect(home / "ledger.sqlite3")) as late_statement,
    ):
        late_statement.execute("UPDATE ledger SET unscrubbed = 0")
    # Whoever opened it with a mnemic that does not look: not a row can be written, and the database says why.
    with pytest.raises(LedgerMoved):
        ledger.repair()
    ledger.close()
    with closing(sqlite3.connect(home / "ledger.sqlite3")) as raw:
        with pytest.raises(sqlite3.IntegrityError, match="went to MNEMIC_DATABASE='postgresql"):
            raw.execute("UPDATE ledger SET seq = seq + 1")
        with pytest.raises(sqlite3.IntegrityError, match="went to"):
            raw.execute("DELETE FROM memories")
    with pytest.raises(LedgerMoved):
        async with open_home(home) as late:
            await late.status()
    done = subprocess.run(
        [COMMAND, "remember", "too late", "--home", str(home)], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("LedgerMoved: The memory of")


async def test_a_move_is_taken_back_and_the_folder_is_as_it_was(
    home: Path, postgres: PostgresServer, schema: str
) -> None:
    before = folder_export(home)
    migrate_memory(postgres.url, schema=schema, home=home)
    with pytest.raises(InvalidInput, match="has to be asked there"):
        undo_migration(home=home)
    assert undo_migration(postgres.url, home=home) == []
    async with open_home(home) as memory:
        assert await exported(memory) == before
        assert (await memory.doctor()).healthy
        await memory.remember("The folder is open again")
    names = names_in(home)
    assert not [name for name in names if name.startswith("moving")]
    with pytest.raises(StoreUnavailable, match="taken back to the folder"):
        async with open_home(home, database=postgres.url, database_schema=schema) as memory:
            await memory.status()
    with pytest.raises(InvalidInput, match="not moving"):
        undo_migration(postgres.url, home=home)
    with pytest.raises(InvalidInput, match="holds a memory that was taken back"):
        migrate_memory(postgres.url, schema=schema, home=home)


async def test_what_the_database_has_learnt_since_is_not_dropped_unasked(
    home: Path, postgres: PostgresServer, schema: str
) -> None:
    migrate_memory(postgres.url, schema=schema, home=home)
    async with open_home(home, database=postgres.url, database_schema=schema) as memory:
        await change(memory, "later", 0, Acknowledged())
        with pytest.raises(InvalidInput, match="has changed in the database"):
            undo_migration(postgres.url, home=home)
        await memory.remember("The refused undo left the database open")
        differing = undo_migration(postgres.url, home=home, force=True)
        assert {"memories", "items", "session_messages", "outcomes", "utilities"} <= {one.table for one in differing}
        with pytest.raises(MnemicError, match="taken back to the folder"):
            await memory.remember("The database is closed")


async def test_a_move_that_is_not_finished_is_stopped_and_leaves_nothing(
    home: Path, postgres: PostgresServer, schema: str
) -> None:
    before = folder_export(home)
    assert Process("mover", str(home), postgres.url, schema, "Target.put_back", "3", "after").end()[0] != 0
    with pytest.raises(StoreUnavailable, match="is being filled"):
        async with open_home(home, database=postgres.url, database_schema=schema) as memory:
            await memory.status()
    with pytest.raises(InvalidInput, match="on its way to"):
        migrate_memory(postgres.url, schema="another", home=home)
    assert undo_migration(postgres.url, home=home) == []
    assert folder_export(home) == before
    assert not [name for name in names_in(home) if name.startswith("moving")]
    with psycopg.connect(postgres.url) as other:
        assert other.execute("SELECT to_regnamespace(%s)", (schema,)).fetchone() == (None,)


async def test_a_folder_that_is_closed_for_the_last_step_can_be_opened_again(
    home: Path, postgres: PostgresServer, schema: str
) -> None:
    assert Process("mover", str(home), postgres.url, schema, "Source.close_ledger", "1", "after").end()[0] != 0
    with pytest.raises(StoreUnavailable, match="on its way"):
        async with open_home(home) as memory:
            await memory.status()
    undo_migration(postgres.url, home=home)
    async with open_home(home) as memory:
        await memory.remember("The folder is open again")


async def test_the_command_tells_people_and_programs(home: Path, postgres: PostgresServer, schema: str) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [COMMAND, "migrate", postgres.url, *arguments, "--home", str(home)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    told = run("--schema", schema)
    assert told.returncode == 0, told.stderr
    assert "memories and" in told.stdout and f"MNEMIC_DATABASE='{postgres.url}'" in told.stdout
    assert run("--schema", schema).stderr.startswith("InvalidInput: The memory of")
    assert "is open again" in run("--undo").stdout
    done = run("--schema", f"{schema}_again", "--json")
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["memories"] == len([line for line in folder_export(home) if '"type":"memory"' in line])
    assert report["closed_seconds"] <= report["seconds"]
    assert NAMESPACE
