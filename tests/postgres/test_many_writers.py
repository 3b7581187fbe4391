"""Writers without an event loop may be more than the connections that one process takes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mnemic
from mnemic_langgraph import MnemicStore
from tests.postgres.servers import PostgresServer

WRITERS = 24


async def test_more_threads_than_connections_put_items_and_all_are_there(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    async with mnemic.open_memory(tmp_path, database=postgres.url, database_schema=schema, chroma="off") as memory:
        store = MnemicStore(memory)
        with ThreadPoolExecutor(WRITERS) as pool:
            puts = [pool.submit(store.put, ("docs",), str(at), {"text": f"heron {at}"}) for at in range(WRITERS)]
            for one in puts:
                one.result()
        assert len(store.search(("docs",), limit=100)) == WRITERS
