"""A memory moves to a database while it is used: nothing is lost, nothing comes twice, nobody is left behind."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mnemic import Memory
from mnemic.backup import back_up_memory, restore_memory
from mnemic.domain.items import GetItem, Item
from mnemic.errors import InvalidInput, LedgerMoved, MnemicError, StoreCorrupted, StoreUnavailable
from mnemic.migration import migrate_memory, undo_migration
from mnemic.services.transfer import lines_of
from mnemic.storage.migrating.source import Source
from mnemic.storage.sqlite.connections import translated_errors
from mnemic.storage.sqlite.ledger import SqliteLedger
from tests.conftest import ROOT
from tests.migrating.filling import NAMESPACE, Acknowledged, change, fill, open_home
from tests.postgres.servers import PostgresServer

COMMAND = str(Path(sys.executable).parent / "mnemic")


class Process:
    """A process of the tests whose lines are kept."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.migrating.{module}", *arguments], cwd=ROOT, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip
        self._lines: list[str] = []
        self._came = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for_lines(self, count: int) -> None:
        with self._came:
            assert self._came.wait_for(lambda: len(self._lines) >= count or self._ended, timeout=240), self._lines
            assert len(self._lines) >= count, self.end()

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> tuple[int, str]:
        """Its exit code and its last line."""
        code = self._process.wait(timeout=240)
        self._reader.join(60)
        assert self._process.stderr is not None and self._process.stdout is not None
        with self._process.stderr as errors, self._process.stdout:
            told = errors.read()
        assert code in (0, -signal.SIGKILL), told
        return code, self._lines[-1] if self._lines else ""

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._came:
                self._lines.append(line)
                self._came.notify_all()
        with self._came:
            self._ended = True
            self._came.notify_all()


@pytest.fixture
def writing() -> Iterator[Callable[[Path], list[Process]]]:
    """Starts two processes that write a folder, and waits until both do."""
    started: list[Process] = []

    def start(home: Path) -> list[Process]:
        started.extend(Process("writer", str(home), f"writer {at}") for at in range(2))
        for writer in started:
            writer.wait_for_lines(2)
        return started

    yield start
    for writer in started:
        writer.kill()


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    await fill(tmp_path / "home")
    return tmp_path / "home"


def folder_export(home: Path) -> list[str]:
    """The export of a folder, closed or not."""
    with closing(Source(home / "ledger.sqlite3")) as source, source.snapshot() as snapshot:
        return list(lines_of(snapshot.reader()))


def rows_of_every_table(home: Path) -> dict[str, int]:
    with closing(Source(home / "ledger.sqlite3")) as source, source.snapshot() as snapshot:
        return {table.name: snapshot.count(table) for table in snapshot.all_tables()}


async def exported(memory: Memory) -> list[str]:
    return [line async for line in memory.export()]


async def check_moved(memory: Memory, home: Path, written: list[Acknowledged]) -> None:
    """All of it is there, and what was acknowledged as it was acknowledged."""
    assert await exported(memory) == folder_export(home)
    findings = (await memory.doctor()).findings
    # What was erased before the move is vacuumed when no reader is old enough to see it: by housekeeping, a little later.
    assert all(finding.ok for finding in findings if finding.check != "erasures"), findings
    records = {str(record.id): record.text for record in await memory.records()}
    for done in written:
        assert {id: records.get(id) for id in done.texts} == done.texts
        assert not set(done.erased) & records.keys()
    tasks = [json.loads(line)["task"] for line in await exported(memory) if '"type":"outcome"' in line]
    assert len(tasks) == len(set(tasks))
    for done in written:
        assert set(done.tasks) <= set(tasks)
        for key, text in done.items.items():
            (found,) = await memory.items.run([GetItem(path=("shelf",), key=key)])
            assert found is None if text is None else isinstance(found, Item) and found.value["text"] == text
    for number, done in enumerate(written):
        messages = [message.text for message in await memory.session(f"talk of writer {number}").originals()]
        assert len(messages) == len(set(messages))
        assert [text for text in messages if text in set(done.said)] == done.said
    # New rows take numbers that none had, and are found.
    receipt = await memory.remember("The heron of Kallavesi stands at pier 44")
    assert [hit.memory.id for hit in (await memory.recall("heron of Kallavesi", k=1)).hits] == [receipt.id]


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
    names = _names_in(home)
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
    assert not [name for name in _names_in(home) if name.startswith("moving")]
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
    assert not [name for name in _names_in(tmp_path / "restored") if name.startswith("moving")]


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


def _names_in(home: Path) -> list[str]:
    with closing(sqlite3.connect(home / "ledger.sqlite3")) as raw:
        return [row[0] for row in raw.execute("SELECT name FROM sqlite_schema")]
