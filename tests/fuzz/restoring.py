"""Backups that somebody hands us: the memory that they hold, working, or a typed error and the home as it was."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import shutil
import sqlite3
import tempfile
from pathlib import Path
from random import Random

import anyio
import anyio.from_thread

import mnemic
from mnemic.backup import back_up_memory, restore_memory
from mnemic.errors import MnemicError
from tests.fuzz.bounds import bounded
from tests.fuzz.databases import damaged_pages
from tests.fuzz.surface import Outcome
from tests.inspector.hostile import plant
from tests.soak.tally import scratch
from tests.soak.upgrades import lay_out, released_versions

_CHANGES = (
    "DROP TABLE memories", "DROP TABLE ledger", "DROP TABLE namespaces", "DELETE FROM ledger", "DROP TABLE memories_words",
    "UPDATE ledger SET memories = memories + 1", "UPDATE ledger SET seq = 'x'", "UPDATE memories SET tags = '{'",
    "UPDATE memories SET origin = '[]'", "UPDATE memories SET evidence = 'null'", "UPDATE memories SET text = ''",
    "UPDATE memories SET namespace = 99", "UPDATE memories SET kind = 'odd'", "UPDATE memories SET recorded_at = -1",
    "UPDATE memories SET valid_from = 9223372036854775807", "UPDATE memories SET channel = 'odd'", "DELETE FROM memories",
    "UPDATE namespaces SET path = '../x'",
    "UPDATE sqlite_schema SET sql = 'CREATE TABLE memories (a)' WHERE name = 'memories'",
    "PRAGMA user_version = 0", "PRAGMA user_version = 1", "PRAGMA user_version = 99", "PRAGMA user_version = -1",
    "PRAGMA application_id = 5", "ALTER TABLE memories RENAME TO other", "ALTER TABLE memories ADD COLUMN more DEFAULT 5",
    "CREATE VIEW erasures_too AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
    "DROP VIEW memories_searched", "CREATE TABLE more (a)", "DROP INDEX memories_by_id", "DROP TABLE events",
    "CREATE TRIGGER t AFTER INSERT ON memories BEGIN DELETE FROM memories; END",
    "CREATE TRIGGER t AFTER UPDATE ON ledger BEGIN UPDATE memories SET text = 'taken'; END",
    "DROP TABLE events; CREATE VIEW events AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n",
    "DROP TABLE links; CREATE VIRTUAL TABLE links USING fts5(a)", "UPDATE vectors_1 SET vector = x'00'",
)  # fmt: skip


@functools.cache
def _good() -> tuple[bytes, ...]:
    """Backups as they should be: of this version, and ledgers as older ones left them."""

    async def fill(home: Path) -> None:
        async with mnemic.open_memory(home, chroma="off", durable=False) as memory:
            await plant(memory, "<script>alert(1)</script>")
            await memory.remember("The ferry leaves at nine.")

    found = []
    with scratch() as base:
        with anyio.from_thread.start_blocking_portal() as portal:
            portal.call(fill, base / "home")
        back_up_memory(base / "backup", home=base / "home")
        found.append((base / "backup").read_bytes())
        for version in released_versions():
            lay_out(version, base / f"{version}")
            found.append((base / f"{version}" / "ledger.sqlite3").read_bytes())
    return tuple(found)


def fuzz_backups(seed: int, count: int) -> Outcome:
    """``count`` files given to restore, a third of them over a memory that is there."""
    r, outcome = Random(seed), Outcome()
    before = tempfile.tempdir
    with scratch() as base:
        tempfile.tempdir = str(base)
        try:
            for _ in range(count):
                _one(r, outcome, base / "case", f"seed {seed}, case {outcome.cases}")
        finally:
            tempfile.tempdir = before
    return outcome


def _one(r: Random, outcome: Outcome, folder: Path, where: str) -> None:
    folder.mkdir()
    backup, home = folder / "given.backup", folder / "home"
    how = _hand_in(r, backup)
    occupied = r.random() < 0.33
    if occupied:
        home.mkdir()
        (home / "ledger.sqlite3").write_bytes(_good()[-1])
    what = f"{where}: {how}, {'over a memory' if occupied else 'into nothing'}"
    before, given = _contents(home), backup.read_bytes()
    restored = False
    with bounded(outcome, what):
        report = restore_memory(backup, home=home, force=occupied)
        restored = True
        count = anyio.run(_use, home)
        if count != report.backup.counts["memories"]:
            outcome.findings.append(f"{what}: {count} of {report.backup.counts['memories']} memories arrived")
    if not restored and _contents(home) != before:
        outcome.findings.append(f"{what}: refused, and yet {sorted(_contents(home))} of {sorted(before)}")
    if backup.read_bytes() != given:
        outcome.findings.append(f"{what}: the backup was changed")
    shutil.rmtree(folder)


async def _use(home: Path) -> int:
    """What was restored, used: every answer is one, or a typed error."""
    async with mnemic.open_memory(home, chroma="off", durable=False) as memory:
        count = (await memory.status()).memories
        with contextlib.suppress(MnemicError):
            await memory.doctor()
            await memory.records()
            [line async for line in memory.export()]
            await memory.recall("When does the ferry leave?")
            await memory.remember("A lantern was hung up after the restore.")
        return count


def _hand_in(r: Random, path: Path) -> str:
    whole = r.choice(_good()) if r.random() < 0.5 else _good()[0]
    roll = r.random()
    if roll < 0.55:
        path.write_bytes(damaged_pages(r, whole))
        return "damaged"
    path.write_bytes(whole)
    if roll < 0.6:
        path.write_bytes(r.choice((b"", b"SQLite format 3\x00", r.randbytes(5_000))))
        return "none at all"
    changes = [r.choice(_CHANGES) for _ in range(r.choice((1, 1, 2, 3)))]
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as made:
        made.execute("PRAGMA journal_mode = DELETE")
        made.execute("PRAGMA writable_schema = ON")
        for change in changes:
            with contextlib.suppress(sqlite3.Error):
                made.executescript(change)
    return "; ".join(changes)


def _contents(home: Path) -> dict[str, str]:
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file() and not path.name.endswith("-shm")
    }
