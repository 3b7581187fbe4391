"""How long a person waits for the first useful view of the inspector.

    python -m tests.benchmarks.inspector [--sizes 10 100000] [--store FOLDER] [--json FILE]

A store of each size is made (or ``--store`` is copied) and `mnemic inspect` is started on it anew for every round. Measured
from the request with the link to the last byte of the list of memories, over HTTP: right after the link is printed, while
the memory is still being opened (*at once*), and for later pages (*again*). *From the start* counts Python's start, too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
import time
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import mnemic
from mnemic.testing.corpus import Corpus
from tests.inspector.chromium import inspecting

ROUNDS = 5
BATCH = 1_000
NAMESPACE = "bench"


async def make_store(home: Path, size: int) -> None:
    memories = Corpus().memories(size)
    async with mnemic.open_memory(home, chroma="off", durable=False, namespace=NAMESPACE) as memory:
        for at in range(0, size, BATCH):
            await memory.remember_many(memories[at : at + BATCH])


def one_round(home: Path) -> dict[str, float]:
    """Milliseconds by what was done."""
    started = time.perf_counter()
    with inspecting(home, "--namespace", NAMESPACE) as link:
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        printed = time.perf_counter()
        base = link.split("/open")[0]

        def fetch(address: str, expected: str) -> float:
            begun = time.perf_counter()
            with opener.open(address) as answer:
                assert expected in answer.read().decode()
            return (time.perf_counter() - begun) * 1e3

        first = fetch(link, "data-row")
        found = {"at_once_ms": first, "from_the_start_ms": (printed - started) * 1e3 + first}
        time.sleep(3)  # what is read ahead after the first page is done by then
        return found | {
            "again_ms": fetch(base + "/", "data-row"),
            "filtered_ms": fetch(base + "/?kind=lesson", "No memory here"),
            "search_ms": fetch(base + "/?q=network+year", "mnemic"),
            "why_ms": fetch(base + "/why?q=network+year", "candidates in"),
        }


def measure(size: int, store: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        if store is None:
            asyncio.run(make_store(home, size))
        else:
            shutil.copytree(store, home)
        rounds = [one_round(home) for _ in range(ROUNDS)]
    return {"memories": size} | {
        name: {
            "median": round(statistics.median(one[name] for one in rounds), 1),
            "worst": round(max(one[name] for one in rounds), 1),
        }
        for name in rounds[0]
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100_000])
    parser.add_argument("--store", type=Path, help="A folder that holds a store of the largest size.")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    results = [measure(size, given.store if size == max(given.sizes) else None) for size in given.sizes]
    for result in results:
        print(f"{result['memories']:,} memories")
        for name, value in result.items():
            if isinstance(value, dict):
                print(f"  {name:<18} median {value['median']:>8.1f}  worst {value['worst']:>8.1f}")
    if given.json:
        given.json.write_text(json.dumps({"rounds": ROUNDS, "results": results}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
