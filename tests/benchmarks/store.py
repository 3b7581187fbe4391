"""What `MnemicStore` costs beside LangGraph's in-memory store, in the same run and with vectors of the same model.

    python -m tests.benchmarks.store [--items N] [--json FILE]

The in-memory store keeps a value and a vector in dictionaries; ours screens, embeds, indexes and commits it to disk.
``durable`` waits for the disk at every put (synchronous=FULL), which is the default.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from langgraph.store.base import BaseStore, PutOp
from langgraph.store.memory import InMemoryStore

import mnemic
from mnemic.storage.static_embedder import StaticEmbedder
from mnemic_langgraph import MnemicStore

CALLS = 200
NAMESPACE = ("users", "ana")
THINGS = ("kettle", "bicycle", "train", "garden", "violin", "harbour", "lantern", "compass", "quarry", "orchard")


class Static(Embeddings):
    """The engine's default model for the in-memory store."""

    def __init__(self) -> None:
        self._model = StaticEmbedder()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._model.embed(texts).tolist()  # type: ignore[no-any-return]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def value_of(number: int) -> dict[str, Any]:
    """A memory as langmem writes it."""
    rng = random.Random(number)
    first, second = rng.sample(THINGS, 2)
    return {"content": f"Ana keeps the {first} number {number} beside the {second} since day {rng.randrange(999)}."}


def measure(call: Callable[[int], Any]) -> dict[str, float]:
    """p50 and p95 of `CALLS` calls, in milliseconds."""
    seconds = []
    for number in range(CALLS):
        start = time.perf_counter()
        call(number)
        seconds.append((time.perf_counter() - start) * 1e3)
    p50, p95 = np.quantile(seconds, [0.5, 0.95])
    return {"p50_ms": round(float(p50), 3), "p95_ms": round(float(p95), 3)}


def run(store: BaseStore, items: int) -> dict[str, Any]:
    """What the operations cost with so many items in one namespace."""
    for start in range(0, items, 100):
        # One batch of equal texts would make the in-memory store raise: these all differ.
        store.batch(
            [PutOp(NAMESPACE, str(number), value_of(number)) for number in range(start, min(start + 100, items))]
        )
    store.search(NAMESPACE, query="the kettle beside the train")
    return {
        "put": measure(lambda n: store.put(NAMESPACE, f"new {n}", value_of(items + n))),
        "update": measure(lambda n: store.put(NAMESPACE, f"new {n}", value_of(2 * items + n))),
        "get": measure(lambda n: store.get(NAMESPACE, str(n * 7 % items))),
        "search": measure(lambda n: store.search(NAMESPACE, query=value_of(n * 7 % items)["content"])),
        "search_without_query": measure(lambda n: store.search(NAMESPACE, offset=n % 10)),
        "search_prefix": measure(lambda n: store.search(NAMESPACE[:1], query=value_of(n * 7 % items)["content"])),
    }


async def compare(items: int) -> dict[str, Any]:
    """Both stores, and ours without waiting for the disk."""
    found: dict[str, Any] = {"items": items, "calls": CALLS}
    found["in_memory"] = run(InMemoryStore(index={"dims": StaticEmbedder().dimensions, "embed": Static()}), items)
    for name, durable in (("mnemic_durable", True), ("mnemic", False)):
        with tempfile.TemporaryDirectory() as folder:
            async with mnemic.open_memory(Path(folder), chroma="off", durable=durable) as memory:
                found[name] = await asyncio.to_thread(run, MnemicStore(memory), items)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = asyncio.run(compare(options.items))
    names = ("in_memory", "mnemic_durable", "mnemic")
    print(f"{options.items:,} items; p50 / p95 in ms")
    print(f"{'':22}" + "".join(f"{name:>20}" for name in names))
    for operation in found["in_memory"]:
        cells = (found[name][operation] for name in names)
        print(f"{operation:22}" + "".join(f"{cell['p50_ms']:>12.3f} / {cell['p95_ms']:.3f}" for cell in cells))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
