"""What it takes to move a store to PostgreSQL while another process writes it.

    python -m tests.benchmarks.migrating [--memories N] [--home FOLDER] [--json FILE]

The store is filled first and kept in ``--home`` when one is given; it is moved from a copy. The writer does a round of every
kind of write (`tests.migrating.filling.change`) after the other, and notes how long each call had to wait. At the end
everything that it was told is stored is looked for in the database.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import argparse
import asyncio
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from mnemic.migration import migrate_memory
from mnemic.testing.corpus import Corpus
from tests.conftest import ROOT
from tests.migrating.filling import fill, open_home
from tests.postgres.servers import postgres_server

BATCH = 1_000


async def prepare(home: Path, size: int) -> None:
    """Something of everything, and ``size`` memories."""
    if (home / "ledger.sqlite3").exists():
        return
    await fill(home)
    memories = Corpus().memories(size)
    async with open_home(home, durable=False) as memory:
        for at in range(0, size, BATCH):
            await memory.remember_many(memories[at : at + BATCH])


def move(home: Path, url: str) -> dict[str, Any]:
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.migrating.writer", str(home), "writer 0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    with writer.stdout as lines:
        before = time.monotonic()
        while int((lines.readline().strip().removeprefix("ready") or "0").split("{")[0] or 0) < 20:
            pass
        rate = 20 / (time.monotonic() - before)
        report = migrate_memory(url, home=home)
        told = json.loads(lines.read().splitlines()[-1])
    writer.wait()
    written, lost = asyncio.run(_looked_for(home, url, told))
    return {
        "memories": report.memories, "rows": sum(report.rows.values()), "seconds": round(report.seconds, 1),
        "closed_seconds": round(report.closed_seconds, 2),
        "stages_seconds": {name: round(seconds, 2) for name, seconds in report.stages.items()},
        "rows_changed_meanwhile": report.followed, "exports_equal": report.export_sha256 is not None,
        "rounds_per_second_before": round(rate, 1),
        "longest_wait_seconds": round(told["longest"], 2),
        "written_by_the_other_process": written, "lost": lost,
    }  # fmt: skip


async def _looked_for(home: Path, url: str, told: dict[str, Any]) -> tuple[int, int]:
    async with open_home(home, database=url) as memory:
        texts = {str(record.id): record.text for record in await memory.records()}
    lost = [id for id, text in told["texts"].items() if texts.get(id) != text] + [
        id for id in told["erased"] if id in texts
    ]
    return len(told["texts"]), len(lost)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--memories", type=int, default=100_000)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        original = arguments.home or Path(folder) / "original"
        asyncio.run(prepare(original, arguments.memories))
        home = Path(folder) / "home"
        shutil.copytree(original, home)
        result: dict[str, Any] = {"cores": os.cpu_count(), "python": platform.python_version()}
        with postgres_server(fsync="on") as server:
            result |= move(home, server.url)
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
