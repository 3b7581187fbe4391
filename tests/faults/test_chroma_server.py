"""Chroma as a server: everybody asks it, one process feeds it, and nobody depends on it."""

from __future__ import annotations

import contextlib
import gc
import shutil
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

import mnemic
from mnemic import Memory, NewMemory
from mnemic.storage.chroma_follower import ChromaFollower
from tests.ports import free_port

# Chroma's HTTP client offers no way to close its connections; the collector may come upon them while a test runs.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def _collect_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Chroma's HTTP client offers no way to close its connections: they are closed when it is collected."""
    # No server of these tests hangs, but each may have to wait for its turn.
    monkeypatch.setattr("mnemic.storage.chroma_store._HTTP_TIMEOUT_SECONDS", 60.0)
    yield
    from chromadb.api.shared_system_client import SharedSystemClient

    SharedSystemClient.clear_system_cache()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@contextlib.contextmanager
def chroma_server(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A real Chroma server on loopback."""
    command = [str(Path(sys.executable).parent / "chroma"), "run", "--path", str(folder), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 120
        while not _listens(port):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def _options(port: int) -> dict[str, Any]:
    return {
        "namespace": ("box",), "chroma": "server", "chroma_port": port, "chroma_from_memories": 50,
        "chroma_poll_seconds": 0.05,
    }  # fmt: skip


def _follower(memory: Memory) -> ChromaFollower:
    follower = memory._opened().follower
    assert follower is not None
    return follower


async def _fill(memory: Memory, start: int = 0) -> None:
    await memory.remember_many(
        [NewMemory(text=f"parcel {at} lies beside crate {at * 13 % 101}") for at in range(start, start + 120)]
    )


async def _settled(memory: Memory) -> None:
    seq = (await memory.status()).last_seq
    assert await memory.run(lambda _: _follower(memory).wait_until(seq, timeout_seconds=240))


async def _until_served_by(memory: Memory, wanted: str) -> None:
    """Ask until the index that should answer does; whichever does, the answer is right."""
    with anyio.fail_after(240):
        while True:
            _follower(memory).nudge()
            assert (await memory.recall("parcel 42 beside crate", k=1)).hits[0].memory.text.startswith("parcel 42 ")
            if (await memory.status()).index["served_by"] == wanted:
                return


async def test_two_memories_share_a_server_and_one_of_them_feeds_it(tmp_path: Path) -> None:
    port = free_port()
    with chroma_server(tmp_path / "chroma", port):
        async with (
            mnemic.open_memory(tmp_path / "home", **_options(port)) as one,
            mnemic.open_memory(tmp_path / "home", **_options(port)) as two,
        ):
            await _fill(one)
            await _settled(one)
            await _until_served_by(one, "chroma")
            await _until_served_by(two, "chroma")
            assert [_follower(memory).is_owner for memory in (one, two)].count(True) == 1
            await two.remember("a violet umbrella was left in the hall")
            assert (await one.recall("violet umbrella", k=1)).hits[0].memory.text.startswith("a violet")


async def test_recall_goes_on_without_the_server_and_with_one_that_lost_everything(tmp_path: Path) -> None:
    port = free_port()
    async with mnemic.open_memory(tmp_path / "home", **_options(port)) as memory:
        await _fill(memory)
        await _until_served_by(memory, "exact")
        with chroma_server(tmp_path / "chroma", port):
            await _settled(memory)
            await _until_served_by(memory, "chroma")
            generation = _follower(memory).generation
        assert (await memory.recall("parcel 42 beside crate", k=1)).hits
        shutil.rmtree(tmp_path / "chroma")
        await _fill(memory, 120)
        with chroma_server(tmp_path / "chroma", port):
            await _settled(memory)
            await _until_served_by(memory, "chroma")
            assert _follower(memory).generation != generation
            assert (await memory.doctor()).healthy
