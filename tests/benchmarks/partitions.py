"""What dividing a memory does for its writers: remembers a second by several processes over 1, 2 and 4 partitions.

    python -m tests.benchmarks.partitions [--seconds N] [--rounds N] [--json FILE]

As many processes as the most partitions, each with a tenant of its own, remember one text after the other. The server runs
on the same machine, so where commits are quick the processors are the limit, and what is measured is them. So it is measured
a second time with commits that take long (``commit_delay``), so that the processors matter less. That is no model of a
standby: the server has one log, and whoever commits while another's commit sleeps waits for that one and then for its own.
How large a part of their time writers waited for their turn is noted in both, and depends least on the machine: with four
writers taking turns it is three quarters at most, with two a half. The configurations alternate, so that a slow minute meets
all of them.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import argparse
import asyncio
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

import mnemic
from mnemic.domain.partitions import partition_of
from mnemic.storage.postgres.connections import PostgresConnections
from mnemic.testing.corpus import Corpus
from tests.conftest import ROOT
from tests.postgres.servers import PostgresServer, postgres_server

PROCESSES = 4
PARTITIONS = (1, 2, 4)
SLOW_COMMIT_MS = 100
WARM_UP = 20


def tenants() -> list[str]:
    """One label for each of four partitions, which two partitions get two of each."""
    return [
        next(label for label in map("tenant{}".format, range(1_000)) if partition_of((label,), PROCESSES) == part)
        for part in range(PROCESSES)
    ]


class Turns:
    """How long this process has waited for the turn of the one writer, which it gets as its transaction begins."""

    def __init__(self) -> None:
        self.seconds = 0.0
        begun = PostgresConnections._begun

        def timed(connections: PostgresConnections, begin: str, rest: str) -> Any:
            since = time.perf_counter()
            try:
                return begun(connections, begin, rest)
            finally:
                if "FOR UPDATE" in rest:
                    self.seconds += time.perf_counter() - since

        PostgresConnections._begun = timed  # type: ignore[method-assign,assignment]


async def write(home: str, where: dict[str, Any], at: int, seconds: float) -> None:
    """A writing process. It begins when it reads a line and tells what it did."""
    turns = Turns()
    texts = [new.text for new in Corpus().memories(40_000)[at * 10_000 : (at + 1) * 10_000]]
    async with mnemic.open_memory(home, chroma="off", **where) as memory:
        for text in texts[:WARM_UP]:
            await memory.remember(text)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        turns.seconds, done, began = 0.0, 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            await memory.remember(texts[WARM_UP + done])
            done += 1
        took = time.perf_counter() - began
    print(json.dumps({"done": done, "seconds": took, "waited": turns.seconds}), flush=True)


def measure(folder: Path, server: PostgresServer, partitions: int, schema: str, seconds: float) -> dict[str, float]:
    where = {"database": server.url, "database_schema": schema, "database_partitions": partitions}
    writers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.partitions", "--write", json.dumps({**where, "namespace": tenant}),
             "--number", str(number), "--home", str(folder), "--seconds", str(seconds)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) for number, tenant in enumerate(tenants())
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    psutil.cpu_percent()
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    found = [json.loads(writer.communicate()[0]) for writer in writers]
    busy = psutil.cpu_percent()
    return {
        "remembers_a_second": round(sum(one["done"] / one["seconds"] for one in found), 1),
        "waited_for_the_turn": round(sum(one["waited"] for one in found) / sum(one["seconds"] for one in found), 3),
        "processors_busy": round(busy / 100, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", help=argparse.SUPPRESS)
    parser.add_argument("--number", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--home", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        asyncio.run(write(arguments.home, json.loads(arguments.write), arguments.number, arguments.seconds))
        return
    result: dict[str, Any] = {
        "processes": PROCESSES, "seconds": arguments.seconds, "rounds": arguments.rounds, "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2), "python": platform.python_version(),
    }  # fmt: skip
    settings = {
        "quick_commits": {},
        "slow_commits": {"commit_delay": str(SLOW_COMMIT_MS * 1_000), "commit_siblings": "0"},
    }
    result["slow_commit_ms"] = SLOW_COMMIT_MS
    with tempfile.TemporaryDirectory() as folder:
        for name, options in settings.items():
            rounds: dict[int, list[dict[str, float]]] = {count: [] for count in PARTITIONS}
            with postgres_server(fsync="on", synchronous_commit="on", **options) as server:
                for number in range(arguments.rounds):
                    for count in PARTITIONS:
                        schema = f"bench_{count}_{number}"
                        rounds[count].append(measure(Path(folder), server, count, schema, arguments.seconds))
                        print(name, count, rounds[count][-1], file=sys.stderr, flush=True)
            result[name] = {
                f"{count}_partitions": {key: statistics.median(one[key] for one in found) for key in found[0]}
                | {"all_rounds": [one["remembers_a_second"] for one in found]}
                for count, found in rounds.items()
            }
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
