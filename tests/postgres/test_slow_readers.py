"""A reader that takes its time is not cut off as a writer is that hangs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

import mnemic
from tests.postgres.servers import PostgresServer
from tests.waiting import until

_IDLE = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction' "
    "AND state_change < clock_timestamp() - interval '1 second'"
)


async def test_an_export_goes_on_after_a_pause_that_would_end_a_write(
    tmp_path: Path, postgres: PostgresServer, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: dict[str, Any] = {"database": postgres.url, "database_schema": schema, "chroma": "off"}
    # A busy machine takes longer over a write of many than the pause that is to be too long here.
    async with mnemic.open_memory(tmp_path, **there) as memory:
        await memory.remember_many([f"Fact {number} about boats." for number in range(600)])
    settings: dict[str, Any] = {"idle_in_transaction_session_timeout": 500}
    monkeypatch.setattr("mnemic.storage.postgres.connections._SETTINGS", settings)
    async with mnemic.open_memory(tmp_path, **there) as memory:
        lines = memory.export()
        await anext(lines)
        with psycopg.connect(postgres.url, autocommit=True) as beside:
            await until(lambda: beside.execute(_IDLE).fetchone() == (1,))
        assert len([line async for line in lines]) >= 600
