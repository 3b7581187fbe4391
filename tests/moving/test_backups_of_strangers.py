"""A backup that somebody else changed is refused before anything of it is run, and one that cannot be read is no memory."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

import mnemic
from mnemic.backup import back_up_memory, restore_memory
from mnemic.domain.items import PutItem
from mnemic.errors import StoreCorrupted
from tests.soak.upgrades import lay_out, released_versions

_ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"


@pytest.fixture
async def backup(tmp_path: Path) -> Path:
    async with mnemic.open_memory(tmp_path / "origin", chroma="off", durable=False) as memory:
        await memory.remember("The ferry leaves at nine.", tags=["travel"])
    back_up_memory(tmp_path / "memory.backup", home=tmp_path / "origin")
    return tmp_path / "memory.backup"


def _change(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as file:
        for statement in statements:
            file.execute(statement)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (("CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM memories; END",), "it has a trigger t"),
        (("CREATE VIEW v AS " + _ENDLESS,), "it has a view v"),
        (("DROP TABLE links", "CREATE VIEW links AS " + _ENDLESS), "it has no table links"),
        (("DROP TABLE memories",), "it has no table memories"),
        (("DROP TABLE links", "CREATE VIRTUAL TABLE links USING fts5 (a)"), "it has a virtual table links"),
        (("DROP TRIGGER memories_appended", "CREATE TRIGGER memories_appended AFTER INSERT ON memories BEGIN SELECT 1; END"),
         "its trigger memories_appended is another"),
        (("ALTER TABLE memories ADD COLUMN more TEXT",), "its table memories has other columns"),
        (("DELETE FROM ledger",), "its ledger has no row"),
        (("PRAGMA user_version = 0",), "no mnemic wrote it"),
        (("PRAGMA user_version = 3",), "that no version makes"),
        (("UPDATE memories SET valid_from = 9223372036854775807",), "cannot be read"),
        (("UPDATE memories SET origin = '[]'",), "cannot be read"),
        (("UPDATE vectors_1 SET vector = x'00'",), "have another length"),
        (("PRAGMA writable_schema = ON",
          "UPDATE sqlite_schema SET sql = replace(sql, 'dimensions INTEGER NOT NULL', 'dimensions INTEGER         ') "
          "WHERE name = 'embedders'",
          "PRAGMA writable_schema = RESET", "UPDATE embedders SET dimensions = NULL",
          "PRAGMA writable_schema = ON",
          "UPDATE sqlite_schema SET sql = replace(sql, 'dimensions INTEGER         ', 'dimensions INTEGER NOT NULL') "
          "WHERE name = 'embedders'", "PRAGMA writable_schema = RESET"),
         "the embedder 1 has no dimensions"),
    ],
)  # fmt: skip
def test_what_no_version_of_mnemic_makes_is_refused_and_nothing_is_left(
    tmp_path: Path, backup: Path, changes: tuple[str, ...], why: str
) -> None:
    _change(backup, *changes)
    with pytest.raises(StoreCorrupted, match=why) as caught:
        restore_memory(backup, home=tmp_path / "home")
    assert ".restoring-" not in caught.value.message and "Error" not in caught.value.message
    assert not (tmp_path / "home").exists() or list((tmp_path / "home").iterdir()) == []


def test_a_name_in_it_that_is_no_text_is_damage(tmp_path: Path, backup: Path) -> None:
    raw = backup.read_bytes()
    backup.write_bytes(raw.replace(b"memories_appended", b"memories_\xff\xfepended"))
    with pytest.raises(StoreCorrupted, match="is damaged"):
        restore_memory(backup, home=tmp_path / "home")


@pytest.mark.parametrize("version", released_versions())
async def test_a_backup_of_every_released_version_comes_back(tmp_path: Path, version: int) -> None:
    shown = lay_out(version, tmp_path / "old")
    report = restore_memory(tmp_path / "old" / "ledger.sqlite3", home=tmp_path / "home")
    assert report.backup.schema_version == version
    async with mnemic.open_memory(tmp_path / "home", namespace="old", chroma="off") as memory:
        assert {record.id for record in await memory.records(namespace="old")} <= set(shown["memories"])
        assert (await memory.status()).memories == report.backup.counts["memories"]
    # It is of this version now, and can be backed up and brought back again.
    back_up_memory(tmp_path / "again.backup", home=tmp_path / "home")
    again = restore_memory(tmp_path / "again.backup", home=tmp_path / "again")
    assert again.backup.counts["memories"] == report.backup.counts["memories"]


async def test_a_row_that_was_changed_from_outside_is_told_and_other_memories_are_answered(tmp_path: Path) -> None:
    home = tmp_path / "home"
    async with mnemic.open_memory(home, chroma="off") as memory:
        spoilt = await memory.remember("The ferry leaves at nine.")
        whole = await memory.remember("The kettle is copper.")
    _change(home / "ledger.sqlite3", f"UPDATE memories SET valid_from = 9223372036854775807 WHERE id = '{spoilt.id}'")
    async with mnemic.open_memory(home, chroma="off") as memory:
        with pytest.raises(StoreCorrupted, match=f"The memory '{spoilt.id}' cannot be read") as caught:
            await memory.get(spoilt.id)
        assert "backup" in caught.value.hint
        assert (await memory.get(whole.id)).text == "The kettle is copper."


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE outcomes SET body = '{'", "The outcome of a task"),
        ("UPDATE events SET detail = '['", "An event of a memory"),
        ("UPDATE items SET value = '{'", "An item"),
        ("UPDATE session_messages SET body = '{}'", "A message of a session"),
        ("UPDATE guard_audit SET detail = 'x'", "An entry of the guard's log"),
    ],
)
async def test_a_part_that_was_changed_from_outside_is_named(tmp_path: Path, change: str, what: str) -> None:
    home = tmp_path / "home"
    async with mnemic.open_memory(home, chroma="off") as memory:
        kept = await memory.remember("The ferry leaves at nine.")
        await memory.archive([kept.id])
        await memory.learning.outcome("count the lamps", 1.0, used=[kept.id], key="first")
        await memory.items.run([PutItem(path=("shelf",), key="k", value={"text": "A copper kettle"})])
        await memory.session("talk").append("Please count the lamps.")
        await memory.guard.reject([kept.id])
    _change(home / "ledger.sqlite3", change)
    async with mnemic.open_memory(home, chroma="off") as memory:
        with pytest.raises(StoreCorrupted, match=f"{what} cannot be read"):
            await memory.history(kept.id)
            await memory.session("talk").originals()
            await memory.guard.audit()
            [line async for line in memory.export()]
