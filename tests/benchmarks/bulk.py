"""What a memory costs that comes alone, in a batch of `remember_many` and in an import, on both engines.

    python -m tests.benchmarks.bulk [--memories N] [--json FILE]

Every commit waits for the disk (synchronous=FULL, synchronous_commit=on) in both. PostgreSQL runs on the same machine. What
else runs there (``load``, before and after) slows down both sides, and what waits for the disk more than what computes.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import argparse
import asyncio
import json
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import mnemic
from mnemic.testing.corpus import Corpus
from tests.postgres.servers import postgres_server

BATCH = 1_000
ALONE = 300


async def measure(folder: Path, size: int, where: dict[str, Any]) -> dict[str, float]:
    corpus = Corpus()
    memories = corpus.memories(size + 2 * ALONE)
    options: dict[str, Any] = {"chroma": "off", "namespace": ("bench",), **where}
    schema = str(where.get("database_schema", ""))
    async with mnemic.open_memory(folder / "one", **options) as memory:
        await memory.remember_many(memories[:BATCH])
        alone = await _alone(memory, [new.text for new in memories[size : size + ALONE]])
        started = time.perf_counter()
        for at in range(BATCH, size, BATCH):
            await memory.remember_many(memories[at : at + BATCH])
        batch = (time.perf_counter() - started) / (size - BATCH)
        # Beside a store that has grown, and so that a slow minute of the machine shows.
        again = await _alone(memory, [new.text for new in memories[size + ALONE :]])
        lines = [line async for line in memory.export()]
    if schema:
        options["database_schema"] = f"{schema}_import"
    async with mnemic.open_memory(folder / "two", **options) as memory:
        started = time.perf_counter()
        report = await memory.import_(lines)
        imported = (time.perf_counter() - started) / report.imported
    one = (alone + again) / 2
    return {
        "alone_ms": round(one * 1e3, 3), "alone_first_ms": round(alone * 1e3, 3), "alone_last_ms": round(again * 1e3, 3),
        "batch_ms": round(batch * 1e3, 3), "import_ms": round(imported * 1e3, 3),
        "batch_times_faster": round(one / batch, 1), "import_times_faster": round(one / imported, 1),
    }  # fmt: skip


async def _alone(memory: mnemic.Memory, texts: list[str]) -> float:
    """Seconds for one memory, all of them one after the other."""
    started = time.perf_counter()
    for text in texts:
        await memory.remember(text)
    return (time.perf_counter() - started) / len(texts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    result: dict[str, Any] = {
        "memories": arguments.memories, "batch": BATCH, "alone": 2 * ALONE, "cores": os.cpu_count(),
        "python": platform.python_version(), "load": [round(os.getloadavg()[0], 1)],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        result["sqlite"] = asyncio.run(measure(Path(folder) / "sqlite", arguments.memories, {}))
        with postgres_server(fsync="on") as server:
            where = {"database": server.url, "database_schema": "bench"}
            result["postgres"] = asyncio.run(measure(Path(folder) / "postgres", arguments.memories, where))
    result["load"].append(round(os.getloadavg()[0], 1))
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
