"""A backup is one moment of a memory, taken while others write it, and it comes back whole."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

import mnemic
from mnemic.backup import back_up_memory, restore_memory
from mnemic.errors import InvalidInput, StoreCorrupted, StoreUnavailable
from mnemic_mcp.cli.app import app
from tests.faults.test_storm import Worker

runner = CliRunner()


async def lines_of(folder: Path) -> list[str]:
    async with mnemic.open_memory(folder, namespace="storm", chroma="off") as memory:
        return [line async for line in memory.export()]


def memories_in(lines: list[str]) -> dict[str, str]:
    parsed = map(json.loads, lines)
    return {line["id"]: line["text"] for line in parsed if line["type"] == "memory"}


async def fill(folder: Path, *texts: str) -> None:
    async with mnemic.open_memory(folder, namespace="storm", chroma="off") as memory:
        for text in texts:
            await memory.remember(text)


async def test_a_backup_taken_while_four_processes_write_restores_all_that_was_acknowledged_before(
    tmp_path: Path,
) -> None:
    home, copy, file = tmp_path / "home", tmp_path / "copy", tmp_path / "memory.backup"
    workers = [Worker(home, f"writer {at}", 100_000) for at in range(4)]
    try:
        for worker in workers:
            worker.wait_for(40)
        before = {id: text for worker in workers for id, text in dict(worker.acknowledged).items()}
        report = back_up_memory(file, home=home)
        lines_then = [worker.lines for worker in workers]
        for worker, seen in zip(workers, lines_then, strict=True):
            # All of them go on after it.
            worker.wait_for(seen + 5)
    finally:
        for worker in workers:
            worker.process.kill()
            worker.finish()
    restored = restore_memory(file, home=copy)
    assert restored.moved_aside is None
    assert restored.backup.sha256 == report.sha256
    lines = await lines_of(copy)
    there = memories_in(lines)
    assert len(before) >= 4 * 30
    assert {id: there.get(id) for id in before} == before
    assert len(there) == report.counts["memories"]
    # The source went on; its lines about these memories are the same, but for what was confirmed after the backup.
    now = {json.loads(line)["id"]: json.loads(line) for line in await lines_of(home) if '"type":"memory"' in line}
    assert len(now) > len(there)
    for line in lines:
        parsed = json.loads(line)
        if parsed["type"] == "memory":
            later = now[parsed["id"]]
            for name in ("confirmations", "confirmed_at"):
                parsed.pop(name, None)
                later.pop(name, None)
            assert parsed == later
    async with mnemic.open_memory(
        copy, namespace="storm", chroma="embedded", chroma_from_memories=0, chroma_poll_seconds=0.05
    ) as memory:
        await memory.reindex()
        assert (await memory.doctor()).healthy
        text = next(iter(before.values()))
        assert (await memory.recall(text, k=1)).hits[0].memory.text == text
        assert (await memory.status()).index["served_by"] == "chroma"


async def test_a_restored_memory_exports_the_same_bytes(tmp_path: Path) -> None:
    await fill(tmp_path / "home", "Ana moved to Lisbon.", "Ana moved to Porto.", "The ferry leaves at nine.")
    then = await lines_of(tmp_path / "home")
    back_up_memory(tmp_path / "file", home=tmp_path / "home")
    await fill(tmp_path / "home", "This came later.")
    restore_memory(tmp_path / "file", home=tmp_path / "copy")
    assert await lines_of(tmp_path / "copy") == then
    assert await lines_of(tmp_path / "home") != then


async def test_a_backup_replaces_no_file_unless_told_to(tmp_path: Path) -> None:
    await fill(tmp_path / "home", "Ana moved to Lisbon.")
    file = tmp_path / "file"
    file.write_text("precious")
    with pytest.raises(InvalidInput, match="exists already"):
        back_up_memory(file, home=tmp_path / "home")
    assert file.read_text() == "precious"
    report = back_up_memory(file, home=tmp_path / "home", force=True)
    assert report.counts["memories"] == 1
    if os.name != "nt":
        assert file.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "home"]
    with pytest.raises(InvalidInput, match="the memory itself"):
        back_up_memory(tmp_path / "home" / "ledger.sqlite3", home=tmp_path / "home", force=True)
    os.link(tmp_path / "home" / "ledger.sqlite3", tmp_path / "Ledger")  # as another spelling is on macOS and Windows
    with pytest.raises(InvalidInput, match="the memory itself"):
        back_up_memory(tmp_path / "Ledger", home=tmp_path / "home", force=True)
    with pytest.raises(InvalidInput, match="no memory in"):
        back_up_memory(tmp_path / "other", home=tmp_path / "nowhere")


async def test_restoring_over_a_memory_moves_the_old_one_aside(tmp_path: Path) -> None:
    home = tmp_path / "home"
    await fill(home, "Ana moved to Lisbon.")
    back_up_memory(tmp_path / "file", home=home)
    await fill(home, "This came later.")
    with pytest.raises(InvalidInput, match=r"a memory in .* already"):
        restore_memory(tmp_path / "file", home=home)
    report = restore_memory(tmp_path / "file", home=home, force=True)
    assert sorted(memories_in(await lines_of(home)).values()) == ["Ana moved to Lisbon."]
    assert report.moved_aside is not None
    assert sorted(memories_in(await lines_of(report.moved_aside)).values()) == [
        "Ana moved to Lisbon.",
        "This came later.",
    ]


async def test_a_memory_that_cannot_be_moved_aside_whole_stays_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, replace = tmp_path / "home", Path.replace
    await fill(home, "Ana moved to Lisbon.")
    back_up_memory(tmp_path / "file", home=home)
    await fill(home, "This came later.")
    (home / "chroma").mkdir(exist_ok=True)
    before = sorted(path.name for path in home.iterdir())

    def refusing(self: Path, target: Path) -> Path:
        if self.name == "chroma":
            raise PermissionError("somebody reads a file in it")  # as Windows says
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refusing)
    with pytest.raises(StoreUnavailable, match="somebody reads"):
        restore_memory(tmp_path / "file", home=home, force=True)
    assert sorted(path.name for path in home.iterdir()) == before
    assert len(memories_in(await lines_of(home))) == 2


async def test_a_memory_that_is_in_use_is_not_moved_away_under_its_user(tmp_path: Path) -> None:
    home = tmp_path / "home"
    await fill(home, "Ana moved to Lisbon.")
    back_up_memory(tmp_path / "file", home=home)
    worker = Worker(home, "user", 100_000)
    try:
        worker.wait_for(3)
        with pytest.raises(StoreUnavailable, match="open"):
            restore_memory(tmp_path / "file", home=home, force=True)
        lines = worker.lines
        worker.wait_for(lines + 3)
    finally:
        worker.process.kill()
        worker.finish()
    there = memories_in(await lines_of(home))
    assert {id: there.get(id) for id in worker.acknowledged} == worker.acknowledged


@pytest.mark.parametrize("place", [0, 40, 5_000, 60_000, 150_000])
async def test_a_damaged_backup_changes_nothing(tmp_path: Path, place: int) -> None:
    await fill(tmp_path / "home", *(f"Note {at} is about harbour ferries." for at in range(40)))
    digest = back_up_memory(tmp_path / "file", home=tmp_path / "home").sha256
    damaged = bytearray((tmp_path / "file").read_bytes())
    assert len(damaged) > 160_000
    damaged[place : place + 2_000] = b"\xa5" * 2_000
    (tmp_path / "file").write_bytes(damaged)
    before = await lines_of(tmp_path / "home")
    with pytest.raises(StoreCorrupted, match="damaged"):
        restore_memory(tmp_path / "file", home=tmp_path / "home", force=True, sha256=digest)
    with pytest.raises(StoreCorrupted, match="damaged"):
        restore_memory(tmp_path / "file", home=tmp_path / "copy", sha256=digest)
    assert not any((tmp_path / "copy").glob("*"))
    assert await lines_of(tmp_path / "home") == before


async def test_a_ledger_that_is_damaged_gives_no_backup(tmp_path: Path) -> None:
    await fill(tmp_path / "home", *(f"Note {at} is about harbour ferries." for at in range(40)))
    path = tmp_path / "home" / "ledger.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    damaged = bytearray(path.read_bytes())
    damaged[8_000:90_000] = b"\xa5" * 82_000
    path.write_bytes(damaged)
    with pytest.raises(StoreCorrupted):
        back_up_memory(tmp_path / "file", home=tmp_path / "home")
    assert [entry.name for entry in tmp_path.iterdir()] == ["home"]


def test_the_commands_print_the_digest_and_say_what_to_do(tmp_path: Path) -> None:
    home, copy, file = (str(tmp_path / name) for name in ("home", "copy", "file"))
    asyncio.run(fill(tmp_path / "home", "Ana moved to Lisbon."))
    first = runner.invoke(app, ["backup", file, "--home", home, "--json"])
    assert first.exit_code == 0, first.stderr
    digest = json.loads(first.stdout)["sha256"]
    nowhere = runner.invoke(app, ["backup", "-", "--home", home])
    assert nowhere.exit_code == 1 and "A backup is a file" in nowhere.stderr, (
        "elsewhere - is stdout, and no file's name"
    )
    assert not Path("-").exists()
    again = runner.invoke(app, ["backup", file, "--home", home])
    assert again.exit_code == 1 and "--force" in again.stderr
    done = runner.invoke(app, ["restore", file, "--home", copy, "--sha256", digest])
    assert done.exit_code == 0 and digest in done.stdout and "restored 1 memory" in done.stdout
    assert "Ana moved to Lisbon." in runner.invoke(app, ["list", "--home", copy, "-n", "storm"]).stdout
