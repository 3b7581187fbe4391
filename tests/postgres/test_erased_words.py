"""No word of what was erased is left in the database's tables."""

from __future__ import annotations

from pathlib import Path

import psycopg

import mnemic
from tests.postgres.servers import PostgresServer


def _stems(postgres: PostgresServer, schema: str) -> set[str]:
    with psycopg.connect(postgres.url) as connection:
        return {stem for (stem,) in connection.execute(f'SELECT stem FROM "{schema}".stems')}


async def test_the_count_of_words_forgets_those_that_only_an_erased_memory_had(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    async with mnemic.open_memory(tmp_path, database=postgres.url, database_schema=schema, chroma="off") as memory:
        await memory.remember("The keeper of the lighthouse is called Ana.")
        doomed = await memory.remember("The keeper was dismissed for embezzlement.")
        assert {"dismiss", "keeper"} <= _stems(postgres, schema)
        await memory.erase([doomed.id])
        left = _stems(postgres, schema)
        assert left.isdisjoint({"dismiss", "embezzl"})
        assert {"keeper", "lighthous"} <= left


async def test_words_that_an_older_version_left_with_a_count_of_nothing_go_with_the_next_erasure(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    async with mnemic.open_memory(tmp_path, database=postgres.url, database_schema=schema, chroma="off") as memory:
        doomed = await memory.remember("The keeper was dismissed.")
        with psycopg.connect(postgres.url) as connection:
            connection.execute(f"INSERT INTO \"{schema}\".stems VALUES ('formerly', 0)")
        assert (await memory.erase([doomed.id])).scrubbed
        assert "formerly" not in _stems(postgres, schema)
