"""The storm of tests/faults on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from tests.faults.test_storm import VICTIMS, all_of, missing_by_vector, storm_over
from tests.postgres.servers import PostgresServer


async def test_nothing_acknowledged_is_lost_and_everything_is_found_when_writers_are_killed(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    storm = storm_over(tmp_path, {"database": postgres.url, "database_schema": schema}, notes=80)
    async with storm.open() as memory:
        texts = {record.id: record.text async for record in all_of(memory)}
        assert {id: texts.get(id) for id in storm.acknowledged} == storm.acknowledged
        assert len(texts) - len(storm.acknowledged) <= VICTIMS
        assert await memory.run(missing_by_vector, list(storm.acknowledged), storm.acknowledged) == []
        diagnosis = await memory.doctor()
        assert diagnosis.healthy, diagnosis.findings
