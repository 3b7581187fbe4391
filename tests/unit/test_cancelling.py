"""What a cancelled caller leaves behind: nothing that is open, nothing half done, and its own cancellation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mnemic
from mnemic.errors import StoreUnavailable
from mnemic.partitioning import Opened, open_all
from mnemic.storage.sql.snapshot import SqlSnapshot
from mnemic.testing import WordEmbedder
from tests.waiting import until


class _Gate:
    """Where a thread waits until the test lets it go on."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.free = threading.Event()

    def pass_through(self) -> None:
        self.reached.set()
        assert self.free.wait(60)


async def _cancelled_while_it_waits(task: asyncio.Task[Any], gate: _Gate) -> None:
    await until(gate.reached.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        # What is left is done by threads, which the caller does not wait for.
        asyncio.get_running_loop().call_later(0.01, gate.free.set)
        await task


async def test_a_memory_whose_opening_is_cancelled_on_entering_is_not_left_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, opened = _Gate(), list[Opened]()

    def slowly(*given: Any, **named: Any) -> Opened:
        gate.pass_through()
        opened.append(open_all(*given, **named))
        return opened[-1]

    monkeypatch.setattr("mnemic.running.open_all", slowly)
    memory = mnemic.open_memory(tmp_path, chroma="off", embedder=WordEmbedder())

    async def enter() -> None:
        async with memory:
            raise AssertionError("it was cancelled")

    await _cancelled_while_it_waits(asyncio.create_task(enter()), gate)
    (left,) = opened
    with pytest.raises(StoreUnavailable, match="closed"), left.backends.ledger.snapshot():
        pass


async def test_a_memory_is_closed_though_whoever_closes_it_is_cancelled(tmp_path: Path) -> None:
    memory = mnemic.open_memory(tmp_path, chroma="off", embedder=WordEmbedder())
    await memory.open()
    opened = memory._opened()
    closing = asyncio.create_task(memory.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing

    def is_closed() -> bool:
        try:
            with opened.backends.ledger.snapshot():
                return False
        except StoreUnavailable:
            return True

    await until(is_closed)


async def test_a_cancelled_export_ends_as_cancelled_and_lets_go_of_its_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, iterate, ended = _Gate(), SqlSnapshot.iterate, threading.Event()

    def slowly(self: SqlSnapshot, **named: Any) -> Iterator[Any]:
        try:
            gate.pass_through()
            yield from iterate(self, **named)
        finally:
            ended.set()

    async with mnemic.open_memory(tmp_path, chroma="off", embedder=WordEmbedder()) as memory:
        await memory.remember_many(["one", "two"])
        monkeypatch.setattr(SqlSnapshot, "iterate", slowly)

        async def export() -> list[str]:
            return [line async for line in memory.export()]

        await _cancelled_while_it_waits(asyncio.create_task(export()), gate)
        await until(ended.is_set)
