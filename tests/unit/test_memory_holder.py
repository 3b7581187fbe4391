"""What the servers do to a memory beside answering."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

import mnemic
from mnemic import Memory
from mnemic_mcp.holder import MemoryHolder


def held(home: Path) -> MemoryHolder:
    return MemoryHolder(mnemic.load_settings(home=home, chroma="off"), transport="stdio")


async def test_a_server_that_ends_does_not_warn_that_the_memory_it_would_warm_up_is_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = held(tmp_path)

    async def interrupted(self: Memory, query: str, **_: object) -> None:
        backends = self._opened().backends
        await anyio.to_thread.run_sync(holder.close_now)
        with backends.ledger.snapshot():
            raise AssertionError("the ledger is still open")

    monkeypatch.setattr(Memory, "recall", interrupted)
    await holder.warm_up()
    assert caplog.text == ""


async def test_a_memory_that_cannot_be_warmed_up_is_a_warning_and_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "ledger.sqlite3").write_bytes(b"no ledger" * 1_000)
    holder = held(tmp_path)
    await holder.warm_up()
    assert "memory.not_ready" in caplog.text
    holder.close_now()
