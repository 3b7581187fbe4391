"""What remembering and recalling cost, beside a floor measured in the same run.

    python -m tests.benchmarks.cost [--sizes 1000 10000 100000] [--json FILE]

Recall's floor is what no recall can do without: embed the question, one full-text query and one exact scan of the vectors,
alone. Remember's floor is one bare SQLite commit with synchronous=FULL of one row with the same text.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import argparse
import asyncio
import itertools
import json
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import mnemic
from mnemic.domain.text import search_words
from mnemic.storage.static_embedder import StaticEmbedder
from mnemic.testing.corpus import Corpus
from tests.e2e.servers import RawServer

QUESTIONS = 300
SINGLE_REMEMBERS = 500
BATCH = 1_000


def quantiles(seconds: list[float]) -> dict[str, float]:
    """p50 and p95 in milliseconds."""
    return {
        "p50_ms": round(float(np.median(seconds)) * 1e3, 3),
        "p95_ms": round(float(np.quantile(seconds, 0.95)) * 1e3, 3),
    }


def timed(action: Callable[[], Any]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


async def measure(size: int) -> dict[str, Any]:
    corpus = Corpus()
    memories = corpus.memories(size)
    questions = [corpus.question(memories[at * (size // QUESTIONS)].text) for at in range(QUESTIONS)]
    with tempfile.TemporaryDirectory() as folder:
        async with mnemic.open_memory(folder, chroma="off", namespace=("bench",)) as memory:
            started = time.perf_counter()
            for at in range(0, size, BATCH):
                await memory.remember_many(memories[at : at + BATCH])
            batch_rate = size / (time.perf_counter() - started)
            first = time.perf_counter()
            await memory.recall(questions[0])
            first_recall = time.perf_counter() - first
            early, early_seconds = await recall_while_reading_ahead(memory, questions)
            recalls = []
            for question in questions:
                started = time.perf_counter()
                await memory.recall(question)
                recalls.append(time.perf_counter() - started)
            floor = recall_floor(Path(folder) / "ledger.sqlite3", questions)
            remembers, bare = [], []
            with BareLedger(Path(folder) / "bare.sqlite3") as ledger:
                # Taking turns, so that both meet the same disk and the same neighbours.
                for new in corpus.memories(SINGLE_REMEMBERS):
                    started = time.perf_counter()
                    await memory.remember(new.text)
                    remembers.append(time.perf_counter() - started)
                    bare.append(timed(partial(ledger.commit, new.text)))
        resident = server_resident_bytes(Path(folder), questions)
    result: dict[str, Any] = {
        "memories": size,
        "recall": quantiles(recalls),
        "recall_while_reading_ahead": {**quantiles(early), "seconds": round(early_seconds, 1)},
        "recall_floor": quantiles(floor),
        "first_recall_ms": round(first_recall * 1e3, 1),
        "remember": quantiles(remembers),
        "remember_floor": quantiles(bare),
        "batch_per_second": round(batch_rate),
        "resident_mb": round(resident / 1e6),
    }
    result["recall_ratio"] = round(result["recall"]["p50_ms"] / result["recall_floor"]["p50_ms"], 2)
    result["remember_ratio"] = round(result["remember"]["p50_ms"] / result["remember_floor"]["p50_ms"], 2)
    return result


async def recall_while_reading_ahead(memory: mnemic.Memory, questions: list[str]) -> tuple[list[float], float]:
    """Seconds of each recall asked without a pause from the first answer until the process has read ahead, and of all."""
    asked, began = [], time.perf_counter()
    for question in itertools.cycle(questions):
        started = time.perf_counter()
        await memory.recall(question)
        asked.append(time.perf_counter() - started)
        if len(asked) % 10 == 0 and not (await memory.status()).reading_ahead:
            break
    return asked, time.perf_counter() - began


def server_resident_bytes(folder: Path, questions: list[str]) -> int:
    """Resident memory of a served process that has answered questions about the ledger in ``folder``."""
    server = RawServer(folder, MNEMIC_NAMESPACE="bench", MNEMIC_CHROMA="off")
    server.handshake()
    for number, question in enumerate(questions[:50], 2):
        server.call(number, "recall", query=question)
    resident = psutil.Process(server.process.pid).memory_info().rss
    server.finish()
    return int(resident)


class BareLedger:
    """One table, one row a commit, fsynced."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("CREATE TABLE rows (key INTEGER PRIMARY KEY, text TEXT)")

    def __enter__(self) -> BareLedger:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def commit(self, text: str) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("INSERT INTO rows (text) VALUES (?)", (text,))
        self._connection.execute("COMMIT")


def recall_floor(path: Path, questions: list[str]) -> list[float]:
    """Embed + full-text query + exact scan, and nothing else."""
    embedder = StaticEmbedder()
    connection = sqlite3.connect(path)
    vectors = [row[0] for row in connection.execute("SELECT vector FROM vectors_1 ORDER BY key")]
    matrix = np.frombuffer(b"".join(vectors), np.float32).reshape(len(vectors), -1).copy()
    sql = "SELECT rowid, rank FROM memories_words WHERE memories_words MATCH ? ORDER BY rank LIMIT 100"
    embedder.embed(["warm up"])

    def floor(question: str) -> None:
        vector = embedder.embed([question])[0]
        connection.execute(sql, (" OR ".join(f'"{word}"' for word in search_words(question)),)).fetchall()
        np.argpartition(matrix @ vector, -100)[-100:]

    times = [timed(partial(floor, question)) for question in questions]
    connection.close()
    return times


async def main(arguments: argparse.Namespace) -> None:
    results = []
    for size in arguments.sizes:
        result = await measure(size)
        results.append(result)
        print(json.dumps(result, indent=2), flush=True)
    if arguments.json:
        write(results, arguments.json)


def write(results: list[dict[str, Any]], path: Path) -> None:
    """Keep results with the machine they were measured on."""
    machine = {"python": platform.python_version(), "cpus": os.cpu_count(), "mnemic": mnemic.__version__}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=sys.modules[__name__].__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000])
    parser.add_argument("--json", type=Path)
    asyncio.run(main(parser.parse_args()))
