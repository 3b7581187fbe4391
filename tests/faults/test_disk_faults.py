"""Disks fill up, folders cannot be written, files are damaged, processes die half-way: a clear error, nothing half-done."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mnemic
from mnemic import NewMemory
from mnemic.errors import StoreCorrupted, StoreUnavailable
from tests.conftest import ROOT


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own with little room; skips where none can be mounted."""
    folder.mkdir()
    mounted = (
        sys.platform == "linux"
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
        ).returncode
    )
    if not mounted:
        pytest.skip("this machine does not let the tests mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_is_a_clear_error_and_nothing_is_half_written(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk:
        acknowledged: list[str] = []
        async with mnemic.open_memory(disk / "home", chroma="off") as memory:
            with pytest.raises(StoreUnavailable, match="disk is full"):
                for at in range(5_000):
                    batch = [NewMemory(text=f"note {at} part {part} " + "x" * 200) for part in range(5)]
                    acknowledged += [receipt.id for receipt in await memory.remember_many(batch)]
            assert acknowledged
            assert len(acknowledged) % 5 == 0
            # Reading goes on.
            assert (await memory.recall("note 0", k=1)).hits
            assert (await memory.status()).memories == len(acknowledged)
        async with mnemic.open_memory(disk / "home", chroma="off") as memory:
            assert (await memory.status()).memories == len(acknowledged)
            assert (await memory.doctor()).healthy


async def test_a_disk_that_has_room_again_takes_memories_again(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "3m") as disk:
        ballast = disk / "ballast"
        async with mnemic.open_memory(disk / "home", chroma="off") as memory:
            await memory.remember("before")
            with contextlib.suppress(OSError):
                ballast.write_bytes(b"x" * 8_000_000)
            with pytest.raises(StoreUnavailable):
                for at in range(100):
                    await memory.remember(f"during {at} " + "y" * 20_000)
            ballast.unlink()
            receipt = await memory.remember("after")
            assert (await memory.get(receipt.id)).text == "after"


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs a file system to mount read-only")
async def test_a_read_only_folder_is_a_clear_error(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "8m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(StoreUnavailable, match="MNEMIC_HOME"):
            async with mnemic.open_memory(disk / "home"):
                pass


async def test_a_home_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("I am a file")
    with pytest.raises(StoreUnavailable, match="folder that this user may write to"):
        async with mnemic.open_memory(tmp_path / "home"):
            pass


@pytest.mark.parametrize("damage", ["garbage", "middle"])
async def test_a_damaged_ledger_says_what_to_do_and_is_left_alone(tmp_path: Path, damage: str) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        await memory.remember_many([NewMemory(text=f"note {at} " + "z" * 300) for at in range(300)])
    path = tmp_path / "ledger.sqlite3"
    content = bytearray(path.read_bytes())
    if damage == "garbage":
        content[:] = os.urandom(len(content))
    else:
        content[8192 : len(content) // 2] = os.urandom(len(content) // 2 - 8192)
    path.write_bytes(content)
    with pytest.raises(StoreCorrupted, match="import your last export"):
        async with mnemic.open_memory(tmp_path, chroma="off") as memory:
            await memory.recall("note 7")
            for at in range(300):
                await memory.remember(f"more {at}")
    assert path.exists()


async def test_a_ledger_of_a_newer_version_is_refused_and_untouched(tmp_path: Path) -> None:
    import sqlite3

    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        await memory.remember("kept")
    connection = sqlite3.connect(tmp_path / "ledger.sqlite3")
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(StoreUnavailable, match="Update mnemic"):
        async with mnemic.open_memory(tmp_path, chroma="off"):
            pass


@pytest.mark.slow
async def test_an_import_that_is_killed_half_way_leaves_nothing_and_can_be_repeated(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path / "from", chroma="off") as memory:
        await memory.remember_many([NewMemory(text=f"note {at} about topic {at % 7}") for at in range(3_000)])
        lines = [line async for line in memory.export()]
    (tmp_path / "export.jsonl").write_text("\n".join(lines))
    script = (
        "import asyncio, sys, mnemic\n"
        "async def main():\n"
        "    async with mnemic.open_memory(sys.argv[1], chroma='off') as memory:\n"
        "        print('ready', flush=True)\n"
        "        await memory.import_(open(sys.argv[2]).read().split(chr(10)))\n"
        "asyncio.run(main())\n"
    )
    for delay in (0.05, 0.2, 0.35, 0.5):
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "to"), str(tmp_path / "export.jsonl")],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        async with mnemic.open_memory(tmp_path / "to", chroma="off") as memory:
            assert (await memory.status()).memories in (0, 3_000)
            assert (await memory.doctor()).healthy
    async with mnemic.open_memory(tmp_path / "to", chroma="off") as memory:
        await memory.import_(lines)
        assert [line async for line in memory.export()] == lines


@pytest.mark.parametrize("chroma_from", [10, 10_000])
async def test_erasing_leaves_no_byte_of_the_text_in_any_file(tmp_path: Path, chroma_from: int) -> None:
    async with mnemic.open_memory(tmp_path, chroma_from_memories=chroma_from, chroma_poll_seconds=0.05) as memory:
        await memory.remember_many([NewMemory(text=f"harmless note {at}") for at in range(200)])
        first = await memory.remember("The passphrase is xylophonecanary seven", tags=["canarytagsecret"])
        second = await memory.supersede(first.id, "The passphrase is zebracanary eight")
        await memory.remember("The passphrase is zebracanary eight")
        follower = memory._opened().follower
        assert follower is not None
        folder = None
        if chroma_from == 10:
            seq = (await memory.status()).last_seq
            assert await memory.run(lambda _: follower.wait_until(seq, timeout_seconds=240))
            folder = tmp_path / "chroma" / str(follower.generation)
            assert folder.exists()
        receipt = await memory.erase([second.id])
        assert set(receipt.erased) == {first.id, second.id}
        if folder is not None:
            await memory.reindex(timeout_seconds=240)
            assert not folder.exists()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for secret in (b"xylophonecanar", b"zebracanar", b"canarytag"):
                assert secret not in content, (path, secret)
