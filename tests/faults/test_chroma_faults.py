"""Chroma may die, vanish or rot at any moment: recall goes on, and the index is rebuilt from the ledger."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import anyio
import pytest

import mnemic
from mnemic import Memory, NewMemory
from mnemic.storage import chroma_follower, chroma_store
from mnemic.storage.chroma_store import _OPEN_MARK
from tests.conftest import ROOT

COUNT = 300
OPTIONS: dict[str, Any] = {"namespace": ("box",), "chroma_from_memories": 100, "chroma_poll_seconds": 0.05}


def _text(at: int) -> str:
    return f"parcel {at} lies in aisle {at % 17} beside crate {at * 13 % 101}"


async def _fill(memory: Memory, start: int = 0) -> None:
    await memory.remember_many([NewMemory(text=_text(at)) for at in range(start, start + COUNT)])


async def _settled(memory: Memory) -> Any:
    follower = memory._opened().follower
    assert follower is not None
    seq = (await memory.status()).last_seq
    assert await memory.run(lambda _: follower.wait_until(seq, timeout_seconds=240))
    return follower


async def _served_by(memory: Memory) -> str:
    assert (await memory.recall(_text(42), k=1)).hits[0].memory.text == _text(42)
    return str((await memory.status()).index["served_by"])


def _generation_folder(home: Path) -> Path:
    (folder,) = [path for path in (home / "chroma").iterdir() if path.is_dir()]
    return folder


async def test_chroma_follows_from_a_certain_size_on_and_not_before(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, **OPTIONS) as memory:
        await memory.remember_many([NewMemory(text=_text(42))])
        assert await _served_by(memory) == "exact"
        assert not (tmp_path / "chroma").exists()
        await _fill(memory)
        await _settled(memory)
        assert await _served_by(memory) == "chroma"


async def test_when_the_owner_is_killed_another_process_takes_chroma_over(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", _OWNER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "owner\n"
    async with mnemic.open_memory(tmp_path, **OPTIONS) as memory:
        assert await _served_by(memory) == "exact"
        assert not memory._opened().follower.is_owner  # type: ignore[union-attr]
        owner.kill()
        owner.wait()
        owner.stdout.close()
        await _fill(memory, COUNT)
        follower = await _settled(memory)
        assert follower.is_owner
        assert await _served_by(memory) == "chroma"
        assert (await memory.doctor()).healthy


_OWNER = """
import asyncio, sys, mnemic
from tests.faults.test_chroma_faults import OPTIONS, _fill, _settled
async def main():
    async with mnemic.open_memory(sys.argv[1], **OPTIONS) as memory:
        await _fill(memory)
        assert (await _settled(memory)).is_owner
        print("owner", flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows deletes nothing that is in use")
async def test_a_folder_deleted_while_in_use_is_rebuilt(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, **OPTIONS) as memory:
        await _fill(memory)
        follower = await _settled(memory)
        lost = follower.generation
        shutil.rmtree(tmp_path / "chroma")
        await _fill(memory, COUNT)
        assert (await memory.recall(_text(42), k=1)).hits[0].memory.text == _text(42)
        await _until_generation_changes(memory, lost)
        assert await _served_by(memory) == "chroma"
        assert (await memory.doctor()).healthy


async def _rot_in_use(home: Path, victim: str) -> None:
    """Use Chroma while one of its files turns into noise."""
    async with mnemic.open_memory(home, **OPTIONS) as memory:
        for start in range(0, 5 * COUNT, COUNT):
            await _fill(memory, start)
        await _settled(memory)
        for path in (home / "chroma").rglob(victim):
            path.write_bytes(os.urandom(path.stat().st_size))
        await _fill(memory, 5 * COUNT)
        for at in (3, COUNT + 3, 5 * COUNT + 3):
            assert (await memory.recall(_text(at), k=1)).hits[0].memory.text == _text(at)
        assert all(finding.ok for finding in (await memory.doctor()).findings if finding.check != "index")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="told by the signals of a crash")
@pytest.mark.parametrize("victim", ["chroma.sqlite3", "data_level0.bin"])
def test_files_that_rot_while_in_use_lose_nothing(tmp_path: Path, victim: str) -> None:
    """Recall goes on. Noise in its vectors can crash Chroma, which is native code, and with it the process that owns it;
    the next process rebuilds the index, and every acknowledged memory is there.
    """
    code = (
        "import asyncio, pathlib\n"
        "from tests.faults.test_chroma_faults import _rot_in_use\n"
        f"asyncio.run(_rot_in_use(pathlib.Path({str(tmp_path)!r}), {victim!r}))"
    )
    used = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    crashes = (-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT) if victim == "data_level0.bin" else ()
    assert used.returncode in (0, *crashes), used.stderr

    async def afterwards() -> None:
        async with mnemic.open_memory(tmp_path, **OPTIONS) as memory:
            assert (await memory.status()).memories == 6 * COUNT
            await memory.reindex(timeout_seconds=240)
            for at in (3, COUNT + 3, 5 * COUNT + 3):
                assert (await memory.recall(_text(at), k=1)).hits[0].memory.text == _text(at)
            assert (await memory.status()).index["served_by"] == "chroma"
            assert (await memory.doctor()).healthy

    anyio.run(afterwards)


@pytest.mark.parametrize("victim", ["chroma.sqlite3", "data_level0.bin"])
async def test_a_folder_that_rotted_under_a_killed_owner_is_rebuilt(tmp_path: Path, victim: str) -> None:
    async with mnemic.open_memory(tmp_path, **OPTIONS) as memory:
        for start in range(0, 5 * COUNT, COUNT):
            await _fill(memory, start)
        lost = (await _settled(memory)).generation
    folder = _generation_folder(tmp_path)
    (folder / _OPEN_MARK).touch()
    damaged = list(folder.rglob(victim))
    assert damaged
    for path in damaged:
        path.write_bytes(os.urandom(path.stat().st_size))
    async with mnemic.open_memory(tmp_path, **OPTIONS) as memory:
        await _fill(memory, 5 * COUNT)
        follower = await _settled(memory)
        if victim == "chroma.sqlite3":
            assert follower.generation != lost
        assert await _served_by(memory) == "chroma"
        assert (await memory.doctor()).healthy


async def test_doctor_finds_vectors_that_chroma_lost_and_repairs_them(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, **OPTIONS) as memory:
        await _fill(memory)
        follower = await _settled(memory)
        collection = follower.store._collection(1, create=False)
        collection.delete(ids=collection.get(limit=5)["ids"])
        lost = follower.generation
        diagnosis = await memory.doctor()
        assert not diagnosis.healthy
        assert any("295 of 300" in finding.detail for finding in diagnosis.findings)
        await memory.doctor(repair=True)
        await _until_generation_changes(memory, lost)
        assert (await memory.doctor()).healthy


async def test_an_unfinished_rebuild_never_hides_a_memory(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, **OPTIONS) as memory:
        await _fill(memory)
        await _settled(memory)
        await memory.run(_forget_index)
        for at in range(0, COUNT, 29):
            assert (await memory.recall(_text(at), k=1)).hits[0].memory.text == _text(at)


@pytest.mark.usefixtures("patient_erasing")
async def test_an_erasure_while_chroma_is_being_fed_does_not_let_the_old_index_come_back(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, **OPTIONS) as memory:
        await _fill(memory)
        follower = await _settled(memory)
        old = follower.generation
        put = follower.store.put
        reached, gate = threading.Event(), threading.Event()

        def slow_put(*arguments: Any) -> None:
            put(*arguments)
            reached.set()
            assert gate.wait(120)

        follower.store.put = slow_put
        await _fill(memory, COUNT)
        follower.nudge()
        assert await memory.run(lambda _: reached.wait(120))
        doomed = (await memory.recall(_text(7), k=1)).hits[0].memory.id
        await memory.erase([doomed])
        gate.set()
        await _until_generation_changes(memory, old)
        assert not (tmp_path / "chroma" / old).exists()
        assert (await memory.doctor()).healthy


async def test_an_erasure_without_chroma_clears_a_folder_that_chroma_left(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, **OPTIONS) as memory:
        await _fill(memory)
        await _settled(memory)
    async with mnemic.open_memory(tmp_path, **{**OPTIONS, "chroma": "off"}) as memory:
        assert (tmp_path / "chroma").exists()
        await memory.erase([(await memory.recall(_text(7), k=1)).hits[0].memory.id])
        with anyio.fail_after(60):
            while (tmp_path / "chroma").exists():
                await memory.recall(_text(8), k=1)


async def test_a_folder_that_could_not_be_cleared_at_once_is_cleared_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear = chroma_store.forget_everything
    calls: list[int] = []

    def fails_once(*arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OSError(39, "Directory not empty")
        clear(*arguments)

    monkeypatch.setattr(chroma_follower, "forget_everything", fails_once)
    async with mnemic.open_memory(tmp_path, **{**OPTIONS, "chroma_from_memories": COUNT}) as memory:
        await _fill(memory)
        folder = tmp_path / "chroma" / str((await _settled(memory)).generation)
        await memory.erase([(await memory.recall(_text(7), k=1)).hits[0].memory.id])
        with anyio.fail_after(60):
            while folder.exists():
                await memory.recall(_text(8), k=1)
    assert len(calls) >= 2


async def test_only_large_namespaces_are_in_chroma(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, **OPTIONS) as memory:
        await memory.remember_many([NewMemory(text=f"note {at}", namespace=("small", str(at))) for at in range(120)])
        await _fill(memory)
        follower = await _settled(memory)
        assert len(follower.store._client.list_collections()) == 1
        assert (await memory.recall("note 7", namespace="small/7")).hits
        assert await _served_by(memory) == "chroma+exact"


def _forget_index(backends: Any) -> None:
    with backends.ledger.transaction() as transaction:
        transaction.forget_index_states()


async def _until_generation_changes(memory: Memory, old: str) -> None:
    follower = memory._opened().follower
    assert follower is not None

    def wait(_: Any) -> bool:
        with follower._caught_up:
            return follower._caught_up.wait_for(lambda: follower.generation not in (None, old), 240)

    follower.nudge()
    assert await memory.run(wait)
    await _settled(memory)
