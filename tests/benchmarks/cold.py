"""What archived memories take before and after they become cold, and how long that and the way back take.

    python -m tests.benchmarks.cold [--memories 10000] [--json FILE]

Both engines hold the same memories, all of them archived; then all become cold, and some are restored. Bytes are those of
SQLite's file and of PostgreSQL's tables with their indexes. ``packed``: without gaps (``VACUUM``, ``VACUUM FULL``),
before and after. ``left``: what cooling leaves without that, where ``free`` is room that new memories take first; PostgreSQL
has been vacuumed then as its own daemon does it, and does not tell what is free.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import asyncio
import json
import sqlite3
import tempfile
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

import mnemic
from mnemic.domain.memory import MemoryId
from mnemic.testing.corpus import Corpus
from tests.benchmarks.cost import BATCH, quantiles
from tests.postgres.servers import postgres_server

SCHEMA = "bench"
RESTORED = 50


async def fill(memories: int, home: str, where: dict[str, Any]) -> list[MemoryId]:
    """Store texts and archive them all."""
    texts = Corpus().memories(memories)
    ids: list[MemoryId] = []
    async with mnemic.open_memory(home, **where) as memory:
        for at in range(0, memories, BATCH):
            ids += [receipt.id for receipt in await memory.remember_many(texts[at : at + BATCH])]
        ids = list(dict.fromkeys(ids))
        for at in range(0, len(ids), BATCH):
            await memory.archive(ids[at : at + BATCH])
    return ids


async def cool(home: str, where: dict[str, Any]) -> dict[str, Any]:
    async with mnemic.open_memory(home, **where) as memory:
        began = time.perf_counter()
        cooled = await memory.cool(days=0)
        return {"cooled": cooled, "seconds": round(time.perf_counter() - began, 2)}


async def restore(ids: list[MemoryId], home: str, where: dict[str, Any]) -> dict[str, float]:
    """How long it takes to restore one."""
    async with mnemic.open_memory(home, **where) as memory:
        await memory.recall("a first question", namespace=("bench",))
        seconds = []
        for id in ids:
            began = time.perf_counter()
            await memory.restore([id])
            seconds.append(time.perf_counter() - began)
        text = (await memory.get(ids[0])).text
        found = await memory.recall(text, namespace=("bench",))
        assert ids[0] in {hit.memory.id for hit in found.hits}
    return quantiles(seconds)


def sqlite_bytes(path: Path, *, packed: bool) -> tuple[dict[str, int], int]:
    """Those of each table with its indexes, and of the file those that are free."""
    with closing(sqlite3.connect(path)) as connection:
        if packed:
            connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        free, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_size"))
        rows = connection.execute(
            "SELECT coalesce(s.tbl_name, d.name), sum(d.pgsize) FROM dbstat d LEFT JOIN sqlite_schema s ON s.name = d.name "
            "GROUP BY 1"
        ).fetchall()
    tables: dict[str, int] = {}
    for name, count in rows:
        # A full text keeps itself in several.
        name = "memories_words" if name.startswith("memories_words") else name
        tables[name] = tables.get(name, 0) + count
    return tables, free * size


def postgres_bytes(url: str, *, packed: bool) -> dict[str, int]:
    """Those of each table with its indexes."""
    with psycopg.connect(url, autocommit=True, options=f"-c search_path={SCHEMA}") as connection:
        connection.execute("VACUUM FULL" if packed else "VACUUM")
        rows = connection.execute(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class "
            "WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
        ).fetchall()
    return dict(rows)


def measure(memories: int, url: str) -> dict[str, Any]:
    found: dict[str, Any] = {"memories": memories}
    texts = [memory.text.encode() for memory in Corpus().memories(memories)]
    # Whether compressing what is left would pay, text by text.
    found["text_bytes"] = round(sum(map(len, texts)) / memories, 1)
    found["text_bytes_zlib"] = round(sum(min(len(text), len(zlib.compress(text, 9))) for text in texts) / memories, 1)
    with tempfile.TemporaryDirectory() as home:
        ledger = Path(home) / "ledger.sqlite3"
        found["sqlite"] = _on_one(memories, home, {}, lambda packed: sqlite_bytes(ledger, packed=packed))
    with tempfile.TemporaryDirectory() as home:
        where = {"database": url, "database_schema": SCHEMA}
        found["postgres"] = _on_one(memories, home, where, lambda packed: (postgres_bytes(url, packed=packed), None))
    return found


def _on_one(
    memories: int, home: str, where: dict[str, Any], size: Callable[[bool], tuple[dict[str, int], int | None]]
) -> dict[str, Any]:
    where = {"chroma": "off", **where}
    ids = asyncio.run(fill(memories, home, where))
    before, _ = size(True)
    cooled = asyncio.run(cool(home, where))
    left, free = size(False)
    after, _ = size(True)
    restored = asyncio.run(restore(ids[:RESTORED], home, where))
    # The machine's own pace: the same ones, which are not cold now.
    asyncio.run(_archived(ids[:RESTORED], home, where))
    warm = asyncio.run(restore(ids[:RESTORED], home, where))
    large = sorted(before, key=lambda name: -before[name])[:6]
    return {
        "bytes_a_memory": {
            "before_packed": round(sum(before.values()) / memories), "after_packed": round(sum(after.values()) / memories),
            "after_left": round((sum(left.values()) + (free or 0)) / memories),
            "after_left_free": None if free is None else round(free / memories),
        },
        "saved_percent": round(100 * (1 - sum(after.values()) / sum(before.values())), 1),
        "tables": {name: [round(one.get(name, 0) / memories, 1) for one in (before, after)] for name in large},
        "cooling": cooled, "restoring_one_cold": restored, "restoring_one_not_cold": warm,
    }  # fmt: skip


async def _archived(ids: list[MemoryId], home: str, where: dict[str, Any]) -> None:
    async with mnemic.open_memory(home, **where) as memory:
        await memory.archive(ids)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with postgres_server() as server:
        found = measure(options.memories, server.url)
    print(json.dumps(found, indent=2))
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
